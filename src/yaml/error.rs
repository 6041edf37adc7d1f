//! Why a text is not YAML that we read. Each message starts with the place; none repeats a value.

use crate::error::{Advice, Kind};

/// A text that is not YAML, or more of it than is read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It breaks a rule of YAML.
    #[error("{spot}: not valid YAML: {what}{snippet}")]
    Syntax {
        /// `file:line:column`.
        spot: String,
        /// The rule.
        what: String,
        /// The line with a mark below, starting with a line break; empty if it may hold a secret.
        snippet: String,
    },
    /// A map has the same key twice.
    #[error("{spot}: the key `{key}` is given twice, first at {first}{snippet}")]
    DuplicateKey {
        /// `file:line:column` of the second.
        spot: String,
        /// The key.
        key: String,
        /// `line:column` of the first.
        first: String,
        /// The line with a mark below, starting with a line break; empty if it may hold a secret.
        snippet: String,
    },
    /// A character that no YAML has.
    #[error("{spot}: not valid YAML: the character {character} is not text")]
    Encoding {
        /// `file:line:column`.
        spot: String,
        /// The character, escaped.
        character: String,
    },
    /// It is larger than any configuration is.
    #[error("{spot}: too much to read: {what}")]
    TooMuch {
        /// `file` or `file:line:column`.
        spot: String,
        /// What there is too much of.
        what: String,
        /// What to do.
        remedy: &'static str,
    },
}

impl Error {
    pub(super) const fn too_much(spot: String, what: String, remedy: &'static str) -> Self {
        Self::TooMuch { spot, what, remedy }
    }
}

impl Advice for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Syntax { .. } | Self::DuplicateKey { .. } | Self::Encoding { .. } | Self::TooMuch { .. } => {
                Kind::Usage
            }
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Syntax { .. } => Vec::new(),
            Self::DuplicateKey { .. } => vec!["keep one of the two".into()],
            Self::Encoding { .. } => vec!["save the file as UTF-8 text".into()],
            Self::TooMuch { remedy, .. } => vec![(*remedy).into()],
        }
    }
}
