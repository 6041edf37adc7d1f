//! What can go wrong with a datastore, and what to do then. Which failure a driver's error is, decides `refusal`.

use crate::error::{Advice, Kind};

const HANG_UPS: [&str; 4] = ["connection closed", "broken pipe", "connection reset", "stream closed"];

/// A failure of a datastore. `reason` keeps the datastore's own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No connection.
    #[error("etcd at {endpoint} cannot be reached: {reason}")]
    Unreachable {
        /// Where it was looked for.
        endpoint: String,
        /// The cause.
        reason: String,
    },
    /// There is a connection, but no useful answer now: no leader, overload, or silence.
    #[error("etcd at {endpoint} is not able to {doing} now: {reason}")]
    NotReady {
        /// Where it is.
        endpoint: String,
        /// What was asked for.
        doing: String,
        /// Its words.
        reason: String,
    },
    /// The server is not the one we expect.
    #[error("etcd at {endpoint} does not prove to be `{server_name}`: {reason}")]
    Untrusted {
        /// Where it is.
        endpoint: String,
        /// The name that its certificate must have.
        server_name: String,
        /// What is wrong with the certificate.
        reason: String,
    },
    /// The server does not take our client certificate.
    #[error("etcd at {endpoint} does not accept the client certificate: {reason}")]
    CertificateRefused {
        /// Where it is.
        endpoint: String,
        /// The cause.
        reason: String,
    },
    /// Our own certificate, key or authority is not usable.
    #[error("the TLS identity for etcd at {endpoint} is not usable: {reason}")]
    Identity {
        /// Where it was to be used.
        endpoint: String,
        /// The cause.
        reason: String,
    },
    /// Our user may not do that.
    #[error("etcd at {endpoint} does not let us {doing}: {reason}")]
    Denied {
        /// Where it is.
        endpoint: String,
        /// What was asked for.
        doing: String,
        /// Its words.
        reason: String,
    },
    /// Authentication is switched off.
    #[error("etcd at {endpoint} has authentication switched off: every control plane could read and change all others")]
    Open {
        /// Where it is.
        endpoint: String,
    },
    /// The space quota is used up.
    #[error("etcd at {endpoint} is full and does not {doing}: {reason}")]
    Full {
        /// Where it is.
        endpoint: String,
        /// What was asked for.
        doing: String,
        /// Its words.
        reason: String,
    },
    /// What is read was compacted meanwhile.
    #[error("etcd at {endpoint} does not keep the revision any more that it was asked to {doing} at")]
    Compacted {
        /// Where it is.
        endpoint: String,
        /// What was asked for.
        doing: String,
    },
    /// The version has a published hole between tenants.
    #[error("etcd {version} at {endpoint} must not be shared: {reason}")]
    Vulnerable {
        /// Where it is.
        endpoint: String,
        /// Its version.
        version: String,
        /// Which hole.
        reason: &'static str,
    },
    /// Somebody wrote while the data was removed.
    #[error(
        "{keys} keys under `{prefix}` are still in etcd at {endpoint}, although the user is gone: somebody else writes there"
    )]
    KeysLeft {
        /// Where it is.
        endpoint: String,
        /// The prefix of the control plane.
        prefix: String,
        /// How many.
        keys: u64,
    },
    /// Any other refusal.
    #[error("etcd at {endpoint} failed to {doing}: {reason}")]
    Failed {
        /// Where it is.
        endpoint: String,
        /// What was asked for.
        doing: String,
        /// Its words.
        reason: String,
    },
}

impl Error {
    /// Whether there was a connection and the other side closed it without a word.
    pub(super) fn is_hang_up(&self) -> bool {
        let closed = |reason: &str| HANG_UPS.iter().any(|words| reason.to_ascii_lowercase().contains(words));
        matches!(self, Self::Unreachable { reason, .. } if closed(reason))
    }

    /// Whether etcd answered in these words.
    pub(super) fn says(&self, words: &str) -> bool {
        matches!(self, Self::Failed { reason, .. } | Self::NotReady { reason, .. } if reason.contains(words))
    }
}

impl Advice for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Unreachable { .. } | Self::NotReady { .. } | Self::Compacted { .. } => Kind::Unavailable,
            Self::Untrusted { .. }
            | Self::CertificateRefused { .. }
            | Self::Identity { .. }
            | Self::Denied { .. }
            | Self::Open { .. }
            | Self::Full { .. }
            | Self::Vulnerable { .. }
            | Self::KeysLeft { .. }
            | Self::Failed { .. } => Kind::Failed,
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Unreachable { .. } => {
                "check that its pods run: kubectl get pods -A -l app.kubernetes.io/name=etcd; a connection that is closed \
                 at once can also mean plain HTTP there, or a client certificate that has expired"
            }
            Self::NotReady { .. } => {
                "a majority of its members must run: kubectl get pods -A -l app.kubernetes.io/name=etcd"
            }
            Self::Untrusted { .. } => {
                "check the endpoint, and that the datastore's certificate authority is the one of this etcd; \
                 etcd without TLS is not supported"
            }
            Self::CertificateRefused { .. } => {
                "the datastore's client certificate must be valid now and signed by the authority in etcd's \
                 --trusted-ca-file"
            }
            Self::Identity { .. } => "the datastore needs PEM: a CA certificate, a client certificate and its key",
            Self::Denied { .. } => {
                "the common name of the datastore's client certificate must be a user with the role root"
            }
            Self::Open { .. } => {
                "switch it on: etcdctl user add root --no-password, role add root, user grant-role root root, auth enable"
            }
            Self::Full { .. } => {
                "make room: delete what is not needed, then etcdctl compact, etcdctl defrag, etcdctl alarm disarm; or \
                 raise --quota-backend-bytes"
            }
            Self::Compacted { .. } => "run the same command again: it reads a newer revision",
            Self::Vulnerable { .. } => "upgrade it to 3.5.33, 3.6.14, 3.7.1 or later",
            Self::KeysLeft { .. } => "stop whoever writes there, then run the same command again",
            Self::Failed { .. } => "etcd's log tells more: kubectl logs -l app.kubernetes.io/name=etcd",
        };
        vec![hint.to_owned()]
    }
}
