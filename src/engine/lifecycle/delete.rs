//! Removing a control plane with its data. Can be killed anywhere: the record goes last, so a second run knows the rest.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use serde_json::Value;

use super::permissions::require_rights;
use crate::cluster::{Lock, Removal};
use crate::engine::datastore::admin;
use crate::engine::session::Session;
use crate::engine::state::ensure_changeable::ensure_not_paused;
use crate::engine::state::observe::labelled;
use crate::engine::state::record_store::{RecordStore, read_record};
use crate::error::{Fault, Kind};
use crate::event::Event;
use crate::model::{ControlPlaneName, Namespace};
use crate::plan::apply::plan::{Action, Approved, Change, Plan};
use crate::plan::state::record::LifecyclePhase;
use crate::render::ObjectRef;

/// Kinds that belong to a control plane, in the order they go: the workload first, so that nobody writes any more.
pub(crate) const KINDS: [(&str, &str); 10] = [
    ("policy/v1", "PodDisruptionBudget"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "ReplicaSet"),
    ("v1", "Pod"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("v1", "Service"),
    ("v1", "Secret"),
    ("v1", "ConfigMap"),
    ("v1", "ServiceAccount"),
    ("coordination.k8s.io/v1", "Lease"),
];

/// What of them is told beforehand: Kubernetes makes the others, and a lock is given back.
const TOLD: [&str; 7] =
    ["PodDisruptionBudget", "Deployment", "NetworkPolicy", "Service", "Secret", "ConfigMap", "ServiceAccount"];

/// What makes nothing itself and holds no lock.
const PLAIN: [&str; 5] = ["NetworkPolicy", "Service", "Secret", "ConfigMap", "ServiceAccount"];

/// What is to be removed.
#[derive(Debug)]
pub struct DeleteRequest {
    /// The namespace.
    pub namespace: Namespace,
    /// The control plane.
    pub name: ControlPlaneName,
    /// Leave data, user and role in the datastore.
    pub keep_data: bool,
}

fn record_name(request: &DeleteRequest) -> String {
    crate::model::ObjectNames(&request.name).record()
}

/// Pods and `ReplicaSets` carry the labels of the Deployment's template, and are found by them even when it is gone.
async fn list(
    session: &Session<'_>,
    request: &DeleteRequest,
    kinds: &[&str],
) -> Result<Vec<(ObjectRef, Value)>, Fault> {
    let mut found = Vec::new();
    for kind in KINDS.into_iter().filter(|(_, kind)| kinds.contains(kind)) {
        found.extend(labelled(session, &request.namespace, &request.name, kind).await?);
    }
    Ok(found)
}

/// What removing it would remove. Writes nothing.
pub async fn prepare_delete(session: &Session<'_>, request: &DeleteRequest) -> Result<Plan, Fault> {
    require_rights(session.management, &request.namespace).await?;
    let recorded = read_record(session.management, &request.namespace, &request.name).await?;
    let mut plan = Plan { control_plane: format!("{}/{}", request.namespace, request.name), ..Default::default() };
    for (object, _) in &list(session, request, &TOLD).await? {
        plan.changes.push(Change::of(object, Action::Delete, ""));
    }
    if let Some(recorded) = recorded {
        ensure_not_paused(&recorded.record)?;
        let datastore = &recorded.record.spec.datastore;
        if request.keep_data {
            plan.changes.push(Change::of(
                format!("datastore {datastore}: data, user and role"),
                Action::Unchanged,
                "kept",
            ));
        } else {
            plan.changes.push(Change::of(
                format!("datastore {datastore}: user, role and everything under /{}/", recorded.record.id),
                Action::Delete,
                "cannot be undone",
            ));
        }
    }
    Ok(plan)
}

/// Removes it, and comes back when nothing is left.
pub async fn delete(session: &Session<'_>, request: &DeleteRequest, _approved: &Approved) -> Result<(), Fault> {
    session.locked(&request.namespace, &request.name, async |lock| remove(session, request, lock).await).await
}

async fn remove(session: &Session<'_>, request: &DeleteRequest, lock: &Lock) -> Result<(), Fault> {
    let recorded = read_record(session.management, &request.namespace, &request.name).await?;
    if let Some(recorded) = &recorded {
        ensure_not_paused(&recorded.record)?;
    }
    let mut store = recorded.map(|recorded| RecordStore::resume(session.management, recorded));
    if let Some(store) = &mut store {
        store.update(None, |record| record.step = LifecyclePhase::Deleting).await?;
    }
    session.say(Event::Step("pods".into()));
    let all = Removing { session, request, lock };
    // What makes pods goes first and leaves its pods, so that they can be given a short end and nobody replaces them.
    let orphan = Removal { orphan: true, ..Removal::default() };
    all.of(&["PodDisruptionBudget"], Removal::default(), "the disruption budget to go").await?;
    all.of(&["Deployment"], orphan, "the Deployment to go").await?;
    all.of(&["ReplicaSet"], orphan, "the ReplicaSets to go").await?;
    // Nobody needs a graceful end of an API server whose data goes away.
    all.of(&["Pod"], Removal { grace: Some(1), ..Removal::default() }, "the pods to end").await?;

    if let Some(store) = &store
        && !request.keep_data
    {
        remove_data(session, store, lock).await?;
    }
    session.say(Event::Step("objects".into()));
    // A Service ends only when its load balancer has been given back, and others may hold an object for their own reasons.
    all.of(&PLAIN, Removal::default(), "the objects to go").await?;
    if let Some(store) = store {
        store.remove().await?;
        session.say(Event::Done("the record removed".into()));
    }
    Ok(())
}

/// A removal at work.
struct Removing<'a> {
    session: &'a Session<'a>,
    request: &'a DeleteRequest,
    lock: &'a Lock,
}

