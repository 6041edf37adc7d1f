//! Changing a control plane's version or settings while it serves: new pods beside the old, then the objects inside the
//! cluster; back again by itself when the new pods do not become ready.
//!
//! Every phase is in the record before it begins, so that a run that was killed is gone on with, or undone.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::ambient::Ambient;
use crate::cluster::{Lock, this_process};
use crate::engine::access::endpoint::await_address;
use crate::engine::access::tenant_connection::{answers_directly_soon, pods};
use crate::engine::datastore::admin;
use crate::engine::lifecycle::objects::{ApplyOutcome, ApplyRun, deployment_ref, rolled_out};
use crate::engine::lifecycle::preview::{CreateRequest, ensure_immutable_fields_unchanged, way_of};
use crate::engine::session::Session;
use crate::engine::state::ensure_changeable::{
    ensure_not_busy, ensure_not_paused, ensure_not_updating, ensure_not_upgrading,
};
use crate::engine::state::record_store::{RecordStore, StoredRecord, require_record};
use crate::error::{Fault, Kind};
use crate::event::Event;
use crate::model::{ControlPlaneName, ControlPlaneSpec, KubeVersion, Namespace};
use crate::plan::apply::plan::Approved;
use crate::plan::lifecycle::current_replica_set::{is_broken, newest_pods};
use crate::plan::lifecycle::pod_status::causes_of_pods;
use crate::plan::rollout::settings_diff::{changes_of_settings, words_of};
use crate::plan::state::operations::{DesiredSpec, Phase, Update, Upgrade};
use crate::plan::state::record::Record;

/// How long a pod may be broken (crashing, without its image) before there is no hope for it.
const HOPE: Duration = Duration::from_secs(30);
/// How long going back may take; it must not be cut short by the patience that the change used up.
const WAY_BACK: Duration = Duration::from_secs(300);
/// What the objects inside the cluster are given at least: they come after the pods, and have a time of their own.
const END: Duration = Duration::from_secs(60);

/// Which control plane is to get which version.
#[derive(Debug)]
pub struct Target<'a> {
    /// The namespace in the management cluster.
    pub namespace: &'a Namespace,
    /// The control plane.
    pub name: &'a ControlPlaneName,
    /// The version it is to have.
    pub version: KubeVersion,
    /// Whether `rollback` asks for it.
    pub is_rollback: bool,
}

/// Changes the version as it was agreed to. A version that does not become ready is taken back, and the error says why.
pub async fn roll(
    session: &Session<'_>,
    target: &Target<'_>,
    approved: &Approved,
    ambient: &mut Ambient,
) -> Result<Record, Fault> {
    debug_assert!(!approved.plan().is_empty(), "an empty plan changes nothing");
    let created = session
        .locked(target.namespace, target.name, async |lock| to_version(session, target, lock, ambient).await)
        .await?;
    Ok(created.record)
}

async fn to_version(
    session: &Session<'_>,
    target: &Target<'_>,
    lock: &Lock,
    ambient: &mut Ambient,
) -> Result<ApplyOutcome, Fault> {
    let recorded = require_record(session.management, target.namespace, target.name).await?;
    let change = begin_upgrade(&recorded, target, (session.clock)())?;
    let desired = |version| {
        let spec = ControlPlaneSpec { version, ..recorded.record.spec.clone() };
        CreateRequest::of(DesiredSpec { spec, documents: with_version(&recorded.documents, version) })
    };
    let (new, old) = (desired(change.to), desired(change.from));
    let way =
        Way { new: &new, old: &old, phase: change.phase, names: [change.to.to_string(), change.from.to_string()] };
    let mut store = RecordStore::resume(session.management, recorded);
    store.update(None, |record| record.upgrade = Some(change)).await?;
    way.go(session, &mut store, lock, ambient).await
}

/// The change of version that this run is about: a new one, or the one on its way.
fn begin_upgrade(recorded: &StoredRecord, target: &Target<'_>, now: jiff::Timestamp) -> Result<Upgrade, Fault> {
    let record = &recorded.record;
    if record.upgrade.is_none() {
        ensure_not_busy(record)?;
    }
    ensure_not_paused(record)?;
    ensure_not_updating(record)?;
    match &record.upgrade {
        None => Ok(Upgrade {
            from: record.spec.version,
            to: target.version,
            phase: Phase::Pods,
            began: now,
            is_rollback: target.is_rollback,
        }),
        Some(way) if target.version == way.from => Ok(Upgrade { phase: Phase::Back, ..way.clone() }),
        Some(way) if target.version == way.to && way.phase == Phase::Back => {
            Ok(Upgrade { phase: Phase::Pods, ..way.clone() })
        }
        Some(way) => {
            if target.version != way.to {
                ensure_not_upgrading(record)?;
            }
            Ok(way.clone())
        }
    }
}

