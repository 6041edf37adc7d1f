//! Reads the pod settings of a `TenantControlPlane`: `spec.controlPlane.deployment`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::components::image;
use crate::config::schema::findings::Findings;
use crate::config::schema::typed::{scalar, typed};
use crate::config::schema::view::View;
use crate::model::{
    Amounts, ComponentName, Images, Metadata, PodSettings, ProbeNumbers, Probes, Resources, Toleration, check_label,
    check_toleration, is_reserved_key, parse_amount, parse_object_name,
};
use crate::yaml::shown;

const DEPLOYMENT: &str = "spec.controlPlane.deployment";
/// The components and their fields.
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
        runtime_class: object_name(at("runtimeClassName"), "runtime class name", findings),
        // `default` is the operator's default; kamaji uses its own account without permissions instead.
        service_account: object_name(at("serviceAccountName"), "ServiceAccount name", findings)
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
        findings.refuse(&view, error.to_string(), "lower the request or raise the limit");
    }
    settings
}

fn object_name(view: Option<View<'_>>, what: &'static str, findings: &mut Findings<'_>) -> Option<String> {
    let view = view?;
    let text = view.node.text().filter(|text| !text.is_empty())?;
    parse_object_name(what, text)
        .map_err(|error| findings.refuse(&view, error.to_string(), "use the name of an object in the cluster"))
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
                "claims" => findings.refuse_key(&part, "device claims are not supported", "remove it"),
                _ => findings.refuse_key(&part, "unknown field", "use requests or limits"),
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
            Some(Err(error)) => findings.refuse(&part, error.to_string(), "use a quantity such as 500m or 512Mi"),
            None if part.node.is_null() => {}
            None => findings.refuse(
                &part,
                format!("expected a quantity, found {}", part.node.content.what()),
                "use a quantity such as 500m or 512Mi",
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
            Err(rule) => {
                findings.refuse(&view, format!("invalid toleration: {rule}"), "use the format of a pod's tolerations")
            }
        }
    }
    all
}

fn selector(view: &View<'_>, findings: &mut Findings<'_>) -> BTreeMap<String, String> {
    pairs(view, findings, check_label)
}

/// The valid entries of a map of strings; reports the others.
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
                findings.refuse_key(&view.entry(entry), format!("not valid: {rule}"), "rename it or remove it");
            }
        }
    }
    pairs
}

/// Reads labels and annotations; ignores keys that kamaji reserves, with a warning.
pub(crate) fn metadata(view: &View<'_>, findings: &mut Findings<'_>) -> Metadata {
    let mut part = |key: &str, rule: fn(&str, &str) -> Result<(), String>| {
        let Some(view) = view.at(key) else { return BTreeMap::new() };
        let mut all = pairs(&view, findings, rule);
        for entry in view.node.entries().iter().filter(|entry| is_reserved_key(&entry.key)) {
            all.remove(&entry.key);
            findings.warn(&view.entry(entry), "ignored: kamaji sets or reserves this key");
        }
        all
    };
    Metadata { labels: part("labels", check_label), annotations: part("annotations", |key, _| check_label(key, "")) }
}

/// `probes`: settings for all components, and overrides for each.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ProbesField {
    liveness: ProbeNumbers,
    readiness: ProbeNumbers,
    startup: ProbeNumbers,
    api_server: ComponentProbes,
    controller_manager: ComponentProbes,
    scheduler: ComponentProbes,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default)]
struct ComponentProbes {
    liveness: ProbeNumbers,
    readiness: ProbeNumbers,
    startup: ProbeNumbers,
}

fn probes(view: &View<'_>, findings: &mut Findings<'_>) -> BTreeMap<ComponentName, Probes> {
    let Some(field) = typed::<ProbesField>(view, findings) else { return BTreeMap::new() };
    let sets = [field.api_server, field.controller_manager, field.scheduler];
    let mut all = BTreeMap::new();
    for ((_, component), own) in COMPONENTS.into_iter().zip(sets) {
        let probes = Probes {
            liveness: own.liveness.over(field.liveness),
            readiness: own.readiness.over(field.readiness),
            startup: own.startup.over(field.startup),
        };
        if let Err(rule) = probes.check() {
            findings.refuse(view, rule, "change these settings or remove them");
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
            findings.refuse(&view, format!("`{}` is not a valid image name", shown(text)), rule);
        }
    }
    if let Some((view, text)) = root.text(&format!("{DEPLOYMENT}.registrySettings.tagSuffix")) {
        if text.len() > 100 || !image::is_tag_text(text) {
            let rule = "is not a valid image tag suffix: use at most 100 letters, digits, `_`, `.` and `-`";
            findings.refuse(&view, format!("`{}` {rule}", shown(text)), "use a suffix such as -fips");
        }
        text.clone_into(&mut images.tag_suffix);
    }
    images
}
