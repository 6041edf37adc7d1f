//! Describes an incomplete upgrade or restore: whether it is running or was interrupted, and the commands that complete
//! it or roll it back.

use serde::Serialize;

use super::operations::Upgrade;
use super::record::Record;
use crate::model::{format_holder, format_time};

/// The lock of a control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockState {
    /// Not held, or held by a process that has ended.
    Free,
    /// Held by this process, as named in the lock.
    Held(String),
    /// The lock could not be read.
    Unknown,
}

/// An incomplete upgrade or restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unfinished {
    /// Its state, as text.
    pub state: String,
    /// Whether it was interrupted; `None` if the lock could not be read.
    pub interrupted: Option<bool>,
    /// The command that completes it.
    pub finish: String,
    /// The command that rolls it back, if that is possible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback: Option<String>,
}

impl Unfinished {
    /// The state and, unless it is still running, the commands.
    #[must_use]
    pub fn lines(&self) -> String {
        let mut text = format!("{}\n", self.state);
        if self.interrupted != Some(false) {
            text.push_str(&format!("  complete it: {}\n", self.finish));
            if let Some(rollback) = &self.rollback {
                text.push_str(&format!("  or roll back: {rollback}\n"));
            }
        }
        text
    }
}

/// The command that completes a restore.
pub(crate) fn finish_restore(record: &Record) -> String {
    format!("kamaji restore {} --from FILE", record.spec.namespaced_name().argument())
}

/// The command that completes an upgrade.
pub(crate) fn finish_upgrade(record: &Record, upgrade: &Upgrade) -> String {
    if upgrade.is_rollback {
        return rollback_command(record);
    }
    format!("kamaji upgrade {} --to {}", record.spec.namespaced_name().argument(), upgrade.to)
}

/// The command that rolls back an upgrade or an update.
pub(crate) fn rollback_command(record: &Record) -> String {
    format!("kamaji rollback {}", record.spec.namespaced_name().argument())
}

impl Record {
    /// The incomplete upgrade or restore, if there is one.
    #[must_use]
    pub fn unfinished(&self, lock: &LockState) -> Option<Unfinished> {
        let (state, interrupted) = match lock {
            LockState::Free => ("interrupted".to_owned(), Some(true)),
            LockState::Held(holder) => (format!("in progress by {}", format_holder(holder)), Some(false)),
            LockState::Unknown => ("incomplete".to_owned(), None),
        };
        if let Some(restore) = &self.restore {
            return Some(Unfinished {
                state: format!(
                    "restore of the snapshot of {} ({}) {state}: {}",
                    format_time(restore.taken),
                    restore.to,
                    restore.phase.description()
                ),
                interrupted,
                finish: finish_restore(self),
                rollback: None,
            });
        }
        let upgrade = self.upgrade.as_ref()?;
        Some(Unfinished {
            state: format!("upgrade {} -> {} {state}: {}", upgrade.from, upgrade.to, upgrade.phase.description()),
            interrupted,
            finish: finish_upgrade(self, upgrade),
            rollback: (!upgrade.is_rollback).then(|| rollback_command(self)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::operations::Phase;
    use super::super::operations::{Restore, RestorePhase};
    use super::super::record::LifecyclePhase;
    use super::*;
    use crate::model::KubeVersion;

    fn record() -> Record {
        let at = "2027-06-01T12:00:00Z".parse().unwrap();
        let id = crate::model::ControlPlaneId::parse("0123456789abcdef0123456789abcdef").unwrap();
        let mut record = Record::new(id, crate::tenant::fixture::spec("v1.36.3"), at);
        record.upgrade = Some(Upgrade {
            from: KubeVersion::parse("v1.36.3").unwrap(),
            to: KubeVersion::parse("v1.37.2").unwrap(),
            phase: Phase::Pods,
            began: at,
            is_rollback: false,
        });
        record
    }

    #[test]
    fn an_upgrade_without_a_lock_holder_was_interrupted() {
        let found = record().unfinished(&LockState::Free).unwrap();
        assert_eq!(found.state, "upgrade v1.36.3 -> v1.37.2 interrupted: replacing pods");
        assert_eq!(found.interrupted, Some(true));
        assert!(found.finish.ends_with("--to v1.37.2") && found.rollback.unwrap().contains("rollback"));
        let running = record().unfinished(&LockState::Held("laptop/17/x".into())).unwrap();
        assert_eq!(running.state, "upgrade v1.36.3 -> v1.37.2 in progress by process 17 on laptop: replacing pods");
        let unknown = record().unfinished(&LockState::Unknown).unwrap();
        assert_eq!(unknown.state, "upgrade v1.36.3 -> v1.37.2 incomplete: replacing pods");
    }

    #[test]
    fn an_interrupted_rollback_is_completed_by_rollback() {
        let mut record = record();
        record.upgrade.as_mut().unwrap().is_rollback = true;
        let found = record.unfinished(&LockState::Free).unwrap();
        assert!(found.finish.contains("kamaji rollback"), "{}", found.finish);
        assert_eq!(found.rollback, None);
    }

    #[test]
    fn a_restore_cannot_be_rolled_back() {
        let mut record = record();
        let upgrade = record.upgrade.clone().unwrap();
        record.step = LifecyclePhase::Ready;
        record.restore = Some(Restore {
            from: upgrade.to,
            to: upgrade.from,
            taken: upgrade.began,
            revision: 7,
            phase: RestorePhase::Data,
            began: upgrade.began,
        });
        let found = record.unfinished(&LockState::Free).unwrap();
        assert!(found.state.contains("(v1.36.3) interrupted: restoring the data"), "{}", found.state);
        assert_eq!(found.rollback, None);
        assert_eq!(record.state(1), "Restoring");
    }

    #[test]
    fn a_control_plane_without_an_operation_has_nothing_unfinished() {
        let mut record = record();
        record.upgrade = None;
        assert_eq!(record.unfinished(&LockState::Free), None);
    }
}
