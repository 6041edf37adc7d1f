//! Making certificates and kubeconfigs of a control plane anew. Only the management cluster is asked: it works as well when
//! all of them have expired and nobody can talk to the control plane.

use crate::ambient::Ambient;
use crate::cluster::Lock;
use crate::engine::datastore::admin;
use crate::engine::lifecycle::objects::ApplyRun;
use crate::engine::lifecycle::permissions::require_rights;
use crate::engine::lifecycle::preview::{CreateRequest, exposure, preview_objects};
use crate::engine::lifecycle::scale::await_number;
use crate::engine::session::Session;
use crate::engine::state::ensure_changeable::ensure_not_busy;
use crate::engine::state::observe::{live, read};
use crate::engine::state::record_store::{RecordStore, StoredRecord, require_record};
use crate::error::Fault;
use crate::event::Event;
use crate::model::{ControlPlaneName, Namespace, ObjectNames};
use crate::pki::PartialUserPki;
use crate::plan::access::exposure::decide_exposure;
use crate::plan::apply::live_objects::Live;
use crate::plan::apply::plan::{Approved, Plan};
use crate::plan::certificates::inventory::certificate_refs;
use crate::plan::certificates::renewal::{RenewalRequest, RenewedCertificate};
use crate::plan::lifecycle::desired::{Inputs, desire};
use crate::plan::state::record::Record;

/// A control plane with new certificates.
#[derive(Debug)]
pub struct Renewed {
    /// Its record.
    pub record: Record,
    /// What was made anew.
    pub reissued: Vec<RenewedCertificate>,
}

/// Reads the Secrets with certificates and keys, and nothing else.
pub async fn read_certificates(session: &Session<'_>, record: &Record) -> Result<Live, Fault> {
    Ok(read(session, &record.spec, certificate_refs(record)).await?)
}

/// What renewing would change. Writes nothing.
pub async fn plan_renewal(
    session: &Session<'_>,
    recorded: &StoredRecord,
    reissue: &RenewalRequest,
    ambient: &mut Ambient,
) -> Result<Plan, Fault> {
    let record = &recorded.record;
    let spec = &record.spec;
    ensure_not_busy(record)?;
    require_rights(session.management, &spec.namespace).await?;
    let (live, datastore) = tokio::try_join!(live(session, spec), admin::require(session, &spec.datastore))?;
    let service = live.named("Service", &ObjectNames(&spec.name).service());
    let inputs = Inputs {
        spec,
        id: &record.id,
        live: &live,
        given: &PartialUserPki::default(),
        recorded_ca: record.ca.as_deref(),
        exposure: decide_exposure(spec, Some(exposure(record, spec)), service, record.address.as_ref()),
        address: record.address.as_ref(),
        datastore: Some(&datastore.authority),
        reissue,
        rotation: record.rotation.as_ref(),
    };
    let desired = desire(&inputs, ambient)?;
    let mut plan = Plan { control_plane: format!("{}/{}", spec.namespace, spec.name), ..Plan::default() };
    plan.changes.extend(desired.reissued.iter().map(RenewedCertificate::change));
    plan.changes.extend(preview_objects(session, &desired, &live).await?);
    Ok(plan)
}

/// Renews as it was agreed to, and waits until only pods with the new certificates are left.
pub async fn renew(
    session: &Session<'_>,
    namespace: &Namespace,
    name: &ControlPlaneName,
    reissue: &RenewalRequest,
    approved: &Approved,
    ambient: &mut Ambient,
) -> Result<Renewed, Fault> {
    debug_assert!(!approved.plan().is_empty(), "an empty plan changes nothing");
    session
        .locked(namespace, name, async |lock| {
            let recorded = require_record(session.management, namespace, name).await?;
            run(session, recorded, reissue, lock, ambient).await
        })
        .await
}

async fn run(
    session: &Session<'_>,
    recorded: StoredRecord,
    reissue: &RenewalRequest,
    lock: &Lock,
    ambient: &mut Ambient,
) -> Result<Renewed, Fault> {
    ensure_not_busy(&recorded.record)?;
    let request = CreateRequest::of(recorded.desired_spec());
    let spec = &request.spec;
    let creation = ApplyRun { session, request: &request, lock };
    let mut store = RecordStore::resume(session.management, recorded);
    let datastore = admin::require(session, &spec.datastore).await?;
    let address = store.address()?;
    let live = creation.live().await?;
    let desired = creation.desire_anew(store.record(), &live, Some(&address), Some(&datastore), reissue, ambient)?;
    for reissued in &desired.reissued {
        session.say(Event::Note(format!("new {reissued}, ends {}", reissued.ends)));
    }
    creation.write(&desired, &live).await?;
    lock.check()?;
    store.update(None, |record| record.certificates_end = desired.certificates_end).await?;
    await_number(session, spec).await?;
    Ok(Renewed { record: store.record().clone(), reissued: desired.reissued })
}
