//! Another number of pods; none at all is sleep: nothing runs, and the data stays.

use std::time::Duration;

use super::objects::{ApplyRun, deployment_ref, rolled_out};
use super::preview::CreateRequest;
use crate::ambient::Ambient;
use crate::cluster::Lock;
use crate::engine::access::tenant_connection::{answers_directly_soon, ending, pods};
use crate::engine::datastore::admin;
use crate::engine::session::Session;
use crate::engine::state::ensure_changeable::ensure_not_busy;
use crate::engine::state::record_store::{RecordStore, StoredRecord, require_record};
use crate::error::Fault;
use crate::model::{ControlPlaneName, ControlPlaneSpec, Namespace, pods_in_words};
use crate::plan::lifecycle::pod_status::causes_of_pods;
use crate::plan::state::operations::DesiredSpec;
use crate::plan::state::record::Record;

/// Gives a control plane that many pods, and waits until they are ready, or gone.
pub async fn scale(
    session: &Session<'_>,
    namespace: &Namespace,
    name: &ControlPlaneName,
    replicas: u32,
    ambient: &mut Ambient,
) -> Result<Record, Fault> {
    session
        .locked(namespace, name, async |lock| {
            let recorded = require_record(session.management, namespace, name).await?;
            run(session, recorded, replicas, lock, ambient).await
        })
        .await
}

async fn run(
    session: &Session<'_>,
    recorded: StoredRecord,
    replicas: u32,
    lock: &Lock,
    ambient: &mut Ambient,
) -> Result<Record, Fault> {
    ensure_not_busy(&recorded.record)?;
    // Who was killed while waking it has not told it what changed while it slept.
    let slept = recorded.record.spec.replicas == 0 || recorded.record.scaling;
    let spec = ControlPlaneSpec { replicas, ..recorded.record.spec.clone() };
    let request = CreateRequest::of(DesiredSpec { spec, documents: recorded.documents.clone() });
    let spec = &request.spec;
    let creation = ApplyRun { session, request: &request, lock };
    let mut store = RecordStore::resume(session.management, recorded);
    store.update(None, |record| record.scaling = true).await?;
    creation.note_change(&mut store).await?;
    let datastore = admin::require(session, &spec.datastore).await?;
    let address = store.address()?;
    let live = creation.live().await?;
    let desired = creation.desire(store.record(), &live, Some(&address), Some(&datastore), ambient)?;
    creation.write(&desired, &live).await?;
    creation.remove(&desired).await?;
    await_number(session, spec).await?;
    if slept && replicas > 0 {
        // What changed while it slept is told to it now.
        let reached = creation.inside(&address, &desired).await?;
        creation.await_usable(&reached).await?;
        if !reached.is_direct() {
            // Who can reach the endpoint is to find it answering, also where Services are a moment behind.
            answers_directly_soon(&address, &creation.kubeconfig("admin.conf").await?, &spec.name).await;
        }
    }
    store.update(None, |record| record.scaling = false).await?;
    Ok(store.record().clone())
}

/// Waits until so many pods of the newest template are ready, or none is left.
pub(crate) async fn await_number(session: &Session<'_>, spec: &ControlPlaneSpec) -> Result<(), Fault> {
    let goal = format!("{} of `{}`", pods_in_words(spec.replicas), spec.name);
    let deployment = deployment_ref(spec);
    loop {
        let settled = rolled_out(session.management.get(&deployment).await?.as_ref(), spec.replicas);
        let found = pods(session, &spec.namespace, &spec.name).await?;
        if settled && (spec.replicas > 0 || found.is_empty()) {
            return Ok(());
        }
        let causes = if spec.replicas == 0 {
            vec![format!("{} still at their last requests", pods_in_words(ending(&found)))]
        } else {
            causes_of_pods(&found, &[])
        };
        session.wait(Duration::from_millis(300), &goal, &causes).await?;
    }
}
