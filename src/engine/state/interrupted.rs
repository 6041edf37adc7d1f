//! Who is changing a control plane now.

use crate::cluster::Lock;
use crate::engine::session::Session;
use crate::plan::state::interrupted::{Holder, Unfinished};
use crate::plan::state::record::Record;

/// What was begun with a control plane and is not finished. The lock is looked at only where something was.
pub async fn unfinished(session: &Session<'_>, record: &Record) -> Option<Unfinished> {
    record.unfinished(&Holder::Unknown)?;
    let spec = &record.spec;
    let holder = Lock::look(session.management, &spec.namespace, &spec.name, (session.clock)()).await;
    record.unfinished(&match holder {
        Ok(Some(held)) if held.alive => Holder::Process(held.holder),
        Ok(Some(_) | None) => Holder::Nobody,
        // Who may list control planes may not be allowed to look at locks.
        Err(_) => Holder::Unknown,
    })
}
