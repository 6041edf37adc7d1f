//! Changing a key of a control plane, or its authority, for a new one, phase by phase. The phase is in the record before it begins and when it
//! is reached, so a run that was killed is gone on with, and nobody goes on from what was not reached.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::authority::{Effects, authority_changes, await_root_certificates, effects, refuse_authority};
use super::busy::{refuse_paused, refuse_unready, refuse_updating, refuse_upgrading};
use super::create::{Creation, deployment_ref, rolled_out};
use super::encrypt::encrypt_anew;
use super::journal::{Journal, Recorded, require_record};
use super::prepare::CreateRequest;
use super::tenant::{await_answer, pods};
use super::{Session, datastore};
use crate::ambient::Ambient;
use crate::cluster::{Created, Lock, Removal};
use crate::error::{Fault, Kind};
use crate::event::Event;
use crate::model::{ControlPlaneName, Namespace, ObjectNames};
use crate::pki::PartialUserPki;
use crate::plan::{
    Action, Approved, Asked, Change, Desired, Live, Plan, Record, Rotated, Rotation, RotationPhase, Signer,
    causes_of_pods, key_in, next_rotation, replaced, rotation_key, rotation_key_lost, rotation_refs, whole_seconds,
};
use crate::render::{ObjectRef, Write, policy};

/// How long a token that was given to a pod is valid, with a margin: kubelets ask for an hour, and API servers extend none.
const TOKENS: Duration = Duration::from_secs(65 * 60);

/// What would be done.
#[derive(Debug)]
pub struct RotationPlan {
    /// The changes; empty when what is asked for is so already.
    pub plan: Plan,
    /// What would stop working, and is refused unless it is agreed to on purpose.
    pub hazards: Vec<String>,
}

/// What going to a phase would change. Writes nothing.
pub async fn plan_rotation(
    session: &Session<'_>,
    recorded: &Recorded,
    of: Rotated,
    asked: Asked,
    given: &PartialUserPki,
    looked_at: &[String],
) -> Result<RotationPlan, Fault> {
    let record = &recorded.record;
    let spec = &record.spec;
    let mut plan = Plan { control_plane: format!("{}/{}", spec.namespace, spec.name), ..Plan::default() };
    let now = (session.clock)();
    let Some(next) = begin(record, of, asked, now)? else { return Ok(RotationPlan { plan, hazards: Vec::new() }) };
    if of != Rotated::ServiceAccountKey && spec.replicas == 0 {
        return Err(Fault::new(
            Kind::Conflict,
            format!("control plane `{}` sleeps, so nothing inside it can follow", spec.name),
        )
        .hint(format!("wake it: kamaji scale {} -n {} --replicas 1", spec.name, spec.namespace)));
    }
    plan.changes = changes(record, &next);
    let Effects { hazards, notes } = match of {
        Rotated::ServiceAccountKey => Effects { hazards: hazards(session, record, &next).await?, ..Effects::default() },
        Rotated::EncryptionKey => Effects::default(),
        Rotated::CertificateAuthority => {
            refuse_authority(record, &next, given.ca.as_ref())?;
            effects(session, record, &next, looked_at).await?
        }
    };
    plan.notes.extend(notes);
    Ok(RotationPlan { plan, hazards })
}

fn begin(record: &Record, of: Rotated, asked: Asked, now: Timestamp) -> Result<Option<Rotation>, Fault> {
    refuse_unready(record)?;
    refuse_paused(record)?;
    refuse_upgrading(record)?;
    refuse_updating(record)?;
    Ok(next_rotation(record.rotation.as_ref(), record.spec.name.as_str(), (of, asked), now)?)
}

