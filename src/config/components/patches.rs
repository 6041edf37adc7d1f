//! kubeadm's patch files: which file is a patch of what, in which order (`util/patches/patches.go` of 1.37).
//!
//! Whether a patch can be applied, and to what it must not lead, is asked where the objects are made.

use std::fmt::Write as _;

use secrecy::ExposeSecret as _;

use super::files::Files;
use crate::config::schema::findings::Findings;
use crate::config::schema::view::View;
use crate::model::{Patch, PatchTarget, PatchType, Patches, SuppliedFile};
use crate::yaml::{self, Content, shown};

/// They are kept in the record, which has to stay an object that etcd takes.
const MOST_BYTES: usize = 256 * 1024;
const TYPES: [(&str, PatchType); 3] =
    [("json", PatchType::Json), ("merge", PatchType::Merge), ("strategic", PatchType::Strategic)];

/// Reads `patches.directory`.
pub(crate) fn read(init: &View<'_>, files: &mut Files<'_>, findings: &mut Findings<'_>) {
    let Some((view, text)) = init.text("patches.directory") else { return };
    let directory = match crate::model::parse_given_path(text) {
        Ok(directory) => directory,
        Err(error) => return findings.refuse(&view, error.to_string(), "write the path of a folder, such as /patches"),
    };
    let Some(folder) = files.folder(&directory) else {
        if let Some(patches) = files.kept_patches(&directory) {
            files.set_patches(patches);
        } else {
            let text = format!("the folder `{}` was not given", shown(&directory));
            findings.want(&view, &directory, text, format!("give it with --file {directory}=LOCAL"));
        }
        return;
    };
    let mut patches = Vec::new();
    for (name, bytes) in in_order(folder) {
        let base = name.rsplit('/').next().unwrap_or(name);
        match identify(base) {
            Ok((target, kind)) => read_file(&view, (name, target, kind), bytes, &mut patches, findings),
            Err(Not::Read(why)) => findings.warn(&view, format!("`{}` is ignored: {why}", shown(name))),
            Err(Not::Allowed(why, remedy)) => findings.refuse(&view, format!("`{}`: {why}", shown(name)), remedy),
        }
    }
    let bytes: usize = patches.iter().map(|patch| patch.body.to_string().len()).sum();
    if bytes > MOST_BYTES {
        findings.refuse(
            &view,
            format!("the patches have {bytes} bytes, and the record takes {MOST_BYTES}"),
            "make them shorter",
        );
    }
    files.set_patches(Patches { directory, patches });
}

/// Names and content in the order in which kubeadm walks: by name, folder by folder.
fn in_order(folder: &SuppliedFile) -> Vec<(&str, &[u8])> {
    let content = folder.content.as_ref();
    let mut files: Vec<(&str, &[u8])> = folder
        .keys
        .iter()
        .filter_map(|(key, name)| Some((name.as_str(), content?.get(key)?.expose_secret())))
        .collect();
    files.sort_by(|(a, _), (b, _)| a.split('/').cmp(b.split('/')));
    files
}

/// Why a file is no patch.
enum Not {
    /// As kubeadm: it is passed over.
    Read(String),
    /// It asks for something that cannot be.
    Allowed(String, &'static str),
}

/// `target[suffix][+type].extension`.
fn identify(base: &str) -> Result<(PatchTarget, PatchType), Not> {
    let has_name = |ending: &str| base.strip_suffix(ending).is_some_and(|name| !name.is_empty());
    if !has_name(".json") && !has_name(".yaml") {
        return Err(Not::Read("a patch file ends with .yaml or .json".into()));
    }
    if base.starts_with("etcd") {
        return Err(Not::Allowed("a hosted control plane has no etcd of its own".into(), "remove the file"));
    }
    let Some(target) = PatchTarget::ALL.into_iter().find(|target| base.starts_with(target.as_str())) else {
        let mut known = String::new();
        for target in PatchTarget::ALL {
            let _infallible = write!(known, " {}", target.as_str());
        }
        return Err(Not::Read(format!("its name starts with none of{known}")));
    };
    let rest = base[target.as_str().len()..].trim_start_matches(|c: char| !matches!(c, '.' | '+'));
    let Some(name) = rest.strip_prefix('+') else { return Ok((target, PatchType::Strategic)) };
    match TYPES.iter().find(|(known, _)| name.starts_with(known)) {
        Some((_, kind)) => Ok((target, *kind)),
        None => Err(Not::Allowed("there is no such patch type".into(), "write json, merge or strategic after the `+`")),
    }
}

fn read_file(
    view: &View<'_>,
    (name, target, kind): (&str, PatchTarget, PatchType),
    bytes: &[u8],
    patches: &mut Vec<Patch>,
    findings: &mut Findings<'_>,
) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return findings.refuse(view, format!("`{}` is not UTF-8 text", shown(name)), "save it as UTF-8");
    };
    let documents = match yaml::read_documents(name, text) {
        Ok(documents) => documents,
        Err(error) => return findings.refuse(view, format!("`{}`: {}", error.spot(), error.fact()), "mend the file"),
    };
    if documents.is_empty() {
        findings.warn(view, format!("`{}` is ignored: it is empty", shown(name)));
    }
    for document in documents {
        let is_list = matches!(document.root.content, Content::List(_));
        if is_list != (kind == PatchType::Json) {
            let (is, wants) = (document.root.content.what(), if is_list { "a map" } else { "a list of operations" });
            findings.refuse(
                view,
                format!("`{}` is {is}, and a patch of its type is {wants}", shown(name)),
                "rename it, or rewrite it",
            );
            continue;
        }
        patches.push(Patch { file: name.to_owned(), target, kind, body: document.root.to_json() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_read_as_kubeadm_reads_them() {
        let read = |name: &str| identify(name).ok();
        assert_eq!(read("kube-apiserver.yaml"), Some((PatchTarget::KubeApiserver, PatchType::Strategic)));
        assert_eq!(read("kube-apiserver0+json.json"), Some((PatchTarget::KubeApiserver, PatchType::Json)));
        assert_eq!(read("kube-scheduler-x+merge.yaml"), Some((PatchTarget::KubeScheduler, PatchType::Merge)));
        assert_eq!(
            read("kubeletconfiguration1.b+json.yaml"),
            Some((PatchTarget::KubeletConfiguration, PatchType::Strategic))
        );
        assert_eq!(
            read("corednsdeployment+strategic.yaml"),
            Some((PatchTarget::CorednsDeployment, PatchType::Strategic))
        );
        for ignored in ["README.md", "kube-apiserver", "apiserver.yaml", ".yaml", "x-kube-scheduler.json"] {
            assert!(matches!(identify(ignored), Err(Not::Read(_))), "{ignored}");
        }
        for refused in ["etcd.yaml", "etcd0+json.json", "kube-apiserver+xml.yaml", "kube-apiserver+.yaml"] {
            assert!(matches!(identify(refused), Err(Not::Allowed(..))), "{refused}");
        }
    }
}
