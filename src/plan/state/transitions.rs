//! Transitions of the record when a change progresses, completes or is rolled back. From an interrupted change in the
//! record, the next run knows where to resume.

use jiff::Timestamp;

use super::operations::{Phase, Revision, RevisionKind, Upgrade};
use super::record::Record;
use crate::plan::state::operations::{DesiredSpec, MAX_REVISIONS, Update};

impl Record {
    /// Whether an upgrade or update is incomplete.
    #[must_use]
    pub const fn is_changing(&self) -> bool {
        self.upgrade.is_some() || self.update.is_some()
    }

    /// Whether the last change was rolled back or was itself a rollback, so that there is nothing to roll back.
    #[must_use]
    pub fn is_rolled_back(&self) -> bool {
        !self.is_changing() && self.history.first().is_some_and(|last| last.kind != RevisionKind::Change)
    }

    /// Sets the phase of the change in progress.
    pub fn set_phase(&mut self, phase: Phase) {
        if let Some(upgrade) = &mut self.upgrade {
            upgrade.phase = phase;
        }
        if let Some(update) = &mut self.update {
            update.phase = phase;
        }
    }

    /// Starts to roll back the change in progress: restores the previous exposure and address.
    pub fn begin_rollback(&mut self) {
        self.set_phase(Phase::RollingBack);
        if let Some(update) = &self.update {
            self.exposure = update.exposure;
            self.address.clone_from(&update.address);
        }
    }

    /// Completes the change in progress. `documents` are those before the change.
    pub fn finish(&mut self, now: Timestamp, by: String, documents: String) {
        if let Some(upgrade) = self.upgrade.take() {
            let Upgrade { from, to, is_rollback, .. } = upgrade;
            self.spec.version = to;
            self.add_revision(Revision::of_version(now, [from, to], by.clone(), RevisionKind::of(is_rollback)));
        }
        if let Some(update) = self.update.take() {
            let before = DesiredSpec { spec: self.spec.clone(), documents };
            self.spec = update.to.spec;
            let version = self.spec.version;
            let (before, kind) = (Some(Box::new(before)), RevisionKind::of(update.is_rollback));
            self.add_revision(Revision {
                at: now,
                from: version,
                to: version,
                by,
                changes: update.changes,
                before,
                kind,
            });
        }
    }

    /// Completes the rollback of the change in progress. A failed `kamaji rollback` adds no revision: the change that
    /// it should have reverted is still the last one.
    pub fn finish_rollback(&mut self, now: Timestamp, by: String) {
        let (version, kind) = (self.spec.version, RevisionKind::RolledBack);
        if let Some(Upgrade { from, to, is_rollback: false, .. }) = self.upgrade.take() {
            self.add_revision(Revision::of_version(now, [from, to], by.clone(), kind));
        }
        if let Some(Update { changes, is_rollback: false, .. }) = self.update.take().map(|update| *update) {
            self.add_revision(Revision { at: now, from: version, to: version, by, changes, before: None, kind });
        }
    }

    /// Adds a revision. The specs of earlier revisions are dropped, because only the last change can be rolled back.
    pub fn add_revision(&mut self, revision: Revision) {
        for earlier in &mut self.history {
            earlier.before = None;
        }
        self.history.insert(0, revision);
        self.history.truncate(MAX_REVISIONS);
    }

    /// Completes the restore in progress.
    pub fn finish_restore(&mut self, now: Timestamp, by: String) {
        if let Some(restore) = self.restore.take()
            && restore.from != restore.to
        {
            let revision = Revision::of_version(now, [restore.from, restore.to], by, RevisionKind::Change);
            self.history.insert(0, revision);
            self.history.truncate(MAX_REVISIONS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ControlPlaneId, KubeVersion};

    fn record() -> Record {
        let id = ControlPlaneId::parse("0123456789abcdef0123456789abcdef").unwrap();
        Record::new(id, crate::tenant::fixture::spec("v1.37.2"), at())
    }

    fn at() -> Timestamp {
        "2027-06-01T12:00:00Z".parse().unwrap()
    }

    fn upgrade(is_rollback: bool) -> Upgrade {
        let (from, to) = (KubeVersion::parse("v1.37.2").unwrap(), KubeVersion::parse("v1.37.3").unwrap());
        Upgrade { from, to, phase: Phase::Pods, began: at(), is_rollback }
    }

    #[test]
    fn only_a_change_that_was_not_rolled_back_can_be_rolled_back() {
        let mut record = record();
        assert!(!record.is_rolled_back(), "there was no change");
        record.upgrade = Some(upgrade(false));
        record.finish(at(), "anna".into(), String::new());
        assert!(!record.is_rolled_back());
        record.upgrade = Some(upgrade(true));
        assert!(!record.is_rolled_back(), "the rollback is incomplete");
        record.finish(at(), "anna".into(), String::new());
        assert!(record.is_rolled_back());
    }

    #[test]
    fn a_rolled_back_change_is_in_the_history_and_hides_the_change_before_it() {
        let mut record = record();
        record.upgrade = Some(upgrade(false));
        record.finish(at(), "anna".into(), String::new());
        let version = record.spec.version;
        record.upgrade = Some(upgrade(false));
        record.finish_rollback(at(), "anna".into());
        assert!(record.is_rolled_back() && record.spec.version == version);
        let kinds: Vec<RevisionKind> = record.history.iter().map(|revision| revision.kind).collect();
        assert_eq!(kinds, [RevisionKind::RolledBack, RevisionKind::Change]);
    }

    #[test]
    fn a_failed_rollback_can_be_retried() {
        let mut record = record();
        record.upgrade = Some(upgrade(false));
        record.finish(at(), "anna".into(), String::new());
        record.upgrade = Some(upgrade(true));
        record.finish_rollback(at(), "anna".into());
        assert!(!record.is_changing() && !record.is_rolled_back());
        assert_eq!(record.history.len(), 1);
    }
}
