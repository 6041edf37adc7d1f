//! Operations and pauses that block changes to a control plane, with commands to resolve them. Used by every command
//! that changes a control plane, and by doctor.

use super::interrupted::{finish_restore, finish_upgrade, rollback_command};
use super::record::Record;
use crate::model::{format_holder, format_time};
use crate::plan::certificates::rotation_phases::RotationPhase;

/// Something that blocks changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocker {
    /// What blocks changes, as an error message.
    pub summary: String,
    /// Hints with commands.
    pub remedies: Vec<String>,
}

/// Whether changes are paused.
#[must_use]
pub fn paused(record: &Record) -> Option<Blocker> {
    let pause = record.paused.as_ref()?;
    let control_plane = record.spec.namespaced_name();
    let reason = if pause.reason.is_empty() { String::new() } else { format!(": {}", pause.reason) };
    Some(Blocker {
        summary: format!(
            "control plane `{control_plane}` has been paused since {} by {}{reason}",
            format_time(pause.since),
            format_holder(&pause.by)
        ),
        remedies: vec![format!("resume changes: kamaji resume {}", control_plane.argument())],
    })
}

/// Whether an upgrade or a restore is in progress or was interrupted.
#[must_use]
pub fn upgrading(record: &Record) -> Option<Blocker> {
    let name = &record.spec.name;
    if let Some(restore) = &record.restore {
        return Some(Blocker {
            summary: format!("control plane `{name}` is being restored ({restore})"),
            remedies: vec![format!("complete it: {}", finish_restore(record))],
        });
    }
    let upgrade = record.upgrade.as_ref()?;
    let mut remedies = vec![format!("complete it: {}", finish_upgrade(record, upgrade))];
    if !upgrade.is_rollback {
        remedies.push(format!("or roll back to {}: {}", upgrade.from, rollback_command(record)));
    }
    Some(Blocker { summary: format!("an upgrade of control plane `{name}` is incomplete ({upgrade})"), remedies })
}

/// Whether a change of settings is in progress or was interrupted.
#[must_use]
pub fn updating(record: &Record) -> Option<Blocker> {
    let update = record.update.as_ref()?;
    let control_plane = record.spec.namespaced_name();
    let mut remedies = vec![format!("complete it: kamaji update {}", control_plane.argument())];
    if !update.is_rollback {
        remedies.push(format!("or roll back: {}", rollback_command(record)));
    }
    Some(Blocker {
        summary: format!("an update of control plane `{control_plane}` is incomplete ({update})"),
        remedies,
    })
}

/// Whether a phase of a key rotation is incomplete. A complete phase blocks nothing.
#[must_use]
pub fn rotating(record: &Record) -> Option<Blocker> {
    let rotation = record.rotation.as_ref().filter(|rotation| !rotation.done)?;
    let control_plane = record.spec.namespaced_name();
    let flag = match rotation.phase {
        RotationPhase::Rollback => "--back".to_owned(),
        phase @ (RotationPhase::TrustBoth | RotationPhase::SignWithNew | RotationPhase::RemoveOld) => {
            format!("--phase {}", phase.as_str())
        }
    };
    Some(Blocker {
        summary: format!("a key rotation of control plane `{control_plane}` is incomplete ({rotation})"),
        remedies: vec![format!(
            "complete it: kamaji certs {} {} {flag}",
            rotation.target.command(),
            control_plane.argument()
        )],
    })
}

/// The incomplete operation, if there is one.
#[must_use]
pub fn operation_in_progress(record: &Record) -> Option<Blocker> {
    upgrading(record).or_else(|| updating(record)).or_else(|| rotating(record))
}
