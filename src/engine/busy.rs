//! Whether a control plane may be changed now: it is whole, no other change is on its way, nobody paused it.

use crate::error::{Fault, Kind};
use crate::plan::{Record, RotationPhase, Step};

/// Refuses to change a control plane that is not whole, is being changed, or is paused.
pub fn refuse_busy(record: &Record) -> Result<(), Fault> {
    refuse_unready(record)?;
    refuse_paused(record)?;
    refuse_upgrading(record)?;
    refuse_updating(record)?;
    refuse_rotating(record)
}

/// Refuses to change a control plane that is not whole.
pub(super) fn refuse_unready(record: &Record) -> Result<(), Fault> {
    let name = &record.spec.name;
    if record.step != Step::Ready {
        return Err(Fault::new(
            Kind::Conflict,
            format!("control plane `{name}` is {}", record.step.word().to_lowercase()),
        )
        .hint(format!("see where it stands: kamaji status {name}")));
    }
    Ok(())
}

/// Refuses to change a control plane whose keys are between two phases. One that has reached a phase is whole.
pub(super) fn refuse_rotating(record: &Record) -> Result<(), Fault> {
    let Some(rotation) = record.rotation.as_ref().filter(|rotation| !rotation.done) else { return Ok(()) };
    let (name, namespace) = (&record.spec.name, &record.spec.namespace);
    let way = match rotation.phase {
        RotationPhase::Back => "--back".to_owned(),
        phase @ (RotationPhase::Trust | RotationPhase::Use | RotationPhase::Drop) => {
            format!("--phase {}", phase.word())
        }
    };
    Err(Fault::new(Kind::Conflict, format!("keys of control plane `{name}` are being changed ({rotation})"))
        .hint(format!("finish it: kamaji certs {} {name} -n {namespace} {way}", rotation.of.verb())))
}

/// Refuses to change a control plane that somebody paused.
pub(super) fn refuse_paused(record: &Record) -> Result<(), Fault> {
    let Some(pause) = &record.paused else { return Ok(()) };
    let reason = if pause.reason.is_empty() { String::new() } else { format!(": {}", pause.reason) };
    Err(Fault::new(
        Kind::Conflict,
        format!("control plane `{}` is paused since {} by {}{reason}", record.spec.name, pause.since, pause.by),
    )
    .hint(format!("let it be changed again: kamaji resume {} -n {}", record.spec.name, record.spec.namespace)))
}

/// Refuses to change a control plane that is on its way to another version, or back to a snapshot.
pub(super) fn refuse_upgrading(record: &Record) -> Result<(), Fault> {
    let (name, namespace) = (&record.spec.name, &record.spec.namespace);
    if let Some(restore) = &record.restore {
        return Err(Fault::new(Kind::Conflict, format!("control plane `{name}` is being restored ({restore})"))
            .hint(format!("finish it: kamaji restore {name} -n {namespace} --from FILE")));
    }
    let Some(upgrade) = &record.upgrade else { return Ok(()) };
    Err(Fault::new(Kind::Conflict, format!("an upgrade of control plane `{name}` is not finished ({upgrade})"))
        .hint(format!("finish it: kamaji upgrade {name} -n {namespace} --to {}", upgrade.to))
        .hint(format!("or go back to {}: kamaji rollback {name} -n {namespace}", upgrade.from)))
}

/// Refuses to change a control plane whose settings are being changed.
pub(super) fn refuse_updating(record: &Record) -> Result<(), Fault> {
    let Some(update) = &record.update else { return Ok(()) };
    let (name, namespace) = (&record.spec.name, &record.spec.namespace);
    Err(Fault::new(
        Kind::Conflict,
        format!("a change of settings of control plane `{name}` is not finished ({update})"),
    )
    .hint(format!("finish it: kamaji update {name} -n {namespace}"))
    .hint(format!("or go back: kamaji rollback {name} -n {namespace}")))
}
