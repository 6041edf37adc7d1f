//! Changing a key of a control plane, or its authority, for a new one, phase by phase. The phase is in the record before it
//! begins and when it is reached, so a run that was killed is gone on with, and nobody goes on from what was not reached.
//! What a phase would change, and break, is `rotation_preview.rs`.

use std::time::Duration;

use serde_json::Value;

use super::reencrypt_secrets::encrypt_anew;
use super::rotate_ca::{await_root_certificates, refuse_authority};
use super::rotation_preview::begin;
use crate::ambient::Ambient;
use crate::cluster::{Created, Lock, Removal};
use crate::engine::access::tenant_connection::{await_answer, ending, pods};
use crate::engine::datastore::admin;
use crate::engine::lifecycle::objects::{ApplyRun, deployment_ref, rolled_out};
use crate::engine::lifecycle::preview::CreateRequest;
use crate::engine::session::Session;
use crate::engine::state::record_store::{RecordStore, require_record};
use crate::error::{Fault, Kind};
use crate::event::Event;
use crate::model::{ControlPlaneName, Namespace, ObjectNames};
use crate::pki::PartialUserPki;
use crate::plan::apply::live_objects::Live;
use crate::plan::apply::plan::Approved;
use crate::plan::certificates::rotation_keys::{
    key_in, lost as rotation_key_lost, replaced, rotation_key, rotation_refs,
};
use crate::plan::certificates::rotation_phases::{
    Rotation, RotationPhase, RotationRequest, RotationTarget, Signer, whole_seconds,
};
use crate::plan::lifecycle::desired::Desired;
use crate::plan::lifecycle::pod_status::causes_of_pods;
use crate::plan::state::record::Record;
use crate::render::{ObjectRef, Write, policy};

/// Goes to a phase, as it was agreed to.
pub async fn rotate(
    session: &Session<'_>,
    (namespace, name): (&Namespace, &ControlPlaneName),
    of: RotationTarget,
    asked: RotationRequest,
    given: &PartialUserPki,
    approved: &Approved,
    ambient: &mut Ambient,
) -> Result<Record, Fault> {
    debug_assert!(!approved.plan().is_empty(), "an empty plan changes nothing");
    session
        .locked(namespace, name, async |lock| {
            let recorded = require_record(session.management, namespace, name).await?;
            let Some(next) = begin(&recorded.record, of, asked, (session.clock)())? else { return Ok(recorded.record) };
            if of == RotationTarget::CertificateAuthority {
                refuse_authority(&recorded.record, &next, given.ca.as_ref())?;
            }
            let request = CreateRequest::of(recorded.desired_spec());
            let mut store = RecordStore::resume(session.management, recorded);
            store.update(None, |record| record.rotation = Some(next.clone())).await?;
            let creation = ApplyRun { session, request: &request, lock };
            Phase { session, creation, lock, of, given }.run(next.phase, &mut store, ambient).await?;
            Ok(store.record().clone())
        })
        .await
}

/// One phase being brought about.
struct Phase<'a> {
    session: &'a Session<'a>,
    creation: ApplyRun<'a>,
    lock: &'a Lock,
    of: RotationTarget,
    given: &'a PartialUserPki,
}

