//! Errors about YAML input. Each message starts with the position; none shows a value.

use std::fmt;

use super::place::Location;
use crate::error::{Advice, Kind};

/// Invalid or too large YAML input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// A syntax error.
    Syntax {
        /// Its location.
        location: Location,
        /// What is wrong.
        what: String,
        /// The line with a marker below, starting with a line break; empty if it may contain a secret.
        snippet: String,
    },
    /// A duplicate key in a map.
    DuplicateKey {
        /// The location of the second one.
        location: Location,
        /// The key.
        key: String,
        /// `line:column` of the first.
        first: String,
        /// The line with a marker below, starting with a line break; empty if it may contain a secret.
        snippet: String,
    },
    /// A character that YAML does not allow.
    Encoding {
        /// Its location.
        location: Location,
        /// The character, escaped.
        character: String,
    },
    /// A limit is exceeded.
    TooLarge {
        /// Where the limit was exceeded.
        location: Location,
        /// What exceeds the limit.
        what: String,
        /// How to fix it.
        remedy: &'static str,
    },
}

impl Error {
    pub(super) const fn too_large(location: Location, what: String, remedy: &'static str) -> Self {
        Self::TooLarge { location, what, remedy }
    }

    /// The location of the error.
    #[must_use]
    pub const fn location(&self) -> &Location {
        match self {
            Self::Syntax { location, .. }
            | Self::DuplicateKey { location, .. }
            | Self::Encoding { location, .. }
            | Self::TooLarge { location, .. } => location,
        }
    }

    /// The message without the location.
    #[must_use]
    pub fn fact(&self) -> String {
        match self {
            Self::Syntax { what, .. } => format!("not valid YAML: {what}"),
            Self::DuplicateKey { key, first, .. } => format!("duplicate key `{key}`, first at {first}"),
            Self::Encoding { character, .. } => format!("not valid YAML: the character {character} is not allowed"),
            Self::TooLarge { what, .. } => format!("too large: {what}"),
        }
    }

    /// The line with a marker below, starting with a line break; empty if it is not shown.
    #[must_use]
    pub fn snippet(&self) -> &str {
        match self {
            Self::Syntax { snippet, .. } | Self::DuplicateKey { snippet, .. } => snippet,
            Self::Encoding { .. } | Self::TooLarge { .. } => "",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}{}", self.location(), self.fact(), self.snippet())
    }
}

impl std::error::Error for Error {}

impl Advice for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Syntax { .. } | Self::DuplicateKey { .. } | Self::Encoding { .. } | Self::TooLarge { .. } => {
                Kind::Usage
            }
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Syntax { .. } => vec![
                "fix the syntax there: indent with spaces, close brackets and quotes, quote strings with special characters"
                    .into(),
            ],
            Self::DuplicateKey { .. } => vec!["remove one of the two".into()],
            Self::Encoding { .. } => vec!["save the file as UTF-8 text".into()],
            Self::TooLarge { remedy, .. } => vec![(*remedy).into()],
        }
    }
}
