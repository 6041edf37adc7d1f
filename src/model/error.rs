//! Validation errors of model values.

use crate::error::{Advice, Kind};

/// A value that failed validation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not a valid value of its kind.
    #[error("{what} `{value}` is not valid: {rule}")]
    Invalid {
        /// The kind of value, for example `control plane name`.
        what: &'static str,
        /// The value as entered, with control characters escaped.
        value: String,
        /// The rule it violates.
        rule: String,
    },
    /// The version is well formed but its minor is not supported.
    #[error("Kubernetes {version} is not supported: this version of kamaji supports {oldest} to {newest}")]
    UnsupportedVersion {
        /// The requested version.
        version: String,
        /// The oldest supported minor.
        oldest: String,
        /// The newest supported minor.
        newest: String,
    },
}

impl Error {
    /// An [`Error::Invalid`] whose value is truncated and escaped for the terminal.
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
