//! The kube-controller-manager and kube-scheduler containers.
//!
//! Both listen on the pod's address for the kubelet's probes (CIS 1.3.7 and 1.4.2 ask for 127.0.0.1: a probe of another
//! host than the pod's is forbidden by Pod Security, so this is a deviation).

use k8s_openapi::api::core::v1::{Container, ContainerPort, Volume};

use super::KeySecrets;
use super::api_server::CIPHER_SUITES;
use super::flags::Flags;
use super::pod::{container, https_probe, mount, projected, projected_secret};
use super::settings::settled;
use crate::model::{Component, ComponentName, ControlPlaneSpec, ObjectNames};

const CONTROLLER_MANAGER_PORT: u16 = 10257;
const SCHEDULER_PORT: u16 = 10259;
const PKI: &str = "/etc/kubernetes/pki";
pub(super) const CA: &str = "ca.crt";
/// The certificate of the authority that signs, where `ca.crt` is a bundle: that cannot sign
/// (kube-controller-manager expects one certificate in `--cluster-signing-cert-file`).
const SIGNER: &str = "signer.crt";
const CONTROLLER_MANAGER_CONF: &str = "/etc/kubernetes/controller-manager/controller-manager.conf";
const SCHEDULER_CONF: &str = "/etc/kubernetes/scheduler/scheduler.conf";

fn container_of(
    spec: &ControlPlaneSpec,
    name: ComponentName,
    port: u16,
    command: Vec<String>,
    component: &Component,
) -> Container {
    let image = spec.pods.image(name, &spec.image_repository, &spec.version.to_string());
    let container = Container {
        ports: Some(vec![ContainerPort {
            name: Some(if port == CONTROLLER_MANAGER_PORT { "kcm-https" } else { "scheduler-https" }.into()),
            container_port: i32::from(port),
            protocol: Some("TCP".into()),
            ..Default::default()
        }]),
        startup_probe: Some(https_probe("/healthz", port, 1, 15, 240)),
        readiness_probe: Some(https_probe("/healthz", port, 5, 15, 3)),
        liveness_probe: Some(https_probe("/healthz", port, 10, 15, 8)),
        ..container(name.as_str(), image, command, &component.extra_envs)
    };
    settled(spec, name, container)
}

/// The kube-controller-manager container.
pub(super) fn controller_manager(spec: &ControlPlaneSpec, keys: &KeySecrets) -> Container {
    let component = &spec.controller_manager;
    let signer = if keys.signs_apart() { SIGNER } else { CA };
    let command = controller_manager_flags(spec, signer).command("kube-controller-manager", &component.extra_args);
    Container {
        volume_mounts: Some(vec![
            mount("controller-manager-pki", PKI),
            mount("controller-manager-kubeconfig", "/etc/kubernetes/controller-manager"),
        ]),
        ..container_of(spec, ComponentName::KubeControllerManager, CONTROLLER_MANAGER_PORT, command, component)
    }
}

/// `signer` is the file with the certificate of the authority that signs.
pub(super) fn controller_manager_flags(spec: &ControlPlaneSpec, signer: &str) -> Flags {
    let join = |nets: &[ipnet::IpNet]| nets.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let mut flags = Flags::default();
    if !spec.networking.pod_subnets.is_empty() {
        flags.set("allocate-node-cidrs", "true").set("cluster-cidr", join(&spec.networking.pod_subnets));
    }
    flags
        // With the authorities given as files nothing has to be looked up in an API server that is still starting.
        .set("authentication-kubeconfig", CONTROLLER_MANAGER_CONF)
        .set("authentication-skip-lookup", "true")
        .set("authorization-kubeconfig", CONTROLLER_MANAGER_CONF)
        .set("bind-address", "0.0.0.0")
        .set("client-ca-file", format!("{PKI}/ca.crt"))
        .set("cluster-name", &spec.cluster_name)
        .set("cluster-signing-cert-file", format!("{PKI}/{signer}"))
        .set("cluster-signing-key-file", format!("{PKI}/ca.key"))
        .set("controllers", "*,bootstrapsigner,tokencleaner")
        // It starts with about a hundred requests, for the tokens of its controllers: with its own 30, and 20 a second, the first
        // ServiceAccount comes four seconds later.
        .set("kube-api-burst", "100")
        .set("kubeconfig", CONTROLLER_MANAGER_CONF)
        .set("leader-elect", "true")
        .set("profiling", "false")
        .set("requestheader-client-ca-file", format!("{PKI}/front-proxy-ca.crt"))
        .set("root-ca-file", format!("{PKI}/ca.crt"))
        .set("service-account-private-key-file", format!("{PKI}/sa.key"))
        .set("service-cluster-ip-range", join(&spec.networking.service_subnets))
        .set("terminated-pod-gc-threshold", "1000")
        .set("tls-cipher-suites", CIPHER_SUITES)
        .set("tls-min-version", "VersionTLS12")
        .set("use-service-account-credentials", "true");
    flags
}

/// The kube-scheduler container.
pub(super) fn scheduler(spec: &ControlPlaneSpec) -> Container {
    let component = &spec.scheduler;
    let command = scheduler_flags().command("kube-scheduler", &component.extra_args);
    Container {
        volume_mounts: Some(
            std::iter::once(mount("scheduler-kubeconfig", "/etc/kubernetes/scheduler"))
                .chain(super::files::scheduler_conf(component))
                .collect(),
        ),
        ..container_of(spec, ComponentName::KubeScheduler, SCHEDULER_PORT, command, component)
    }
}

pub(super) fn scheduler_flags() -> Flags {
    let mut flags = Flags::default();
    flags
        .set("authentication-kubeconfig", SCHEDULER_CONF)
        .set("authentication-tolerate-lookup-failure", "true")
        .set("authorization-kubeconfig", SCHEDULER_CONF)
        .set("bind-address", "0.0.0.0")
        .set("kubeconfig", SCHEDULER_CONF)
        .set("leader-elect", "true")
        .set("profiling", "false")
        .set("tls-cipher-suites", CIPHER_SUITES)
        .set("tls-min-version", "VersionTLS12");
    flags
}

/// The volumes of both. The CA's key is in the controller manager's only: it signs kubelets' certificates.
pub(super) fn controller_volumes(names: ObjectNames<'_>, keys: &KeySecrets) -> Vec<Volume> {
    let conf = "controller-manager.conf";
    let mut pki = if keys.signs_apart() {
        vec![
            projected_secret(keys.authority.clone(), &[("ca.crt", "ca.crt")]),
            projected_secret(keys.signer.clone(), &[("ca.crt", SIGNER), ("ca.key", "ca.key")]),
        ]
    } else {
        vec![projected_secret(keys.authority.clone(), &[("ca.crt", "ca.crt"), ("ca.key", "ca.key")])]
    };
    pki.push(projected_secret(names.front_proxy_ca(), &[("front-proxy-ca.crt", "front-proxy-ca.crt")]));
    pki.push(projected_secret(keys.service_account_private.clone(), &[("sa.key", "sa.key")]));
    vec![
        projected("controller-manager-pki", pki),
        projected(
            "controller-manager-kubeconfig",
            vec![projected_secret(names.controller_manager_kubeconfig(), &[(conf, conf)])],
        ),
        projected(
            "scheduler-kubeconfig",
            vec![projected_secret(names.scheduler_kubeconfig(), &[("scheduler.conf", "scheduler.conf")])],
        ),
    ]
}
