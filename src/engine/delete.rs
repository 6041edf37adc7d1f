//! Removing a control plane with its data. Can be killed anywhere: the record goes last, so a second run knows the rest.

use std::time::Duration;

use serde_json::Value;

use super::busy::refuse_paused;
use super::journal::{Journal, read_record};
use super::rights::require_rights;
use super::{Session, datastore};
use crate::cluster::{Lock, Removal};
use crate::error::{Fault, Kind};
use crate::event::Event;
use crate::model::{ControlPlaneName, LABEL_MANAGED_BY, LABEL_NAME, MANAGER, Namespace};
use crate::plan::{Action, Approved, Change, Plan, Step};
use crate::render::ObjectRef;

/// Kinds that belong to a control plane, in the order they go: the workload first, so that nobody writes any more.
pub(super) const KINDS: [(&str, &str); 10] = [
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

/// Those that make nothing themselves and hold no lock.
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
fn selector(request: &DeleteRequest) -> String {
    format!("{LABEL_NAME}={},{LABEL_MANAGED_BY}={MANAGER}", request.name)
}

async fn list(
    session: &Session<'_>,
    request: &DeleteRequest,
    kinds: impl IntoIterator<Item = (&'static str, &'static str)>,
) -> Result<Vec<(ObjectRef, Value)>, Fault> {
    let selector = selector(request);
    let mut found = Vec::new();
    for (api_version, kind) in kinds {
        for body in session.management.list(api_version, kind, Some(request.namespace.as_str()), &selector).await? {
            let name = body.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let object = ObjectRef {
                api_version: api_version.into(),
                kind: kind.into(),
                namespace: Some(request.namespace.to_string()),
                name,
            };
            found.push((object, body));
        }
    }
    Ok(found)
}

/// What removing it would remove. Writes nothing.
pub async fn prepare_delete(session: &Session<'_>, request: &DeleteRequest) -> Result<Plan, Fault> {
    require_rights(session, &request.namespace).await?;
    let recorded = read_record(session.management, &request.namespace, &request.name).await?;
    let mut plan = Plan { control_plane: format!("{}/{}", request.namespace, request.name), ..Default::default() };
    for (object, _) in list(session, request, KINDS)
        .await?
        .iter()
        .filter(|(object, _)| !matches!(object.kind.as_str(), "Pod" | "ReplicaSet" | "Lease"))
    {
        plan.changes.push(Change::of(object, Action::Delete, ""));
    }
    if let Some(recorded) = recorded {
        refuse_paused(&recorded.record)?;
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
        refuse_paused(&recorded.record)?;
    }
    let mut journal = recorded.map(|recorded| Journal::resume(session.management, recorded));
    if let Some(journal) = &mut journal {
        journal.update(None, |record| record.step = Step::Deleting).await?;
    }
    session.say(Event::Step("pods".into()));
    let objects = list(session, request, KINDS).await?;
    let of = |kinds: &'static [&'static str]| {
        objects.iter().map(|(object, _)| object).filter(move |o| kinds.contains(&o.kind.as_str()))
    };
    lock.check()?;
    for object in of(&["PodDisruptionBudget"]) {
        remove_one(session, object).await?;
    }
    // What makes pods goes first and leaves its pods, so that they can be given a short end and nobody replaces them.
    for kind in ["Deployment", "ReplicaSet"] {
        orphan_all(session, request, kind).await?;
    }
    await_pods_gone(session, request).await?;

    if let Some(journal) = &journal
        && !request.keep_data
    {
        remove_data(session, journal, lock).await?;
    }
    session.say(Event::Step("objects".into()));
    remove_objects(session, request, lock, of(&PLAIN).cloned().collect()).await?;
    if let Some(journal) = journal {
        journal.remove().await?;
        session.say(Event::Done("the record removed".into()));
    }
    Ok(())
}

