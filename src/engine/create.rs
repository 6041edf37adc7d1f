//! Making a control plane, or bringing one to what is wished: prepare shows what would happen, converge does it.

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tokio::time::Instant;

use super::journal::{Journal, Recorded, read_record};
use super::observe::{cluster_facts, live, namespace_exists, observe, refuse_foreign};
use super::tenant::{self, Reached, await_answer, pods, reach, why_not_ready};
use super::{Session, datastore};
use crate::ambient::Ambient;
use crate::cluster::{Created as Posted, Lock, Removal};
use crate::error::{Fault, Kind};
use crate::event::Event;
use crate::model::{
    ANNOTATION_ID, ControlPlaneName, ControlPlaneSpec, Exposure, Namespace, ObjectNames, PlaneId, parse_token,
};
use crate::pki::PartialUserPki;
use crate::plan::{
    Action, AddressState, Approved, Change, Desired, Inputs, Live, Plan, Record, Step, compare, decide_address,
    decide_exposure, desire, immutable_changes, impossible_endpoint, object_refs,
};
use crate::render::{Address, Manifest, ObjectRef, Write};
use crate::tenant::{TenantFacts, objects as tenant_objects, token_secret};

/// How long a load balancer may take to be heard of where the user left the exposure to us. Who provides one says so in
/// an event about the Service, and is then waited for.
const LOAD_BALANCER_GRACE: Duration = Duration::from_secs(5);

/// What is to be made.
#[derive(Debug)]
pub struct CreateRequest {
    /// The wish.
    pub spec: ControlPlaneSpec,
    /// The user's kubeadm documents without secrets.
    pub documents: String,
    /// Keys the user gave.
    pub given: PartialUserPki,
}

/// What would happen, and what it was decided from.
#[derive(Debug)]
pub struct Prepared {
    /// The changes.
    pub plan: Plan,
    /// The record, when there is one already.
    pub recorded: Option<Recorded>,
}

/// A control plane that can be used.
#[derive(Debug)]
pub struct Created {
    /// Its record.
    pub record: Record,
    /// Whether its endpoint answers from here.
    pub direct: bool,
}

/// Finds out what making the control plane would change. Writes nothing.
pub async fn prepare(session: &Session<'_>, request: &CreateRequest, ambient: &mut Ambient) -> Result<Prepared, Fault> {
    let spec = &request.spec;
    namespace_exists(session, spec).await?;
    let (observed, new_datastore) =
        tokio::try_join!(observe(session, spec), datastore::preview(session, &spec.datastore))?;
    refuse_foreign(spec, &observed.live)?;
    if let Some(exposure) = spec.expose {
        let facts = cluster_facts(session, spec, exposure, None).await;
        if let Some((cause, remedy)) = impossible_endpoint(spec, exposure, &facts) {
            return Err(Fault::new(Kind::Usage, cause).hint(remedy));
        }
    }
    let mut plan = Plan { control_plane: format!("{}/{}", spec.namespace, spec.name), ..Default::default() };
    if let Some(what) = new_datastore {
        plan.changes.push(Change::of(
            format!("datastore {}: {what}", spec.datastore),
            Action::Create,
            "shared by control planes",
        ));
    }
    match &observed.recorded {
        None => preview_new(spec, &observed.live, &mut plan),
        Some(recorded) => {
            refuse_immutable(recorded, spec)?;
            preview_existing(session, request, recorded, &observed.live, ambient, &mut plan).await?;
        }
    }
    Ok(Prepared { plan, recorded: observed.recorded })
}

