//! Which documents a file has: one of each kind that is read, and what is said about all others.

use serde_json::{Map, Value};

use super::api::KubeadmApi;
use super::convert::{self, Piece};
use crate::config::CommandLine;
use crate::config::schema::fields::{Api, ConfigKind};
use crate::config::schema::findings::Findings;
use crate::config::schema::view::View;
use crate::yaml::{self, Content, Document, Place, shown};

/// A document that is read.
#[derive(Clone)]
pub(crate) struct Held<'a> {
    pub(crate) kind: ConfigKind,
    pub(crate) api: Api,
    pub(crate) view: View<'a>,
}

/// The documents that are read, at most one of a kind.
#[derive(Default)]
pub(crate) struct Documents<'a>(Vec<Held<'a>>);

impl<'a> Documents<'a> {
    /// The document of a kind.
    pub(crate) fn of(&self, kind: ConfigKind) -> Option<&View<'a>> {
        self.0.iter().find(|held| held.kind == kind).map(|held| &held.view)
    }

    /// All of them, in the order in which they are kept.
    pub(crate) fn used(&self) -> Vec<&Held<'a>> {
        let order = [ConfigKind::Init, ConfigKind::Cluster, ConfigKind::Kubelet, ConfigKind::KubeProxy];
        order.iter().filter_map(|kind| self.0.iter().find(|held| held.kind == *kind)).collect()
    }

    /// The documents as YAML in the API that kamaji writes, without what is secret and without nulls.
    pub(crate) fn without_secrets(&self) -> String {
        let pieces = self.used().into_iter().map(|held| Piece {
            kind: held.kind.as_str(),
            api: held.api,
            value: held.view.node.to_json(),
        });
        let pieces: Vec<Piece> = pieces.collect();
        // What only v1 can say is kept in v1.
        let target = if convert::merges(&pieces) { KubeadmApi::V1 } else { KubeadmApi::V1beta4 };
        let mut kept = convert::converted(pieces, target);
        for value in &mut kept {
            if let Value::Object(map) = value {
                map.remove("bootstrapTokens");
                map.remove("certificateKey");
            }
        }
        yaml::write_documents(&kept)
    }
}

/// The settings in a document, without `apiVersion`, `kind` and nulls.
pub(crate) fn settings(view: &View<'_>) -> Map<String, Value> {
    let Value::Object(mut map) = without_nulls(view.node.to_json()) else { return Map::new() };
    map.remove("apiVersion");
    map.remove("kind");
    map
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

const READ: &str = "kamaji reads ClusterConfiguration and InitConfiguration of kubeadm.k8s.io/v1beta4 or v1beta3, \
    KubeletConfiguration of kubelet.config.k8s.io/v1beta1 and KubeProxyConfiguration of kubeproxy.config.k8s.io/v1alpha1";

/// kubeadm's kinds that say nothing about a control plane.
const OTHER_KINDS: [&str; 3] = ["JoinConfiguration", "ResetConfiguration", "UpgradeConfiguration"];

/// Puts each document in its place and reports those that have none.
pub(crate) fn sort<'a>(parsed: &'a [Document], said: &CommandLine<'_>, findings: &mut Findings<'_>) -> Documents<'a> {
    let mut documents = Documents::default();
    for document in parsed {
        let Some(named) = identify(document, said.allow_experimental, findings) else { continue };
        match named.kind {
            Kind::Read(kind) => {
                if let Some(first) = documents.of(kind) {
                    let text = format!("given twice, first at {}", first.key.in_file(findings.file()));
                    findings.refuse_key(&named.view, text, "join the two documents, or remove one");
                } else {
                    documents.0.push(Held { kind, api: named.api, view: named.view });
                }
            }
            Kind::Other(kind) => refuse_other(kind, &named.view, findings),
        }
    }
    documents
}

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

fn refuse_other(kind: &str, view: &View<'_>, findings: &mut Findings<'_>) {
    match kind {
        "JoinConfiguration" => match view.at("controlPlane") {
            None => findings.warn(view, "ignored: it is for a worker; print one with `kamaji join`"),
            Some(part) => findings.refuse_key(
                &part,
                "no node joins a hosted control plane as part of it",
                "remove the document; more replicas are asked for with --replicas",
            ),
        },
        "ResetConfiguration" => {
            findings.refuse_key(view, "a control plane is not reset from a file", "use `kamaji delete NAME`");
        }
        _ => findings.refuse_key(view, "a control plane is not upgraded from a file", "use `kamaji upgrade NAME`"),
    }
}

fn first_place(document: &Document) -> Place {
    document.root.entries().first().map_or(document.root.place, |entry| entry.place)
}
