//! What was begun with a control plane and is not finished: whether somebody is at it or it was interrupted, and what
//! ends it. Pure.

use serde::Serialize;

use super::operations::Upgrade;
use super::record::Record;
use crate::model::{format_holder, format_time};

/// Who holds the lock of a control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// Nobody, or a process that has ended.
    Nobody,
    /// This process, as locks name it.
    Process(String),
    /// It could not be asked.
    Unknown,
}

/// A change that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unfinished {
    /// Where it stands, for people.
    pub state: String,
    /// Whether nobody is at it any more; `None` when that could not be asked.
    pub interrupted: Option<bool>,
    /// The command that finishes it.
    pub finish: String,
    /// The command that takes it back, if there is a way back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back: Option<String>,
}

impl Unfinished {
    /// For people: where it stands, and while nobody is at it what to do.
    #[must_use]
    pub fn lines(&self) -> String {
        let mut text = format!("{}\n", self.state);
        if self.interrupted != Some(false) {
            text.push_str(&format!("  finish it: {}\n", self.finish));
            if let Some(back) = &self.back {
                text.push_str(&format!("  or go back: {back}\n"));
            }
        }
        text
    }
}

/// The command that ends putting a snapshot back.
pub(crate) fn finish_restore(record: &Record) -> String {
    format!("kamaji restore {} --from FILE", record.spec.namespaced_name().argument())
}

/// The command that ends a change of version.
pub(crate) fn finish_upgrade(record: &Record, upgrade: &Upgrade) -> String {
    if upgrade.is_rollback {
        return rollback_command(record);
    }
    format!("kamaji upgrade {} --to {}", record.spec.namespaced_name().argument(), upgrade.to)
}

/// The command that takes a change of version or of settings back.
pub(crate) fn rollback_command(record: &Record) -> String {
    format!("kamaji rollback {}", record.spec.namespaced_name().argument())
}

impl Record {
    /// What was begun and is not finished.
    #[must_use]
    pub fn unfinished(&self, holder: &Holder) -> Option<Unfinished> {
        let (state, interrupted) = match holder {
            Holder::Nobody => ("interrupted".to_owned(), Some(true)),
            Holder::Process(holder) => (format!("on its way by {}", format_holder(holder)), Some(false)),
            Holder::Unknown => ("not finished".to_owned(), None),
        };
        if let Some(restore) = &self.restore {
            return Some(Unfinished {
                state: format!(
                    "restore of the snapshot of {} ({}) {state}: {}",
                    format_time(restore.taken),
                    restore.to,
                    restore.phase.words()
                ),
                interrupted,
                finish: finish_restore(self),
                back: None,
            });
        }
        let upgrade = self.upgrade.as_ref()?;
        Some(Unfinished {
            state: format!("upgrade {} -> {} {state}: {}", upgrade.from, upgrade.to, upgrade.phase.words()),
            interrupted,
            finish: finish_upgrade(self, upgrade),
            back: (!upgrade.is_rollback).then(|| rollback_command(self)),
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
    fn an_upgrade_that_nobody_is_at_was_interrupted() {
        let found = record().unfinished(&Holder::Nobody).unwrap();
        assert_eq!(found.state, "upgrade v1.36.3 -> v1.37.2 interrupted: replacing pods");
        assert_eq!(found.interrupted, Some(true));
        assert!(found.finish.ends_with("--to v1.37.2") && found.back.unwrap().contains("rollback"));
        let running = record().unfinished(&Holder::Process("laptop/17/x".into())).unwrap();
        assert_eq!(running.state, "upgrade v1.36.3 -> v1.37.2 on its way by process 17 on laptop: replacing pods");
        let unknown = record().unfinished(&Holder::Unknown).unwrap();
        assert_eq!(unknown.state, "upgrade v1.36.3 -> v1.37.2 not finished: replacing pods");
    }

    #[test]
    fn an_interrupted_rollback_is_finished_by_rollback() {
        let mut record = record();
        record.upgrade.as_mut().unwrap().is_rollback = true;
        let found = record.unfinished(&Holder::Nobody).unwrap();
        assert!(found.finish.contains("kamaji rollback"), "{}", found.finish);
        assert_eq!(found.back, None);
    }

    #[test]
    fn a_restore_can_only_be_finished() {
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
        let found = record.unfinished(&Holder::Nobody).unwrap();
        assert!(found.state.contains("(v1.36.3) interrupted: putting the data back"), "{}", found.state);
        assert_eq!(found.back, None);
        assert_eq!(record.state(1), "Restoring");
    }

    #[test]
    fn a_control_plane_at_rest_has_nothing_unfinished() {
        let mut record = record();
        record.upgrade = None;
        assert_eq!(record.unfinished(&Holder::Nobody), None);
    }
}
