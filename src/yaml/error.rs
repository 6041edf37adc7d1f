//! Why a text is not YAML that we read. Each message starts with the place; none repeats a value.

use std::fmt;

use crate::error::{Advice, Kind};
use crate::yaml::place::Spot;

/// A text that is not YAML, or more of it than is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// It breaks a rule of YAML.
    Syntax {
        /// Where.
        spot: Spot,
        /// The rule.
        what: String,
        /// The line with a mark below, starting with a line break; empty if it may hold a secret.
        snippet: String,
    },
    /// A map has the same key twice.
    DuplicateKey {
        /// Where the second is.
        spot: Spot,
        /// The key.
        key: String,
        /// `line:column` of the first.
        first: String,
        /// The line with a mark below, starting with a line break; empty if it may hold a secret.
        snippet: String,
    },
    /// A character that no YAML has.
    Encoding {
        /// Where.
        spot: Spot,
        /// The character, escaped.
        character: String,
    },
    /// It is larger than any configuration is.
    TooMuch {
        /// Where it became too much.
        spot: Spot,
        /// What there is too much of.
        what: String,
        /// What to do.
        remedy: &'static str,
    },
}

impl Error {
    pub(super) const fn too_much(spot: Spot, what: String, remedy: &'static str) -> Self {
        Self::TooMuch { spot, what, remedy }
    }

    /// Where it is.
    #[must_use]
    pub const fn spot(&self) -> &Spot {
        match self {
            Self::Syntax { spot, .. }
            | Self::DuplicateKey { spot, .. }
            | Self::Encoding { spot, .. }
            | Self::TooMuch { spot, .. } => spot,
        }
    }

    /// What is wrong, without the place.
    #[must_use]
    pub fn fact(&self) -> String {
        match self {
            Self::Syntax { what, .. } => format!("not valid YAML: {what}"),
            Self::DuplicateKey { key, first, .. } => format!("the key `{key}` is given twice, first at {first}"),
            Self::Encoding { character, .. } => format!("not valid YAML: the character {character} is not text"),
            Self::TooMuch { what, .. } => format!("too much to read: {what}"),
        }
    }

    /// The line with a mark below, starting with a line break; empty if it is not shown.
    #[must_use]
    pub fn snippet(&self) -> &str {
        match self {
            Self::Syntax { snippet, .. } | Self::DuplicateKey { snippet, .. } => snippet,
            Self::Encoding { .. } | Self::TooMuch { .. } => "",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}{}", self.spot(), self.fact(), self.snippet())
    }
}

impl std::error::Error for Error {}

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
            Self::Syntax { .. } => vec![
                "mend it there: indent with spaces, close brackets and quotes, and quote texts with special characters"
                    .into(),
            ],
            Self::DuplicateKey { .. } => vec!["keep one of the two".into()],
            Self::Encoding { .. } => vec!["save the file as UTF-8 text".into()],
            Self::TooMuch { remedy, .. } => vec![(*remedy).into()],
        }
    }
}
