//! Moving a control plane to another version while it serves: new pods beside the old, then the objects inside the
//! cluster; back again by itself when the new pods do not become ready.
//!
//! Every phase is in the record before it begins, so that a run that was killed is gone on with, or undone.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use super::busy::{refuse_busy, refuse_paused};
use super::create::{Creation, deployment_ref, rolled_out};
use super::journal::{Journal, Recorded, require_record};
use super::prepare::CreateRequest;
use super::tenant::pods;
use super::{Session, datastore};
use crate::ambient::Ambient;
use crate::cluster::Lock;
use crate::error::{Fault, Kind};
use crate::event::Event;
use crate::model::{ControlPlaneName, ControlPlaneSpec, KubeVersion, Namespace};
use crate::pki::PartialUserPki;
use crate::plan::{Approved, Phase, Record, Upgrade, causes_of_pods};

/// How long a pod may be broken (crashing, without its image) before there is no hope for it.
const HOPE: Duration = Duration::from_secs(30);
/// How long going back may take; it must not be cut short by the patience that the new version used up.
const WAY_BACK: Duration = Duration::from_secs(300);

/// Which control plane is to get which version.
#[derive(Debug)]
pub struct Target<'a> {
    /// The namespace in the management cluster.
    pub namespace: &'a Namespace,
    /// The control plane.
    pub name: &'a ControlPlaneName,
    /// The version it is to have.
    pub version: KubeVersion,
    /// How long its pods may take to become ready.
    pub patience: Duration,
}

/// Changes the version as it was agreed to. A version that does not become ready is taken back, and the error says why.
pub async fn roll(
    session: &Session<'_>,
    target: &Target<'_>,
    approved: &Approved,
    ambient: &mut Ambient,
) -> Result<Record, Fault> {
    debug_assert!(!approved.plan().is_empty(), "an empty plan changes nothing");
    session.locked(target.namespace, target.name, async |lock| run(session, target, lock, ambient).await).await
}

async fn run(session: &Session<'_>, target: &Target<'_>, lock: &Lock, ambient: &mut Ambient) -> Result<Record, Fault> {
    let recorded = require_record(session.management, target.namespace, target.name).await?;
    let change = begin(&recorded, target, (session.clock)())?;
    let documents = recorded.documents.clone();
    let spec = recorded.record.spec.clone();
    let mut journal = Journal::resume(session.management, recorded);
    journal.update(None, |record| record.upgrade = Some(change.clone())).await?;

    let wish = |version| CreateRequest {
        spec: ControlPlaneSpec { version, ..spec.clone() },
        documents: with_version(&documents, version),
        given: PartialUserPki::default(),
    };
    let (new, old) = (wish(change.to), wish(change.from));
    let hopeful = Session { deadline: session.deadline.min(Instant::now() + target.patience), ..*session };
    let rolling = Rolling { creation: Creation { session: &hopeful, request: &new, lock }, session: &hopeful };
    let finishing = Rolling { creation: Creation { session, request: &new, lock }, session };
    if change.phase == Phase::Back {
        return back(&mut journal, &old, session, lock, ambient).await;
    }
    session.say(Event::Step(format!("pods of {} beside those of {}", change.to, change.from)));
    if let Err(why) = rolling.pods(&mut journal, ambient).await {
        // Nothing is decided by a server that does not answer, or a lock that was lost: the next run goes on.
        if !matches!(why.kind(), Kind::TimedOut | Kind::Failed) {
            return Err(why);
        }
        session.say(Event::Note(format!("{} did not become ready; going back to {}", change.to, change.from)));
        let patient = Session { deadline: Instant::now() + WAY_BACK, ..*session };
        journal.update(None, |record| set_phase(record, Phase::Back)).await?;
        back(&mut journal, &old, &patient, lock, ambient).await.map_err(|fault| {
            fault.context(format!("{} did not become ready, and going back to {} failed", change.to, change.from))
        })?;
        return Err(why
            .context(format!(
                "control plane `{}` did not become ready with {}; it has {} again, which served all the time",
                target.name, change.to, change.from
            ))
            .with_kind(Kind::Failed));
    }
    session.say(Event::Step("what kubeadm of that minor would leave in the cluster".into()));
    journal.update(None, |record| set_phase(record, Phase::Objects)).await?;
    finishing.objects(&mut journal, ambient).await?;
    lock.check()?;
    let (now, request) = ((session.clock)(), &new);
    journal.update(Some((&request.spec, &request.documents)), |record| record.finish_upgrade(now)).await?;
    Ok(journal.record().clone())
}

