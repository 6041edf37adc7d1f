//! Errors as users see them: message, exit code and hints. Depends on no other module.
//!
//! Modules define `thiserror` enums and implement [`Advice`] for them, which adds the kind of failure and hints. Code
//! that does I/O returns [`Fault`]; errors of other crates are converted with [`While::while_doing`].

use std::fmt;

/// The exit code of read-only commands that found differences, so that scripts can distinguish it from a failure.
pub const DIFFERENCES: u8 = 10;

/// The meaning of [`DIFFERENCES`], for the reference.
pub const DIFFERENCES_MEANING: &str =
    "`diff`: there are differences; `certs check`: a certificate has expired, expires soon or is invalid";

/// The kinds of failure, each with its own exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any other failure.
    Failed,
    /// The command line or an input file is invalid.
    Usage,
    /// The named object does not exist.
    NotFound,
    /// It is locked or was changed by another process, or an immutable field would change.
    Conflict,
    /// A server cannot be reached; the command can be retried.
    Unavailable,
    /// A timeout expired; running the command again resumes the operation.
    TimedOut,
    /// Some of several control planes, workers or hosts failed.
    Partial,
    /// The user declined, or confirmation is required and there is no terminal.
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

    /// The exit code of the process.
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

    /// A one-line description, for the reference.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "invalid usage or input; nothing was changed",
            Self::NotFound => "not found",
            Self::Conflict => "conflict: locked or changed by another process, or an immutable field would change",
            Self::Unavailable => "a server cannot be reached; try again later",
            Self::TimedOut => "timed out; run the same command again to resume",
            Self::Partial => "partial failure: some of several control planes, workers or hosts failed",
            Self::Declined => "declined, or confirmation is required and there is no terminal",
        }
    }
}

/// The kind of an error and hints for the user.
pub trait Advice: std::error::Error + Send + Sync + 'static {
    /// The kind of failure.
    fn kind(&self) -> Kind;
    /// What to do next, preferably as a command to paste.
    fn hints(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A failure to report to the user: kind, chain of causes, hints.
///
/// Like `anyhow::Error`, it does not implement `std::error::Error`, so that `?` cannot wrap it twice.
#[derive(Debug)]
pub struct Fault {
    kind: Kind,
    hints: Vec<String>,
    chain: anyhow::Error,
}

impl Fault {
    /// A failure without a cause.
    pub fn new(kind: Kind, text: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        Self { kind, hints: Vec::new(), chain: anyhow::Error::msg(text) }
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds `text` as the outermost message.
    #[must_use]
    pub fn context(mut self, text: impl fmt::Display + Send + Sync + 'static) -> Self {
        self.chain = self.chain.context(text);
        self
    }

    /// Replaces the kind.
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

    /// The hints.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// The messages from the outermost to the innermost cause, without those that an outer message already contains.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        for cause in self.chain.chain() {
            let text = cause.to_string();
            if !texts.iter().any(|outer| outer.contains(&text)) {
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

/// Converts errors of other crates to [`Fault`].
pub trait While<T> {
    /// Converts the error to a [`Fault`] with the message `failed to {what}`.
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
    fn a_cause_quoted_by_its_parent_is_printed_once() {
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
