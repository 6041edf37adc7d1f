//! Making a control plane, or bringing one to what is wished, as it was agreed to: under the lock, to the end.

use super::preview::CreateRequest;
use crate::ambient::Ambient;
use crate::cluster::Lock;
use crate::engine::lifecycle::objects::{ApplyOutcome, ApplyRun};
use crate::engine::rollout::run;
use crate::engine::session::Session;
use crate::engine::state::record_store::{StoredRecord, read_record};
use crate::error::Fault;
use crate::model::{ControlPlaneName, Namespace};
use crate::plan::apply::plan::Approved;
use crate::plan::state::record::LifecyclePhase;

/// Carries the plan out, under the lock, and waits until the control plane can be used if `wait` says so.
pub async fn apply(
    session: &Session<'_>,
    request: &CreateRequest,
    approved: &Approved,
    wait: bool,
    ambient: &mut Ambient,
) -> Result<Option<ApplyOutcome>, Fault> {
    debug_assert!(!approved.plan().is_empty(), "an empty plan changes nothing");
    let spec = &request.spec;
    session
        .locked(&spec.namespace, &spec.name, async |lock| {
            let recorded = read_record(session.management, &spec.namespace, &spec.name).await?;
            if let Some(recorded) = recorded.filter(|recorded| is_change(recorded, request, wait)) {
                return run::to_settings(session, request, recorded, lock, ambient).await.map(Some);
            }
            ApplyRun { session, request, lock }.run(wait, ambient).await
        })
        .await
}

/// Whether a control plane that serves gets other settings, which are taken back if they do not work. What was asked for
/// already, and is not there, is mended; and who does not wait cannot take anything back.
fn is_change(recorded: &StoredRecord, request: &CreateRequest, wait: bool) -> bool {
    let record = &recorded.record;
    record.update.is_some()
        || (wait && record.step == LifecyclePhase::Ready && !recorded.desired_spec().is_like(&request.desired_spec()))
}

/// Removes the lock of a run that ended after its work and before it could give the lock back.
pub async fn remove_abandoned_lock(
    session: &Session<'_>,
    namespace: &Namespace,
    name: &ControlPlaneName,
) -> Result<(), Fault> {
    Ok(Lock::remove_abandoned(session.management, namespace, name, (session.clock)()).await?)
}