/// The change of version that this run is about: a new one, or the one on its way.
fn begin(recorded: &Recorded, target: &Target<'_>, now: Timestamp) -> Result<Upgrade, Fault> {
    let record = &recorded.record;
    if record.upgrade.is_none() {
        refuse_busy(record)?;
    }
    refuse_paused(record)?;
    match &record.upgrade {
        None => Ok(Upgrade { from: record.spec.version, to: target.version, phase: Phase::Pods, began: now }),
        Some(way) if target.version == way.from => Ok(Upgrade { phase: Phase::Back, ..way.clone() }),
        Some(way) if target.version == way.to && way.phase == Phase::Back => {
            Ok(Upgrade { phase: Phase::Pods, ..way.clone() })
        }
        Some(way) if target.version == way.to => Ok(way.clone()),
        Some(way) => Err(Fault::new(
            Kind::Conflict,
            format!("another upgrade of control plane `{}` is not finished ({way})", target.name),
        )
        .hint(format!("finish it first: kamaji upgrade {} --to {}", target.name, way.to))
        .hint(format!("or go back to {}: kamaji rollback {}", way.from, target.name))),
    }
}

fn set_phase(record: &mut Record, phase: Phase) {
    if let Some(upgrade) = &mut record.upgrade {
        upgrade.phase = phase;
    }
}

/// Puts the version before back, and the objects in the cluster with it.
async fn back(
    journal: &mut Journal<'_>,
    old: &CreateRequest,
    session: &Session<'_>,
    lock: &Lock,
    ambient: &mut Ambient,
) -> Result<Record, Fault> {
    let rolling = Rolling { creation: Creation { session, request: old, lock }, session };
    session.say(Event::Step(format!("pods of {}", old.spec.version)));
    rolling.pods(journal, ambient).await?;
    rolling.objects(journal, ambient).await?;
    lock.check()?;
    journal.update(None, |record| record.upgrade = None).await?;
    Ok(journal.record().clone())
}

/// The documents with another `kubernetesVersion`: what a person would edit in the file.
fn with_version(documents: &str, version: KubeVersion) -> String {
    let line = |line: &str| {
        if line.starts_with("kubernetesVersion:") {
            format!("kubernetesVersion: {version}\n")
        } else {
            format!("{line}\n")
        }
    };
    documents.lines().map(line).collect()
}

/// One version being rolled out.
struct Rolling<'a> {
    creation: Creation<'a>,
    session: &'a Session<'a>,
}

