//! What making a control plane would change. Reads, asks the server what objects would become, and writes nothing.

use futures::{StreamExt as _, stream};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::permissions::require_rights;
use super::references::ensure_references_exist;
use crate::ambient::Ambient;
use crate::cluster::Refusal;
use crate::engine::access::tenant_connection;
use crate::engine::apply::dry_run::judge_new;
use crate::engine::datastore::admin;
use crate::engine::session::Session;
use crate::engine::state::ensure_changeable::{
    ensure_not_paused, ensure_not_rotating, ensure_not_updating, ensure_not_upgrading,
};
use crate::engine::state::observe::{cluster_facts, namespace_exists, observe, refuse_foreign, volumes_exist};
use crate::engine::state::record_store::{StoredRecord, read_record};
use crate::error::{Fault, Kind};
use crate::model::{ControlPlaneSpec, Exposure, ObjectNames};
use crate::pki::PartialUserPki;
use crate::plan::access::endpoint::{AddressState, decide_address};
use crate::plan::access::endpoint_change::{EndpointChange, WorkerImpact};
use crate::plan::access::exposure::{decide_exposure, impossible_endpoint};
use crate::plan::apply::live_objects::Live;
use crate::plan::apply::noop::apply_is_noop;
use crate::plan::apply::plan::{Action, Change, Plan, change_owned_by_others, compare};
use crate::plan::certificates::renewal::{RenewalRequest, RenewedCertificate};
use crate::plan::lifecycle::desired::{Desired, Inputs, desire, is_wanted, object_refs};
use crate::plan::network::cidr_overlap::hidden_by_its_own_ranges;
use crate::plan::network::ip_family::{no_such_family, unserved_family};
use crate::plan::rollout::settings_diff::changes_of_settings;
use crate::plan::state::operations::{DesiredSpec, Phase};
use crate::plan::state::record::{LifecyclePhase, Record, immutable_changes};
use crate::render::{Address, Write};
use crate::tenant::{TenantFacts, objects as tenant_objects, unwanted_addons};

/// What is to be made.
#[derive(Debug)]
pub struct CreateRequest {
    /// The wish.
    pub spec: ControlPlaneSpec,
    /// The user's kubeadm documents without secrets.
    pub documents: String,
    /// Keys the user gave.
    pub given: PartialUserPki,
    /// Whether `rollback` asks for it.
    pub is_rollback: bool,
}

impl CreateRequest {
    /// To have what is on record.
    #[must_use]
    pub fn of(desired: DesiredSpec) -> Self {
        Self { spec: desired.spec, documents: desired.documents, given: PartialUserPki::default(), is_rollback: false }
    }

    /// What the record is to hold.
    #[must_use]
    pub fn desired_spec(&self) -> DesiredSpec {
        let spec = ControlPlaneSpec { bootstrap_tokens: Vec::new(), ..self.spec.clone() };
        DesiredSpec { spec, documents: self.documents.clone() }
    }
}

/// What would happen, and what it was decided from.
#[derive(Debug)]
pub struct Preview {
    /// The changes.
    pub plan: Plan,
    /// The record, when there is one already.
    pub recorded: Option<StoredRecord>,
}

/// Finds out what making the control plane would change. Writes nothing.
pub async fn preview(session: &Session<'_>, request: &CreateRequest, ambient: &mut Ambient) -> Result<Preview, Fault> {
    let spec = &request.spec;
    let (exists, rights) =
        tokio::join!(namespace_exists(session, spec), require_rights(session.management, &spec.namespace));
    exists.and(rights)?;
    let observed = observe(session, spec).await?;
    // What cannot change is told before what is missing for it.
    observed.recorded.iter().try_for_each(|recorded| ensure_immutable_fields_unchanged(recorded, request))?;
    volumes_exist(session, spec).await?;
    let new_datastore = admin::preview(session, &spec.datastore).await?;
    refuse_foreign(spec, &observed.live)?;
    ensure_references_exist(session, spec, new_datastore.is_some()).await?;
    if let Some(exposure) = spec.expose {
        let facts = cluster_facts(session, spec, exposure, None).await;
        if let Some((cause, remedy)) = impossible_endpoint(spec, exposure, &facts) {
            return Err(Fault::new(Kind::Usage, cause).hint(remedy));
        }
    }
    refuse_half_closed(spec, &observed.live)?;
    let mut plan = Plan { control_plane: format!("{}/{}", spec.namespace, spec.name), ..Default::default() };
    if let Some(what) = new_datastore {
        plan.changes.push(Change::of(
            format!("datastore {}: {what}", spec.datastore),
            Action::Create,
            "shared by control planes",
        ));
    }
    match &observed.recorded {
        None => {
            refuse_unreachable(session, spec, &observed.live).await?;
            judge_new(session, spec).await?;
            preview_new(spec, &observed.live, &mut plan);
        }
        Some(recorded) => {
            if let Err(fault) = preview_existing(session, request, recorded, &observed.live, ambient, &mut plan).await {
                refuse_moving(session, recorded).await?;
                return Err(fault);
            }
            if !plan.is_empty() {
                ensure_not_paused(&recorded.record)?;
                refuse_overtaken(session, request).await?;
            }
        }
    }
    Ok(Preview { plan, recorded: observed.recorded })
}