/// Changes the settings of a control plane that serves. What does not become ready is taken back, and the error says why.
pub(crate) async fn to_settings(
    session: &Session<'_>,
    request: &CreateRequest,
    recorded: StoredRecord,
    lock: &Lock,
    ambient: &mut Ambient,
) -> Result<ApplyOutcome, Fault> {
    ensure_not_paused(&recorded.record)?;
    ensure_immutable_fields_unchanged(&recorded, request)?;
    let change = begin_update(&recorded, request, (session.clock)());
    let old = CreateRequest::of(recorded.desired_spec());
    // Who goes back asks for what there was; what was being made is on record.
    let made = CreateRequest::of(change.to.clone());
    let new = if change.phase == Phase::Back { &made } else { request };
    let way = Way {
        new,
        old: &old,
        phase: change.phase,
        names: ["the new settings".to_owned(), "the settings before".to_owned()],
    };
    let mut store = RecordStore::resume(session.management, recorded);
    store.update(None, |record| record.update = Some(Box::new(change))).await?;
    way.go(session, &mut store, lock, ambient).await
}

/// The change of settings that this run is about: a new one, or the one on its way.
fn begin_update(recorded: &StoredRecord, request: &CreateRequest, now: jiff::Timestamp) -> Update {
    let (record, desired) = (&recorded.record, request.desired_spec());
    match (&record.update, way_of(recorded, &desired)) {
        (Some(update), Some(phase)) => Update { phase, ..update.as_ref().clone() },
        (Some(_) | None, _) => Update {
            what: words_of(&changes_of_settings(&record.spec, &desired.spec)),
            to: desired,
            exposure: record.exposure,
            address: record.address.clone(),
            phase: Phase::Pods,
            began: now,
            by: this_process(),
            is_rollback: request.is_rollback,
        },
    }
}

/// The documents with another `kubernetesVersion`: what a person would edit in the file.
pub(crate) fn with_version(documents: &str, version: KubeVersion) -> String {
    let line = |line: &str| {
        if line.starts_with("kubernetesVersion:") {
            format!("kubernetesVersion: {version}\n")
        } else {
            format!("{line}\n")
        }
    };
    documents.lines().map(line).collect()
}

/// A change that the record tells of, from where it stands.
struct Way<'a> {
    new: &'a CreateRequest,
    old: &'a CreateRequest,
    phase: Phase,
    /// What the two are called.
    names: [String; 2],
}

impl Way<'_> {
    async fn go(
        &self,
        session: &Session<'_>,
        store: &mut RecordStore<'_>,
        lock: &Lock,
        ambient: &mut Ambient,
    ) -> Result<ApplyOutcome, Fault> {
        if self.phase == Phase::Back {
            return self.back(session, store, lock, ambient).await;
        }
        let [new, old] = &self.names;
        session.say(Event::Step(format!("pods with {new} beside those with {old}")));
        let rolling = Rolling { creation: ApplyRun { session, request: self.new, lock } };
        if let Err(why) = rolling.pods(store, ambient).await {
            // Nothing is decided by a server that does not answer, or a lock that was lost: the next run goes on.
            if !matches!(why.kind(), Kind::TimedOut | Kind::Failed) {
                return Err(why);
            }
            session.say(Event::Note(format!("{new}: the pods did not become ready; going back to {old}")));
            let patient = Session { deadline: Instant::now() + WAY_BACK, ..*session };
            session.management.ends_by(patient.deadline);
            self.back(&patient, store, lock, ambient)
                .await
                .map_err(|fault| fault.context(format!("{new} did not work, and going back to {old} failed")))?;
            let name = &self.old.spec.name;
            return Err(why
                .context(format!(
                    "control plane `{name}` did not become ready with {new}; it has {old} again, which served all the time"
                ))
                .with_kind(Kind::Failed));
        }
        session.say(Event::Step("the objects in the cluster".into()));
        store.update(None, |record| record.set_phase(Phase::Objects)).await?;
        let finishing = Session { deadline: session.deadline.max(Instant::now() + END), ..*session };
        session.management.ends_by(finishing.deadline);
        let rolling = Rolling { creation: ApplyRun { session: &finishing, request: self.new, lock } };
        let direct = rolling.objects(store, ambient).await?;
        lock.check()?;
        let (now, before) = ((session.clock)(), store.desired_spec().documents);
        let request = self.new;
        store
            .update(Some((&request.spec, &request.documents)), |record| record.finish(now, this_process(), before))
            .await?;
        Ok(ApplyOutcome { record: store.record().clone(), direct })
    }

    /// Puts back what was before, and the objects in the cluster with it.
    async fn back(
        &self,
        session: &Session<'_>,
        store: &mut RecordStore<'_>,
        lock: &Lock,
        ambient: &mut Ambient,
    ) -> Result<ApplyOutcome, Fault> {
        store.update(None, Record::begin_rollback).await?;
        let rolling = Rolling { creation: ApplyRun { session, request: self.old, lock } };
        session.say(Event::Step(format!("pods with {}", self.names[1])));
        rolling.pods(store, ambient).await?;
        let direct = rolling.objects(store, ambient).await?;
        lock.check()?;
        let now = (session.clock)();
        store.update(None, |record| record.finish_rollback(now, this_process())).await?;
        Ok(ApplyOutcome { record: store.record().clone(), direct })
    }
}