/// The plan of one phase, for people.
fn changes(record: &Record, next: &Rotation) -> Vec<Change> {
    let spec = &record.spec;
    let [key, bundle] = rotation_refs(spec);
    let main = replaced(spec, next.of);
    let deployment = |what: &str| {
        Change::of(deployment_ref(spec), Action::Update, &format!("replaces its pods, new ones first: {what}"))
    };
    let encrypt = |which: &str| {
        Change::of(format!("in the cluster: every Secret is encrypted with the {which} key"), Action::Update, "")
    };
    let encrypts = next.of == Rotated::EncryptionKey;
    if next.of == Rotated::CertificateAuthority {
        return authority_changes(spec, next, (&key, &bundle, &main), deployment);
    }
    let mut changes = vec![Change::of(Record::object_ref(spec), Action::Update, &next.to_string())];
    match next.phase {
        RotationPhase::Trust => {
            if next.key.is_none() {
                changes.push(Change::of(&key, Action::Create, "the new key"));
            }
            changes.push(Change::of(&bundle, Action::Create, "both keys"));
            changes.push(deployment("they take both keys and use the old one"));
        }
        RotationPhase::Use => {
            changes.push(deployment("they use the new key and take both"));
            changes.extend(encrypts.then(|| encrypt("new")));
        }
        RotationPhase::Drop => {
            changes.push(Change::of(&main, Action::Update, "the new key in place of the old one; cannot be undone"));
            changes.push(deployment("they take the new key only"));
            changes.extend([&key, &bundle].map(|object| Change::of(object, Action::Delete, "")));
        }
        RotationPhase::Back => {
            changes.extend(encrypts.then(|| encrypt("old")));
            changes.push(deployment("they take the old key only"));
            changes.extend([&key, &bundle].map(|object| Change::of(object, Action::Delete, "")));
        }
    }
    changes
}

/// Tokens that would stop being valid, when tokens of one of the keys are taken no longer.
async fn hazards(session: &Session<'_>, record: &Record, next: &Rotation) -> Result<Vec<String>, Fault> {
    let Some(now) = &record.rotation else { return Ok(Vec::new()) };
    let going = match next.phase {
        RotationPhase::Trust | RotationPhase::Use => return Ok(Vec::new()),
        RotationPhase::Back if !now.used => return Ok(Vec::new()),
        RotationPhase::Drop | RotationPhase::Back => next.phase,
    };
    let mut hazards = Vec::new();
    let until = now.since.checked_add(TOKENS).unwrap_or(now.since);
    if (session.clock)() < until {
        hazards.push(format!("pods may have tokens of the key that goes until {until}, which would be refused"));
    }
    let spec = &record.spec;
    let super_admin = super::kubeconfig(session.management, &spec.namespace, &spec.name, "super-admin.conf").await?;
    let look = async {
        let address = record.address.as_ref()?;
        let kubeconfig = super_admin?;
        let text = secrecy::ExposeSecret::expose_secret(&kubeconfig);
        let reached = super::reach(session, &spec.namespace, &spec.name, address, text).await.ok()?.ok()?;
        reached.connection.list_by_field("v1", "Secret", "type=kubernetes.io/service-account-token").await.ok()
    };
    let Some(tokens) = look.await else {
        hazards.push("whether there are token Secrets of the key that goes cannot be looked up: nobody answers".into());
        return Ok(hazards);
    };
    for token in tokens {
        let text = |pointer: &str| token.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let made: Option<Timestamp> = text("/metadata/creationTimestamp").parse().ok();
        let of_the_one_that_goes = made.is_none_or(|made| match going {
            RotationPhase::Back => made >= now.began,
            RotationPhase::Trust | RotationPhase::Use | RotationPhase::Drop => made <= now.since,
        });
        if of_the_one_that_goes {
            let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
            hazards.push(format!("the token in Secret {namespace}/{name} would be refused; make it anew"));
        }
    }
    Ok(hazards)
}

