//! Pausing: nobody's kamaji changes a control plane until it is resumed.

use crate::cluster::this_process;
use crate::engine::session::Session;
use crate::engine::state::record_store::{RecordStore, require_record, require_record_to_change};
use crate::error::Fault;
use crate::model::{ControlPlaneName, Namespace};
use crate::plan::state::record::{Pause, Record};

/// Pauses a control plane; one that is paused already stays paused as it was.
pub async fn pause(
    session: &Session<'_>,
    namespace: &Namespace,
    name: &ControlPlaneName,
    reason: &str,
) -> Result<Record, Fault> {
    let pause = Pause { by: this_process(), since: (session.clock)(), reason: reason.to_owned() };
    change(session, namespace, name, |record| {
        record.paused.get_or_insert(pause);
    })
    .await
}

/// Lets a control plane be changed again.
pub async fn resume(session: &Session<'_>, namespace: &Namespace, name: &ControlPlaneName) -> Result<Record, Fault> {
    change(session, namespace, name, |record| record.paused = None).await
}

/// Under the lock, so that nothing is under way any more once this is back.
async fn change(
    session: &Session<'_>,
    namespace: &Namespace,
    name: &ControlPlaneName,
    change: impl FnOnce(&mut Record),
) -> Result<Record, Fault> {
    // Who misspelt the name is not to leave a lock behind.
    require_record_to_change(session.management, namespace, name).await?;
    session
        .locked(namespace, name, async |_| {
            let recorded = require_record(session.management, namespace, name).await?;
            let mut store = RecordStore::resume(session.management, recorded);
            store.update(None, change).await?;
            Ok(store.record().clone())
        })
        .await
}