fn refuse_immutable(recorded: &Recorded, spec: &ControlPlaneSpec) -> Result<(), Fault> {
    let name = &spec.name;
    if recorded.record.step == Step::Deleting {
        return Err(Fault::new(Kind::Conflict, format!("control plane `{name}` is being deleted"))
            .hint(format!("finish that first: kamaji delete {name} -n {}", spec.namespace)));
    }
    let mut changes = immutable_changes(&recorded.record.spec, spec);
    if recorded.record.step == Step::Creating {
        // Nothing was written by a version that never came up, such as one that does not exist.
        changes.retain(|change| change.field != "kubernetesVersion");
    }
    if changes.is_empty() {
        return Ok(());
    }
    let mut text = format!("control plane `{name}` exists, and these values cannot change:");
    for change in &changes {
        text.push_str(&format!("\n  {}: is {}, asked for {} ({})", change.field, change.is, change.asked, change.why));
    }
    Err(Fault::new(Kind::Conflict, text).hint("put the old values back, or choose another name"))
}

fn preview_new(spec: &ControlPlaneSpec, live: &Live, plan: &mut Plan) {
    plan.changes.push(Change::of(Record::object_ref(spec), Action::Create, "the record"));
    for object in object_refs(spec).iter().filter(|object| wanted(spec, object)) {
        let action = if live.get(object).is_some() { Action::Unchanged } else { Action::Create };
        plan.changes.push(Change::of(object, action, ""));
    }
    plan.changes.push(data_change(spec));
    plan.changes.push(tenant_change(spec));
}

/// The identity of a Deployment that is there without a record: applied from rendered files, or its record was lost.
fn adopted(spec: &ControlPlaneSpec, live: &Live) -> Option<PlaneId> {
    let deployment = live.named("Deployment", &ObjectNames(&spec.name).deployment())?;
    PlaneId::parse(deployment.pointer("/metadata/annotations")?.get(ANNOTATION_ID)?.as_str()?).ok()
}

fn wanted(spec: &ControlPlaneSpec, object: &ObjectRef) -> bool {
    object.kind != "PodDisruptionBudget" || spec.replicas > 1
}

fn data_change(spec: &ControlPlaneSpec) -> Change {
    Change::of(format!("datastore {}: user, role and prefix", spec.datastore), Action::Create, "")
}

fn tenant_change(spec: &ControlPlaneSpec) -> Change {
    let mut parts = vec!["what kubeadm join needs"];
    if spec.addons.coredns.is_some() {
        parts.push("CoreDNS");
    }
    if spec.addons.kube_proxy {
        parts.push("kube-proxy");
    }
    Change::of(format!("in the cluster: {}", parts.join(", ")), Action::Create, "")
}

async fn preview_existing(
    session: &Session<'_>,
    request: &CreateRequest,
    recorded: &Recorded,
    live: &Live,
    ambient: &mut Ambient,
    plan: &mut Plan,
) -> Result<(), Fault> {
    let spec = &request.spec;
    let record = &recorded.record;
    let ready = record.step == Step::Ready;
    let mut wished = record.clone();
    wished.spec = ControlPlaneSpec { bootstrap_tokens: Vec::new(), ..spec.clone() };
    if wished.to_object(&request.documents, None) != record.to_object(&recorded.documents, None) || !ready {
        let note = if ready { "the new wish" } else { "creation was interrupted and goes on" };
        plan.changes.push(Change::of(Record::object_ref(spec), Action::Update, note));
    }
    let exposure = exposure(record, spec);
    let service = live.named("Service", &ObjectNames(&spec.name).service());
    let facts = cluster_facts(session, spec, exposure, service).await;
    let address = match decide_address(spec, exposure, service, &facts, record.address.as_ref()) {
        AddressState::Known(address) => Some(address),
        AddressState::Waiting { .. } | AddressState::Impossible { .. } => record.address.clone(),
    };
    let datastore = datastore::find(session, &spec.datastore).await?;
    let desired = desire(
        &Inputs {
            spec,
            id: &record.id,
            live,
            given: &request.given,
            recorded_ca: record.ca.as_deref(),
            exposure: decide_exposure(spec, Some(exposure), service),
            address: address.as_ref(),
            datastore: datastore.as_ref().map(|datastore| &datastore.authority),
        },
        ambient,
    )?;
    let changes: Vec<Result<Change, crate::cluster::Refusal>> =
        stream::iter(desired.write.iter().map(|wish| async move {
            let existing = live.get(&wish.object);
            let preview = match existing {
                Some(_) if wish.write == Write::Apply => Some(session.management.preview(wish).await?),
                Some(_) | None => None,
            };
            Ok(compare(wish, existing, preview.as_ref()))
        }))
        .buffered(8)
        .collect()
        .await;
    for change in changes {
        plan.changes.push(change?);
    }
    for reason in &desired.reissued {
        plan.changes.push(Change::of(format!("new {reason}"), Action::Update, ""));
    }
    plan.changes.extend(desired.delete.iter().map(|object| Change::of(object, Action::Delete, "")));
    let missing = object_refs(spec).into_iter().filter(|object| {
        wanted(spec, object) && live.get(object).is_none() && !desired.write.iter().any(|wish| wish.object == *object)
    });
    plan.changes.extend(missing.map(|object| Change::of(object, Action::Create, "")).collect::<Vec<_>>());
    if !ready {
        plan.changes.push(data_change(spec));
        plan.changes.push(tenant_change(spec));
        return Ok(());
    }
    if let Some(address) = address {
        preview_inside(session, spec, live, &address, &desired, plan).await?;
    }
    Ok(())
}