/// Goes to a phase, as it was agreed to.
pub async fn rotate(
    session: &Session<'_>,
    (namespace, name): (&Namespace, &ControlPlaneName),
    of: Rotated,
    asked: Asked,
    given: &PartialUserPki,
    approved: &Approved,
    ambient: &mut Ambient,
) -> Result<Record, Fault> {
    debug_assert!(!approved.plan().is_empty(), "an empty plan changes nothing");
    session
        .locked(namespace, name, async |lock| {
            let recorded = require_record(session.management, namespace, name).await?;
            let Some(next) = begin(&recorded.record, of, asked, (session.clock)())? else { return Ok(recorded.record) };
            if of == Rotated::CertificateAuthority {
                refuse_authority(&recorded.record, &next, given.ca.as_ref())?;
            }
            let request = CreateRequest {
                spec: recorded.record.spec.clone(),
                documents: recorded.documents.clone(),
                given: PartialUserPki::default(),
            };
            let mut journal = Journal::resume(session.management, recorded);
            journal.update(None, |record| record.rotation = Some(next.clone())).await?;
            let creation = Creation { session, request: &request, lock };
            Phase { session, creation, lock, of, given }.run(next.phase, &mut journal, ambient).await?;
            Ok(journal.record().clone())
        })
        .await
}

/// One phase being brought about.
struct Phase<'a> {
    session: &'a Session<'a>,
    creation: Creation<'a>,
    lock: &'a Lock,
    of: Rotated,
    given: &'a PartialUserPki,
}

