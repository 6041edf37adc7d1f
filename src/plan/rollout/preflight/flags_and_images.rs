//! Checks of the target's programs: whether they know what the user gave them, and whether their images are at hand.

use serde_json::Value;

use super::{Check, CheckVerdict, PreflightFacts, check, list, unseen};
use crate::model::{CheckName, Component, Gate, flag_goes_away, gate_in};

/// How many images a kubelet tells of at most.
const TOLD: usize = 50;

/// The programs with what the user gave them.
fn programs<'a>(facts: &'a PreflightFacts<'_>) -> [(&'static str, &'a Component); 3] {
    let spec = facts.spec;
    [
        ("kube-apiserver", &spec.api_server),
        ("kube-controller-manager", &spec.controller_manager),
        ("kube-scheduler", &spec.scheduler),
    ]
}

/// An argument of the user that the target's program does not know would keep it from starting.
pub(crate) fn flags(facts: &PreflightFacts<'_>) -> Check {
    let name = CheckName::Flags;
    let (spec, from, to) = (facts.spec, facts.spec.version.minor, facts.to.minor);
    let gone: Vec<String> = programs(facts)
        .into_iter()
        .flat_map(|(program, component)| component.extra_args.iter().map(move |arg| (program, &arg.name)))
        .filter(|(program, flag)| flag_goes_away(program, flag, from, to))
        .map(|(program, flag)| format!("--{flag} of {program}"))
        .collect();
    if gone.is_empty() {
        return check(
            name,
            CheckVerdict::Ok,
            format!("{} knows every extra argument that {} knew", facts.to, spec.version),
            "",
        );
    }
    check(
        name,
        CheckVerdict::Blocked,
        format!("{} does not know {} any more", facts.to, gone.join(", ")),
        "take it out of the kubeadm file's extraArgs, and run create with that file first",
    )
}

/// A feature gate that the target does not know any more, or that it does not let anybody change, keeps a program from
/// starting.
pub(crate) fn feature_gates(facts: &PreflightFacts<'_>) -> Check {
    let name = CheckName::FeatureGates;
    let (from, to) = (facts.spec.version.minor, facts.to.minor);
    let mut wrong = Vec::new();
    for (program, component) in programs(facts) {
        let lists = component.extra_args.iter().filter(|arg| arg.name == "feature-gates");
        for (gate, value) in lists.flat_map(|arg| arg.value.split(',')).filter_map(|pair| pair.trim().split_once('=')) {
            match gate_in(gate.trim(), value.trim(), from, to) {
                Gate::Fine => {}
                Gate::Gone => wrong.push(format!("{gate} of {program} is gone")),
                Gate::Locked(value) => wrong.push(format!("{gate} of {program} is always {value}")),
            }
        }
    }
    if wrong.is_empty() {
        return check(name, CheckVerdict::Ok, format!("{} takes every feature gate that was set", facts.to), "");
    }
    check(
        name,
        CheckVerdict::Blocked,
        format!("feature gates that {} does not take: {}", facts.to, wrong.join(", ")),
        "take them out of --feature-gates in the kubeadm file's extraArgs, and run create with that file first",
    )
}

/// Whether the images are on the nodes already. Whether they could be pulled only a pull can tell; while it fails, the old
/// pods serve.
pub(crate) fn images(facts: &PreflightFacts<'_>) -> Check {
    let name = CheckName::Images;
    let nodes = match &facts.nodes {
        Ok(nodes) => nodes,
        Err(why) => return unseen(name, why),
    };
    let images = images_of_target(facts);
    let open = |node: &&Value| node.pointer("/spec/unschedulable") != Some(&Value::Bool(true));
    let nodes: Vec<&Value> = nodes.iter().filter(open).collect();
    let has = |node: &&&Value| images.iter().all(|image| told(node).any(|names| names.contains(&image.as_str())));
    let with = nodes.iter().filter(has).count();
    let from = places(&images).join(", ");
    if with > 0 && with == nodes.len() {
        return check(name, CheckVerdict::Ok, format!("on each of {with} nodes"), "");
    }
    if with > 0 {
        let finding = format!("on {with} of {} nodes; the others would pull them from {from}", nodes.len());
        return check(name, CheckVerdict::Ok, finding, "");
    }
    let full = nodes.iter().any(|node| told(node).count() >= TOLD);
    let unsure = if full { " (kubelets tell of 50 images at most)" } else { "" };
    check(
        name,
        CheckVerdict::Warning,
        format!("not known to be on any node{unsure}: {}; they would be pulled from {from}", images.join(", ")),
        "see that the nodes can pull from there, or load the images on them first; until they are there the old pods serve",
    )
}

/// The images of the Deployment with the target's version for a tag; a tag of the user's own stays.
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

/// The names of each image that a node tells of.
fn told(node: &Value) -> impl Iterator<Item = Vec<&str>> {
    list(node, "/status/images").map(|image| list(image, "/names").filter_map(Value::as_str).collect())
}

/// The registries and paths that images are in.
fn places(images: &[String]) -> Vec<&str> {
    let mut places: Vec<&str> = images.iter().filter_map(|image| Some(image.rsplit_once('/')?.0)).collect();
    places.dedup();
    places
}
