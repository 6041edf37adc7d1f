//! What the settings of the pods make of a container and of the pod: resources, probes, where it runs.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, Container, EnvVar, LocalObjectReference, PodAffinityTerm, PodAntiAffinity, PodSpec, Probe,
    ResourceRequirements, TopologySpreadConstraint, WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::model::{Amounts, ComponentName, ControlPlaneSpec, Metadata, ProbeNumbers, ResourceName, Resources, Size};

/// The part of its memory limit that Go's heap and stacks may fill before garbage is collected harder. The rest is for
/// the program itself, which Linux counts too.
const HEAP_PERCENT: u128 = 80;

/// The container with the resources and the probes that are wished.
pub(super) fn settled(spec: &ControlPlaneSpec, component: ComponentName, container: Container) -> Container {
    let resources = spec.pods.resources_of(component);
    let mut env = go_runtime(&resources, spec.pods.size, component);
    let own = container.env.unwrap_or_default();
    env.retain(|ours| !own.iter().any(|given| given.name == ours.name));
    env.extend(own);
    let probes = spec.pods.probes.get(&component).copied().unwrap_or_default();
    Container {
        env: (!env.is_empty()).then_some(env),
        resources: Some(requirements(&resources)),
        liveness_probe: container.liveness_probe.map(|probe| numbered(probe, probes.liveness)),
        readiness_probe: container.readiness_probe.map(|probe| numbered(probe, probes.readiness)),
        startup_probe: container.startup_probe.map(|probe| numbered(probe, probes.startup)),
        ..container
    }
}

fn requirements(resources: &Resources) -> ResourceRequirements {
    let amounts = |amounts: &Amounts| {
        let amount = |(name, amount): (&ResourceName, &crate::model::Quantity)| {
            (name.as_str().to_owned(), Quantity(amount.as_str().to_owned()))
        };
        (!amounts.is_empty()).then(|| amounts.iter().map(amount).collect())
    };
    ResourceRequirements {
        requests: amounts(&resources.requests),
        limits: amounts(&resources.limits),
        ..Default::default()
    }
}

/// Go collects garbage as late as it may; told of the limit, it collects in time instead of being killed.
fn go_runtime(resources: &Resources, size: Size, component: ComponentName) -> Vec<EnvVar> {
    let var = |name: &str, value: String| EnvVar { name: name.to_owned(), value: Some(value), value_from: None };
    let mut env = Vec::new();
    if component == ComponentName::KubeApiserver && size == Size::Small {
        // Half of Go's default garbage: less memory for some more CPU, of which small control planes use little.
        env.push(var("GOGC", "50".to_owned()));
    }
    if let Some(limit) = resources.limits.get(&ResourceName::Memory) {
        env.push(var("GOMEMLIMIT", format!("{}MiB", limit.whole() * HEAP_PERCENT / 100 / 1024 / 1024)));
    }
    env
}

fn numbered(probe: Probe, numbers: ProbeNumbers) -> Probe {
    Probe {
        initial_delay_seconds: numbers.initial_delay_seconds.or(probe.initial_delay_seconds),
        timeout_seconds: numbers.timeout_seconds.or(probe.timeout_seconds),
        period_seconds: numbers.period_seconds.or(probe.period_seconds),
        success_threshold: numbers.success_threshold.or(probe.success_threshold),
        failure_threshold: numbers.failure_threshold.or(probe.failure_threshold),
        ..probe
    }
}

/// The pod where it is wished to run. `selector` finds the pods of this control plane.
pub(super) fn placed(spec: &ControlPlaneSpec, selector: &LabelSelector, pod: PodSpec) -> PodSpec {
    let pods = &spec.pods;
    let own_account = pod.service_account_name;
    let secret = |name: &String| LocalObjectReference { name: name.clone() };
    PodSpec {
        affinity: Some(pods.affinity.clone().unwrap_or_else(|| zones_apart(selector))),
        image_pull_secrets: (!pods.image_pull_secrets.is_empty())
            .then(|| pods.image_pull_secrets.iter().map(secret).collect()),
        node_selector: (!pods.node_selector.is_empty()).then(|| pods.node_selector.clone()),
        priority_class_name: pods.priority_class.clone(),
        runtime_class_name: pods.runtime_class.clone(),
        service_account_name: pods.service_account.clone().or(own_account),
        tolerations: (!pods.tolerations.is_empty()).then(|| pods.tolerations.clone()),
        topology_spread_constraints: Some(match &pods.topology_spread {
            None => vec![nodes_apart(selector)],
            Some(given) => given.iter().map(|one| of_these_pods(one, selector)).collect(),
        }),
        ..pod
    }
}

fn nodes_apart(selector: &LabelSelector) -> TopologySpreadConstraint {
    TopologySpreadConstraint {
        max_skew: 1,
        topology_key: "kubernetes.io/hostname".into(),
        when_unsatisfiable: "ScheduleAnyway".into(),
        label_selector: Some(selector.clone()),
        match_label_keys: Some(vec!["pod-template-hash".into()]),
        ..Default::default()
    }
}

/// Zones are kept apart by affinity: as a second constraint they would make the scheduler disregard every node without
/// a zone, and with them the first constraint.
fn zones_apart(selector: &LabelSelector) -> Affinity {
    Affinity {
        pod_anti_affinity: Some(PodAntiAffinity {
            preferred_during_scheduling_ignored_during_execution: Some(vec![WeightedPodAffinityTerm {
                weight: 50,
                pod_affinity_term: PodAffinityTerm {
                    topology_key: "topology.kubernetes.io/zone".into(),
                    label_selector: Some(selector.clone()),
                    ..Default::default()
                },
            }]),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn of_these_pods(given: &TopologySpreadConstraint, selector: &LabelSelector) -> TopologySpreadConstraint {
    let label_selector = given.label_selector.clone().unwrap_or_else(|| selector.clone());
    TopologySpreadConstraint { label_selector: Some(label_selector), ..given.clone() }
}

type Texts = Option<BTreeMap<String, String>>;

/// Ours over those of the user: what selects pods cannot be changed.
fn with_ours(ours: BTreeMap<String, String>, users: &BTreeMap<String, String>) -> Texts {
    let mut all = users.clone();
    all.extend(ours);
    (!all.is_empty()).then_some(all)
}

/// Labels and annotations of an object: the user's, and ours over them.
pub(super) fn metadata_of(
    users: &Metadata,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
) -> (Texts, Texts) {
    (with_ours(labels, &users.labels), with_ours(annotations, &users.annotations))
}