impl Phase<'_> {
    async fn run(&self, phase: RotationPhase, journal: &mut Journal<'_>, ambient: &mut Ambient) -> Result<(), Fault> {
        match phase {
            RotationPhase::Trust => {
                self.make_key(journal, ambient).await?;
                self.turns(journal, false).await?;
                let desired = self.pods(journal, ambient).await?;
                self.publish(journal, &desired).await?;
                self.reached(journal).await
            }
            RotationPhase::Use => {
                self.turns(journal, true).await?;
                let desired = self.pods(journal, ambient).await?;
                self.encrypt(journal, &self.creation.live().await?).await?;
                self.publish(journal, &desired).await?;
                self.reached(journal).await
            }
            RotationPhase::Drop => {
                self.replace_old(journal.record()).await?;
                if self.of == Rotated::CertificateAuthority {
                    let take = |record: &mut Record| {
                        record.take_authority(record.rotation.as_ref().and_then(|rotation| rotation.key.clone()));
                    };
                    journal.update(None, take).await?;
                }
                let desired = self.pods(journal, ambient).await?;
                self.publish(journal, &desired).await?;
                self.forget(journal).await
            }
            RotationPhase::Back => {
                // Only where the new key has encrypted something; it is still taken then.
                if journal.record().rotation.as_ref().is_some_and(|rotation| rotation.used) {
                    self.encrypt(journal, &self.creation.live().await?).await?;
                    journal.update(None, |record| change(record, |rotation| rotation.used = false)).await?;
                }
                let desired = self.pods(journal, ambient).await?;
                self.publish(journal, &desired).await?;
                self.forget(journal).await
            }
        }
    }

    /// Makes the new key, once; the record knows it afterwards.
    async fn make_key(&self, journal: &mut Journal<'_>, ambient: &mut Ambient) -> Result<(), Fault> {
        if journal.record().rotation.as_ref().is_some_and(|rotation| rotation.key.is_some()) {
            return Ok(());
        }
        let spec = &self.creation.request.spec;
        let mut live = self.creation.live().await?;
        if live.named("Secret", &ObjectNames(&spec.name).rotation_key()).is_none() {
            let wish = rotation_key(spec, self.of, &live, self.given, ambient)?;
            debug_assert!(wish.write == Write::CreateOnly, "keys are made once");
            self.lock.check()?;
            let (Created::New(made) | Created::Existing(made)) =
                self.session.management.create(&wish.object, &wish.body).await?;
            self.session.say(Event::Done(format!("{} created", wish.object)));
            live.insert(wish.object, made);
        }
        let key = key_in(self.of, &live, &ObjectNames(&spec.name).rotation_key());
        if key.is_none() {
            let [object, _] = rotation_refs(spec);
            return Err(Fault::new(Kind::Conflict, format!("{object} is in the way: it holds no {}", self.of.words()))
                .hint("remove it if nobody needs it, and run the command again"));
        }
        let given = self.of == Rotated::CertificateAuthority && self.given.ca.is_some();
        if let (true, Some(rotation)) = (given, &journal.record().rotation) {
            // A run that was killed may have made another one.
            let made = Rotation { key: key.clone(), ..rotation.clone() };
            refuse_authority(journal.record(), &made, self.given.ca.as_ref())?;
        }
        let know = |rotation: &mut Rotation| {
            rotation.key = key;
            rotation.given = given;
        };
        journal.update(None, |record| change(record, know)).await
    }

    /// Writes the objects of the phase, and comes back when only pods of it are left.
    async fn pods(&self, journal: &mut Journal<'_>, ambient: &mut Ambient) -> Result<Desired, Fault> {
        let spec = &self.creation.request.spec;
        let datastore = datastore::require(self.session, &spec.datastore).await?;
        let address = journal.address()?;
        let live = self.creation.live().await?;
        let desired = self.creation.desire(journal.record(), &live, Some(&address), Some(&datastore), ambient)?;
        self.session.say(Event::Step("pods that read the keys of this phase".into()));
        self.creation.write(&desired, &live).await?;
        self.lock.check()?;
        journal.update(None, |record| record.certificates_end = desired.certificates_end).await?;
        let goal = format!("only new pods of `{}` to be there", spec.name);
        loop {
            // In this order: whose Deployment has rolled out marked its old pods before.
            let deployment = self.session.management.get(&deployment_ref(spec)).await?;
            let found = pods(self.session, &spec.namespace, &spec.name).await?;
            let ending = found.iter().filter(|pod| pod.pointer("/metadata/deletionTimestamp").is_some()).count();
            if rolled_out(deployment.as_ref(), spec.replicas) && ending == 0 {
                return Ok(desired);
            }
            let mut causes = causes_of_pods(&found, &[]);
            if ending > 0 {
                causes.push(format!("{ending} old pods end what they were asked"));
            }
            self.session.wait(Duration::from_millis(300), &goal, &causes).await?;
        }
    }

    /// Tells those inside the cluster which authorities to trust: pods first, so that those of addons read it when they start.
    async fn publish(&self, journal: &Journal<'_>, desired: &Desired) -> Result<(), Fault> {
        if self.of != Rotated::CertificateAuthority {
            return Ok(());
        }
        let address = journal.address()?;
        let kubeconfig = self.creation.kubeconfig("super-admin.conf").await?;
        let reached = await_answer(self.session, &self.creation.request.spec, &address, &kubeconfig).await?;
        await_root_certificates(self.session, &reached.connection, desired).await?;
        self.lock.check()?;
        self.creation.inside(&address, desired).await.map(drop)
    }

    /// Lets the API server write every Secret anew, with the key that it uses now.
    async fn encrypt(&self, journal: &Journal<'_>, live: &Live) -> Result<(), Fault> {
        if self.of != Rotated::EncryptionKey {
            return Ok(());
        }
        let record = journal.record();
        let spec = &record.spec;
        let bundle = live.secret_value(&ObjectNames(&spec.name).rotation_bundle(), "encryption.yaml");
        let keys = bundle.and_then(|text| policy::encryption_keys(secrecy::ExposeSecret::expose_secret(&text)));
        let Some(key) = keys.unwrap_or_default().into_iter().next() else {
            let [_, object] = rotation_refs(spec);
            return Err(Fault::new(Kind::Failed, format!("{object} is gone, which says how Secrets are encrypted"))
                .hint("run the command of the phase before again: it writes it anew"));
        };
        let kubeconfig = self.creation.kubeconfig("super-admin.conf").await?;
        let reached = await_answer(self.session, spec, &journal.address()?, &kubeconfig).await?;
        encrypt_anew(self.session, record, &reached.connection, &key.name).await
    }

    /// Puts the new key in the place of the old one. Deleted and made again, because what is there cannot be changed; the
    /// new key stays in its own Secret until then, so this can be killed between the two.
    async fn replace_old(&self, record: &Record) -> Result<(), Fault> {
        let spec = &self.creation.request.spec;
        let management = self.session.management;
        let [key, _] = rotation_refs(spec);
        let main = replaced(spec, self.of);
        let (new, old) = tokio::try_join!(management.get(&key), management.get(&main))?;
        let mut live = Live::default();
        for (object, body) in [(&key, &new), (&main, &old)] {
            if let Some(body) = body {
                live.insert(object.clone(), body.clone());
            }
        }
        let Some(rotation) = &record.rotation else { return Ok(()) };
        if rotation.key.is_some() && key_in(self.of, &live, &main.name) == rotation.key {
            return Ok(());
        }
        let is_it = |_: &Value| rotation.key.is_some() && key_in(self.of, &live, &key.name) == rotation.key;
        let Some(new) = new.filter(is_it) else { return Err(rotation_key_lost(spec, rotation).into()) };
        if let Some(old) = old {
            self.lock.check()?;
            let version = old.pointer("/metadata/resourceVersion").and_then(Value::as_str);
            let only_that = Removal { resource_version: version, ..Removal::default() };
            management.delete(&main, &only_that).await?;
        }
        let mut body = new.clone();
        body["metadata"] = serde_json::json!({
            "name": main.name, "namespace": main.namespace, "labels": new.pointer("/metadata/labels"),
        });
        management.create(&main, &body).await?;
        self.session.say(Event::Done(format!("{main} holds the new {}", self.of.words())));
        Ok(())
    }

    /// Notes that the new key may be used from now on, or that the old one is again.
    async fn turns(&self, journal: &mut Journal<'_>, uses: bool) -> Result<(), Fault> {
        let now = whole_seconds((self.session.clock)());
        let turn = |rotation: &mut Rotation| {
            rotation.used |= uses;
            let noted = rotation.signers.last().is_some_and(|signing| signing.by == Signer::Either);
            if rotation.of == Rotated::CertificateAuthority && rotation.used && !noted {
                rotation.signs(Signer::Either, now);
            }
        };
        journal.update(None, |record| change(record, turn)).await
    }

    async fn reached(&self, journal: &mut Journal<'_>) -> Result<(), Fault> {
        self.lock.check()?;
        let now = whole_seconds((self.session.clock)());
        let reach = |rotation: &mut Rotation| {
            rotation.done = true;
            rotation.since = now;
            if rotation.of == Rotated::CertificateAuthority && rotation.used {
                let new = rotation.phase == RotationPhase::Use;
                rotation.signs(if new { Signer::New } else { Signer::Old }, now);
            }
        };
        journal.update(None, |record| change(record, reach)).await
    }

    /// Removes what was there only for the change of keys, and ends it.
    async fn forget(&self, journal: &mut Journal<'_>) -> Result<(), Fault> {
        let objects: [ObjectRef; 2] = rotation_refs(&self.creation.request.spec);
        for object in &objects {
            self.lock.check()?;
            if self.session.management.delete(object, &Removal::default()).await? {
                self.session.say(Event::Done(format!("{object} removed")));
            }
        }
        let end = |record: &mut Record| {
            let Some(rotation) = record.rotation.take() else { return };
            let file = match rotation.of {
                Rotated::ServiceAccountKey => "sa.key",
                Rotated::CertificateAuthority => "ca.key",
                Rotated::EncryptionKey => return,
            };
            if rotation.phase == RotationPhase::Drop {
                // What is there now was made here, unless it was given as well.
                record.given.retain(|key| key != file);
                record.given.extend(rotation.given.then(|| file.to_owned()));
            }
        };
        journal.update(None, end).await
    }
}

fn change(record: &mut Record, change: impl FnOnce(&mut Rotation)) {
    if let Some(rotation) = &mut record.rotation {
        change(rotation);
    }
}