async fn preview_inside(
    session: &Session<'_>,
    spec: &ControlPlaneSpec,
    live: &Live,
    address: &Address,
    desired: &Desired,
    plan: &mut Plan,
) -> Result<(), Fault> {
    let Some(kubeconfig) = live.secret_value(&ObjectNames(&spec.name).admin_kubeconfig(), "super-admin.conf") else {
        return Ok(());
    };
    match reach(session, &spec.namespace, &spec.name, address, kubeconfig.expose_secret()).await? {
        Ok(reached) => {
            let wishes = tenant_objects(spec, &facts_of(address, &desired.ca_certificate));
            plan.changes.extend(tenant::preview(&reached.connection, &wishes).await?);
        }
        Err(causes) => plan.unknown.push(format!(
            "the API server of `{}` does not answer, so what is inside the cluster is looked at later ({})",
            spec.name,
            causes.join("; ")
        )),
    }
    Ok(())
}

fn facts_of<'a>(address: &'a Address, ca_pem: &'a str) -> TenantFacts<'a> {
    TenantFacts { endpoint: &address.endpoint, advertise: &address.advertise, secure_port: address.secure_port, ca_pem }
}

/// What was decided, unless the user now says otherwise.
fn exposure(record: &Record, spec: &ControlPlaneSpec) -> Exposure {
    spec.expose.or(record.exposure).unwrap_or(Exposure::LoadBalancer)
}

/// Reads the record of an existing control plane, or says that there is none.
pub async fn start(session: &Session<'_>, namespace: &Namespace, name: &ControlPlaneName) -> Result<Recorded, Fault> {
    read_record(session.management, namespace, name).await?.ok_or_else(|| {
        Fault::new(Kind::NotFound, format!("there is no control plane `{name}` in namespace `{namespace}`"))
            .hint("see which there are: kamaji list -A")
    })
}

/// Carries the plan out, under the lock, and waits until the control plane can be used if `wait` says so.
pub async fn converge(
    session: &Session<'_>,
    request: &CreateRequest,
    approved: &Approved,
    wait: bool,
    ambient: &mut Ambient,
) -> Result<Option<Created>, Fault> {
    debug_assert!(!approved.plan().is_empty(), "an empty plan changes nothing");
    let spec = &request.spec;
    let waiting = |cause: String| {
        session.say(Event::Waiting { goal: format!("the lock of `{}`", spec.name), causes: vec![cause] });
    };
    let lock = Lock::acquire(session.management, &spec.namespace, &spec.name, session.clock, waiting).await?;
    let outcome = Creation { session, request, lock: &lock }.run(wait, ambient).await;
    let released = lock.release().await;
    let created = outcome?;
    released?;
    Ok(created)
}

/// Removes the lock of a run that ended after its work and before it could give the lock back.
pub async fn tidy(session: &Session<'_>, spec: &ControlPlaneSpec) -> Result<(), Fault> {
    Ok(Lock::remove_abandoned(session.management, &spec.namespace, &spec.name, (session.clock)()).await?)
}

