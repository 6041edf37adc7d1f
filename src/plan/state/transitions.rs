//! Changes on their way, as the record keeps them: begun, gone on with, ended or taken back. A run that was killed leaves
//! one behind, and the next run knows from it what to do.

use jiff::Timestamp;

use super::operations::{Phase, Revision, RevisionKind, Upgrade};
use super::record::Record;
use crate::plan::state::operations::{DesiredSpec, REVISIONS, Update};

impl Record {
    /// Whether a change has begun and is not finished.
    #[must_use]
    pub const fn is_changing(&self) -> bool {
        self.upgrade.is_some() || self.update.is_some()
    }

    /// Whether the last change was taken back, or was itself a rollback: then there is nothing more to take back.
    #[must_use]
    pub fn is_rolled_back(&self) -> bool {
        !self.is_changing() && self.history.first().is_some_and(|last| last.kind != RevisionKind::Change)
    }

    /// Says how far the change on its way has come.
    pub fn set_phase(&mut self, phase: Phase) {
        if let Some(upgrade) = &mut self.upgrade {
            upgrade.phase = phase;
        }
        if let Some(update) = &mut self.update {
            update.phase = phase;
        }
    }

    /// Turns the change on its way back: the control plane is to be reached as it was before.
    pub fn begin_rollback(&mut self) {
        self.set_phase(Phase::Back);
        if let Some(update) = &self.update {
            self.exposure = update.exposure;
            self.address.clone_from(&update.address);
        }
    }

    /// Ends the change on its way: the control plane has the new version or settings now. `documents` are those before.
    pub fn finish(&mut self, now: Timestamp, by: String, documents: String) {
        if let Some(upgrade) = self.upgrade.take() {
            let Upgrade { from, to, is_rollback, .. } = upgrade;
            self.spec.version = to;
            self.remember(Revision::of_version(now, [from, to], by.clone(), RevisionKind::of(is_rollback)));
        }
        if let Some(update) = self.update.take() {
            let before = DesiredSpec { spec: self.spec.clone(), documents };
            self.spec = update.to.spec;
            let version = self.spec.version;
            let (before, kind) = (Some(Box::new(before)), RevisionKind::of(update.is_rollback));
            self.remember(Revision { at: now, from: version, to: version, by, what: update.what, before, kind });
        }
    }

    /// Ends the change on its way: the control plane is again as it was before. A rollback that did not work is not
    /// remembered: the change that it was to take back is still the last one.
    pub fn finish_rollback(&mut self, now: Timestamp, by: String) {
        let (version, kind) = (self.spec.version, RevisionKind::RolledBack);
        if let Some(Upgrade { from, to, is_rollback: false, .. }) = self.upgrade.take() {
            self.remember(Revision::of_version(now, [from, to], by.clone(), kind));
        }
        if let Some(Update { what, is_rollback: false, .. }) = self.update.take().map(|update| *update) {
            self.remember(Revision { at: now, from: version, to: version, by, what, before: None, kind });
        }
    }

    /// Keeps a change that was finished or taken back; what an earlier one had before is of no use any more.
    pub fn remember(&mut self, revision: Revision) {
        for earlier in &mut self.history {
            earlier.before = None;
        }
        self.history.insert(0, revision);
        self.history.truncate(REVISIONS);
    }

    /// Ends the restore on its way: the control plane has the version and the data of the snapshot now.
    pub fn finish_restore(&mut self, now: Timestamp, by: String) {
        if let Some(restore) = self.restore.take()
            && restore.from != restore.to
        {
            let revision = Revision::of_version(now, [restore.from, restore.to], by, RevisionKind::Change);
            self.history.insert(0, revision);
            self.history.truncate(REVISIONS);
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
    fn only_a_change_that_stayed_can_be_taken_back() {
        let mut record = record();
        assert!(!record.is_rolled_back(), "it was never changed");
        record.upgrade = Some(upgrade(false));
        record.finish(at(), "anna".into(), String::new());
        assert!(!record.is_rolled_back());
        record.upgrade = Some(upgrade(true));
        assert!(!record.is_rolled_back(), "it is on its way");
        record.finish(at(), "anna".into(), String::new());
        assert!(record.is_rolled_back());
    }

    #[test]
    fn what_was_taken_back_is_told_and_hides_the_change_before_it() {
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
    fn a_rollback_that_did_not_work_can_be_tried_again() {
        let mut record = record();
        record.upgrade = Some(upgrade(false));
        record.finish(at(), "anna".into(), String::new());
        record.upgrade = Some(upgrade(true));
        record.finish_rollback(at(), "anna".into());
        assert!(!record.is_changing() && !record.is_rolled_back());
        assert_eq!(record.history.len(), 1);
    }
}
