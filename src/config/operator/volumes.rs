//! `additionalVolumes` and `additionalVolumeMounts` of a `TenantControlPlane`: volumes of objects in the namespace of the
//! control plane. What is of the node, or a token of the management cluster, is refused.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::config::components::files::{Files, place_allowed};
use crate::config::components::target::Target;
use crate::config::kubeadm::document_kind::without_nulls;
use crate::config::schema::findings::Findings;
use crate::config::schema::view::View;
use crate::model::{Mount, MountSource, PodVolume};
use crate::yaml::{Content, shown};

const VOLUMES: &str = "spec.controlPlane.deployment.additionalVolumes";
const MOUNTS: &str = "spec.controlPlane.deployment.additionalVolumeMounts";
const KINDS: [&str; 4] = ["configMap", "emptyDir", "projected", "secret"];
/// What a projected volume may be put together from.
const PROJECTED: [&str; 3] = ["configMap", "downwardAPI", "secret"];
/// Kubernetes allows 63, and kamaji writes `extra-` before it.
const LONGEST: usize = 57;

/// Reads both into `files`.
pub(crate) fn read(view: &View<'_>, files: &mut Files<'_>, findings: &mut Findings<'_>) {
    let mut names = BTreeSet::new();
    let mut volumes = Vec::new();
    for item in view.list(VOLUMES) {
        let Some((at, name)) = item.text("name") else {
            findings.refuse(&item, "a volume needs a `name`", "write `name: NAME`");
            continue;
        };
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if name.len() > LONGEST || !name.bytes().all(fits) || name.starts_with('-') || name.ends_with('-') {
            let rule = format!("use at most {LONGEST} lower-case letters, digits and `-`");
            findings.refuse(&at, format!("`{}` is not the name of a volume", shown(name)), rule);
        } else if !names.insert(name) {
            findings.refuse(&at, format!("the volume `{name}` is given twice"), "rename one");
        } else if source_allowed(&item, findings) {
            let mut source = without_nulls(item.node.to_json());
            if let Value::Object(fields) = &mut source {
                fields.remove("name");
            }
            volumes.push(PodVolume { name: name.to_owned(), source });
        }
    }
    for target in [Target::ApiServer, Target::ControllerManager, Target::Scheduler] {
        let listed = view.list(&format!("{MOUNTS}.{}", target.path()));
        let mounts = listed.iter().filter_map(|item| mount(item, target, &names, findings)).collect();
        files.set_mounts(target, mounts);
    }
    files.set_volumes(volumes);
}

fn source_allowed(item: &View<'_>, findings: &mut Findings<'_>) -> bool {
    let entries = item.node.entries().iter().filter(|entry| entry.key != "name" && !entry.value.is_null());
    let sources: Vec<_> = entries.collect();
    let [source] = sources.as_slice() else {
        findings.refuse(item, "a volume has one source", format!("write one of {}", KINDS.join(", ")));
        return false;
    };
    let at = item.entry(source);
    if !KINDS.contains(&source.key.as_str()) {
        let text = "pods have volumes of ConfigMaps, Secrets and empty folders only";
        findings.refuse_key(&at, text, format!("write one of {}", KINDS.join(", ")));
        return false;
    }
    let parts = at.list("sources");
    let mut kinds = parts.iter().flat_map(|part| part.node.entries().iter().map(|entry| part.entry(entry)));
    let foreign = kinds.find(|part| !PROJECTED.iter().any(|known| part.field.ends_with(&format!(".{known}"))));
    if let Some(part) = foreign {
        findings.refuse_key(&part, "it is not for a control plane", format!("write one of {}", PROJECTED.join(", ")));
        return false;
    }
    true
}

fn mount(item: &View<'_>, target: Target, names: &BTreeSet<&str>, findings: &mut Findings<'_>) -> Option<Mount> {
    let (Some((name_at, name)), Some((path_at, path))) = (item.text("name"), item.text("mountPath")) else {
        findings.refuse(item, "a mount needs `name` and `mountPath`", "write both");
        return None;
    };
    if !names.contains(name) {
        let text = format!("there is no volume `{}`", shown(name));
        findings.refuse(&name_at, text, "add it to `additionalVolumes`");
        return None;
    }
    let known = ["name", "mountPath", "subPath", "readOnly", "recursiveReadOnly"];
    if let Some(entry) = item.node.entries().iter().find(|entry| !known.contains(&entry.key.as_str())) {
        findings.refuse_key(&item.entry(entry), "it is not read", "remove it");
        return None;
    }
    let at = path.trim_end_matches('/');
    if !at.starts_with('/') || crate::model::parse_given_path(at).is_err() {
        findings.refuse(
            &path_at,
            format!("`{}` is not an absolute path", shown(path)),
            "write it as /PATH, without `..` and `//`",
        );
        return None;
    }
    if let Err((text, remedy)) = place_allowed(target, at) {
        findings.refuse(&path_at, text, remedy);
        return None;
    }
    let read_only = item.at("readOnly").is_some_and(|view| matches!(view.node.content, Content::Bool(true)));
    let sub_path = item.text("subPath").map(|(_, text)| text.to_owned());
    Some(Mount { source: MountSource::Volume(name.to_owned()), at: at.to_owned(), sub_path, read_only })
}
