//! Which documents a file has: one of each kind that is read, and what is said about all others.

use serde_json::{Map, Value};

use super::fields::ConfigKind;
use super::findings::Findings;
use super::view::View;
use crate::yaml::{self, Content, Document, Place, shown};

/// The documents that are read.
#[derive(Default)]
pub(super) struct Documents<'a> {
    pub(super) init: Option<View<'a>>,
    pub(super) cluster: Option<View<'a>>,
    pub(super) kubelet: Option<View<'a>>,
    pub(super) kube_proxy: Option<View<'a>>,
}

impl<'a> Documents<'a> {
    fn slot(&mut self, kind: ConfigKind) -> &mut Option<View<'a>> {
        match kind {
            ConfigKind::Cluster => &mut self.cluster,
            ConfigKind::Init => &mut self.init,
            ConfigKind::Kubelet => &mut self.kubelet,
            ConfigKind::KubeProxy => &mut self.kube_proxy,
        }
    }

    /// The documents that are there, with their kinds.
    pub(super) fn used(&self) -> Vec<(ConfigKind, View<'a>)> {
        let slots = [
            (ConfigKind::Init, &self.init),
            (ConfigKind::Cluster, &self.cluster),
            (ConfigKind::Kubelet, &self.kubelet),
            (ConfigKind::KubeProxy, &self.kube_proxy),
        ];
        slots.into_iter().filter_map(|(kind, view)| Some((kind, view.clone()?))).collect()
    }

    /// The documents as YAML, without what is secret and without nulls.
    pub(super) fn without_secrets(&self) -> String {
        let kept = self.used().into_iter().map(|(_, view)| {
            let mut value = view.node.to_json();
            strip_nulls(&mut value);
            if let Value::Object(map) = &mut value {
                map.remove("bootstrapTokens");
                map.remove("certificateKey");
            }
            value
        });
        yaml::write_documents(&kept.collect::<Vec<_>>())
    }
}

/// The settings in a document, without `apiVersion`, `kind` and nulls.
pub(super) fn settings(view: &View<'_>) -> Map<String, Value> {
    let mut value = view.node.to_json();
    strip_nulls(&mut value);
    let Value::Object(mut map) = value else { return Map::new() };
    map.remove("apiVersion");
    map.remove("kind");
    map
}

fn strip_nulls(value: &mut Value) {
    if let Value::Object(map) = value {
        map.retain(|_, value| !value.is_null());
        map.values_mut().for_each(strip_nulls);
    } else if let Value::Array(items) = value {
        items.iter_mut().for_each(strip_nulls);
    }
}

const READ: &str = "kamaji reads ClusterConfiguration and InitConfiguration of kubeadm.k8s.io/v1beta4, \
    KubeletConfiguration of kubelet.config.k8s.io/v1beta1 and KubeProxyConfiguration of kubeproxy.config.k8s.io/v1alpha1";

/// Puts each document in its place and reports those that have none.
pub(super) fn sort<'a>(parsed: &'a [Document], findings: &mut Findings<'_>) -> Documents<'a> {
    let mut documents = Documents::default();
    for document in parsed {
        let Some((kind, view)) = identify(document, findings) else { continue };
        let file = findings.file();
        let slot = documents.slot(kind);
        if let Some(first) = slot {
            let text = format!("given twice, first at {}", first.key.in_file(file));
            findings.refuse_key(&view, text, "join the two documents, or remove one");
        } else {
            *slot = Some(view);
        }
    }
    documents
}

fn identify<'a>(document: &'a Document, findings: &mut Findings<'_>) -> Option<(ConfigKind, View<'a>)> {
    let root = &document.root;
    let whole = |field: &str| View { field: field.to_owned(), key: first_place(document), node: root };
    if !matches!(root.content, Content::Map(_)) {
        let text = format!("expected a document with `apiVersion` and `kind`, found {}", root.content.what());
        findings.refuse(&whole(""), text, READ);
        return None;
    }
    let unnamed = whole("");
    let mut names = Vec::new();
    for key in ["apiVersion", "kind"] {
        match root.get(key) {
            Some(entry) if matches!(&entry.value.content, Content::Text(text) if !text.is_empty()) => {
                names.push(entry.value.text().unwrap_or_default());
            }
            Some(entry) if !entry.value.is_null() && entry.value.text().is_none() => {
                let view = View { field: key.to_owned(), key: entry.place, node: &entry.value };
                findings.refuse(&view, format!("expected text, found {}", entry.value.content.what()), READ);
            }
            Some(_) | None => findings.refuse_key(&unnamed, format!("the document has no `{key}`"), READ),
        }
    }
    let [api_version, kind] = names.as_slice() else { return None };
    let view = whole(&shown(kind));
    let api = View { field: format!("{}.apiVersion", shown(kind)), ..view.at("apiVersion")? };
    if let Some(known) = ConfigKind::ALL.into_iter().find(|known| known.as_str() == *kind) {
        if known.api_version() == *api_version {
            return Some((known, view));
        }
        let text = format!("`{}` is not supported: only `{}` is", shown(api_version), known.api_version());
        findings.refuse(&api, text, version_remedy(known, api_version));
        return None;
    }
    refuse_kind(api_version, kind, &view, findings);
    None
}

fn version_remedy(kind: ConfigKind, api_version: &str) -> String {
    match (kind, api_version.split_once('/')) {
        (ConfigKind::Cluster | ConfigKind::Init, Some(("kubeadm.k8s.io", "v1"))) => {
            "kubeadm config migrate --allow-experimental-api --old-config OLD.yaml --new-config NEW.yaml".to_owned()
        }
        (ConfigKind::Cluster | ConfigKind::Init, Some(("kubeadm.k8s.io", _))) => {
            "kubeadm config migrate --old-config OLD.yaml --new-config NEW.yaml, with a kubeadm that reads both"
                .to_owned()
        }
        (ConfigKind::Cluster | ConfigKind::Init | ConfigKind::Kubelet | ConfigKind::KubeProxy, _) => {
            format!("write apiVersion: {}", kind.api_version())
        }
    }
}

fn refuse_kind(api_version: &str, kind: &str, view: &View<'_>, findings: &mut Findings<'_>) {
    let of_kubeadm = api_version.starts_with("kubeadm.k8s.io/");
    match kind {
        "JoinConfiguration" if of_kubeadm => match view.at("controlPlane") {
            None => findings.warn(view, "ignored: it is for a worker; print one with `kamaji join`"),
            Some(part) => findings.refuse_key(
                &part,
                "no node joins a hosted control plane as part of it",
                "remove the document; more replicas are asked for with --replicas",
            ),
        },
        "ResetConfiguration" if of_kubeadm => {
            findings.refuse_key(view, "a control plane is not reset from a file", "use `kamaji delete NAME`");
        }
        "UpgradeConfiguration" if of_kubeadm => {
            findings.refuse_key(view, "a control plane is not upgraded from a file", "use `kamaji upgrade NAME`");
        }
        _ => {
            let text = format!("`{}` of `{}` is not read", shown(kind), shown(api_version));
            findings.refuse_key(view, text, READ);
        }
    }
}

fn first_place(document: &Document) -> Place {
    document.root.entries().first().map_or(document.root.place, |entry| entry.place)
}