/// Refuses a policy that would not close what it was asked to.
fn refuse_half_closed(spec: &ControlPlaneSpec, live: &Live) -> Result<(), Fault> {
    if !live.management_network.falls_short_of(spec) {
        return Ok(());
    }
    let open = live.management_network.unread.join("\n  - ");
    let text = format!("the network policy would not close everything, because this may not be read:\n  - {open}");
    Err(Fault::new(Kind::Failed, text)
        .hint(format!(
            "an administrator can give the rights: kamaji rbac -n {} --user USER | kubectl apply -f -",
            spec.namespace
        ))
        .hint("or close what is known: --network-policy auto"))
}

/// Asks the management cluster what the Service would become, and refuses what would then be reached by nobody.
async fn refuse_unreachable(session: &Session<'_>, spec: &ControlPlaneSpec, live: &Live) -> Result<(), Fault> {
    let existing = live.named("Service", &ObjectNames(&spec.name).service());
    let decided = decide_exposure(spec, None, existing, None);
    let exposure = decided.0;
    let refuse = |(cause, remedy): (String, String)| Err(Fault::new(Kind::Usage, cause).hint(remedy));
    let service = match session.management.preview(&crate::render::service(spec, decided, existing)).await {
        Ok(service) => service,
        Err(Refusal::Refused { message, .. }) if message.contains("ipFamilies") => return refuse(no_such_family(spec)),
        // An admission webhook may refuse every preview; what is wrong with the Service is told when it is written.
        Err(Refusal::Refused { .. }) => return Ok(()),
        Err(refusal) => return Err(refusal.into()),
    };
    let facts = cluster_facts(session, spec, exposure, Some(&service)).await;
    let why = unserved_family(spec, exposure, &facts, &service)
        .or_else(|| hidden_by_its_own_ranges(spec, exposure, &facts, &service));
    if let Some(why) = why {
        return refuse(why);
    }
    match decide_address(spec, exposure, Some(&service), &facts, None) {
        AddressState::Impossible { cause, remedy } => refuse((cause, remedy)),
        AddressState::Known(_) | AddressState::Waiting { .. } => Ok(()),
    }
}

/// What was read while somebody changed the control plane may not fit together.
async fn refuse_moving(session: &Session<'_>, recorded: &StoredRecord) -> Result<(), Fault> {
    let spec = &recorded.record.spec;
    let now = read_record(session.management, &spec.namespace, &spec.name).await?;
    if now.is_some_and(|now| recorded.is_still(&now)) {
        return Ok(());
    }
    Err(Fault::new(Kind::Conflict, format!("control plane `{}` was changed by another run this moment", spec.name))
        .hint("run the command again: it starts from what is there now"))
}

/// A plan made while somebody deletes the control plane would show their deletions as changes to agree to.
async fn refuse_overtaken(session: &Session<'_>, request: &CreateRequest) -> Result<(), Fault> {
    let spec = &request.spec;
    match read_record(session.management, &spec.namespace, &spec.name).await? {
        Some(now) => ensure_immutable_fields_unchanged(&now, request),
        None => Err(Fault::new(Kind::Conflict, format!("control plane `{}` was deleted this moment", spec.name))
            .hint("run the command again to make a new one")),
    }
}

