//! A snapshot on its way back: how far it has come, in the record so that a run that was killed is gone on with.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::record::Record;
use super::record::{Revision, RevisionKind};
use super::transitions::REVISIONS;
use crate::model::{KubeVersion, moment};

/// A snapshot being put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// The version before.
    pub from: KubeVersion,
    /// The version that wrote the snapshot.
    pub to: KubeVersion,
    /// When the snapshot was taken.
    pub taken: Timestamp,
    /// The revision that it is of.
    pub revision: i64,
    /// How far it has come.
    pub phase: RestorePhase,
    /// When it began.
    pub began: Timestamp,
}

impl std::fmt::Display for Restore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "snapshot of {}, {}: {}", moment(self.taken), self.to, self.phase.words())
    }
}

/// How far a snapshot has been put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestorePhase {
    /// Pods end, so that nobody writes.
    Stopping,
    /// The data becomes the snapshot's; it is neither the one nor the other.
    Data,
    /// The data is the snapshot's; the version that wrote it starts.
    Starting,
}

impl RestorePhase {
    /// What happens in it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Stopping => "stopping pods",
            Self::Data => "putting the data back",
            Self::Starting => "starting pods",
        }
    }
}

impl Record {
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
