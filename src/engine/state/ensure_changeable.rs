//! Whether a control plane may be changed now: it is whole, no other change is on its way, nobody paused it.

use crate::error::{Fault, Kind};
use crate::plan::state::blockers::{Blocker, paused, rotating, updating, upgrading};
use crate::plan::state::record::{LifecyclePhase, Record};

/// Refuses to change a control plane that is not whole, is being changed, or is paused.
pub fn ensure_not_busy(record: &Record) -> Result<(), Fault> {
    ensure_ready(record)?;
    ensure_not_paused(record)?;
    ensure_not_upgrading(record)?;
    ensure_not_updating(record)?;
    ensure_not_rotating(record)
}

/// Refuses to change a control plane that is not whole.
pub(crate) fn ensure_ready(record: &Record) -> Result<(), Fault> {
    let name = &record.spec.name;
    if record.step != LifecyclePhase::Ready {
        return Err(Fault::new(
            Kind::Conflict,
            format!("control plane `{name}` is {}", record.step.word().to_lowercase()),
        )
        .hint(format!("see where it stands: kamaji status {}", record.spec.namespaced_name().argument())));
    }
    Ok(())
}

/// Refuses to change a control plane whose keys are between two phases.
pub(crate) fn ensure_not_rotating(record: &Record) -> Result<(), Fault> {
    refuse(rotating(record))
}

/// Refuses to change a control plane that somebody paused.
pub(crate) fn ensure_not_paused(record: &Record) -> Result<(), Fault> {
    refuse(paused(record))
}

/// Refuses to change a control plane that is on its way to another version, or back to a snapshot.
pub(crate) fn ensure_not_upgrading(record: &Record) -> Result<(), Fault> {
    refuse(upgrading(record))
}

fn refuse(busy: Option<Blocker>) -> Result<(), Fault> {
    let Some(busy) = busy else { return Ok(()) };
    Err(busy.remedies.into_iter().fold(Fault::new(Kind::Conflict, busy.what), Fault::hint))
}

/// Refuses to change a control plane whose settings are being changed.
pub(crate) fn ensure_not_updating(record: &Record) -> Result<(), Fault> {
    refuse(updating(record))
}