pub(crate) fn ensure_immutable_fields_unchanged(recorded: &StoredRecord, request: &CreateRequest) -> Result<(), Fault> {
    let spec = &request.spec;
    let name = &spec.name;
    if recorded.record.step == LifecyclePhase::Deleting {
        return Err(Fault::new(Kind::Conflict, format!("control plane `{name}` is being deleted"))
            .hint(format!("finish that first: kamaji delete {}", spec.namespaced_name().argument())));
    }
    ensure_not_upgrading(&recorded.record)?;
    if way_of(recorded, &request.desired_spec()).is_none() {
        ensure_not_updating(&recorded.record)?;
    }
    ensure_not_rotating(&recorded.record)?;
    let mut changes = immutable_changes(&recorded.record.spec, spec);
    if recorded.record.step == LifecyclePhase::Creating {
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

/// What a wish means to the change of settings on its way: to go on with it, or to go back. `None`: it is another one.
pub(crate) fn way_of(recorded: &StoredRecord, desired: &DesiredSpec) -> Option<Phase> {
    let update = recorded.record.update.as_ref()?;
    if update.to.is_like(desired) {
        // Who asks for it again after it was turned back tries it again.
        return Some(if update.phase == Phase::Back { Phase::Pods } else { update.phase });
    }
    recorded.desired_spec().is_like(desired).then_some(Phase::Back)
}

fn preview_new(spec: &ControlPlaneSpec, live: &Live, plan: &mut Plan) {
    plan.changes.push(Change::of(Record::object_ref(spec), Action::Create, "the record"));
    for object in object_refs(spec).iter().filter(|object| is_wanted(spec, object)) {
        let action = if live.get(object).is_some() { Action::Unchanged } else { Action::Create };
        let settings = match object.kind.as_str() {
            "Deployment" => spec.pods.summary(),
            "NetworkPolicy" => live.management_network.uncovered_sources().join("; "),
            _ => String::new(),
        };
        plan.changes.push(Change::of(object, action, &settings));
    }
    plan.changes.push(data_change(spec));
    plan.changes.push(tenant_change(spec));
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

/// Adds what carrying the wish out would change of a control plane that exists.
pub(crate) async fn preview_existing(
    session: &Session<'_>,
    request: &CreateRequest,
    recorded: &StoredRecord,
    live: &Live,
    ambient: &mut Ambient,
    plan: &mut Plan,
) -> Result<(), Fault> {
    let spec = &request.spec;
    let record = &recorded.record;
    let ready = record.step == LifecyclePhase::Ready;
    plan.changes.extend(preview_record(request, recorded));
    let exposure = exposure(record, spec);
    let service = live.named("Service", &ObjectNames(&spec.name).service());
    let facts = cluster_facts(session, spec, exposure, service).await;
    let address = match decide_address(spec, exposure, service, &facts, record.address.as_ref()) {
        AddressState::Known(address) => Some(address),
        AddressState::Impossible { cause, remedy } if record.spec.endpoint != spec.endpoint => {
            return Err(Fault::new(Kind::Usage, cause).hint(remedy));
        }
        AddressState::Waiting { .. } | AddressState::Impossible { .. } => record.address.clone(),
    };
    if ready
        && let (Some(service), Some(was)) = (service, &record.address)
        && let Some(note) = refuse_losing_workers(session, spec, record, (service, was), address.as_ref()).await?
    {
        plan.notes.push(note);
    }
    let datastore = admin::find(session, &spec.datastore).await?;
    let desired = desire(
        &Inputs {
            spec,
            id: &record.id,
            live,
            given: &request.given,
            recorded_ca: record.ca.as_deref(),
            exposure: decide_exposure(spec, Some(exposure), service, record.address.as_ref()),
            address: address.as_ref(),
            datastore: datastore.as_ref().map(|datastore| &datastore.authority),
            reissue: &RenewalRequest::of_change(&record.spec, spec),
            rotation: record.rotation.as_ref(),
        },
        ambient,
    )?;
    plan.changes.extend(preview_objects(session, &desired, live).await?);
    plan.changes.extend(desired.reissued.iter().map(RenewedCertificate::change));
    let missing = object_refs(spec).into_iter().filter(|object| {
        is_wanted(spec, object)
            && live.get(object).is_none()
            && !desired.write.iter().any(|manifest| manifest.object == *object)
    });
    plan.changes.extend(missing.map(|object| Change::of(object, Action::Create, "")).collect::<Vec<_>>());
    if !ready {
        plan.changes.push(data_change(spec));
        plan.changes.push(tenant_change(spec));
        return Ok(());
    }
    // Asleep, nobody answers; what is inside changes when it is woken.
    if let Some(address) = address.filter(|_| record.spec.replicas > 0) {
        preview_inside(session, spec, live, &address, &desired, plan).await?;
    }
    Ok(())
}

/// Refuses another exposure or endpoint under which workers that joined would not find their API server any more. Says what
/// is left to people.
async fn refuse_losing_workers(
    session: &Session<'_>,
    spec: &ControlPlaneSpec,
    record: &Record,
    (service, was): (&Value, &Address),
    address: Option<&Address>,
) -> Result<Option<String>, Fault> {
    let old = &record.spec;
    if (spec.expose, &spec.endpoint, spec.bind_port) == (old.expose, &old.endpoint, old.bind_port)
        && old.cert_sans.iter().all(|san| spec.cert_sans.contains(san))
    {
        return Ok(None);
    }
    let becomes = exposure(record, spec);
    let ports = decide_exposure(spec, Some(becomes), Some(service), Some(was));
    let preview = session.management.preview(&crate::render::service(spec, ports, Some(service))).await?;
    // While it is not exposed so, the address of today says nothing.
    let address = address.filter(|_| exposure(record, old) == becomes);
    let judged = EndpointChange {
        recorded: was,
        was: exposure(record, old),
        becomes,
        service,
        preview: &preview,
        spec,
        address,
    };
    let (cause, remedy) = match judged.judge() {
        WorkerImpact::Unaffected { note } => return Ok((!note.is_empty()).then_some(note)),
        WorkerImpact::Disconnected { cause, remedy } => (cause, remedy),
    };
    let who = match joined(session, record).await? {
        Ok(0) => return Ok(None),
        Ok(1) => "its worker would be lost".to_owned(),
        Ok(number) => format!("its {number} workers would be lost"),
        Err(why) => format!("its workers, which cannot be counted ({why}), would be lost"),
    };
    Err(Fault::new(Kind::Conflict, format!("control plane `{}`: {who}: {cause}", spec.name)).hint(remedy))
}

/// How many workers joined; `Err` says why nobody can tell.
async fn joined(session: &Session<'_>, record: &Record) -> Result<Result<usize, String>, Fault> {
    let (spec, management) = (&record.spec, session.management);
    if spec.replicas == 0 {
        return Ok(Err("it sleeps".into()));
    }
    let kubeconfig = tenant_connection::kubeconfig(management, &spec.namespace, &spec.name, "super-admin.conf").await?;
    let (Some(kubeconfig), Some(address)) = (kubeconfig, &record.address) else {
        return Ok(Err("it has no kubeconfig".into()));
    };
    let nodes = tenant_connection::ask(session, spec, address, kubeconfig.expose_secret(), async |connection| {
        Ok(connection.list("v1", "Node", None, "").await?.len())
    });
    Ok(nodes.await?.map_err(|causes| causes.into_iter().next().unwrap_or_default()))
}

/// What is asked for differently than before, setting by setting.
fn preview_record(request: &CreateRequest, recorded: &StoredRecord) -> Option<Change> {
    let (record, spec) = (&recorded.record, &request.spec);
    let ready = record.step == LifecyclePhase::Ready;
    let changes = !recorded.desired_spec().is_like(&request.desired_spec());
    let note = match (ready, record.is_changing()) {
        (false, _) => "creation was interrupted and goes on",
        (true, true) => "the interrupted change ends",
        (true, false) if changes => "the new wish",
        (true, false) => return None,
    };
    let fields = if ready { changes_of_settings(&record.spec, spec) } else { Vec::new() };
    Some(Change { fields, ..Change::of(Record::object_ref(spec), Action::Update, note) })
}

/// What writing and deleting these objects would change.
pub(crate) async fn preview_objects(
    session: &Session<'_>,
    desired: &Desired,
    live: &Live,
) -> Result<Vec<Change>, Refusal> {
    let looks = stream::iter(desired.write.iter().map(|manifest| async move {
        let existing = live.get(&manifest.object);
        let preview = match existing {
            Some(live) if manifest.write == Write::Apply && !apply_is_noop(&manifest.body, live) => {
                Some(session.management.preview(manifest).await?)
            }
            Some(_) | None => None,
        };
        let left = existing.and_then(|existing| change_owned_by_others(manifest, existing));
        Ok(std::iter::once(compare(manifest, existing, preview.as_ref())).chain(left).collect())
    }));
    let looks: Vec<Result<Vec<Change>, Refusal>> = looks.buffered(8).collect().await;
    let mut changes = looks.into_iter().collect::<Result<Vec<Vec<Change>>, Refusal>>()?.concat();
    changes.extend(desired.delete.iter().map(|object| Change::of(object, Action::Delete, "")));
    Ok(changes)
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
    let facts = facts_of(address, &desired.ca_certificate);
    let (manifests, unwanted) = (tenant_objects(spec, &facts), unwanted_addons(spec, &facts));
    let changes = tenant_connection::ask(session, spec, address, kubeconfig.expose_secret(), async |connection| {
        let mut changes = tenant_connection::preview(connection, &manifests).await?;
        changes.extend(tenant_connection::preview_unwanted(connection, &unwanted).await?);
        Ok(changes)
    });
    match changes.await? {
        Ok(changes) => plan.changes.extend(changes),
        Err(causes) => plan.unknown.push(format!(
            "the API server of `{}` does not answer, so what is inside the cluster is looked at later ({})",
            spec.name,
            causes.join("; ")
        )),
    }
    Ok(())
}

pub(crate) fn facts_of<'a>(address: &'a Address, ca_pem: &'a str) -> TenantFacts<'a> {
    TenantFacts { endpoint: &address.endpoint, advertise: &address.advertise, secure_port: address.secure_port, ca_pem }
}

/// What was decided, unless the user now says otherwise.
pub(crate) fn exposure(record: &Record, spec: &ControlPlaneSpec) -> Exposure {
    spec.expose.or(record.exposure).unwrap_or(Exposure::LoadBalancer)
}
