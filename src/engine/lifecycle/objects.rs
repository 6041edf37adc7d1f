//! Writes a control plane's objects under the lock, and waits until it can be used.

use std::time::Duration;

use futures::{StreamExt as _, stream};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::ambient::Ambient;
use crate::cluster::{Created as Posted, Lock, Removal, this_process};
use crate::engine::access::endpoint::await_address;
use crate::engine::access::tenant_connection::{self, TenantConnection, await_answer, pods};
use crate::engine::datastore::admin;
use crate::engine::lifecycle::preview::{CreateRequest, ensure_immutable_fields_unchanged, exposure, facts_of};
use crate::engine::session::Session;
use crate::engine::state::ensure_changeable::ensure_not_paused;
use crate::engine::state::observe::{live, objects};
use crate::engine::state::record_store::{RecordStore, read_record};
use crate::error::{Fault, Kind};
use crate::event::Event;
use crate::model::{ANNOTATION_ID, ControlPlaneId, ControlPlaneSpec, ObjectNames, parse_token};
use crate::plan::access::exposure::decide_exposure;
use crate::plan::apply::live_objects::Live;
use crate::plan::apply::noop::apply_is_noop;
use crate::plan::certificates::renewal::RenewalRequest;
use crate::plan::lifecycle::desired::{Desired, Inputs, desire};
use crate::plan::rollout::settings_diff::{changes_of_settings, words_of};
use crate::plan::state::operations::{Revision, RevisionKind};
use crate::plan::state::record::{LifecyclePhase, Record};
use crate::render::{Address, Manifest, ObjectRef, Write};
use crate::tenant::{objects as tenant_objects, token_secret, unwanted_addons};

/// A control plane that can be used.
#[derive(Debug)]
pub struct ApplyOutcome {
    /// Its record.
    pub record: Record,
    /// Whether its endpoint answers from here.
    pub direct: bool,
}

/// The identity of a Deployment that is there without a record: applied from rendered files, or its record was lost.
fn adopted(deployment: Option<&Value>) -> Option<ControlPlaneId> {
    ControlPlaneId::parse(deployment?.pointer("/metadata/annotations")?.get(ANNOTATION_ID)?.as_str()?).ok()
}

/// Writes one wish, under the lock.
pub(crate) struct ApplyRun<'a> {
    pub(crate) session: &'a Session<'a>,
    pub(crate) request: &'a CreateRequest,
    pub(crate) lock: &'a Lock,
}