/// Removes what makes nothing itself, all but the record, and comes back when it is gone: a Service ends only when its load
/// balancer has been given back, and others may hold an object for their own reasons.
async fn remove_objects(
    session: &Session<'_>,
    request: &DeleteRequest,
    lock: &Lock,
    mut left: Vec<ObjectRef>,
) -> Result<(), Fault> {
    let last = record_name(request);
    let mut asked: Vec<ObjectRef> = Vec::new();
    loop {
        for object in left.into_iter().filter(|object| object.name != last) {
            lock.check()?;
            if !asked.contains(&object) {
                remove_one(session, &object).await?;
                asked.push(object);
            }
        }
        let kinds = KINDS.into_iter().filter(|(_, kind)| asked.iter().any(|object| object.kind == *kind));
        let found = list(session, request, kinds).await?;
        let causes: Vec<String> =
            found.iter().filter(|(object, _)| object.name != last).map(|(object, body)| held(object, body)).collect();
        if causes.is_empty() {
            return Ok(());
        }
        left = found.into_iter().map(|(object, _)| object).collect();
        session.wait(Duration::from_millis(500), "the objects to go", &causes).await?;
    }
}

/// Why an object is still there.
fn held(object: &ObjectRef, body: &Value) -> String {
    let finalizers = body.pointer("/metadata/finalizers").and_then(Value::as_array);
    let finalizers: Vec<&str> = finalizers.into_iter().flatten().filter_map(Value::as_str).collect();
    if finalizers.is_empty() {
        return format!("{object} is still there");
    }
    format!("{object} is held by whoever put the finalizer {} on it", finalizers.join(", "))
}

/// Removes all of a kind that makes pods, and comes back when they are gone.
async fn orphan_all(session: &Session<'_>, request: &DeleteRequest, kind: &str) -> Result<(), Fault> {
    let mut asked: Vec<String> = Vec::new();
    loop {
        let left =
            session.management.list("apps/v1", kind, Some(request.namespace.as_str()), &selector(request)).await?;
        if left.is_empty() {
            return Ok(());
        }
        let mut causes = Vec::new();
        for body in &left {
            let name = body.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
            causes.push(format!("{kind} {name} is still there"));
            if !asked.contains(&name) {
                let object = ObjectRef {
                    api_version: "apps/v1".into(),
                    kind: kind.into(),
                    namespace: Some(request.namespace.to_string()),
                    name: name.clone(),
                };
                session.management.delete(&object, &Removal { orphan: true, ..Removal::default() }).await?;
                session.say(Event::Done(format!("{object} removed")));
                asked.push(name);
            }
        }
        session.wait(Duration::from_millis(100), &format!("each {kind} to go"), &causes).await?;
    }
}

async fn remove_one(session: &Session<'_>, object: &ObjectRef) -> Result<(), Fault> {
    if session.management.delete(object, &Removal::default()).await? {
        session.say(Event::Done(format!("{object} removed")));
    }
    Ok(())
}

/// Nobody needs a graceful end of an API server whose data goes away; so pods get one second.
async fn await_pods_gone(session: &Session<'_>, request: &DeleteRequest) -> Result<(), Fault> {
    let selector = selector(request);
    let mut hurried: Vec<String> = Vec::new();
    loop {
        let pods = session.management.list("v1", "Pod", Some(request.namespace.as_str()), &selector).await?;
        if pods.is_empty() {
            return Ok(());
        }
        let mut causes = Vec::new();
        for pod in &pods {
            let name = pod.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
            causes.push(format!("pod {name} is still ending"));
            if !hurried.contains(&name) {
                let object = ObjectRef {
                    api_version: "v1".into(),
                    kind: "Pod".into(),
                    namespace: Some(request.namespace.to_string()),
                    name: name.clone(),
                };
                session.management.delete(&object, &Removal { grace: Some(1), ..Removal::default() }).await?;
                hurried.push(name);
            }
        }
        session.wait(Duration::from_millis(200), "the pods to end", &causes).await?;
    }
}

async fn remove_data(session: &Session<'_>, journal: &Journal<'_>, lock: &Lock) -> Result<(), Fault> {
    let record = journal.record();
    let name = &record.spec.datastore;
    session.say(Event::Step(format!("data in datastore `{name}`")));
    let Some(datastore) = datastore::find(session, name).await? else {
        // Killed while the datastore was being made: there is nothing of ours in it.
        if record.step == Step::Deleting && record.certificates_end.is_none() {
            return Ok(());
        }
        return Err(Fault::new(
            Kind::Failed,
            format!("datastore `{name}` is not described any more, so the data cannot be removed"),
        )
        .hint("restore its Secret; or leave the data behind: --keep-data"));
    };
    let mut admin = datastore::open(session, &datastore)
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
