//! The only reading of the management cluster about one control plane.

use futures::future::try_join_all;
use serde_json::Value;

use super::record_store::{StoredRecord, read_record};
use crate::cluster::Refusal;
use crate::engine::network::management_network::management_network;
use crate::engine::session::Session;
use crate::error::{Fault, Kind};
use crate::model::{
    ControlPlaneName, ControlPlaneSpec, Exposure, LABEL_COMPONENT, LABEL_MANAGED_BY, LABEL_NAME, MANAGER, Namespace,
};
use crate::plan::access::cluster_facts::{ClusterFacts, NodeFacts};
use crate::plan::access::endpoint::name_to_resolve;
use crate::plan::apply::live_objects::Live;
use crate::plan::certificates::rotation_keys::rotation_refs;
use crate::plan::lifecycle::desired::object_refs;
use crate::render::ObjectRef;

/// What there is of a control plane.
#[derive(Debug)]
pub struct Observed {
    /// Its record, if it has one.
    pub recorded: Option<StoredRecord>,
    /// Its objects.
    pub live: Live,
}

/// Reads the record and all objects of a control plane, and what they live in. The record first: what it says was made is
/// there then, also while somebody is making it.
pub async fn observe(session: &Session<'_>, spec: &ControlPlaneSpec) -> Result<Observed, Fault> {
    let recorded = read_record(session.management, &spec.namespace, &spec.name).await?;
    Ok(Observed { recorded, live: live(session, spec).await? })
}

/// Reads all objects of a control plane, and what they live in.
pub(crate) async fn live(session: &Session<'_>, spec: &ControlPlaneSpec) -> Result<Live, Fault> {
    let (mut live, management_network) = tokio::try_join!(objects(session, spec), management_network(session, spec))?;
    live.management_network = management_network;
    Ok(live)
}

/// Reads all objects of a control plane.
pub(crate) async fn objects(session: &Session<'_>, spec: &ControlPlaneSpec) -> Result<Live, Fault> {
    let wanted = object_refs(spec).into_iter().chain(rotation_refs(spec)).collect();
    Ok(read(session, spec, wanted).await?)
}

/// Kinds of which a control plane has many.
const MANY: [&str; 2] = ["Secret", "ConfigMap"];

/// Reads those of these objects that exist; with Secrets and `ConfigMaps` also the user's files that no wish names any more.
/// Of many there is one list; what is not on it is asked for by its name, because others may have taken its labels off.
pub(crate) async fn read(
    session: &Session<'_>,
    spec: &ControlPlaneSpec,
    wanted: Vec<ObjectRef>,
) -> Result<Live, Refusal> {
    let (many, single): (Vec<ObjectRef>, Vec<ObjectRef>) =
        wanted.into_iter().partition(|object| MANY.contains(&object.kind.as_str()));
    let many = async {
        let kinds = MANY.into_iter().filter(|kind| many.iter().any(|object| object.kind == *kind));
        let lists =
            try_join_all(kinds.map(|kind| labelled(session, &spec.namespace, &spec.name, ("v1", kind)))).await?;
        let listed: Vec<(ObjectRef, Value)> = lists.into_iter().flatten().collect();
        let missing = many.iter().filter(|object| !listed.iter().any(|(there, _)| there == *object)).cloned();
        let mut found = by_name(session, missing.collect()).await?;
        found.extend(listed.into_iter().filter(|(object, body)| many.contains(object) || is_file(body)));
        Ok(found)
    };
    let (many, single) = tokio::try_join!(many, by_name(session, single))?;
    let mut live = Live::default();
    many.into_iter().chain(single).for_each(|(object, body)| live.insert(object, body));
    Ok(live)
}

async fn by_name(session: &Session<'_>, objects: Vec<ObjectRef>) -> Result<Vec<(ObjectRef, Value)>, Refusal> {
    let reads = objects.into_iter().map(|object| async move {
        let body = session.management.get(&object).await?;
        Ok::<_, Refusal>(body.map(|body| (object, body)))
    });
    Ok(try_join_all(reads).await?.into_iter().flatten().collect())
}

/// The objects of a kind that carry the labels of the control plane.
pub(crate) async fn labelled(
    session: &Session<'_>,
    namespace: &Namespace,
    name: &ControlPlaneName,
    (api_version, kind): (&str, &str),
) -> Result<Vec<(ObjectRef, Value)>, Refusal> {
    let selector = format!("{LABEL_NAME}={name},{LABEL_MANAGED_BY}={MANAGER}");
    let found = session.management.list(api_version, kind, Some(namespace.as_str()), &selector).await?;
    let named = found.into_iter().map(|body| {
        let name = body.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let namespace = Some(namespace.to_string());
        (ObjectRef { api_version: api_version.into(), kind: kind.into(), namespace, name }, body)
    });
    Ok(named.collect())
}

