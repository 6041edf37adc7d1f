//! What a `TenantControlPlane` says of its pods: `spec.controlPlane.deployment`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::components::image;
use crate::config::schema::findings::Findings;
use crate::config::schema::typed::{scalar, typed};
use crate::config::schema::view::View;
use crate::model::{
    Amounts, ComponentName, Images, Metadata, PodSettings, ProbeNumbers, Probes, Resources, Toleration, check_label,
    check_toleration, is_taken, parse_amount, parse_object_name,
};
use crate::yaml::shown;

const DEPLOYMENT: &str = "spec.controlPlane.deployment";
/// The document's names of the components.
const COMPONENTS: [(&str, ComponentName); 3] = [
    ("apiServer", ComponentName::KubeApiserver),
    ("controllerManager", ComponentName::KubeControllerManager),
    ("scheduler", ComponentName::KubeScheduler),
];

/// Reads the settings of the pods.
pub(crate) fn pods(root: &View<'_>, findings: &mut Findings<'_>) -> PodSettings {
    let at = |path: &str| root.at(&format!("{DEPLOYMENT}.{path}"));
    let settings = PodSettings {
        resources: resources(root, findings),
        tolerations: tolerations(root, findings),
        node_selector: at("nodeSelector").map(|view| selector(&view, findings)).unwrap_or_default(),
        runtime_class: object_name(at("runtimeClassName"), "name of a runtime class", findings),
        // The operator's default is the namespace's own account; kamaji's has as few rights.
        service_account: object_name(at("serviceAccountName"), "name of a ServiceAccount", findings)
            .filter(|name| name != "default"),
        affinity: at("affinity").filter(|view| !view.node.entries().is_empty()).and_then(|view| typed(&view, findings)),
        topology_spread: at("topologySpreadConstraints")
            .filter(|view| !view.node.items().is_empty())
            .and_then(|view| typed(&view, findings)),
        strategy: at("strategy").filter(|view| !view.node.entries().is_empty()).and_then(|view| typed(&view, findings)),
        probes: at("probes").map(|view| probes(&view, findings)).unwrap_or_default(),
        metadata: at("additionalMetadata").map(|view| metadata(&view, findings)).unwrap_or_default(),
        pod_metadata: at("podAdditionalMetadata").map(|view| metadata(&view, findings)).unwrap_or_default(),
        images: images(root, findings),
        ..PodSettings::default()
    };
    if let (Err(error), Some(view)) = (settings.check(), at("resources")) {
        findings.refuse(&view, error.to_string(), "lower the request, or raise the limit");
    }
    settings
}

fn object_name(view: Option<View<'_>>, what: &'static str, findings: &mut Findings<'_>) -> Option<String> {
    let view = view?;
    let text = view.node.text().filter(|text| !text.is_empty())?;
    parse_object_name(what, text)
        .map_err(|error| findings.refuse(&view, error.to_string(), "name an object of the cluster"))
        .ok()
}

fn resources(root: &View<'_>, findings: &mut Findings<'_>) -> BTreeMap<ComponentName, Resources> {
    let mut all = BTreeMap::new();
    for (field, component) in COMPONENTS {
        let Some(view) = root.at(&format!("{DEPLOYMENT}.resources.{field}")) else { continue };
        let mut found = Resources::default();
        for entry in view.node.entries() {
            let part = view.entry(entry);
            match entry.key.as_str() {
                "requests" => found.requests = amounts(&part, findings),
                "limits" => found.limits = amounts(&part, findings),
                "claims" => findings.refuse_key(&part, "pods of a control plane claim no devices", "remove it"),
                _ => findings.refuse_key(&part, "there is no such field in Kubernetes", "write requests or limits"),
            }
        }
        if found != Resources::default() {
            all.insert(component, found);
        }
    }
    all
}

fn amounts(view: &View<'_>, findings: &mut Findings<'_>) -> Amounts {
    let mut amounts = Amounts::new();
    for entry in view.node.entries() {
        let part = view.entry(entry);
        match scalar(&part).map(|text| parse_amount(&entry.key, &text)) {
            Some(Ok((name, amount))) => drop(amounts.insert(name, amount)),
            Some(Err(error)) => findings.refuse(&part, error.to_string(), "write it as 500m or 512Mi"),
            None if part.node.is_null() => {}
            None => findings.refuse(
                &part,
                format!("expected a quantity, found {}", part.node.content.what()),
                "write it as 500m or 512Mi",
            ),
        }
    }
    amounts
}

