//! Reads `additionalVolumes` and `additionalVolumeMounts` of a `TenantControlPlane`: volumes of objects in the control
//! plane's namespace. Volumes of the node and tokens of the management cluster are refused.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::config::components::files::{Files, check_mount_path};
use crate::config::components::target::Target;
use crate::config::kubeadm::document_kind::without_nulls;
use crate::config::schema::findings::Findings;
use crate::config::schema::view::View;
use crate::model::{Mount, MountSource, PodVolume};
use crate::yaml::{Content, shown};

const VOLUMES: &str = "spec.controlPlane.deployment.additionalVolumes";
const MOUNTS: &str = "spec.controlPlane.deployment.additionalVolumeMounts";
const KINDS: [&str; 4] = ["configMap", "emptyDir", "projected", "secret"];
/// The sources that a projected volume may have.
const PROJECTED: [&str; 3] = ["configMap", "downwardAPI", "secret"];
/// The longest name: Kubernetes allows 63 characters, and kamaji adds the prefix `extra-`.
const MAX_NAME: usize = 57;

/// Reads the volumes and their mounts into `files`.
pub(crate) fn read(view: &View<'_>, files: &mut Files<'_>, findings: &mut Findings<'_>) {
    let mut names = BTreeSet::new();
    let mut volumes = Vec::new();
    for item in view.list(VOLUMES) {
        let Some((at, name)) = item.text("name") else {
            findings.refuse(&item, "`name` is required", "add `name: NAME`");
            continue;
        };
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if name.len() > MAX_NAME || !name.bytes().all(fits) || name.starts_with('-') || name.ends_with('-') {
            let rule = format!("use at most {MAX_NAME} lower-case letters, digits and `-`");
            findings.refuse(&at, format!("`{}` is not a valid volume name", shown(name)), rule);
        } else if !names.insert(name) {
            findings.refuse(&at, format!("duplicate volume `{name}`"), "rename one");
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
        findings.refuse(item, "a volume must have exactly one source", format!("use one of {}", KINDS.join(", ")));
        return false;
    };
    let at = item.entry(source);
    if !KINDS.contains(&source.key.as_str()) {
        let text = "only volumes of ConfigMaps, Secrets and empty directories are supported";
        findings.refuse_key(&at, text, format!("use one of {}", KINDS.join(", ")));
        return false;
    }
    let parts = at.list("sources");
    let mut kinds = parts.iter().flat_map(|part| part.node.entries().iter().map(|entry| part.entry(entry)));
    let foreign = kinds.find(|part| !PROJECTED.iter().any(|known| part.field.ends_with(&format!(".{known}"))));
    if let Some(part) = foreign {
        findings.refuse_key(
            &part,
            "this source is not allowed in a control plane",
            format!("use one of {}", PROJECTED.join(", ")),
        );
        return false;
    }
    true
}

fn mount(item: &View<'_>, target: Target, names: &BTreeSet<&str>, findings: &mut Findings<'_>) -> Option<Mount> {
    let (Some((name_at, name)), Some((path_at, path))) = (item.text("name"), item.text("mountPath")) else {
        findings.refuse(item, "`name` and `mountPath` are required", "add both");
        return None;
    };
    if !names.contains(name) {
        let text = format!("there is no volume `{}`", shown(name));
        findings.refuse(&name_at, text, "add it to `additionalVolumes`");
        return None;
    }
    let known = ["name", "mountPath", "subPath", "readOnly", "recursiveReadOnly"];
    if let Some(entry) = item.node.entries().iter().find(|entry| !known.contains(&entry.key.as_str())) {
        findings.refuse_key(&item.entry(entry), "unsupported field", "remove it");
        return None;
    }
    let at = path.trim_end_matches('/');
    if !at.starts_with('/') || crate::model::parse_supplied_path(at).is_err() {
        findings.refuse(
            &path_at,
            format!("`{}` is not an absolute path", shown(path)),
            "use an absolute path without `..` and `//`",
        );
        return None;
    }
    if let Err((text, remedy)) = check_mount_path(target, at) {
        findings.refuse(&path_at, text, remedy);
        return None;
    }
    let read_only = item.at("readOnly").is_some_and(|view| matches!(view.node.content, Content::Bool(true)));
    let sub_path = item.text("subPath").map(|(_, text)| text.to_owned());
    Some(Mount { source: MountSource::Volume(name.to_owned()), at: at.to_owned(), sub_path, read_only })
}
