//! What went wrong, which exit code that is, and what to do next. A leaf: it knows no other room.
//!
//! Rooms own a `thiserror` enum and say beside it, in [`Advice`], what kind of failure it is and what to do.
//! Edges return [`Fault`]; an error of somebody else's crate gets there only through [`While::while_doing`].

use std::fmt;

/// The exit code of a command that only looks and found something, so that a script tells that from a failure.
pub const DIFFERENCES: u8 = 10;

/// What it says, for the reference.
pub const DIFFERENCES_MEANING: &str =
    "`diff`: there are differences; `certs check`: something ends soon, has ended, or is not as it should be";

/// The kinds of failure that a script can tell apart; each has one exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something failed that is none of the others.
    Failed,
    /// The command line or an input file is wrong.
    Usage,
    /// The named thing does not exist.
    NotFound,
    /// Somebody else holds or changed it, or an immutable value would change.
    Conflict,
    /// A server cannot be reached; the same command may work later.
    Unavailable,
    /// The wait ended before the goal was reached; running again goes on.
    TimedOut,
    /// Some of several failed.
    Partial,
    /// The question was answered with no, or could not be asked.
    Declined,
}

impl Kind {
    /// All kinds, in the order of their exit codes.
    pub const ALL: [Self; 8] = [
        Self::Failed,
        Self::Usage,
        Self::NotFound,
        Self::Conflict,
        Self::Unavailable,
        Self::TimedOut,
        Self::Partial,
        Self::Declined,
    ];

    /// The process's exit code.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Conflict => 4,
            Self::Unavailable => 5,
            Self::TimedOut => 6,
            Self::Partial => 7,
            Self::Declined => 8,
        }
    }

    /// One line for the reference.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage or invalid input; nothing was changed",
            Self::NotFound => "not found",
            Self::Conflict => "conflict: locked by somebody else, or an immutable value would change",
            Self::Unavailable => "a server cannot be reached; try again",
            Self::TimedOut => "timed out; running the same command again goes on",
            Self::Partial => "some of several failed",
            Self::Declined => "declined, or a needed answer could not be asked for",
        }
    }
}

/// What an error of one of our rooms knows besides its text.
pub trait Advice: std::error::Error + Send + Sync + 'static {
    /// The kind of failure.
    fn kind(&self) -> Kind;
    /// What to do next, best as a command to paste.
    fn hints(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A failure on its way to the person: kind, chain of causes, hints.
///
/// Like `anyhow::Error` it does not implement `std::error::Error`, so that `?` cannot wrap it twice.
#[derive(Debug)]
pub struct Fault {
    kind: Kind,
    hints: Vec<String>,
    chain: anyhow::Error,
}

impl Fault {
    /// A failure that is said by its text alone.
    pub fn new(kind: Kind, text: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        Self { kind, hints: Vec::new(), chain: anyhow::Error::msg(text) }
    }

    /// The same failure with one more hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The same failure, told as the cause of `text`.
    #[must_use]
    pub fn context(mut self, text: impl fmt::Display + Send + Sync + 'static) -> Self {
        self.chain = self.chain.context(text);
        self
    }

    /// The same failure with another kind.
    #[must_use]
    pub fn with_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// The kind of failure.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// What to do next.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// The texts from the outermost to the innermost cause; a cause that its parent already quotes is left out.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        for cause in self.chain.chain() {
            let text = cause.to_string();
            if !texts.iter().any(|said| said.contains(&text)) {
                texts.push(text);
            }
        }
        texts
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.causes().join(": "))
    }
}

impl<E: Advice> From<E> for Fault {
    fn from(error: E) -> Self {
        Self { kind: error.kind(), hints: error.hints(), chain: error.into() }
    }
}

/// Gives somebody else's error a kind and says what was being done.
pub trait While<T> {
    /// Turns the error into a [`Fault`] whose text is `failed to {what}`.
    fn while_doing(self, kind: Kind, what: impl FnOnce() -> String) -> Result<T, Fault>;
}

impl<T, E: std::error::Error + Send + Sync + 'static> While<T> for Result<T, E> {
    fn while_doing(self, kind: Kind, what: impl FnOnce() -> String) -> Result<T, Fault> {
        self.map_err(|error| Fault {
            kind,
            hints: Vec::new(),
            chain: anyhow::Error::new(error).context(format!("failed to {}", what())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_its_parent_quotes_is_said_once() {
        let inner = std::io::Error::other("connection refused");
        let fault = Err::<(), _>(inner)
            .while_doing(Kind::Unavailable, || "reach the server: connection refused".into())
            .unwrap_err();
        assert_eq!(fault.causes(), ["failed to reach the server: connection refused"]);
    }

    #[test]
    fn exit_codes_are_distinct_and_never_zero() {
        let mut codes: Vec<u8> = Kind::ALL.iter().map(|kind| kind.exit_code()).collect();
        codes.dedup();
        assert_eq!(codes, [1, 2, 3, 4, 5, 6, 7, 8]);
    }
}