fn label<'a>(body: &'a Value, key: &str) -> Option<&'a str> {
    body.pointer("/metadata/labels").and_then(|labels| labels.get(key)).and_then(Value::as_str)
}

/// Whether an object holds a file of the user's.
fn is_file(body: &Value) -> bool {
    label(body, LABEL_COMPONENT) == Some(crate::render::FILE_COMPONENT)
}

/// Refuses to touch objects that somebody else made under the names of a new control plane.
pub(crate) fn refuse_foreign(spec: &ControlPlaneSpec, live: &Live) -> Result<(), Fault> {
    let foreign = |body: &Value| {
        label(body, LABEL_MANAGED_BY) != Some(MANAGER) || label(body, LABEL_NAME) != Some(spec.name.as_str())
    };
    let names: Vec<String> =
        live.iter().filter(|(_, body)| foreign(body)).map(|(object, _)| object.to_string()).collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(Fault::new(
        Kind::Conflict,
        format!("objects of other hands are in the way of control plane `{}`: {}", spec.name, names.join(", ")),
    )
    .hint("choose another name or namespace; or remove them if nobody needs them"))
}

/// Refuses volumes of objects that do not exist: the pods would wait for them without end.
pub(crate) async fn volumes_exist(session: &Session<'_>, spec: &ControlPlaneSpec) -> Result<(), Fault> {
    for object in crate::render::needed_by_volumes(spec) {
        if session.management.get(&object).await?.is_none() {
            return Err(Fault::new(
                Kind::NotFound,
                format!("{object}, which a volume of the pods needs, does not exist"),
            )
            .hint("create it first; or mark it as `optional`"));
        }
    }
    Ok(())
}

/// Refuses a namespace that does not exist; one that may not be read is let pass.
pub(crate) async fn namespace_exists(session: &Session<'_>, spec: &ControlPlaneSpec) -> Result<(), Fault> {
    let object = ObjectRef {
        api_version: "v1".into(),
        kind: "Namespace".into(),
        namespace: None,
        name: spec.namespace.to_string(),
    };
    match session.management.get(&object).await {
        Ok(Some(namespace)) if namespace.pointer("/metadata/deletionTimestamp").is_some() => {
            Err(Fault::new(Kind::Conflict, format!("namespace `{}` is being deleted", spec.namespace))
                .hint("wait until it is gone, or choose another: -n NAMESPACE"))
        }
        Ok(Some(_)) | Err(Refusal::Forbidden { .. }) => Ok(()),
        Ok(None) => Err(Fault::new(Kind::NotFound, format!("namespace `{}` does not exist", spec.namespace))
            .hint(format!("create it: kubectl create namespace {}", spec.namespace))),
        Err(refusal) => Err(refusal.into()),
    }
}

/// Reads what an address is decided from; nodes only where the exposure needs them.
pub(crate) async fn cluster_facts(
    session: &Session<'_>,
    spec: &ControlPlaneSpec,
    exposure: Exposure,
    service: Option<&Value>,
) -> ClusterFacts {
    let mut facts = ClusterFacts::default();
    if exposure == Exposure::NodePort {
        match session.management.list("v1", "Node", None, "").await {
            Ok(nodes) => facts.nodes = nodes.iter().map(node_facts).collect(),
            Err(refusal) => facts.nodes_unknown = Some(format!("the nodes' addresses cannot be read: {refusal}")),
        }
        facts.nodes.sort_by(|a, b| a.name.cmp(&b.name));
    }
    if let Some(name) = name_to_resolve(spec, service)
        && let Ok(found) = tokio::net::lookup_host((name.as_str(), 443)).await
    {
        facts.resolved = found.map(|address| address.ip()).collect();
        facts.resolved.sort_unstable();
        facts.resolved.dedup();
    }
    facts
}

fn node_facts(node: &Value) -> NodeFacts {
    let list = |pointer: &str| node.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    let ready = list("/status/conditions").iter().any(|c| c["type"] == "Ready" && c["status"] == "True");
    let of_type = |kind: &str| {
        list("/status/addresses")
            .iter()
            .filter(|address| address["type"] == kind)
            .filter_map(|address| address["address"].as_str()?.parse().ok())
            .collect::<Vec<_>>()
    };
    let mut addresses = of_type("ExternalIP");
    addresses.extend(of_type("InternalIP"));
    let name = node.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
    NodeFacts { name, ready, addresses }
}
