//! Whether a control plane may be changed now: it is whole, no other change is on its way, nobody paused it.

use crate::error::{Fault, Kind};
use crate::plan::state::blockers::{Busy, paused, rotating, updating, upgrading};
use crate::plan::state::record::{Record, Step};

/// Refuses to change a control plane that is not whole, is being changed, or is paused.
pub fn refuse_busy(record: &Record) -> Result<(), Fault> {
    refuse_unready(record)?;
    refuse_paused(record)?;
    refuse_upgrading(record)?;
    refuse_updating(record)?;
    refuse_rotating(record)
}

/// Refuses to change a control plane that is not whole.
pub(crate) fn refuse_unready(record: &Record) -> Result<(), Fault> {
    let name = &record.spec.name;
    if record.step != Step::Ready {
        return Err(Fault::new(
            Kind::Conflict,
            format!("control plane `{name}` is {}", record.step.word().to_lowercase()),
        )
        .hint(format!("see where it stands: kamaji status {}", record.spec.called().argument())));
    }
    Ok(())
}

/// Refuses to change a control plane whose keys are between two phases.
pub(crate) fn refuse_rotating(record: &Record) -> Result<(), Fault> {
    refuse(rotating(record))
}

/// Refuses to change a control plane that somebody paused.
pub(crate) fn refuse_paused(record: &Record) -> Result<(), Fault> {
    refuse(paused(record))
}

/// Refuses to change a control plane that is on its way to another version, or back to a snapshot.
pub(crate) fn refuse_upgrading(record: &Record) -> Result<(), Fault> {
    refuse(upgrading(record))
}

fn refuse(busy: Option<Busy>) -> Result<(), Fault> {
    let Some(busy) = busy else { return Ok(()) };
    Err(busy.remedies.into_iter().fold(Fault::new(Kind::Conflict, busy.what), Fault::hint))
}

/// Refuses to change a control plane whose settings are being changed.
pub(crate) fn refuse_updating(record: &Record) -> Result<(), Fault> {
    refuse(updating(record))
}