/// One wish being rolled out.
struct Rolling<'a> {
    creation: ApplyRun<'a>,
}

impl Rolling<'_> {
    fn spec(&self) -> &ControlPlaneSpec {
        &self.creation.request.spec
    }

    /// Writes the objects in the management cluster, and waits until the newest pods serve alone.
    async fn pods(&self, store: &mut RecordStore<'_>, ambient: &mut Ambient) -> Result<(), Fault> {
        let (spec, session) = (self.spec(), self.creation.session);
        let datastore = admin::require(session, &spec.datastore).await?;
        let address = await_address(session, spec, store).await?;
        let live = self.creation.live().await?;
        let desired = self.creation.desire(store.record(), &live, Some(&address), Some(&datastore), ambient)?;
        for reason in &desired.reissued {
            session.say(Event::Note(format!("new {reason}")));
        }
        self.creation.write(&desired, &live).await?;
        self.creation.lock.check()?;
        store.update(None, |record| record.certificates_end = desired.certificates_end).await?;
        self.await_pods().await
    }

    async fn await_pods(&self) -> Result<(), Fault> {
        let (spec, session) = (self.spec(), self.creation.session);
        let goal = format!("the new pods of `{}` to be ready", spec.name);
        let deployment = deployment_ref(spec);
        let mut broken_since: Option<Instant> = None;
        loop {
            let found = session.management.get(&deployment).await?;
            if rolled_out(found.as_ref(), spec.replicas) {
                return Ok(());
            }
            let namespace = Some(spec.namespace.as_str());
            let sets = session.management.list("apps/v1", "ReplicaSet", namespace, "").await?;
            let all = pods(session, &spec.namespace, &spec.name).await?;
            let young: Vec<Value> = newest_pods(found.as_ref(), &sets, &all);
            let events = session.management.list("v1", "Event", namespace, "").await?;
            let mut causes = causes_of_pods(&young, &events);
            if young.is_empty() {
                causes.extend(crate::plan::lifecycle::pod_status::warnings(&events, "ReplicaSet", spec.name.as_str()));
            }
            if young.iter().any(is_broken) {
                let since = *broken_since.get_or_insert_with(Instant::now);
                if since.elapsed() > HOPE {
                    return Err(Fault::new(Kind::Failed, causes.join("\n  - ")));
                }
            } else {
                broken_since = None;
            }
            session.wait(Duration::from_millis(300), &goal, &causes).await?;
        }
    }

    /// Removes what is needed no more, writes the objects inside the cluster, and waits until its administrator can use
    /// it. Says whether the endpoint answers from here.
    async fn objects(&self, store: &mut RecordStore<'_>, ambient: &mut Ambient) -> Result<bool, Fault> {
        let (spec, creation) = (self.spec(), &self.creation);
        let live = creation.live().await?;
        let address = store.address()?;
        let desired = creation.desire(store.record(), &live, None, None, ambient)?;
        creation.remove(&desired).await?;
        if spec.replicas == 0 {
            creation.session.say(Event::Note("it sleeps: what is inside the cluster changes when it is woken".into()));
            return Ok(true);
        }
        let reached = creation.inside(&address, &desired).await?;
        creation.await_usable(&reached).await?;
        Ok(reached.is_direct()
            || answers_directly_soon(&address, &creation.kubeconfig("admin.conf").await?, &spec.name).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kept_file_gets_the_new_version_and_nothing_else() {
        let file = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.3\nnetworking:\n  podSubnet: 10.244.0.0/16\n";
        let new = with_version(file, KubeVersion::parse("v1.37.2").unwrap());
        assert_eq!(new, file.replace("v1.36.3", "v1.37.2"));
    }
}
