//! kubeadm's documents of one API in another, as kubeadm itself converts them (`apis/kubeadm/v1beta3/conversion.go` of
//! 1.36). Values keep their meaning; comments and the order of keys are lost, as with `kubeadm config migrate`.
//!
//! What kubeadm's conversion leaves out in silence is refused here.

use serde_json::{Map, Value, json};

use super::api::KubeadmApi;
use super::document_kind::Kind;
use crate::config::kubeadm::document_kind;
use crate::config::schema::check;
use crate::config::schema::check::Depth;
use crate::config::schema::fields::Api;
use crate::config::schema::findings::Findings;
use crate::config::schema::view::View;
use crate::config::{Error, Source};
use crate::yaml;

/// Where lists of arguments are.
const ARGUMENTS: [&str; 5] = [
    "apiServer.extraArgs",
    "controllerManager.extraArgs",
    "scheduler.extraArgs",
    "etcd.local.extraArgs",
    "nodeRegistration.kubeletExtraArgs",
];
const HEALTH_CHECK: &str = "controlPlaneComponentHealthCheck";

/// Writes a file's documents in another of kubeadm's APIs, everything in them included, bootstrap tokens too.
///
/// Names and types are checked; whether a hosted control plane can be made of it is not asked.
pub fn convert(source: &Source<'_>, target: KubeadmApi, allow_experimental: bool) -> Result<String, Error> {
    let parsed = yaml::read_documents(source.name, source.text)?;
    let mut findings = Findings::new(source);
    let mut pieces: Vec<Piece> = Vec::new();
    for document in &parsed {
        let Some(named) = document_kind::identify(document, allow_experimental, &mut findings) else { continue };
        if let Kind::Read(kind) = named.kind {
            check::check(kind, named.api, Depth::Form, &named.view, &mut findings);
        }
        let kind = named.kind.as_str();
        if pieces.iter().any(|piece| piece.kind == kind) {
            findings.refuse_key(&named.view, "given twice", "join the two documents, or remove one");
        }
        refuse_loss(named.api, target, &named.view, &mut findings);
        pieces.push(Piece { kind, api: named.api, value: named.view.node.to_json() });
    }
    if pieces.is_empty() && !findings.has_problems() {
        findings.missing("there is no document", "name a file for `kubeadm init --config`");
    }
    let (pieces, _) = findings.finish(Some(pieces))?;
    Ok(yaml::write_documents(&converted(pieces, target)))
}

fn refuse_loss(api: Api, target: KubeadmApi, view: &View<'_>, findings: &mut Findings<'_>) {
    let Some(api) = api.filter(|api| *api > target) else { return };
    if target < KubeadmApi::V1beta4 {
        let at = view.at("apiVersion").unwrap_or_else(|| view.clone());
        findings.refuse(&at, format!("`{api}` cannot be written as the older `{target}`"), "convert to a newer API");
        return;
    }
    for item in ARGUMENTS.iter().flat_map(|path| view.list(path)) {
        if let Some((method, _)) = item.text("mergeMethod") {
            findings.refuse_key(
                &method,
                format!("`{target}` cannot say it"),
                "write the whole value, without `mergeMethod`",
            );
        }
    }
}

/// A document on its way.
pub(crate) struct Piece {
    pub(crate) kind: &'static str,
    pub(crate) api: Api,
    pub(crate) value: Value,
}

/// The documents in `target`, which is v1beta4 or newer, without nulls; those of other groups stay what they are.
pub(crate) fn converted(mut pieces: Vec<Piece>, target: KubeadmApi) -> Vec<Value> {
    let mut timeout = None;
    for piece in &mut pieces {
        let (Some(api), Value::Object(document)) = (piece.api, &mut piece.value) else { continue };
        document.insert("apiVersion".into(), target.as_str().into());
        match api {
            KubeadmApi::V1beta3 => timeout = from_v1beta3(piece.kind, document).or(timeout),
            KubeadmApi::V1beta4 => {}
            KubeadmApi::V1 => remove_empty_merge_methods(document),
        }
    }
    if let Some(timeout) = timeout {
        set_health_check(&mut pieces, timeout, target);
    }
    pieces.into_iter().map(|piece| document_kind::without_nulls(piece.value)).collect()
}

