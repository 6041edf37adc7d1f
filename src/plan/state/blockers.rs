//! Why a control plane is not to be changed now, with the way out: said by every verb that would change it, and by doctor.

use super::interrupted::{finish_restore, finish_upgrade, rollback_command};
use super::record::Record;
use crate::model::{format_holder, format_time};
use crate::plan::certificates::rotation_phases::RotationPhase;

/// What is under way, or was left undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocker {
    /// The fact.
    pub what: String,
    /// What to do, as commands.
    pub remedies: Vec<String>,
}

/// Whether somebody paused it.
#[must_use]
pub fn paused(record: &Record) -> Option<Blocker> {
    let pause = record.paused.as_ref()?;
    let control_plane = record.spec.namespaced_name();
    let reason = if pause.reason.is_empty() { String::new() } else { format!(": {}", pause.reason) };
    Some(Blocker {
        what: format!(
            "control plane `{control_plane}` is paused since {} by {}{reason}",
            format_time(pause.since),
            format_holder(&pause.by)
        ),
        remedies: vec![format!("let it be changed again: kamaji resume {}", control_plane.argument())],
    })
}

/// Whether it is on its way to another version, or back to a snapshot.
#[must_use]
pub fn upgrading(record: &Record) -> Option<Blocker> {
    let name = &record.spec.name;
    if let Some(restore) = &record.restore {
        return Some(Blocker {
            what: format!("control plane `{name}` is being restored ({restore})"),
            remedies: vec![format!("finish it: {}", finish_restore(record))],
        });
    }
    let upgrade = record.upgrade.as_ref()?;
    let mut remedies = vec![format!("finish it: {}", finish_upgrade(record, upgrade))];
    if !upgrade.is_rollback {
        remedies.push(format!("or go back to {}: {}", upgrade.from, rollback_command(record)));
    }
    Some(Blocker { what: format!("an upgrade of control plane `{name}` is not finished ({upgrade})"), remedies })
}

/// Whether its settings are being changed.
#[must_use]
pub fn updating(record: &Record) -> Option<Blocker> {
    let update = record.update.as_ref()?;
    let control_plane = record.spec.namespaced_name();
    let mut remedies = vec![format!("finish it: kamaji update {}", control_plane.argument())];
    if !update.is_rollback {
        remedies.push(format!("or go back: {}", rollback_command(record)));
    }
    Some(Blocker {
        what: format!("a change of settings of control plane `{control_plane}` is not finished ({update})"),
        remedies,
    })
}

/// Whether its keys are between two phases. One that has reached a phase is whole.
#[must_use]
pub fn rotating(record: &Record) -> Option<Blocker> {
    let rotation = record.rotation.as_ref().filter(|rotation| !rotation.done)?;
    let control_plane = record.spec.namespaced_name();
    let way = match rotation.phase {
        RotationPhase::Back => "--back".to_owned(),
        phase @ (RotationPhase::Trust | RotationPhase::Use | RotationPhase::Drop) => {
            format!("--phase {}", phase.word())
        }
    };
    Some(Blocker {
        what: format!("keys of control plane `{control_plane}` are being changed ({rotation})"),
        remedies: vec![format!("finish it: kamaji certs {} {} {way}", rotation.of.verb(), control_plane.argument())],
    })
}

/// What is half done.
#[must_use]
pub fn operation_in_progress(record: &Record) -> Option<Blocker> {
    upgrading(record).or_else(|| updating(record)).or_else(|| rotating(record))
}
