//! Errors that make a snapshot file unusable.

use crate::error::{Advice, Kind};

/// Why a snapshot is unusable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Not a snapshot file.
    #[error("not a snapshot of a control plane")]
    NotASnapshot,
    /// The layout is newer than this kamaji supports.
    #[error("written by a newer kamaji (layout {layout})")]
    Newer {
        /// Its layout.
        layout: u64,
    },
    /// The file is incomplete.
    #[error("truncated after {keys} of {of} keys")]
    Truncated {
        /// The number of keys read.
        keys: u64,
        /// The number of keys in the header.
        of: u64,
    },
    /// The checksum does not match.
    #[error("checksum mismatch: SHA-256 is {is}, the last line says {expected}")]
    Checksum {
        /// The checksum of the content.
        is: String,
        /// The checksum in the last line.
        expected: String,
    },
    /// A line is invalid.
    #[error("line {line}: {why}")]
    Damaged {
        /// The line number.
        line: u64,
        /// The reason.
        why: String,
    },
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// The snapshot belongs to another control plane.
    #[error("it belongs to another control plane: the {what} of `{control_plane}` is {is}, the snapshot's is {has}")]
    OtherControlPlane {
        /// The control plane.
        control_plane: String,
        /// The field that differs.
        what: &'static str,
        /// The control plane's value.
        is: String,
        /// The snapshot's value.
        has: String,
    },
}

impl Advice for SnapshotError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotASnapshot
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
            Self::NotASnapshot => "pass a file written by `kamaji snapshot`",
            Self::Newer { .. } => "upgrade kamaji to the version that wrote it, or newer",
            Self::Truncated { .. } | Self::Checksum { .. } | Self::Damaged { .. } => {
                "use another copy of the file; nothing was restored from this one"
            }
            Self::Unreadable(_) => "check the file and its disk",
            Self::OtherControlPlane { .. } => {
                "restore it into the control plane it was taken from: its Secrets are encrypted with that control \
                 plane's key"
            }
        };
        vec![hint.to_owned()]
    }
}
