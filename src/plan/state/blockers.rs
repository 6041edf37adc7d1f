//! Why a control plane is not to be changed now, with the way out: said by every verb that would change it, and by doctor.

use super::interrupted::{finish_restore, finish_upgrade, go_back};
use super::record::Record;
use crate::model::{moment, process};
use crate::plan::certificates::rotation_phases::RotationPhase;

/// What is under way, or was left undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Busy {
    /// The fact.
    pub what: String,
    /// What to do, as commands.
    pub remedies: Vec<String>,
}

/// Whether somebody paused it.
#[must_use]
pub fn paused(record: &Record) -> Option<Busy> {
    let pause = record.paused.as_ref()?;
    let plane = record.spec.called();
    let reason = if pause.reason.is_empty() { String::new() } else { format!(": {}", pause.reason) };
    Some(Busy {
        what: format!(
            "control plane `{plane}` is paused since {} by {}{reason}",
            moment(pause.since),
            process(&pause.by)
        ),
        remedies: vec![format!("let it be changed again: kamaji resume {}", plane.argument())],
    })
}

/// Whether it is on its way to another version, or back to a snapshot.
#[must_use]
pub fn upgrading(record: &Record) -> Option<Busy> {
    let name = &record.spec.name;
    if let Some(restore) = &record.restore {
        return Some(Busy {
            what: format!("control plane `{name}` is being restored ({restore})"),
            remedies: vec![format!("finish it: {}", finish_restore(record))],
        });
    }
    let upgrade = record.upgrade.as_ref()?;
    let mut remedies = vec![format!("finish it: {}", finish_upgrade(record, upgrade))];
    if !upgrade.undo {
        remedies.push(format!("or go back to {}: {}", upgrade.from, go_back(record)));
    }
    Some(Busy { what: format!("an upgrade of control plane `{name}` is not finished ({upgrade})"), remedies })
}

/// Whether its settings are being changed.
#[must_use]
pub fn updating(record: &Record) -> Option<Busy> {
    let update = record.update.as_ref()?;
    let plane = record.spec.called();
    let mut remedies = vec![format!("finish it: kamaji update {}", plane.argument())];
    if !update.undo {
        remedies.push(format!("or go back: {}", go_back(record)));
    }
    Some(Busy { what: format!("a change of settings of control plane `{plane}` is not finished ({update})"), remedies })
}

/// Whether its keys are between two phases. One that has reached a phase is whole.
#[must_use]
pub fn rotating(record: &Record) -> Option<Busy> {
    let rotation = record.rotation.as_ref().filter(|rotation| !rotation.done)?;
    let plane = record.spec.called();
    let way = match rotation.phase {
        RotationPhase::Back => "--back".to_owned(),
        phase @ (RotationPhase::Trust | RotationPhase::Use | RotationPhase::Drop) => {
            format!("--phase {}", phase.word())
        }
    };
    Some(Busy {
        what: format!("keys of control plane `{plane}` are being changed ({rotation})"),
        remedies: vec![format!("finish it: kamaji certs {} {} {way}", rotation.of.verb(), plane.argument())],
    })
}

/// What is half done.
#[must_use]
pub fn half_done(record: &Record) -> Option<Busy> {
    upgrading(record).or_else(|| updating(record)).or_else(|| rotating(record))
}