impl Removing<'_> {
    /// Removes all objects of these kinds but the record, and comes back when they are gone. Each is asked for once.
    async fn of(&self, kinds: &[&str], how: Removal<'_>, goal: &str) -> Result<(), Fault> {
        let Self { session, request, lock } = *self;
        let record = record_name(request);
        let mut kinds = kinds.to_vec();
        let mut asked: BTreeSet<ObjectRef> = BTreeSet::new();
        loop {
            let mut left = list(session, request, &kinds).await?;
            left.retain(|(object, _)| object.name != record);
            if left.is_empty() {
                return Ok(());
            }
            let new: Vec<&ObjectRef> =
                left.iter().map(|(object, _)| object).filter(|object| !asked.contains(object)).collect();
            if new.is_empty() {
                let causes: Vec<String> = left.iter().map(|(object, body)| held(object, body)).collect();
                session.wait(Duration::from_millis(200), goal, &causes).await?;
                continue;
            }
            lock.check()?;
            let removals = stream::iter(new.iter().map(|object| self.one(object, how))).buffered(8);
            removals.collect::<Vec<Result<(), Fault>>>().await.into_iter().collect::<Result<Vec<()>, Fault>>()?;
            asked.extend(new.into_iter().cloned());
            kinds.retain(|kind| asked.iter().any(|object| object.kind == *kind));
        }
    }

    async fn one(&self, object: &ObjectRef, how: Removal<'_>) -> Result<(), Fault> {
        if self.session.management.delete(object, &how).await? && object.kind != "Pod" {
            self.session.say(Event::Done(format!("{object} removed")));
        }
        Ok(())
    }
}

/// What Kubernetes itself ends an object with.
const OF_KUBERNETES: [&str; 2] = ["orphan", "foregroundDeletion"];

/// Why an object is still there.
fn held(object: &ObjectRef, body: &Value) -> String {
    let finalizers = body.pointer("/metadata/finalizers").and_then(Value::as_array);
    let finalizers: Vec<&str> = finalizers
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .filter(|name| !OF_KUBERNETES.contains(name))
        .collect();
    if finalizers.is_empty() {
        return format!("{object} is still there");
    }
    format!("{object} is held by whoever put the finalizer {} on it", finalizers.join(", "))
}

async fn remove_data(session: &Session<'_>, store: &RecordStore<'_>, lock: &Lock) -> Result<(), Fault> {
    let record = store.record();
    let name = &record.spec.datastore;
    session.say(Event::Step(format!("data in datastore `{name}`")));
    let Some(datastore) = admin::find(session, name).await? else {
        // Killed while the datastore was being made: there is nothing of ours in it.
        if record.step == LifecyclePhase::Deleting && record.certificates_end.is_none() {
            return Ok(());
        }
        return Err(Fault::new(
            Kind::Failed,
            format!("datastore `{name}` is not described any more, so the data cannot be removed"),
        )
        .hint("restore its Secret; or leave the data behind: --keep-data"));
    };
    let mut admin = admin::open(session, &datastore)
        .await
        .map_err(|fault| fault.hint("to leave the data behind and remove the rest: --keep-data"))?;
    lock.confirm().await?;
    let progress = |keys: u64| {
        session.say(Event::Waiting {
            goal: format!("data in datastore `{name}` to go"),
            causes: vec![format!("{keys} keys removed")],
        });
    };
    if admin.etcd.remove_tenant(&record.id, progress).await? == crate::datastore::Change::Changed {
        session.say(Event::Done(format!("datastore {name}: data, user and role removed")));
    }
    Ok(())
}
