//! Which documents a file has: one of each kind that is read, and what is said about all others.

use serde_json::{Map, Value};

use super::api::KubeadmApi;
use super::convert::{self, Piece};
use crate::config::CommandLine;
use crate::config::kubeadm::document_kind::{Kind, identify, without_nulls};
use crate::config::schema::fields::{Api, ConfigKind};
use crate::config::schema::findings::Findings;
use crate::config::schema::view::View;
use crate::yaml::{self, Document};

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
