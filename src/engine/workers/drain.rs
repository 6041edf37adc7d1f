//! Moving the pods of workers elsewhere: cordon, evict, wait, and say what is in the way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::try_join_all;
use futures::{StreamExt as _, stream};
use serde_json::Value;
use tokio::time::Instant;

use super::nodes::set_schedulable;
use crate::cluster::{Connection, Eviction};
use crate::engine::session::Session;
use crate::error::{Fault, Kind};
use crate::event::Event;
use crate::model::NodeName;
use crate::plan::apply::plan::Approved;
use crate::plan::workers::drain::{Consent, DrainPlan, PodOn, budgets_in_the_way, decide_drain, pod_on};

/// How often the pods of a worker are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How long until an eviction that was refused is asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// How many evictions are asked for at a time.
const AT_ONCE: usize = 8;

/// A worker whose pods are to leave.
#[derive(Debug)]
pub struct Drainable {
    /// The worker.
    pub node: NodeName,
    /// Which pods leave and which stay.
    pub pods: DrainPlan,
}

/// How moving the pods of a worker away went.
#[derive(Debug)]
pub struct Drained {
    /// The worker.
    pub node: NodeName,
    /// How many pods left.
    pub left: usize,
    /// What is in the way of those that did not; empty when all left.
    pub blocked: Vec<String>,
    /// The kind of failure, if there is one.
    pub failure: Option<Kind>,
}

/// Looks at the pods of workers and decides which leave. Changes nothing.
pub async fn prepare_drain(
    connection: &Connection,
    nodes: &[NodeName],
    consent: Consent,
) -> Result<Vec<Drainable>, Fault> {
    let sets = connection.list("apps/v1", "DaemonSet", None, "").await?;
    let text = |set: &Value, key: &str| set["metadata"][key].as_str().unwrap_or_default().to_owned();
    let sets: BTreeSet<(String, String)> = sets.iter().map(|set| (text(set, "namespace"), text(set, "name"))).collect();
    let looks = nodes.iter().map(|node| async {
        let pods = pods_on(connection, node).await?;
        Ok::<_, Fault>(Drainable { node: node.clone(), pods: decide_drain(&pods, &sets, consent) })
    });
    try_join_all(looks).await
}

async fn pods_on(connection: &Connection, node: &NodeName) -> Result<Vec<Value>, Fault> {
    Ok(connection.list_by_field("v1", "Pod", &format!("spec.nodeName={node}")).await?)
}

/// What evicting the pods of a worker would wait for now, by pod. Nothing is evicted.
pub async fn preview_drain(connection: &Connection, drainable: &Drainable) -> Result<BTreeMap<String, String>, Fault> {
    let present: BTreeMap<String, Value> = by_uid(pods_on(connection, &drainable.node).await?);
    let mut waits = BTreeMap::new();
    for pod in &drainable.pods.leave {
        if let Some(body) = present.get(&pod.uid).filter(|pod| pod.pointer("/metadata/deletionTimestamp").is_none())
            && let Eviction::Later(words) = connection.evict(&pod.object, &pod.uid, None, true).await?
        {
            let cause = why_later(connection, body, words).await?;
            waits.insert(pod.uid.clone(), cause);
        }
    }
    Ok(waits)
}

/// A pod that is to leave, while it does.
struct Leaving<'a> {
    node: &'a NodeName,
    pod: &'a PodOn,
    asked: Option<Instant>,
    cause: String,
    refused: bool,
    gone: bool,
}

/// Cordons the workers, evicts their pods and waits until they are gone, at most until the session's deadline.
pub async fn drain(
    session: &Session<'_>,
    connection: &Connection,
    drainables: &[Drainable],
    grace: Option<u32>,
    _: &Approved,
) -> Result<Vec<Drained>, Fault> {
    for drainable in drainables {
        if set_schedulable(connection, &drainable.node, false).await? {
            session.say(Event::Done(format!("node {} cordoned", drainable.node)));
        }
    }
    let mut leaving: Vec<Leaving<'_>> = drainables
        .iter()
        .flat_map(|drainable| drainable.pods.leave.iter().map(|pod| (&drainable.node, pod)))
        .map(|(node, pod)| Leaving { node, pod, asked: None, cause: String::new(), refused: false, gone: false })
        .collect();
    let names: Vec<&str> = drainables.iter().map(|drainable| drainable.node.as_str()).collect();
    let goal = format!("the pods of {} to leave", names.join(", "));
    let mut in_time = true;
    loop {
        look(session, connection, drainables, &mut leaving).await?;
        ask(connection, &mut leaving, grace).await?;
        let causes: Vec<String> =
            leaving.iter().filter(|pod| !pod.gone && !pod.refused).map(|pod| pod.cause.clone()).collect();
        if causes.is_empty() {
            break;
        }
        // Told below with the pods of each worker.
        if session.wait(LOOK, &goal, &causes).await.is_err() {
            in_time = false;
            break;
        }
    }
    Ok(drainables.iter().map(|drainable| outcome(drainable, &leaving, in_time)).collect())
}