/// Rewrites one document, and returns the timeout that belongs into `InitConfiguration` now.
fn from_v1beta3(kind: &str, document: &mut Map<String, Value>) -> Option<Value> {
    for path in ARGUMENTS {
        if let Some(arguments) = at(document, path) {
            list_arguments(arguments);
        }
    }
    match kind {
        "ClusterConfiguration" => {
            gate_to_algorithm(document);
            let api_server = document.get_mut("apiServer")?.as_object_mut()?;
            api_server.remove("timeoutForControlPlane").filter(|timeout| !is_zero(timeout))
        }
        "JoinConfiguration" => {
            let timeout = document.get_mut("discovery")?.as_object_mut()?.remove("timeout")?;
            document.insert("timeouts".into(), json!({ "discovery": timeout }));
            None
        }
        _ => None,
    }
}

/// kubeadm sorts by name what v1beta3 has as a map, and takes a null in it for empty text.
fn list_arguments(arguments: &mut Value) {
    if let Value::Object(map) = arguments {
        let mut pairs: Vec<(&String, &Value)> = map.iter().collect();
        pairs.sort_by_key(|(name, _)| *name);
        let listed = pairs.into_iter().map(|(name, value)| {
            let value = if value.is_null() { &json!("") } else { value };
            json!({ "name": name, "value": value })
        });
        *arguments = listed.collect();
    }
}

/// The gate `PublicKeysECDSA` became `encryptionAlgorithm`; kubeadm 1.34 and newer do not know the gate.
fn gate_to_algorithm(cluster: &mut Map<String, Value>) {
    let Some(gates) = cluster.get_mut("featureGates").and_then(Value::as_object_mut) else { return };
    let ecdsa = gates.remove("PublicKeysECDSA");
    if gates.is_empty() {
        cluster.remove("featureGates");
    }
    if ecdsa == Some(Value::Bool(true)) {
        cluster.insert("encryptionAlgorithm".into(), "ECDSA-P256".into());
    }
}

fn is_zero(timeout: &Value) -> bool {
    timeout
        .as_str()
        .and_then(|text| crate::config::schema::duration::parse(text).ok())
        .is_some_and(|signed| signed.length.is_zero())
}

/// Whether an argument is joined with another.
pub(crate) fn merges(pieces: &[Piece]) -> bool {
    let lists = pieces.iter().flat_map(|piece| ARGUMENTS.map(|path| piece.value.pointer(&pointer(path))));
    let arguments = lists.flatten().filter_map(Value::as_array).flatten();
    arguments.filter_map(|argument| argument.get("mergeMethod")?.as_str()).any(|method| !method.is_empty())
}

fn pointer(path: &str) -> String {
    format!("/{}", path.replace('.', "/"))
}

fn remove_empty_merge_methods(document: &mut Map<String, Value>) {
    for path in ARGUMENTS {
        for argument in at(document, path).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(argument) = argument.as_object_mut()
                && argument.get("mergeMethod").is_some_and(|method| method == "")
            {
                argument.remove("mergeMethod");
            }
        }
    }
}

/// What `InitConfiguration` says itself wins.
fn set_health_check(pieces: &mut Vec<Piece>, timeout: Value, target: KubeadmApi) {
    if let Some(init) = pieces.iter_mut().find(|piece| piece.kind == "InitConfiguration") {
        if let Value::Object(document) = &mut init.value
            && let Value::Object(timeouts) = document.entry("timeouts").or_insert_with(|| json!({}))
        {
            timeouts.entry(HEALTH_CHECK).or_insert(timeout);
        }
        return;
    }
    let value = json!({
        "apiVersion": target.as_str(),
        "kind": "InitConfiguration",
        "timeouts": { HEALTH_CHECK: timeout },
    });
    pieces.insert(0, Piece { kind: "InitConfiguration", api: Some(target), value });
}

fn at<'a>(document: &'a mut Map<String, Value>, path: &str) -> Option<&'a mut Value> {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    rest.split('.').filter(|key| !key.is_empty()).try_fold(document.get_mut(first)?, |value, key| value.get_mut(key))
}
