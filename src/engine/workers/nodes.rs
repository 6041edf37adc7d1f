//! Workers of a control plane: listing, cordoning, taking out. Moving their pods away is `drain.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::cluster::{Connection, Removal};
use crate::engine::session::Session;
use crate::error::{Fault, Kind};
use crate::model::{KubeVersion, NamespacedName, NodeName};
use crate::plan::apply::plan::Approved;
use crate::plan::workers::host_probe::asked_by_node;
use crate::plan::workers::node_status::NodeState;
use crate::render::ObjectRef;

/// How long one kubelet is asked about its certificate.
const KUBELET: Duration = Duration::from_secs(3);
/// How many kubelets are asked at a time.
const AT_ONCE: usize = 16;

/// A worker as it is seen now.
#[derive(Debug, Clone)]
pub struct SeenWorker {
    /// What its Node says.
    pub worker: NodeState,
    /// How many pods it has that have not ended.
    pub pods: usize,
    /// What its kubelet says about its certificate; `None` when it was not asked or did not answer.
    pub certificate: Option<KubeletCertificate>,
}

/// The client certificate of a kubelet.
#[derive(Debug, Clone, Copy)]
pub struct KubeletCertificate {
    /// When it ends; a kubelet that does not renew it does not tell.
    pub ends: Option<Timestamp>,
    /// When the kubelet started.
    pub started: Option<Timestamp>,
    /// Whether the kubelet gets a new one in time.
    pub rotates: bool,
}

/// The Node object of a worker.
pub(crate) fn node_ref(name: &str) -> ObjectRef {
    ObjectRef { api_version: "v1".into(), kind: "Node".into(), namespace: None, name: name.to_owned() }
}

/// All workers, by name. With `ask_kubelets`, also what only the kubelets know.
pub async fn list_workers(
    connection: &Connection,
    version: KubeVersion,
    ask_kubelets: bool,
    now: Timestamp,
) -> Result<Vec<SeenWorker>, Fault> {
    let (nodes, pods) = tokio::try_join!(
        connection.list("v1", "Node", None, ""),
        connection.list_by_field("v1", "Pod", "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"),
    )?;
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for node in pods.iter().filter_map(|pod| pod.pointer("/spec/nodeName")?.as_str()) {
        *count.entry(node).or_default() += 1;
    }
    let seen = stream::iter(nodes.iter().map(|node| NodeState::of(node, version)).map(|worker| async {
        let ask = ask_kubelets && worker.ready;
        let certificate = if ask { kubelet_certificate(connection, &worker.name, now).await } else { None };
        SeenWorker { pods: count.get(worker.name.as_str()).copied().unwrap_or(0), worker, certificate }
    }));
    let mut seen: Vec<SeenWorker> = seen.buffered(AT_ONCE).collect().await;
    seen.sort_by(|a, b| a.worker.name.cmp(&b.worker.name));
    Ok(seen)
}

/// Asks a kubelet through the API server. One that does not answer in time is passed over: it is no failure of the list.
async fn kubelet_certificate(connection: &Connection, node: &str, now: Timestamp) -> Option<KubeletCertificate> {
    let path = |what: &str| format!("/api/v1/nodes/{node}/proxy/{what}");
    let (metrics, config) = (path("metrics"), path("configz"));
    let answers = async { tokio::try_join!(connection.text(&metrics), connection.text(&config)) };
    let (metrics, config) = tokio::time::timeout(KUBELET, answers).await.ok()?.ok()?;
    let config: Value = serde_json::from_str(&config).ok()?;
    let rotates = config.pointer("/kubeletconfig/rotateCertificates") == Some(&Value::Bool(true));
    let seconds = |name: &str| {
        let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        let seconds = value.trim().parse::<f64>().ok().filter(|seconds| seconds.is_finite())?;
        SignedDuration::try_from_secs_f64(seconds.round()).ok()
    };
    let after = |begin: Timestamp, name: &str| begin.checked_add(seconds(name)?).ok();
    let ends = after(now, "kubelet_certificate_manager_client_ttl_seconds");
    let started = after(Timestamp::UNIX_EPOCH, "process_start_time_seconds");
    Some(KubeletCertificate { ends, started, rotates })
}

/// The names of the workers that are ready and whose kubelets answer.
pub async fn answering_workers(
    session: &Session<'_>,
    connection: &Connection,
    version: KubeVersion,
) -> Result<Vec<String>, Fault> {
    let workers = list_workers(connection, version, true, (session.clock)()).await?;
    let answers = workers.into_iter().filter(|seen| seen.worker.ready && seen.certificate.is_some());
    Ok(answers.map(|seen| seen.worker.name).collect())
}

/// Waits until these kubelets, which were started anew, answer again.
pub async fn await_workers(
    session: &Session<'_>,
    connection: &Connection,
    version: KubeVersion,
    nodes: &[&str],
) -> Result<(), Fault> {
    loop {
        let answering = answering_workers(session, connection, version).await?;
        let missing = nodes.iter().filter(|node| !answering.iter().any(|answering| answering == *node));
        let missing: Vec<&str> = missing.copied().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let causes = [format!("the kubelet of {} does not answer yet", missing.join(", "))];
        session.wait(Duration::from_secs(1), "kubelets that were started anew to answer", &causes).await?;
    }
}

/// The Nodes with these names, `None` for those that do not exist.
pub async fn find_nodes(connection: &Connection, names: &[NodeName]) -> Result<Vec<Option<Value>>, Fault> {
    let looks = names.iter().map(|name| async move { connection.get(&node_ref(name.as_str())).await });
    Ok(futures::future::try_join_all(looks).await?)
}

/// Says which workers do not exist.
#[must_use]
pub fn no_such_nodes(control_plane: &NamespacedName, missing: &[&NodeName]) -> Fault {
    let names: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
    Fault::new(
        Kind::NotFound,
        format!("control plane `{control_plane}` has no node {}; nothing was changed", names.join(", ")),
    )
    .hint(format!("see which there are: kamaji node list {}", control_plane.argument()))
}

/// Lets new pods come to a worker, or not. `false` when it was so already.
pub async fn set_schedulable(connection: &Connection, name: &NodeName, schedulable: bool) -> Result<bool, Fault> {
    let object = node_ref(name.as_str());
    let node = connection.get(&object).await?;
    let is_cordoned = node.as_ref().is_some_and(|node| node.pointer("/spec/unschedulable") == Some(&json!(true)));
    if is_cordoned != schedulable {
        return Ok(false);
    }
    let value = if schedulable { Value::Null } else { json!(true) };
    connection.merge(&object, &json!({"spec": {"unschedulable": value}})).await?;
    Ok(true)
}

/// Deletes a Node with what its joining left: its lease, and requests for its certificates. Its pods go by themselves.
pub async fn remove_node(connection: &Connection, name: &NodeName, _: &Approved) -> Result<(), Fault> {
    connection.delete(&node_ref(name.as_str()), &Removal::default()).await?;
    let lease = ObjectRef {
        api_version: "coordination.k8s.io/v1".into(),
        kind: "Lease".into(),
        namespace: Some("kube-node-lease".into()),
        name: name.to_string(),
    };
    connection.delete(&lease, &Removal::default()).await?;
    let (version, kind) = ("certificates.k8s.io/v1", "CertificateSigningRequest");
    for request in connection.list(version, kind, None, "").await?.iter().filter(|request| asked_by_node(request, name))
    {
        let object = ObjectRef {
            api_version: version.into(),
            kind: kind.into(),
            namespace: None,
            name: request.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned(),
        };
        connection.delete(&object, &Removal::default()).await?;
    }
    Ok(())
}