fn outcome(drainable: &Drainable, leaving: &[Leaving<'_>], in_time: bool) -> Drained {
    let mine = || leaving.iter().filter(|pod| *pod.node == drainable.node);
    let failure = if mine().any(|pod| pod.refused) {
        Some(Kind::Failed)
    } else {
        (!in_time && mine().any(|pod| !pod.gone)).then_some(Kind::TimedOut)
    };
    Drained {
        node: drainable.node.clone(),
        left: mine().filter(|pod| pod.gone).count(),
        blocked: mine().filter(|pod| !pod.gone).map(|pod| pod.cause.clone()).collect(),
        failure,
    }
}

fn by_uid(pods: Vec<Value>) -> BTreeMap<String, Value> {
    pods.into_iter().map(|pod| (pod_on(&pod).uid, pod)).collect()
}

/// Sees which pods are gone, and which are ending.
async fn look(
    session: &Session<'_>,
    connection: &Connection,
    drainables: &[Drainable],
    leaving: &mut [Leaving<'_>],
) -> Result<(), Fault> {
    let open: Vec<&NodeName> = drainables
        .iter()
        .map(|drainable| &drainable.node)
        .filter(|node| leaving.iter().any(|pod| pod.node == *node && !pod.gone))
        .collect();
    let pods = try_join_all(open.into_iter().map(|node| pods_on(connection, node))).await?;
    let present = by_uid(pods.into_iter().flatten().collect());
    for pod in leaving.iter_mut().filter(|pod| !pod.gone) {
        let name = short(pod.pod);
        match present.get(&pod.pod.uid) {
            None => {
                pod.gone = true;
                session.say(Event::Done(format!("pod {name} left node {}", pod.node)));
            }
            Some(body) if body.pointer("/metadata/deletionTimestamp").is_some() => {
                let grace = body.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_u64).unwrap_or(0);
                pod.cause = format!("pod {name}: is ending, which may take {grace} s");
                pod.asked = Some(Instant::now());
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Asks for the eviction of the pods whose turn it is.
async fn ask(connection: &Connection, leaving: &mut [Leaving<'_>], grace: Option<u32>) -> Result<(), Fault> {
    let is_due = |asked: Option<Instant>| asked.is_none_or(|at| at.elapsed() >= ASK_AGAIN);
    let due = leaving.iter().enumerate().filter(|(_, pod)| !pod.gone && !pod.refused && is_due(pod.asked));
    let due: Vec<(usize, &PodOn)> = due.map(|(index, pod)| (index, pod.pod)).collect();
    let answers: Vec<(usize, Result<Eviction, _>)> = stream::iter(due)
        .map(|(index, pod)| async move { (index, connection.evict(&pod.object, &pod.uid, grace, false).await) })
        .buffered(AT_ONCE)
        .collect()
        .await;
    for (index, answer) in answers {
        let pod = &mut leaving[index];
        pod.asked = Some(Instant::now());
        let name = short(pod.pod);
        match answer {
            Ok(Eviction::Agreed | Eviction::Gone) => pod.cause = format!("pod {name}: is ending"),
            Ok(Eviction::Later(words)) => {
                let body = connection.get(&pod.pod.object).await?.unwrap_or_default();
                pod.cause = format!("pod {name}: {}", why_later(connection, &body, words).await?);
            }
            Err(refusal) => {
                pod.cause = format!("pod {name}: {refusal}");
                pod.refused = true;
            }
        }
    }
    Ok(())
}

/// Names the budget that forbids an eviction; where none is found, the server's words.
async fn why_later(connection: &Connection, pod: &Value, words: String) -> Result<String, Fault> {
    let namespace = pod.pointer("/metadata/namespace").and_then(Value::as_str);
    let budgets = connection.list("policy/v1", "PodDisruptionBudget", namespace, "").await?;
    let named = budgets_in_the_way(pod, &budgets);
    Ok(if named.is_empty() { words } else { named.join("; ") })
}

/// `default/web`.
fn short(pod: &PodOn) -> String {
    format!("{}/{}", pod.object.namespace.as_deref().unwrap_or_default(), pod.object.name)
}