impl Phase<'_> {
    async fn run(&self, phase: RotationPhase, store: &mut RecordStore<'_>, ambient: &mut Ambient) -> Result<(), Fault> {
        match phase {
            RotationPhase::Trust => {
                self.make_key(store, ambient).await?;
                self.turns(store, false).await?;
                let desired = self.pods(store, ambient).await?;
                self.publish(store, &desired).await?;
                self.reached(store).await
            }
            RotationPhase::Use => {
                self.turns(store, true).await?;
                let desired = self.pods(store, ambient).await?;
                self.encrypt(store, &self.creation.live().await?).await?;
                self.publish(store, &desired).await?;
                self.reached(store).await
            }
            RotationPhase::Drop => {
                self.replace_old(store.record()).await?;
                if self.of == RotationTarget::CertificateAuthority {
                    let take = |record: &mut Record| {
                        record.take_authority(record.rotation.as_ref().and_then(|rotation| rotation.key.clone()));
                    };
                    store.update(None, take).await?;
                }
                let desired = self.pods(store, ambient).await?;
                self.publish(store, &desired).await?;
                self.forget(store).await
            }
            RotationPhase::Back => {
                // Only where the new key has encrypted something; it is still taken then.
                if store.record().rotation.as_ref().is_some_and(|rotation| rotation.used) {
                    self.encrypt(store, &self.creation.live().await?).await?;
                    store.update(None, |record| change(record, |rotation| rotation.used = false)).await?;
                }
                let desired = self.pods(store, ambient).await?;
                self.publish(store, &desired).await?;
                self.forget(store).await
            }
        }
    }

    /// Makes the new key, once; the record knows it afterwards.
    async fn make_key(&self, store: &mut RecordStore<'_>, ambient: &mut Ambient) -> Result<(), Fault> {
        if store.record().rotation.as_ref().is_some_and(|rotation| rotation.key.is_some()) {
            return Ok(());
        }
        let spec = &self.creation.request.spec;
        let mut live = self.creation.live().await?;
        if live.named("Secret", &ObjectNames(&spec.name).rotation_key()).is_none() {
            let manifest = rotation_key(spec, self.of, &live, self.given, ambient)?;
            debug_assert!(manifest.write == Write::CreateOnly, "keys are made once");
            self.lock.check()?;
            let (Created::New(made) | Created::Existing(made)) =
                self.session.management.create(&manifest.object, &manifest.body).await?;
            self.session.say(Event::Done(format!("{} created", manifest.object)));
            live.insert(manifest.object, made);
        }
        let key = key_in(self.of, &live, &ObjectNames(&spec.name).rotation_key());
        if key.is_none() {
            let [object, _] = rotation_refs(spec);
            return Err(Fault::new(Kind::Conflict, format!("{object} is in the way: it holds no {}", self.of.words()))
                .hint("remove it if nobody needs it, and run the command again"));
        }
        let given = self.of == RotationTarget::CertificateAuthority && self.given.ca.is_some();
        if let (true, Some(rotation)) = (given, &store.record().rotation) {
            // A run that was killed may have made another one.
            let made = Rotation { key: key.clone(), ..rotation.clone() };
            refuse_authority(store.record(), &made, self.given.ca.as_ref())?;
        }
        let know = |rotation: &mut Rotation| {
            rotation.key = key;
            rotation.given = given;
        };
        store.update(None, |record| change(record, know)).await
    }

    /// Writes the objects of the phase, and comes back when only pods of it are left.
    async fn pods(&self, store: &mut RecordStore<'_>, ambient: &mut Ambient) -> Result<Desired, Fault> {
        let spec = &self.creation.request.spec;
        let datastore = admin::require(self.session, &spec.datastore).await?;
        let address = store.address()?;
        let live = self.creation.live().await?;
        let desired = self.creation.desire(store.record(), &live, Some(&address), Some(&datastore), ambient)?;
        self.session.say(Event::Step("pods that read the keys of this phase".into()));
        self.creation.write(&desired, &live).await?;
        self.lock.check()?;
        store.update(None, |record| record.certificates_end = desired.certificates_end).await?;
        let goal = format!("only new pods of `{}` to be there", spec.name);
        loop {
            // In this order: whose Deployment has rolled out marked its old pods before.
            let deployment = self.session.management.get(&deployment_ref(spec)).await?;
            let found = pods(self.session, &spec.namespace, &spec.name).await?;
            let ending = ending(&found);
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
    async fn publish(&self, store: &RecordStore<'_>, desired: &Desired) -> Result<(), Fault> {
        if self.of != RotationTarget::CertificateAuthority {
            return Ok(());
        }
        let address = store.address()?;
        let kubeconfig = self.creation.kubeconfig("super-admin.conf").await?;
        let reached = await_answer(self.session, &self.creation.request.spec, &address, &kubeconfig).await?;
        await_root_certificates(self.session, &reached.connection, desired).await?;
        self.lock.check()?;
        self.creation.inside(&address, desired).await.map(drop)
    }

    /// Lets the API server write every Secret anew, with the key that it uses now.
    async fn encrypt(&self, store: &RecordStore<'_>, live: &Live) -> Result<(), Fault> {
        if self.of != RotationTarget::EncryptionKey {
            return Ok(());
        }
        let record = store.record();
        let spec = &record.spec;
        let bundle = live.secret_value(&ObjectNames(&spec.name).rotation_bundle(), "encryption.yaml");
        let keys = bundle.and_then(|text| policy::encryption_keys(secrecy::ExposeSecret::expose_secret(&text)));
        let Some(key) = keys.unwrap_or_default().into_iter().next() else {
            let [_, object] = rotation_refs(spec);
            return Err(Fault::new(Kind::Failed, format!("{object} is gone, which says how Secrets are encrypted"))
                .hint("run the command of the phase before again: it writes it anew"));
        };
        let kubeconfig = self.creation.kubeconfig("super-admin.conf").await?;
        let reached = await_answer(self.session, spec, &store.address()?, &kubeconfig).await?;
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
    async fn turns(&self, store: &mut RecordStore<'_>, uses: bool) -> Result<(), Fault> {
        let now = whole_seconds((self.session.clock)());
        let turn = |rotation: &mut Rotation| {
            rotation.used |= uses;
            let noted = rotation.signers.last().is_some_and(|signing| signing.by == Signer::Either);
            if rotation.of == RotationTarget::CertificateAuthority && rotation.used && !noted {
                rotation.signs(Signer::Either, now);
            }
        };
        store.update(None, |record| change(record, turn)).await
    }

    async fn reached(&self, store: &mut RecordStore<'_>) -> Result<(), Fault> {
        self.lock.check()?;
        let now = whole_seconds((self.session.clock)());
        let reach = |rotation: &mut Rotation| {
            rotation.done = true;
            rotation.since = now;
            if rotation.of == RotationTarget::CertificateAuthority && rotation.used {
                let new = rotation.phase == RotationPhase::Use;
                rotation.signs(if new { Signer::New } else { Signer::Old }, now);
            }
        };
        store.update(None, |record| change(record, reach)).await
    }

    /// Removes what was there only for the change of keys, and ends it.
    async fn forget(&self, store: &mut RecordStore<'_>) -> Result<(), Fault> {
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
                RotationTarget::ServiceAccountKey => "sa.key",
                RotationTarget::CertificateAuthority => "ca.key",
                RotationTarget::EncryptionKey => return,
            };
            if rotation.phase == RotationPhase::Drop {
                // What is there now was made here, unless it was given as well.
                record.given.retain(|key| key != file);
                record.given.extend(rotation.given.then(|| file.to_owned()));
            }
        };
        store.update(None, end).await
    }
}

fn change(record: &mut Record, change: impl FnOnce(&mut Rotation)) {
    if let Some(rotation) = &mut record.rotation {
        change(rotation);
    }
}
