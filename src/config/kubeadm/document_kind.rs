//! The kind and API version of a document.

use serde_json::Value;

use crate::config::kubeadm::api::KubeadmApi;
use crate::config::schema::fields::{Api, ConfigKind};
use crate::config::schema::findings::Findings;
use crate::config::schema::view::View;
use crate::yaml::{Content, Document, Place, shown};

/// kubeadm's kinds that say nothing about a control plane.
pub(super) const OTHER_KINDS: [&str; 3] = ["JoinConfiguration", "ResetConfiguration", "UpgradeConfiguration"];

pub(super) const READ: &str = "kamaji reads ClusterConfiguration and InitConfiguration of kubeadm.k8s.io/v1beta4 or v1beta3, \
    KubeletConfiguration of kubelet.config.k8s.io/v1beta1 and KubeProxyConfiguration of kubeproxy.config.k8s.io/v1alpha1";

/// The kinds of document that kubeadm knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Its fields are known.
    Read(ConfigKind),
    /// One of [`OTHER_KINDS`].
    Other(&'static str),
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Read(kind) => kind.as_str(),
            Self::Other(name) => name,
        }
    }
}

/// A document whose kind and API are known.
pub(crate) struct Named<'a> {
    pub(crate) kind: Kind,
    pub(crate) api: Api,
    pub(crate) view: View<'a>,
}

/// What a document is; `None` only after a problem was reported.
pub(crate) fn identify<'a>(
    document: &'a Document,
    allow_experimental: bool,
    findings: &mut Findings<'_>,
) -> Option<Named<'a>> {
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
        let api = match known {
            ConfigKind::Cluster | ConfigKind::Init => {
                Some(kubeadm_api(&api, api_version, allow_experimental, findings)?)
            }
            ConfigKind::Kubelet | ConfigKind::KubeProxy | ConfigKind::Tenant if known.api_version() == *api_version => {
                None
            }
            ConfigKind::Kubelet | ConfigKind::KubeProxy | ConfigKind::Tenant => {
                let text = format!("`{}` is not supported: only `{}` is", shown(api_version), known.api_version());
                findings.refuse(&api, text, format!("write apiVersion: {}", known.api_version()));
                return None;
            }
        };
        return Some(Named { kind: Kind::Read(known), api, view });
    }
    let other = OTHER_KINDS.into_iter().find(|other| other == kind && api_version.starts_with("kubeadm.k8s.io/"));
    let Some(other) = other else {
        let text = format!("`{}` of `{}` is not read", shown(kind), shown(api_version));
        findings.refuse_key(&view, text, READ);
        return None;
    };
    let api = kubeadm_api(&api, api_version, allow_experimental, findings)?;
    Some(Named { kind: Kind::Other(other), api: Some(api), view })
}

fn kubeadm_api(
    view: &View<'_>,
    api_version: &str,
    allow_experimental: bool,
    findings: &mut Findings<'_>,
) -> Option<KubeadmApi> {
    match KubeadmApi::find(api_version) {
        Some(api) if api.is_experimental() && !allow_experimental => {
            let remedy =
                format!("allow it with --allow-experimental-api, or write apiVersion: {}", KubeadmApi::V1beta4);
            findings.refuse(view, format!("`{api}` is experimental"), remedy);
            None
        }
        Some(api) => Some(api),
        None => {
            let text = format!(
                "`{}` is not supported: `{}` and `{}` are",
                shown(api_version),
                KubeadmApi::V1beta4,
                KubeadmApi::V1beta3
            );
            let remedy = if api_version.starts_with("kubeadm.k8s.io/") {
                "kubeadm config migrate --old-config OLD.yaml --new-config NEW.yaml, with a kubeadm that reads both"
                    .to_owned()
            } else {
                format!("write apiVersion: {}", KubeadmApi::V1beta4)
            };
            findings.refuse(view, text, remedy);
            None
        }
    }
}

fn first_place(document: &Document) -> Place {
    document.root.entries().first().map_or(document.root.place, |entry| entry.place)
}

/// The same without nulls, which mean the same as absent.
pub(crate) fn without_nulls(mut value: Value) -> Value {
    strip_nulls(&mut value);
    value
}

fn strip_nulls(value: &mut Value) {
    if let Value::Object(map) = value {
        map.retain(|_, value| !value.is_null());
        map.values_mut().for_each(strip_nulls);
    } else if let Value::Array(items) = value {
        items.iter_mut().for_each(strip_nulls);
    }
}
