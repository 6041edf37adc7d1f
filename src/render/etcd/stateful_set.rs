//! The members of an etcd datastore: one `StatefulSet` whose pods are admitted under Pod Security `restricted`.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec};
use k8s_openapi::api::core::v1::{
    Affinity, Capabilities, Container, ContainerPort, EnvVar, EnvVarSource, HTTPGetAction, ObjectFieldSelector,
    PersistentVolumeClaim, PersistentVolumeClaimSpec, PodAffinityTerm, PodAntiAffinity, PodSecurityContext, PodSpec,
    PodTemplateSpec, Probe, ResourceRequirements, SeccompProfile, SecretVolumeSource, SecurityContext,
    TopologySpreadConstraint, Volume, VolumeMount, VolumeResourceRequirements, WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::names::{initial_cluster, labels, member_url};
use super::{CLIENT_PORT, EtcdNames, EtcdPlan, METRICS_PORT, PEER_PORT, metadata, selector};

const USER: i64 = 65532;
const CERTIFICATES: &str = "/etc/etcd/pki";
/// The volume; etcd's own directory is below it, because the volume's root belongs to the group.
const VOLUME: &str = "/var/lib/etcd";
const POD: &str = "$(POD_NAME)";
const HOSTNAME: &str = "kubernetes.io/hostname";

pub(super) fn stateful_set(plan: &EtcdPlan) -> StatefulSet {
    let names = EtcdNames(plan.name);
    StatefulSet {
        metadata: metadata(plan, names.stateful_set()),
        spec: Some(StatefulSetSpec {
            replicas: Some(i32::try_from(plan.members).unwrap_or(1)),
            service_name: Some(names.service()),
            selector: members(plan),
            // A member is ready only with a majority: they must start together.
            pod_management_policy: Some("Parallel".to_owned()),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta { labels: Some(labels(plan)), ..Default::default() }),
                spec: Some(pod(plan)),
            },
            volume_claim_templates: Some(vec![volume_claim(plan)]),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn pod(plan: &EtcdPlan) -> PodSpec {
    let names = EtcdNames(plan.name);
    let several = plan.members > 1;
    PodSpec {
        service_account_name: Some(names.service_account()),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(USER),
            fs_group: Some(USER),
            // With `Always` the kubelet would open etcd's directory to the group at every start.
            fs_group_change_policy: Some("OnRootMismatch".to_owned()),
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), ..Default::default() }),
            ..Default::default()
        }),
        affinity: several.then(|| apart(plan)),
        topology_spread_constraints: several.then(|| vec![spread(plan)]),
        containers: vec![container(plan)],
        volumes: Some(vec![Volume {
            name: "certificates".to_owned(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(names.member_certificate()),
                default_mode: Some(0o440),
                ..Default::default()
            }),
            ..Default::default()
        }]),
        ..Default::default()
    }
}

fn container(plan: &EtcdPlan) -> Container {
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

fn members(plan: &EtcdPlan) -> LabelSelector {
    LabelSelector { match_labels: Some(selector(plan)), ..Default::default() }
}

fn spread(plan: &EtcdPlan) -> TopologySpreadConstraint {
    TopologySpreadConstraint {
        max_skew: 1,
        topology_key: HOSTNAME.to_owned(),
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        label_selector: Some(members(plan)),
        ..Default::default()
    }
}

fn apart(plan: &EtcdPlan) -> Affinity {
    Affinity {
        pod_anti_affinity: Some(PodAntiAffinity {
            preferred_during_scheduling_ignored_during_execution: Some(vec![WeightedPodAffinityTerm {
                weight: 100,
                pod_affinity_term: PodAffinityTerm {
                    topology_key: HOSTNAME.to_owned(),
                    label_selector: Some(members(plan)),
                    ..Default::default()
                },
            }]),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn volume_claim(plan: &EtcdPlan) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        metadata: ObjectMeta { name: Some("data".to_owned()), labels: Some(labels(plan)), ..Default::default() },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: plan.storage_class.map(str::to_owned),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([("storage".to_owned(), Quantity(plan.volume_size.to_owned()))])),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    }
}