struct Creation<'a> {
    session: &'a Session<'a>,
    request: &'a CreateRequest,
    lock: &'a Lock,
}

impl Creation<'_> {
    async fn run(&self, wait: bool, ambient: &mut Ambient) -> Result<Option<Created>, Fault> {
        let spec = &self.request.spec;
        let management = self.session.management;
        // Read again under the lock: what was shown may be older.
        let mut journal = if let Some(recorded) = read_record(management, &spec.namespace, &spec.name).await? {
            refuse_immutable(&recorded, spec)?;
            Journal::resume(management, recorded)
        } else {
            let id = match adopted(spec, &self.live().await?) {
                Some(id) => id,
                None => PlaneId::parse(&ambient.hex_id())?,
            };
            let wish = ControlPlaneSpec { bootstrap_tokens: Vec::new(), ..spec.clone() };
            Journal::begin(management, Record::new(id, wish, ambient.now()), &self.request.documents).await?
        };
        journal.update(Some((spec, &self.request.documents)), |_| {}).await?;

        let id = journal.record().id.clone();
        let datastore = async {
            let (datastore, mut admin) =
                datastore::ensure(self.session, &spec.datastore, &spec.image_repository).await?;
            if admin.etcd.ensure_tenant(&id).await? == crate::datastore::Change::Changed {
                self.session.say(Event::Done(format!(
                    "datastore {}: user, role and prefix of this control plane",
                    spec.datastore
                )));
            }
            Ok::<_, Fault>(datastore)
        };
        let identity = async {
            self.identity(&mut journal, ambient).await?;
            self.address(&mut journal).await
        };
        let (datastore, address) = tokio::try_join!(datastore, identity)?;

        let live = self.live().await?;
        let desired = self.desire(journal.record(), &live, Some(&address), Some(&datastore), ambient)?;
        for reason in &desired.reissued {
            self.session.say(Event::Note(format!("new {reason}")));
        }
        self.write(&desired, &live).await?;
        journal.update(None, |record| record.certificates_end = desired.certificates_end).await?;
        if !wait {
            return Ok(None);
        }
        let reached = self.inside(&address, &desired).await?;
        self.await_usable(&reached).await?;
        // The first answer may have come through the tunnel only because the endpoint was a moment behind.
        let direct = reached.direct
            || tenant::answers_directly(&address, &self.kubeconfig("admin.conf").await?, &spec.name).await;
        self.lock.check()?;
        journal.update(None, |record| record.step = Step::Ready).await?;
        Ok(Some(Created { record: journal.record().clone(), direct }))
    }

    async fn live(&self) -> Result<Live, Fault> {
        live(self.session, &self.request.spec).await
    }

    fn desire(
        &self,
        record: &Record,
        live: &Live,
        address: Option<&Address>,
        datastore: Option<&datastore::Datastore>,
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
                exposure: decide_exposure(spec, Some(exposure(record, spec)), service),
                address,
                datastore: datastore.map(|datastore| &datastore.authority),
            },
            ambient,
        )?)
    }

    /// Authorities, keys and the Service: what needs no address. Afterwards the record knows the authority.
    async fn identity(&self, journal: &mut Journal<'_>, ambient: &mut Ambient) -> Result<(), Fault> {
        self.session.say(Event::Step("keys and Service".into()));
        let live = self.live().await?;
        let desired = self.desire(journal.record(), &live, None, None, ambient)?;
        self.write(&desired, &live).await?;
        journal.update(None, |record| record.ca = Some(desired.ca.clone())).await
    }

    /// Writes objects: all but the workload at once, then the workload, which mounts them.
    async fn write(&self, desired: &Desired, live: &Live) -> Result<(), Fault> {
        self.lock.check()?;
        let last = |wish: &&Manifest| wish.object.kind == "Deployment" || wish.object.kind == "PodDisruptionBudget";
        let (workload, rest): (Vec<&Manifest>, Vec<&Manifest>) = desired.write.iter().partition(last);
        for group in [rest, workload] {
            let results: Vec<Result<(), Fault>> =
                stream::iter(group.into_iter().map(|wish| self.write_one(wish, live.get(&wish.object))))
                    .buffered(8)
                    .collect()
                    .await;
            results.into_iter().collect::<Result<Vec<()>, Fault>>()?;
        }
        for object in &desired.delete {
            self.session.management.delete(object, &Removal::default()).await?;
            self.session.say(Event::Done(format!("{object} removed")));
        }
        Ok(())
    }

    async fn write_one(&self, wish: &Manifest, before: Option<&Value>) -> Result<(), Fault> {
        match wish.write {
            // What exists is what the wish was made from.
            Write::CreateOnly if before.is_some() => {}
            Write::CreateOnly => match self.session.management.create(&wish.object, &wish.body).await? {
                Posted::New(_) => self.session.say(Event::Done(format!("{} created", wish.object))),
                Posted::Existing(existing) => {
                    // Either it was there and `wish` repeats it, or a POST of ours was carried out unheard.
                    if existing.get("data") != wish.body.get("data") {
                        return Err(Fault::new(
                            Kind::Conflict,
                            format!("{} was made by another kamaji this moment", wish.object),
                        )
                        .hint("run the command again: it goes on with the keys that are there"));
                    }
                }
            },
            Write::Apply | Write::ApplyUnlessTaken => {
                let after = self.session.management.apply(wish).await?;
                let version = |object: &Value| object.pointer("/metadata/resourceVersion").cloned();
                match before {
                    None => self.session.say(Event::Done(format!("{} created", wish.object))),
                    Some(before) if version(before) != version(&after) => {
                        self.session.say(Event::Done(format!("{} changed", wish.object)));
                    }
                    Some(_) => {}
                }
            }
        }
        Ok(())
    }

    /// Waits for the Service's address, gives up on a load balancer that nobody asked for, keeps port and node port equal.
    async fn address(&self, journal: &mut Journal<'_>) -> Result<Address, Fault> {
        let spec = &self.request.spec;
        let service_ref = ObjectRef {
            api_version: "v1".into(),
            kind: "Service".into(),
            namespace: Some(spec.namespace.to_string()),
            name: ObjectNames(&spec.name).service(),
        };
        let begun = Instant::now();
        loop {
            let chosen = exposure(journal.record(), spec);
            let service = self.session.management.get(&service_ref).await?;
            let (_, port, node_port) = decide_exposure(spec, Some(chosen), service.as_ref());
            if !exposes(service.as_ref(), chosen, port, node_port) {
                self.session.management.apply(&crate::render::service(spec, chosen, port, node_port)).await?;
                continue;
            }
            let facts = cluster_facts(self.session, spec, chosen, service.as_ref()).await;
            let cause = match decide_address(spec, chosen, service.as_ref(), &facts, journal.record().address.as_ref())
            {
                AddressState::Known(address) => {
                    let known = address.clone();
                    journal
                        .update(None, |record| {
                            record.exposure = Some(chosen);
                            record.address = Some(known);
                        })
                        .await?;
                    return Ok(address);
                }
                AddressState::Impossible { cause, remedy } => return Err(Fault::new(Kind::Failed, cause).hint(remedy)),
                AddressState::Waiting { cause } => cause,
            };
            if spec.expose.is_none()
                && chosen == Exposure::LoadBalancer
                && begun.elapsed() > LOAD_BALANCER_GRACE
                && !self.somebody_balances(&service_ref).await?
            {
                self.session.say(Event::Note(format!(
                    "nothing in this cluster gave a load balancer within {} s: using a node port",
                    LOAD_BALANCER_GRACE.as_secs()
                )));
                journal.update(None, |record| record.exposure = Some(Exposure::NodePort)).await?;
                continue;
            }
            self.session.wait(Duration::from_millis(200), &format!("an address for `{}`", spec.name), &[cause]).await?;
        }
    }

    /// Whether a controller is at work on the Service's load balancer: it tells so in an event.
    async fn somebody_balances(&self, service: &ObjectRef) -> Result<bool, Fault> {
        let events = self.session.management.list("v1", "Event", service.namespace.as_deref(), "").await?;
        Ok(events.iter().any(|event| {
            event.pointer("/involvedObject/kind").and_then(Value::as_str) == Some(service.kind.as_str())
                && event.pointer("/involvedObject/name").and_then(Value::as_str) == Some(service.name.as_str())
        }))
    }

    /// Waits for the API server and writes the objects inside the tenant.
    async fn inside(&self, address: &Address, desired: &Desired) -> Result<Reached, Fault> {
        let spec = &self.request.spec;
        self.session.say(Event::Step("control plane pods".into()));
        let kubeconfig = self.kubeconfig("super-admin.conf").await?;
        let reached = await_answer(self.session, spec, address, &kubeconfig).await?;
        self.session.say(Event::Step("objects that joining needs, and addons".into()));
        let wishes = tenant_objects(spec, &facts_of(address, &desired.ca_certificate));
        let connection = reached.connection.clone().patient(Duration::from_secs(20));
        loop {
            match tenant::apply(self.session, &connection, &wishes).await {
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
        for token in &spec.bootstrap_tokens {
            let (id, secret) = parse_token(token.token.expose_secret())?;
            let expiration = token.ttl.map(|ttl| (self.session.clock)() + ttl);
            let wish = token_secret(&id, &secret, &token.usages, &token.groups, &token.description, expiration);
            connection.create(&wish.object, &wish.body).await?;
        }
        Ok(reached)
    }

    async fn kubeconfig(&self, file: &str) -> Result<String, Fault> {
        let secret = ObjectNames(&self.request.spec.name).admin_kubeconfig();
        let live = self.live().await?;
        live.secret_value(&secret, file)
            .map(|text| text.expose_secret().to_owned())
            .ok_or_else(|| Fault::new(Kind::Failed, format!("Secret {secret} has no key `{file}`")))
    }

    /// Ready is: all replicas run, and admin.conf may do something.
    async fn await_usable(&self, reached: &Reached) -> Result<(), Fault> {
        let spec = &self.request.spec;
        let admin = reached.with(&self.kubeconfig("admin.conf").await?, &spec.name).await?;
        let kube_system = ObjectRef {
            api_version: "v1".into(),
            kind: "Namespace".into(),
            namespace: None,
            name: "kube-system".into(),
        };
        let goal = format!("`{}` to be ready", spec.name);
        loop {
            let mut causes = Vec::new();
            if let Err(refusal) = admin.get(&kube_system).await {
                causes.push(format!("admin.conf: {refusal}"));
            }
            let deployment = self.live().await?;
            let deployment = deployment.named("Deployment", &ObjectNames(&spec.name).deployment());
            if !rolled_out(deployment, spec.replicas) {
                let pods = pods(self.session, &spec.namespace, &spec.name).await?;
                causes.extend(why_not_ready(self.session, spec, &pods).await?);
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

fn rolled_out(deployment: Option<&Value>, replicas: u32) -> bool {
    let Some(deployment) = deployment else { return false };
    let number = |pointer: &str| deployment.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    let wanted = u64::from(replicas);
    number("/status/observedGeneration") >= number("/metadata/generation")
        && number("/status/updatedReplicas") == wanted
        && number("/status/readyReplicas") == wanted
        && number("/status/replicas") == wanted
}

/// Whether the Service is as decided.
fn exposes(service: Option<&Value>, exposure: Exposure, port: u16, node_port: Option<u16>) -> bool {
    let Some(service) = service else { return false };
    let number = |key: &str| service.pointer(&format!("/spec/ports/0/{key}")).and_then(Value::as_u64);
    service.pointer("/spec/type").and_then(Value::as_str) == Some(exposure.service_type())
        && number("port") == Some(u64::from(port))
        && number("targetPort") == Some(u64::from(port))
        && (node_port.is_none() || number("nodePort") == node_port.map(u64::from))
}
