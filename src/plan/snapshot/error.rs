//! Why a file is no snapshot that can be used.

use crate::error::{Advice, Kind};

/// What is wrong with a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Something else.
    #[error("it is no snapshot of a control plane")]
    NotOne,
    /// Of a layout that is not known yet.
    #[error("it was written by a newer kamaji (layout {layout})")]
    Newer {
        /// Its layout.
        layout: u64,
    },
    /// Not all of it is there.
    #[error("it ends after {keys} of {of} keys")]
    Truncated {
        /// How many keys were read.
        keys: u64,
        /// How many it should have.
        of: u64,
    },
    /// It is not what was written.
    #[error("its content is not what was written: SHA-256 {is}, and the last line says {said}")]
    Checksum {
        /// Of what is there.
        is: String,
        /// Of what was written.
        said: String,
    },
    /// A line is not what it should be.
    #[error("line {line}: {why}")]
    Damaged {
        /// Which line.
        line: u64,
        /// What is wrong.
        why: String,
    },
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// It is of another control plane.
    #[error("it is not of control plane `{control_plane}`: the {what} of that is {is}, the snapshot's is {has}")]
    OtherControlPlane {
        /// The control plane.
        control_plane: String,
        /// What differs.
        what: &'static str,
        /// As the control plane has it.
        is: String,
        /// As the snapshot has it.
        has: String,
    },
}

impl Advice for SnapshotError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotOne
            | Self::Newer { .. }
            | Self::Truncated { .. }
            | Self::Checksum { .. }
            | Self::Damaged { .. }
            | Self::Unreadable(_)
            | Self::OtherControlPlane { .. } => Kind::Usage,
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::NotOne => "name a file that `kamaji snapshot` wrote",
            Self::Newer { .. } => "use that kamaji or a newer one",
            Self::Truncated { .. } | Self::Checksum { .. } | Self::Damaged { .. } => {
                "take another copy of the file; nothing of this one was used"
            }
            Self::Unreadable(_) => "check the file and the disk that it is on",
            Self::OtherControlPlane { .. } => {
                "data can only be put back into the control plane that it is of: its Secrets are encrypted with that \
                 one's key"
            }
        };
        vec![hint.to_owned()]
    }
}
