//! Why a text is not the value it was meant to be.

use crate::error::{Advice, Kind};

/// A value that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not a valid name of its kind.
    #[error("{what} `{value}` is not valid: {rule}")]
    Invalid {
        /// What the value was meant to be, for example `control plane name`.
        what: &'static str,
        /// The value as given, control characters escaped.
        value: String,
        /// The rule that it breaks.
        rule: String,
    },
    /// The version is well formed but no release of ours.
    #[error("Kubernetes {version} is not supported: this kamaji knows {oldest} to {newest}")]
    UnsupportedVersion {
        /// The version as asked.
        version: String,
        /// The oldest minor known.
        oldest: String,
        /// The newest minor known.
        newest: String,
    },
}

impl Error {
    /// An [`Error::Invalid`] with the value made safe to print.
    pub fn invalid(what: &'static str, value: &str, rule: impl Into<String>) -> Self {
        let shown: String = value.chars().take(80).flat_map(char::escape_debug).collect();
        Self::Invalid { what, value: shown, rule: rule.into() }
    }
}

impl Advice for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Invalid { .. } | Self::UnsupportedVersion { .. } => Kind::Usage,
        }
    }
}
