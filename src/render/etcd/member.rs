//! One member of an etcd datastore: the container, its flags, probes and resources. Pod and volumes are
//! `stateful_set`.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EnvVar, EnvVarSource, HTTPGetAction, ObjectFieldSelector, Probe,
    ResourceRequirements, SecurityContext, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::names::{initial_cluster, member_url};
use super::{CLIENT_PORT, EtcdNames, EtcdPlan, METRICS_PORT, PEER_PORT};

const CERTIFICATES: &str = "/etc/etcd/pki";
/// The volume; etcd's own directory is below it, because the volume's root belongs to the group.
const VOLUME: &str = "/var/lib/etcd";
const POD: &str = "$(POD_NAME)";

pub(super) fn container(plan: &EtcdPlan) -> Container {
    let port = |name: &str, port: i32| ContainerPort {
        name: Some(name.to_owned()),
        container_port: port,
        protocol: Some("TCP".to_owned()),
        ..Default::default()
    };
    let mount = |name: &str, path: &str, read_only: Option<bool>| VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only,
        ..Default::default()
    };
    Container {
        name: "etcd".to_owned(),
        image: Some(plan.image.to_owned()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        command: Some(command(plan)),
        env: Some(vec![EnvVar {
            name: "POD_NAME".to_owned(),
            value_from: Some(EnvVarSource {
                field_ref: Some(ObjectFieldSelector {
                    api_version: Some("v1".to_owned()),
                    field_path: "metadata.name".to_owned(),
                }),
                ..Default::default()
            }),
            ..Default::default()
        }]),
        ports: Some(vec![port("client", CLIENT_PORT), port("peer", PEER_PORT), port("metrics", METRICS_PORT)]),
        startup_probe: Some(probe("/readyz", 1, 300)),
        readiness_probe: Some(probe("/readyz", 5, 3)),
        // A member without a majority is alive: restarting it would not help.
        liveness_probe: Some(probe("/health?exclude=NOSPACE&serializable=true", 10, 8)),
        resources: Some(resources()),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            privileged: Some(false),
            read_only_root_filesystem: Some(true),
            run_as_non_root: Some(true),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
            ..Default::default()
        }),
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        volume_mounts: Some(vec![mount("certificates", CERTIFICATES, Some(true)), mount("data", VOLUME, None)]),
        ..Default::default()
    }
}

fn command(plan: &EtcdPlan) -> Vec<String> {
    let names = EtcdNames(plan.name);
    let flags = [
        ("name", POD.to_owned()),
        ("data-dir", format!("{VOLUME}/member-data")),
        ("listen-client-urls", format!("https://0.0.0.0:{CLIENT_PORT}")),
        ("advertise-client-urls", member_url(plan, POD, CLIENT_PORT)),
        ("listen-peer-urls", format!("https://0.0.0.0:{PEER_PORT}")),
        ("initial-advertise-peer-urls", member_url(plan, POD, PEER_PORT)),
        ("listen-metrics-urls", format!("http://0.0.0.0:{METRICS_PORT}")),
        ("initial-cluster", initial_cluster(plan)),
        ("initial-cluster-token", format!("{}.{}", names.stateful_set(), plan.namespace)),
        ("initial-cluster-state", "new".to_owned()),
        ("cert-file", format!("{CERTIFICATES}/tls.crt")),
        ("key-file", format!("{CERTIFICATES}/tls.key")),
        ("trusted-ca-file", format!("{CERTIFICATES}/ca.crt")),
        ("client-cert-auth", "true".to_owned()),
        ("peer-cert-file", format!("{CERTIFICATES}/tls.crt")),
        ("peer-key-file", format!("{CERTIFICATES}/tls.key")),
        ("peer-trusted-ca-file", format!("{CERTIFICATES}/ca.crt")),
        ("peer-client-cert-auth", "true".to_owned()),
        // Control planes have certificates of the same authority; none of them may join as a member. With the name
        // checked there is no need to look a peer's address up in DNS, which fails while pods come up.
        ("peer-cert-allowed-cn", names.member_common_name()),
        ("peer-skip-client-san-verification", "true".to_owned()),
        ("tls-min-version", "TLS1.2".to_owned()),
        // The JSON gateway knows no client certificates; nobody here speaks it.
        ("enable-grpc-gateway", "false".to_owned()),
        // API servers are told not to compact: one would do it for all others.
        ("auto-compaction-mode", "periodic".to_owned()),
        ("auto-compaction-retention", "5m".to_owned()),
        ("quota-backend-bytes", (8_u64 << 30).to_string()),
    ];
    std::iter::once("etcd".to_owned()).chain(flags.map(|(flag, value)| format!("--{flag}={value}"))).collect()
}

fn probe(path: &str, period: i32, failures: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String("metrics".to_owned()),
            scheme: Some("HTTP".to_owned()),
            ..Default::default()
        }),
        period_seconds: Some(period),
        failure_threshold: Some(failures),
        timeout_seconds: Some(15),
        ..Default::default()
    }
}

fn resources() -> ResourceRequirements {
    let quantities = |list: &[(&str, &str)]| -> BTreeMap<String, Quantity> {
        list.iter().map(|(name, amount)| ((*name).to_owned(), Quantity((*amount).to_owned()))).collect()
    };
    ResourceRequirements {
        requests: Some(quantities(&[("cpu", "100m"), ("memory", "100Mi")])),
        limits: Some(quantities(&[("memory", "4Gi")])),
        ..Default::default()
    }
}
