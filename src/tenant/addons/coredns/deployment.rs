//! The Deployment of `CoreDNS`: two pods that prefer different nodes.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment};
use k8s_openapi::api::core::v1::{
    Affinity, Capabilities, ConfigMapVolumeSource, Container, ContainerPort, HTTPGetAction, KeyToPath, PodAffinityTerm,
    PodAntiAffinity, PodSpec, PodTemplateSpec, Probe, ResourceRequirements, SecurityContext, Toleration, Volume,
    VolumeMount, WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::model::Release;
use crate::tenant::meta::{KUBE_SYSTEM, label, named};

use super::{METRICS_PORT, NAME};

const CONFIG: &str = "config-volume";
const LIVENESS: (&str, i32) = ("liveness-probe", 8080);
const READINESS: (&str, i32) = ("readiness-probe", 8181);

/// The labels that the Service and the Deployment select by.
pub(super) fn pod_labels() -> BTreeMap<String, String> {
    BTreeMap::from([("k8s-app".to_owned(), "kube-dns".to_owned())])
}

/// The Deployment with the given image.
pub(super) fn deployment(image: &str, release: &Release) -> Deployment {
    Deployment {
        metadata: label(named(KUBE_SYSTEM, NAME), "k8s-app", "kube-dns"),
        spec: Some(DeploymentSpec {
            replicas: Some(2),
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: Some(RollingUpdateDeployment {
                    max_unavailable: Some(IntOrString::Int(1)),
                    ..Default::default()
                }),
            }),
            selector: LabelSelector { match_labels: Some(pod_labels()), ..Default::default() },
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta { labels: Some(pod_labels()), ..Default::default() }),
                spec: Some(pod(image, release)),
            },
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn pod(image: &str, release: &Release) -> PodSpec {
    PodSpec {
        priority_class_name: Some("system-cluster-critical".to_owned()),
        service_account_name: Some(NAME.to_owned()),
        affinity: Some(Affinity { pod_anti_affinity: Some(spread()), ..Default::default() }),
        tolerations: Some(vec![
            Toleration {
                key: Some("CriticalAddonsOnly".to_owned()),
                operator: Some("Exists".to_owned()),
                ..Default::default()
            },
            Toleration {
                key: Some("node-role.kubernetes.io/control-plane".to_owned()),
                effect: Some("NoSchedule".to_owned()),
                ..Default::default()
            },
        ]),
        node_selector: Some(BTreeMap::from([("kubernetes.io/os".to_owned(), "linux".to_owned())])),
        containers: vec![container(image, release)],
        // The node's resolver, not the cluster's: that one is this pod.
        dns_policy: Some("Default".to_owned()),
        volumes: Some(vec![Volume {
            name: CONFIG.to_owned(),
            config_map: Some(ConfigMapVolumeSource {
                name: NAME.to_owned(),
                items: Some(vec![KeyToPath {
                    key: "Corefile".to_owned(),
                    path: "Corefile".to_owned(),
                    ..Default::default()
                }]),
                ..Default::default()
            }),
            ..Default::default()
        }]),
        ..Default::default()
    }
}

fn spread() -> PodAntiAffinity {
    let same_app = LabelSelectorRequirement {
        key: "k8s-app".to_owned(),
        operator: "In".to_owned(),
        values: Some(vec!["kube-dns".to_owned()]),
    };
    PodAntiAffinity {
        preferred_during_scheduling_ignored_during_execution: Some(vec![WeightedPodAffinityTerm {
            weight: 100,
            pod_affinity_term: PodAffinityTerm {
                label_selector: Some(LabelSelector { match_expressions: Some(vec![same_app]), ..Default::default() }),
                topology_key: "kubernetes.io/hostname".to_owned(),
                ..Default::default()
            },
        }]),
        ..Default::default()
    }
}

fn container(image: &str, release: &Release) -> Container {
    let amounts = |amounts: &[(&str, &str)]| {
        Some(amounts.iter().map(|(what, amount)| ((*what).to_owned(), Quantity((*amount).to_owned()))).collect())
    };
    let port = |(name, number): (&str, i32), protocol: &str| ContainerPort {
        name: Some(name.to_owned()),
        container_port: number,
        protocol: Some(protocol.to_owned()),
        ..Default::default()
    };
    let mut ports =
        vec![port(("dns", 53), "UDP"), port(("dns-tcp", 53), "TCP"), port(("metrics", METRICS_PORT), "TCP")];
    if release.coredns_names_probe_ports {
        ports.extend([port(LIVENESS, "TCP"), port(READINESS, "TCP")]);
    }
    Container {
        name: NAME.to_owned(),
        image: Some(image.to_owned()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        args: Some(vec!["-conf".to_owned(), "/etc/coredns/Corefile".to_owned()]),
        resources: Some(ResourceRequirements {
            limits: amounts(&[("memory", "170Mi")]),
            requests: amounts(&[("cpu", "100m"), ("memory", "70Mi")]),
            ..Default::default()
        }),
        volume_mounts: Some(vec![VolumeMount {
            name: CONFIG.to_owned(),
            mount_path: "/etc/coredns".to_owned(),
            read_only: Some(true),
            ..Default::default()
        }]),
        ports: Some(ports),
        liveness_probe: Some(Probe {
            initial_delay_seconds: Some(60),
            timeout_seconds: Some(5),
            success_threshold: Some(1),
            failure_threshold: Some(5),
            ..get("/health", LIVENESS, release)
        }),
        readiness_probe: Some(get("/ready", READINESS, release)),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities {
                add: Some(vec!["NET_BIND_SERVICE".to_owned()]),
                drop: Some(vec!["ALL".to_owned()]),
            }),
            read_only_root_filesystem: Some(true),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn get(path: &str, (name, number): (&str, i32), release: &Release) -> Probe {
    let port =
        if release.coredns_names_probe_ports { IntOrString::String(name.to_owned()) } else { IntOrString::Int(number) };
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port,
            scheme: Some("HTTP".to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    }
}
