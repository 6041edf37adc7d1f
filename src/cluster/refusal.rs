//! What an API server answered instead of doing it, with what to do next.

use crate::error::{Advice, Kind};

/// Why a request was not carried out. The server's own words are kept.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No kubeconfig, or one that cannot be used.
    #[error("{0}")]
    Kubeconfig(String),
    /// No answer from the server.
    #[error("{server} cannot be reached: {why}")]
    Unreachable {
        /// Which server, with its context.
        server: String,
        /// The innermost cause.
        why: String,
    },
    /// The credentials are not accepted.
    #[error("{server} does not accept the credentials: {message}")]
    Unauthorized {
        /// Which server.
        server: String,
        /// The server's words.
        message: String,
    },
    /// A right is missing.
    #[error("not allowed to {what}: {message}")]
    Forbidden {
        /// What was attempted.
        what: String,
        /// The server's words.
        message: String,
    },
    /// It changed meanwhile, or exists already.
    #[error("{what}: {message}")]
    Conflict {
        /// What was attempted.
        what: String,
        /// The server's words.
        message: String,
    },
    /// The lock that the work was done under is somebody else's: nothing of the work is written any more. Apart from
    /// [`Refusal::Conflict`], because what is done about a changed object must not be done about this.
    #[error("the lock {lock} was lost: another kamaji took over while this one stood still")]
    LockLost {
        /// The Lease.
        lock: String,
    },
    /// It does not exist.
    #[error("{what}: {message}")]
    NotFound {
        /// What was attempted.
        what: String,
        /// The server's words.
        message: String,
    },
    /// The server answered, and the answer was no.
    #[error("{what} was refused ({code} {reason}): {message}")]
    Refused {
        /// What was attempted.
        what: String,
        /// The HTTP status.
        code: u16,
        /// The reason's name.
        reason: String,
        /// The server's words.
        message: String,
    },
    /// The answer cannot be understood.
    #[error("{what}: {server} gave an answer that is not a Kubernetes API's: {why}")]
    Unintelligible {
        /// What was attempted.
        what: String,
        /// Which server.
        server: String,
        /// What is wrong with it.
        why: String,
    },
}

impl Refusal {
    /// Reads an error of the client library, which got no answer.
    pub(super) fn of(error: &kube::Error, what: &str, server: &str) -> Self {
        let what = what.to_owned();
        let server = server.to_owned();
        let why = why(error);
        if matches!(error, kube::Error::SerdeError(_) | kube::Error::FromUtf8(_)) {
            Self::Unintelligible { what, server, why }
        } else if matches!(error, kube::Error::Auth(_)) {
            Self::Unauthorized { server, message: why }
        } else {
            Self::Unreachable { server, why }
        }
    }

    /// Whether somebody else changed it, or it exists already.
    #[must_use]
    pub const fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. })
    }
}

/// The innermost cause.
fn why(error: &kube::Error) -> String {
    if let kube::Error::Auth(auth) = error {
        return of_credentials(auth);
    }
    match innermost(error) {
        // What the client library says of a connection that was not made in time.
        why if why == "deadline has elapsed" => "no connection within 5 s".to_owned(),
        why if why.starts_with("peer closed connection") => "the connection broke off".to_owned(),
        why => why,
    }
}

/// Why a client cannot be made, from the outermost cause to the innermost.
pub(super) fn of_client(error: &kube::Error) -> String {
    if let kube::Error::Auth(auth) = error { of_credentials(auth) } else { causes(error) }
}

/// Of a program that gives credentials never what it printed, because that may be one.
fn of_credentials(auth: &kube::client::AuthError) -> String {
    use kube::client::AuthError;
    #[expect(clippy::wildcard_enum_match_arm, reason = "the library's enum is open, and the rest says nothing secret")]
    match auth {
        // What it said on stderr went there by itself; its arguments may be secret too.
        AuthError::AuthExecRun { out, .. } => {
            format!("the program of the kubeconfig that gives credentials failed ({})", out.status)
        }
        AuthError::AuthExecParse(_) | AuthError::ParseTokenKey(_) => {
            "what the program of the kubeconfig printed is no ExecCredential".to_owned()
        }
        AuthError::AuthExecStart(cause) => format!("the program of the kubeconfig cannot be started: {cause}"),
        _ => causes(auth),
    }
}

/// All causes, each said once.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let said = source.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = source.source();
    }
    text
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

impl Advice for Refusal {
    fn kind(&self) -> Kind {
        match self {
            Self::Kubeconfig(_) => Kind::Usage,
            Self::Unreachable { .. } => Kind::Unavailable,
            Self::Unauthorized { .. } | Self::Forbidden { .. } | Self::Refused { .. } | Self::Unintelligible { .. } => {
                Kind::Failed
            }
            Self::Conflict { .. } | Self::LockLost { .. } => Kind::Conflict,
            Self::NotFound { .. } => Kind::NotFound,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Kubeconfig(_) => {
                vec![
                    "name the management cluster: --kubeconfig FILE, or --context NAME, or the variable KUBECONFIG"
                        .into(),
                ]
            }
            Self::Unreachable { .. } => vec!["run the same command again when it answers: nothing is lost".into()],
            Self::Unauthorized { .. } => {
                vec!["renew the credentials in the kubeconfig, then run the command again".into()]
            }
            Self::Forbidden { .. } => vec!["ask an administrator of the management cluster for this right".into()],
            Self::Conflict { .. } | Self::LockLost { .. } => {
                vec!["run the command again: it starts from what is there now".into()]
            }
            Self::Refused { code: 500.., .. } => {
                vec!["the server has a fault of its own, or a webhook of its has: once that is mended, run the command again".into()]
            }
            Self::Refused { .. } => {
                vec!["mend what the server names, then run the command again: it starts from what is there now".into()]
            }
            Self::Unintelligible { .. } => vec![
                "see that the address in the kubeconfig is that of an API server, and what is on the way to it; then run the \
                 command again"
                    .into(),
            ],
            Self::NotFound { .. } => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_lock_is_not_taken_for_a_changed_object() {
        let lost = Refusal::LockLost { lock: "Lease a/b-lock".into() };
        assert!(!lost.is_conflict(), "it would be answered by looking at what is there, and going on");
        assert_eq!(lost.kind(), Kind::Conflict);
        assert!(lost.to_string().contains("the lock Lease a/b-lock was lost"), "{lost}");
        assert!(!lost.hints().is_empty());
    }
}