fn tolerations(root: &View<'_>, findings: &mut Findings<'_>) -> Vec<Toleration> {
    let mut all = Vec::new();
    for view in root.list(&format!("{DEPLOYMENT}.tolerations")) {
        let Some(one) = typed(&view, findings) else { continue };
        match check_toleration(&one) {
            Ok(()) => all.push(one),
            Err(rule) => findings.refuse(&view, format!("the toleration is not valid: {rule}"), "write it as in a pod"),
        }
    }
    all
}

fn selector(view: &View<'_>, findings: &mut Findings<'_>) -> BTreeMap<String, String> {
    pairs(view, findings, check_label)
}

/// The entries of a map of texts that keep to a rule; the others are reported.
fn pairs(
    view: &View<'_>,
    findings: &mut Findings<'_>,
    rule: impl Fn(&str, &str) -> Result<(), String>,
) -> BTreeMap<String, String> {
    let mut pairs = BTreeMap::new();
    for entry in view.node.entries() {
        let Some(value) = entry.value.text() else { continue };
        match rule(&entry.key, value) {
            Ok(()) => drop(pairs.insert(entry.key.clone(), value.to_owned())),
            Err(rule) => {
                findings.refuse_key(&view.entry(entry), format!("it is not valid: {rule}"), "rename it, or remove it");
            }
        }
    }
    pairs
}

/// Labels and annotations; what kamaji needs for itself is left out, with a word.
pub(crate) fn metadata(view: &View<'_>, findings: &mut Findings<'_>) -> Metadata {
    let mut part = |key: &str, rule: fn(&str, &str) -> Result<(), String>| {
        let Some(view) = view.at(key) else { return BTreeMap::new() };
        let mut all = pairs(&view, findings, rule);
        for entry in view.node.entries().iter().filter(|entry| is_taken(&entry.key)) {
            all.remove(&entry.key);
            findings.warn(&view.entry(entry), "ignored: kamaji sets it, or no pod of a control plane may have it");
        }
        all
    };
    Metadata { labels: part("labels", check_label), annotations: part("annotations", |key, _| check_label(key, "")) }
}

/// The numbers of one kind of probe for every component, and what single components have instead.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct GivenProbes {
    liveness: ProbeNumbers,
    readiness: ProbeNumbers,
    startup: ProbeNumbers,
    api_server: GivenSet,
    controller_manager: GivenSet,
    scheduler: GivenSet,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default)]
struct GivenSet {
    liveness: ProbeNumbers,
    readiness: ProbeNumbers,
    startup: ProbeNumbers,
}

fn probes(view: &View<'_>, findings: &mut Findings<'_>) -> BTreeMap<ComponentName, Probes> {
    let Some(given) = typed::<GivenProbes>(view, findings) else { return BTreeMap::new() };
    let sets = [given.api_server, given.controller_manager, given.scheduler];
    let mut all = BTreeMap::new();
    for ((_, component), own) in COMPONENTS.into_iter().zip(sets) {
        let probes = Probes {
            liveness: own.liveness.over(given.liveness),
            readiness: own.readiness.over(given.readiness),
            startup: own.startup.over(given.startup),
        };
        if let Err(rule) = probes.check() {
            findings.refuse(view, rule, "write other numbers, or leave them out");
            return BTreeMap::new();
        }
        if probes != Probes::default() {
            all.insert(component, probes);
        }
    }
    all
}

fn images(root: &View<'_>, findings: &mut Findings<'_>) -> Images {
    let mut images = Images::default();
    for (field, component) in COMPONENTS {
        let path = format!("{DEPLOYMENT}.registrySettings.{field}Image");
        let Some((view, text)) = root.text(&path).filter(|(_, text)| *text != component.as_str()) else { continue };
        if image::is_path(text) {
            images.names.insert(component, text.to_owned());
        } else {
            let rule = "use lower-case letters, digits, `.`, `_` and `-` between slashes, without registry or tag";
            findings.refuse(&view, format!("`{}` is not the name of an image", shown(text)), rule);
        }
    }
    if let Some((view, text)) = root.text(&format!("{DEPLOYMENT}.registrySettings.tagSuffix")) {
        if text.len() > 100 || !image::is_tag_text(text) {
            let rule = "is not the end of an image tag: use at most 100 letters, digits, `_`, `.` and `-`";
            findings.refuse(&view, format!("`{}` {rule}", shown(text)), "write it as -fips");
        }
        text.clone_into(&mut images.tag_suffix);
    }
    images
}