impl ApplyRun<'_> {
    pub(super) async fn run(&self, wait: bool, ambient: &mut Ambient) -> Result<Option<ApplyOutcome>, Fault> {
        let spec = &self.request.spec;
        let management = self.session.management;
        // Read again under the lock: what was shown may be older.
        let mut store = if let Some(recorded) = read_record(management, &spec.namespace, &spec.name).await? {
            ensure_not_paused(&recorded.record)?;
            ensure_immutable_fields_unchanged(&recorded, self.request)?;
            RecordStore::resume(management, recorded)
        } else {
            let id = match adopted(management.get(&deployment_ref(spec)).await?.as_ref()) {
                Some(id) => id,
                None => ControlPlaneId::parse(&ambient.hex_id())?,
            };
            let manifest = ControlPlaneSpec { bootstrap_tokens: Vec::new(), ..spec.clone() };
            RecordStore::begin(management, Record::new(id, manifest, ambient.now()), &self.request.documents).await?
        };
        self.note_change(&mut store).await?;

        let id = store.record().id.clone();
        let datastore = async {
            let (datastore, mut admin) =
                admin::ensure(self.session, &spec.datastore, &spec.image_repository, &spec.pods.image_pull_secrets)
                    .await?;
            self.lock.confirm().await?;
            if admin.etcd.ensure_tenant(&id).await? == crate::datastore::Change::Changed {
                self.session.say(Event::Done(format!(
                    "datastore {}: user, role and prefix of this control plane",
                    spec.datastore
                )));
            }
            Ok::<_, Fault>(datastore)
        };
        let identity = async {
            self.identity(&mut store, ambient).await?;
            await_address(self.session, spec, &mut store).await
        };
        let (datastore, address) = tokio::try_join!(datastore, identity)?;

        let live = self.live().await?;
        let mut desired = self.desire(store.record(), &live, Some(&address), Some(&datastore), ambient)?;
        for reason in &desired.reissued {
            self.session.say(Event::Note(format!("new {reason}")));
        }
        let lasting_service = if wait { self.answer_early(&mut desired, &live) } else { None };
        self.write(&desired, &live).await?;
        self.remove(&desired).await?;
        store.update(None, |record| record.certificates_end = desired.certificates_end).await?;
        if !wait {
            return Ok(None);
        }
        if spec.replicas == 0 {
            // What is inside the cluster is looked after when it is woken.
            return Ok(Some(ApplyOutcome { record: store.record().clone(), direct: true }));
        }
        let reached = self.inside(&address, &desired).await?;
        self.await_usable(&reached).await?;
        if let Some(service) = lasting_service {
            self.lock.check()?;
            self.session.management.apply(&service).await?;
        }
        // The first answer may have come through the tunnel only because the endpoint was a moment behind; who can reach
        // it is to find it answering.
        let direct = reached.is_direct()
            || tenant_connection::answers_directly_soon(&address, &self.kubeconfig("admin.conf").await?, &spec.name)
                .await;
        self.lock.check()?;
        store
            .update(None, |record| {
                record.step = LifecyclePhase::Ready;
                record.scaling = false;
            })
            .await?;
        Ok(Some(ApplyOutcome { record: store.record().clone(), direct }))
    }

    /// Lets the endpoint lead to the first pod before it is ready, so that workers can join a second or two earlier: as soon
    /// as it answers, and not when probes, `EndpointSlice` and kube-proxy have followed. Gives the Service as it is to be
    /// afterwards. Not where a pod was already, or another one is made: who could be served there is not sent here.
    fn answer_early(&self, desired: &mut Desired, live: &Live) -> Option<Manifest> {
        let spec = &self.request.spec;
        if spec.replicas != 1 || live.get(&deployment_ref(spec)).is_some() {
            return None;
        }
        let service = desired.write.iter_mut().find(|manifest| manifest.object.kind == "Service")?;
        let lasting = service.clone();
        service.body["spec"]["publishNotReadyAddresses"] = true.into();
        Some(lasting)
    }

    pub(crate) async fn live(&self) -> Result<Live, Fault> {
        live(self.session, &self.request.spec).await
    }

    pub(crate) fn desire(
        &self,
        record: &Record,
        live: &Live,
        address: Option<&Address>,
        datastore: Option<&admin::Datastore>,
        ambient: &mut Ambient,
    ) -> Result<Desired, Fault> {
        let reissue = RenewalRequest::of_change(&record.spec, &self.request.spec);
        self.desire_anew(record, live, address, datastore, &reissue, ambient)
    }

    /// The same, with certificates made anew although they could be kept.
    pub(crate) fn desire_anew(
        &self,
        record: &Record,
        live: &Live,
        address: Option<&Address>,
        datastore: Option<&admin::Datastore>,
        reissue: &RenewalRequest,
        ambient: &mut Ambient,
    ) -> Result<Desired, Fault> {
        let spec = &self.request.spec;
        let service = live.named("Service", &ObjectNames(&spec.name).service());
        Ok(desire(
            &Inputs {
                spec,
                id: &record.id,
                live,
                given: &self.request.given,
                recorded_ca: record.ca.as_deref(),
                exposure: decide_exposure(spec, Some(exposure(record, spec)), service, record.address.as_ref()),
                address,
                datastore: datastore.map(|datastore| &datastore.authority),
                reissue,
                rotation: record.rotation.as_ref(),
            },
            ambient,
        )?)
    }

    /// Authorities, keys and the Service: what needs no address. Afterwards the record knows the authority.
    async fn identity(&self, store: &mut RecordStore<'_>, ambient: &mut Ambient) -> Result<(), Fault> {
        self.session.say(Event::Step("keys and Service".into()));
        let live = objects(self.session, &self.request.spec).await?;
        let desired = self.desire(store.record(), &live, None, None, ambient)?;
        self.write(&desired, &live).await?;
        let given = self.request.given.names();
        store
            .update(None, |record| {
                record.ca = Some(desired.ca.clone());
                if !given.is_empty() {
                    record.given = given;
                }
            })
            .await
    }

    /// Puts the wish into the record. Of one that served it is a change, which the history tells.
    pub(crate) async fn note_change(&self, store: &mut RecordStore<'_>) -> Result<(), Fault> {
        let (spec, documents) = (&self.request.spec, &self.request.documents);
        let what = words_of(&changes_of_settings(&store.record().spec, spec));
        let revision = (store.record().step == LifecyclePhase::Ready && !what.is_empty()).then(|| Revision {
            at: (self.session.clock)(),
            from: spec.version,
            to: spec.version,
            by: this_process(),
            what,
            before: Some(Box::new(store.desired_spec())),
            kind: RevisionKind::of(self.request.is_rollback),
        });
        store.update(Some((spec, documents)), |record| revision.into_iter().for_each(|it| record.remember(it))).await
    }

    /// Writes objects: all but the workload at once, then the workload, which mounts them.
    pub(crate) async fn write(&self, desired: &Desired, live: &Live) -> Result<(), Fault> {
        self.lock.check()?;
        let last = |manifest: &&Manifest| {
            manifest.object.kind == "Deployment" || manifest.object.kind == "PodDisruptionBudget"
        };
        let (workload, rest): (Vec<&Manifest>, Vec<&Manifest>) = desired.write.iter().partition(last);
        for group in [rest, workload] {
            let results: Vec<Result<(), Fault>> =
                stream::iter(group.into_iter().map(|manifest| self.write_one(manifest, live.get(&manifest.object))))
                    .buffered(8)
                    .collect()
                    .await;
            results.into_iter().collect::<Result<Vec<()>, Fault>>()?;
        }
        Ok(())
    }

    /// Removes what should not be any more. Pods that are being replaced may still need it.
    pub(crate) async fn remove(&self, desired: &Desired) -> Result<(), Fault> {
        for object in &desired.delete {
            self.session.management.delete(object, &Removal::default()).await?;
            self.session.say(Event::Done(format!("{object} removed")));
        }
        Ok(())
    }

    async fn write_one(&self, manifest: &Manifest, before: Option<&Value>) -> Result<(), Fault> {
        match manifest.write {
            // What exists is what the wish was made from.
            Write::CreateOnly if before.is_some() => {}
            Write::CreateOnly => match self.session.management.create(&manifest.object, &manifest.body).await? {
                Posted::New(_) => self.session.say(Event::Done(format!("{} created", manifest.object))),
                Posted::Existing(existing) => {
                    // Either it was there and `manifest` repeats it, or a POST of ours was carried out unheard.
                    if existing.get("data") != manifest.body.get("data") {
                        return Err(Fault::new(
                            Kind::Conflict,
                            format!("{} was made by another kamaji this moment", manifest.object),
                        )
                        .hint("run the command again: it goes on with the keys that are there"));
                    }
                }
            },
            Write::Apply | Write::ApplyUnlessTaken
                if before.is_some_and(|before| apply_is_noop(&manifest.body, before)) => {}
            Write::Apply | Write::ApplyUnlessTaken => {
                let after = self.session.management.apply(manifest).await?;
                let version = |object: &Value| object.pointer("/metadata/resourceVersion").cloned();
                match before {
                    None => self.session.say(Event::Done(format!("{} created", manifest.object))),
                    Some(before) if version(before) != version(&after) => {
                        self.session.say(Event::Done(format!("{} changed", manifest.object)));
                    }
                    Some(_) => {}
                }
            }
        }
        Ok(())
    }

    /// Waits for the API server and writes the objects inside the tenant.
    pub(crate) async fn inside(&self, address: &Address, desired: &Desired) -> Result<TenantConnection, Fault> {
        let spec = &self.request.spec;
        self.session.say(Event::Step("control plane pods".into()));
        let kubeconfig = self.kubeconfig("super-admin.conf").await?;
        let reached = await_answer(self.session, spec, address, &kubeconfig).await?;
        self.session.say(Event::Step("objects that joining needs, and addons".into()));
        let facts = facts_of(address, &desired.ca_certificate);
        let manifests = tenant_objects(spec, &facts);
        let connection = reached.connection.clone().patient(Duration::from_secs(20));
        loop {
            match tenant_connection::apply(self.session, &connection, &manifests).await {
                Ok(()) => break,
                // A namespace of a brand-new cluster may not be there yet.
                Err(fault) if fault.kind() == Kind::NotFound => {
                    self.session
                        .wait(Duration::from_millis(200), "the cluster's own namespaces", &fault.causes())
                        .await?;
                }
                Err(fault) => return Err(fault),
            }
        }
        tenant_connection::remove_unwanted(self.session, &connection, &unwanted_addons(spec, &facts)).await?;
        for token in &spec.bootstrap_tokens {
            let (id, secret) = parse_token(token.token.expose_secret())?;
            let expiration = token.ttl.map(|ttl| (self.session.clock)() + ttl);
            let manifest = token_secret(&id, &secret, &token.usages, &token.groups, &token.description, expiration);
            connection.create(&manifest.object, &manifest.body).await?;
        }
        Ok(reached)
    }

    pub(crate) async fn kubeconfig(&self, file: &str) -> Result<String, Fault> {
        let spec = &self.request.spec;
        let secret = ObjectNames(&spec.name).admin_kubeconfig();
        let found = tenant_connection::kubeconfig(self.session.management, &spec.namespace, &spec.name, file).await?;
        found
            .map(|text| text.expose_secret().to_owned())
            .ok_or_else(|| Fault::new(Kind::Failed, format!("Secret {secret} has no key `{file}`")))
    }

    /// Ready is: all replicas run, and admin.conf may do something.
    pub(crate) async fn await_usable(&self, reached: &TenantConnection) -> Result<(), Fault> {
        let spec = &self.request.spec;
        let admin = reached.with(&self.kubeconfig("admin.conf").await?, &spec.name).await?;
        let account = ObjectRef {
            api_version: "v1".into(),
            kind: "ServiceAccount".into(),
            namespace: Some("default".into()),
            name: "default".into(),
        };
        let deployment = deployment_ref(spec);
        let goal = format!("`{}` to be ready", spec.name);
        loop {
            let mut causes = Vec::new();
            match admin.get(&account).await {
                Ok(Some(_)) => {}
                Ok(None) => causes.push("pods cannot be made yet: there is no ServiceAccount `default`".to_owned()),
                Err(refusal) => causes.push(format!("admin.conf: {refusal}")),
            }
            if !rolled_out(self.session.management.get(&deployment).await?.as_ref(), spec.replicas) {
                let pods = pods(self.session, &spec.namespace, &spec.name).await?;
                causes.extend(crate::plan::lifecycle::pod_status::causes_of_pods(&pods, &[]));
                if causes.is_empty() {
                    causes.push("the Deployment has not noticed its ready pods yet".into());
                }
            }
            if causes.is_empty() {
                return Ok(());
            }
            self.session.wait(Duration::from_millis(200), &goal, &causes).await?;
        }
    }
}

/// The Deployment of a control plane.
pub(crate) fn deployment_ref(spec: &ControlPlaneSpec) -> ObjectRef {
    ObjectRef {
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        namespace: Some(spec.namespace.to_string()),
        name: ObjectNames(&spec.name).deployment(),
    }
}

/// Whether every pod is of the Deployment's newest template, and ready.
pub(crate) fn rolled_out(deployment: Option<&Value>, replicas: u32) -> bool {
    let Some(deployment) = deployment else { return false };
    let number = |pointer: &str| deployment.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    let wanted = u64::from(replicas);
    number("/status/observedGeneration") >= number("/metadata/generation")
        && number("/status/updatedReplicas") == wanted
        && number("/status/readyReplicas") == wanted
        && number("/status/replicas") == wanted
}
