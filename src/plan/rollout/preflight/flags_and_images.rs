//! Preflight checks of flags, feature gates and images of the target version.

use serde_json::Value;

use super::{Check, CheckVerdict, PreflightFacts, check, list, not_checked};
use crate::model::{CheckName, Component, GateStatus, gate_status, is_flag_removed};

/// The maximum number of images that a kubelet reports.
const MAX_REPORTED_IMAGES: usize = 50;

/// The components with the user's settings.
fn programs<'a>(facts: &'a PreflightFacts<'_>) -> [(&'static str, &'a Component); 3] {
    let spec = facts.spec;
    [
        ("kube-apiserver", &spec.api_server),
        ("kube-controller-manager", &spec.controller_manager),
        ("kube-scheduler", &spec.scheduler),
    ]
}

/// A flag that the target version does not know would keep the component from starting.
pub(crate) fn flags(facts: &PreflightFacts<'_>) -> Check {
    let name = CheckName::Flags;
    let (from, to) = (facts.spec.version.minor, facts.to.minor);
    let gone: Vec<String> = programs(facts)
        .into_iter()
        .flat_map(|(program, component)| component.extra_args.iter().map(move |arg| (program, &arg.name)))
        .filter(|(program, flag)| is_flag_removed(program, flag, from, to))
        .map(|(program, flag)| format!("--{flag} of {program}"))
        .collect();
    if gone.is_empty() {
        return check(name, CheckVerdict::Ok, format!("{} accepts all extra arguments", facts.to), "");
    }
    check(
        name,
        CheckVerdict::Blocked,
        format!("removed in {}: {}", facts.to, gone.join(", ")),
        "remove it from extraArgs in the kubeadm file, and run kamaji create with that file first",
    )
}

/// A feature gate that the target version does not know, or that it has locked, keeps a component from starting.
pub(crate) fn feature_gates(facts: &PreflightFacts<'_>) -> Check {
    let name = CheckName::FeatureGates;
    let (from, to) = (facts.spec.version.minor, facts.to.minor);
    let mut wrong = Vec::new();
    for (program, component) in programs(facts) {
        let lists = component.extra_args.iter().filter(|arg| arg.name == "feature-gates");
        for (gate, value) in lists.flat_map(|arg| arg.value.split(',')).filter_map(|pair| pair.trim().split_once('=')) {
            match gate_status(gate.trim(), value.trim(), from, to) {
                GateStatus::Settable => {}
                GateStatus::Removed => wrong.push(format!("{gate} of {program} was removed")),
                GateStatus::Locked(value) => wrong.push(format!("{gate} of {program} is locked to {value}")),
            }
        }
    }
    if wrong.is_empty() {
        return check(name, CheckVerdict::Ok, format!("{} accepts all feature gates", facts.to), "");
    }
    check(
        name,
        CheckVerdict::Blocked,
        format!("{} does not accept these feature gates: {}", facts.to, wrong.join(", ")),
        "remove them from extraArgs in the kubeadm file, and run kamaji create with that file first",
    )
}

/// Whether the images are already on the nodes. Whether they can be pulled is not checked; until they are, the old pods
/// keep running.
pub(crate) fn images(facts: &PreflightFacts<'_>) -> Check {
    let name = CheckName::Images;
    let nodes = match &facts.nodes {
        Ok(nodes) => nodes,
        Err(why) => return not_checked(name, why),
    };
    let images = images_of_target(facts);
    let schedulable = |node: &&Value| node.pointer("/spec/unschedulable") != Some(&Value::Bool(true));
    let nodes: Vec<&Value> = nodes.iter().filter(schedulable).collect();
    let has =
        |node: &&&Value| images.iter().all(|image| reported_images(node).any(|names| names.contains(&image.as_str())));
    let with = nodes.iter().filter(has).count();
    let from = registries(&images).join(", ");
    if with > 0 && with == nodes.len() {
        return check(name, CheckVerdict::Ok, format!("present on all {with} nodes"), "");
    }
    if with > 0 {
        let finding = format!("present on {with} of {} nodes; the others pull them from {from}", nodes.len());
        return check(name, CheckVerdict::Ok, finding, "");
    }
    let full = nodes.iter().any(|node| reported_images(node).count() >= MAX_REPORTED_IMAGES);
    let unsure = if full { " (kubelets report at most 50 images)" } else { "" };
    check(
        name,
        CheckVerdict::Warning,
        format!("not present on any node{unsure}: {}; they will be pulled from {from}", images.join(", ")),
        "make sure the nodes can pull from there, or load the images first; until then the old pods keep running",
    )
}

/// The images of the Deployment, with the tag of the target version. Custom tags are kept.
fn images_of_target(facts: &PreflightFacts<'_>) -> Vec<String> {
    let (from, to) = (format!(":{}", facts.spec.version), format!(":{}", facts.to));
    let containers = facts.deployment.into_iter().flat_map(|found| list(found, "/spec/template/spec/containers"));
    let mut images: Vec<String> = containers
        .filter_map(|container| container["image"].as_str())
        .map(|image| image.strip_suffix(&from).map_or_else(|| image.to_owned(), |name| format!("{name}{to}")))
        .collect();
    images.sort();
    images.dedup();
    images
}

/// The names of each image that a node reports.
fn reported_images(node: &Value) -> impl Iterator<Item = Vec<&str>> {
    list(node, "/status/images").map(|image| list(image, "/names").filter_map(Value::as_str).collect())
}

/// The registries and paths of images.
fn registries(images: &[String]) -> Vec<&str> {
    let mut places: Vec<&str> = images.iter().filter_map(|image| Some(image.rsplit_once('/')?.0)).collect();
    places.dedup();
    places
}
