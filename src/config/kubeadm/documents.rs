//! Sorts a file's documents by kind: at most one of each known kind, and a finding for every other document.

use serde_json::{Map, Value};

use super::api::KubeadmApi;
use super::convert::{self, Piece};
use super::document_kind::{Kind, identify, without_nulls};
use crate::config::CommandLine;
use crate::config::schema::fields::{Api, ConfigKind};
use crate::config::schema::findings::Findings;
use crate::config::schema::view::View;
use crate::yaml::{self, Document};

/// A document of a known kind.
#[derive(Clone)]
pub(crate) struct KnownDocument<'a> {
    pub(crate) kind: ConfigKind,
    pub(crate) api: Api,
    pub(crate) view: View<'a>,
}

/// The documents of known kinds, at most one of each.
#[derive(Default)]
pub(crate) struct Documents<'a>(Vec<KnownDocument<'a>>);

impl<'a> Documents<'a> {
    /// The document of this kind, if there is one.
    pub(crate) fn of(&self, kind: ConfigKind) -> Option<&View<'a>> {
        self.0.iter().find(|document| document.kind == kind).map(|document| &document.view)
    }

    /// All documents, in the order in which they are recorded.
    pub(crate) fn all(&self) -> Vec<&KnownDocument<'a>> {
        let order = [ConfigKind::Init, ConfigKind::Cluster, ConfigKind::Kubelet, ConfigKind::KubeProxy];
        order.iter().filter_map(|kind| self.0.iter().find(|document| document.kind == *kind)).collect()
    }

    /// The documents as YAML in the API version that kamaji records, without secrets and nulls.
    pub(crate) fn without_secrets(&self) -> String {
        let pieces = self.all().into_iter().map(|document| Piece {
            kind: document.kind.as_str(),
            api: document.api,
            value: document.view.node.to_json(),
        });
        let pieces: Vec<Piece> = pieces.collect();
        // Only v1 has `mergeMethod`.
        let target = if convert::uses_merge_method(&pieces) { KubeadmApi::V1 } else { KubeadmApi::V1beta4 };
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

/// Sorts the documents by kind; reports duplicates and kinds that are not used.
pub(crate) fn sort<'a>(
    parsed: &'a [Document],
    command_line: &CommandLine<'_>,
    findings: &mut Findings<'_>,
) -> Documents<'a> {
    let mut documents = Documents::default();
    for document in parsed {
        let Some(found) = identify(document, command_line.allow_experimental, findings) else { continue };
        match found.kind {
            Kind::Known(kind) => {
                if let Some(first) = documents.of(kind) {
                    let text = format!("duplicate document, first at {}", first.key.in_file(findings.file()));
                    findings.refuse_key(&found.view, text, "merge the two documents, or remove one");
                } else {
                    documents.0.push(KnownDocument { kind, api: found.api, view: found.view });
                }
            }
            Kind::Other(kind) => refuse_other(kind, &found.view, findings),
        }
    }
    documents
}

fn refuse_other(kind: &str, view: &View<'_>, findings: &mut Findings<'_>) {
    match kind {
        "JoinConfiguration" => match view.at("controlPlane") {
            None => findings
                .warn(view, "ignored: it is for a worker; run `kamaji join NAME --format kubeadm-config` to print one"),
            Some(part) => findings.refuse_key(
                &part,
                "nodes cannot join a hosted control plane as control-plane nodes",
                "remove the document; set the number of replicas with --replicas",
            ),
        },
        "ResetConfiguration" => {
            findings.refuse_key(view, "a control plane cannot be reset from a file", "run `kamaji delete NAME`");
        }
        _ => findings.refuse_key(view, "a control plane cannot be upgraded from a file", "run `kamaji upgrade NAME`"),
    }
}