impl Rolling<'_> {
    fn spec(&self) -> &ControlPlaneSpec {
        &self.creation.request.spec
    }

    /// Writes the objects in the management cluster, and waits until the pods of this version serve alone.
    async fn pods(&self, journal: &mut Journal<'_>, ambient: &mut Ambient) -> Result<(), Fault> {
        let spec = self.spec();
        let Some(datastore) = datastore::find(self.session, &spec.datastore).await? else {
            return Err(Fault::new(Kind::NotFound, format!("datastore `{}` does not exist", spec.datastore)));
        };
        let live = self.creation.live().await?;
        let address = journal.address()?;
        let desired = self.creation.desire(journal.record(), &live, Some(&address), Some(&datastore), ambient)?;
        for reason in &desired.reissued {
            self.session.say(Event::Note(format!("new {reason}")));
        }
        self.creation.write(&desired, &live).await?;
        self.creation.lock.check()?;
        journal.update(None, |record| record.certificates_end = desired.certificates_end).await?;
        self.await_pods().await
    }

    async fn await_pods(&self) -> Result<(), Fault> {
        let spec = self.spec();
        let goal = format!("the pods of {} to be ready", spec.version);
        let deployment = deployment_ref(spec);
        let mut broken_since: Option<Instant> = None;
        loop {
            let found = self.session.management.get(&deployment).await?;
            if rolled_out(found.as_ref(), spec.replicas) {
                return Ok(());
            }
            let image = format!("kube-apiserver:{}", spec.version);
            let mut young = pods(self.session, &spec.namespace, &spec.name).await?;
            young.retain(|pod| runs(pod, &image));
            let events = self.session.management.list("v1", "Event", Some(spec.namespace.as_str()), "").await?;
            let mut causes = causes_of_pods(&young, &events);
            if young.is_empty() {
                causes.extend(crate::plan::warnings(&events, "ReplicaSet", spec.name.as_str()));
            }
            if young.iter().any(is_broken) {
                let since = *broken_since.get_or_insert_with(Instant::now);
                if since.elapsed() > HOPE {
                    return Err(Fault::new(Kind::Failed, causes.join("\n  - ")));
                }
            } else {
                broken_since = None;
            }
            self.session.wait(Duration::from_millis(300), &goal, &causes).await?;
        }
    }

    /// Writes the objects inside the cluster, and waits until its administrator can use it.
    async fn objects(&self, journal: &mut Journal<'_>, ambient: &mut Ambient) -> Result<(), Fault> {
        if self.spec().replicas == 0 {
            self.session.say(Event::Note("it sleeps: what is inside the cluster changes when it is woken".into()));
            return Ok(());
        }
        let live = self.creation.live().await?;
        let address = journal.address()?;
        let desired = self.creation.desire(journal.record(), &live, None, None, ambient)?;
        let reached = self.creation.inside(&address, &desired).await?;
        self.creation.await_usable(&reached).await
    }
}

/// Whether the pod's API server has this image, whatever the registry.
fn runs(pod: &Value, image: &str) -> bool {
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array);
    containers.is_some_and(|containers| {
        containers.iter().filter_map(|container| container["image"].as_str()).any(|found| found.ends_with(image))
    })
}

/// Whether a container crashes again and again, or has no image.
fn is_broken(pod: &Value) -> bool {
    const REASONS: &[&str] = &[
        "CrashLoopBackOff",
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
    ];
    let statuses = pod.pointer("/status/containerStatuses").and_then(Value::as_array).cloned().unwrap_or_default();
    statuses.iter().any(|status| {
        let reason = status.pointer("/state/waiting/reason").and_then(Value::as_str).unwrap_or_default();
        let again = status["restartCount"].as_u64().unwrap_or(0) >= 2 && status["ready"] != Value::Bool(true);
        REASONS.contains(&reason) || again
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_kept_file_gets_the_new_version_and_nothing_else() {
        let file = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.3\nnetworking:\n  podSubnet: 10.244.0.0/16\n";
        let new = with_version(file, KubeVersion::parse("v1.37.2").unwrap());
        assert_eq!(new, file.replace("v1.36.3", "v1.37.2"));
    }

    #[test]
    fn a_pod_that_crashed_twice_is_broken_also_while_it_tries_again() {
        let pod = |count: u32, ready: bool| json!({"status": {"containerStatuses": [{"restartCount": count, "ready": ready, "state": {"running": {}}}]}});
        assert!(is_broken(&pod(2, false)));
        assert!(!is_broken(&pod(1, false)));
        assert!(!is_broken(&pod(5, true)));
    }
}
