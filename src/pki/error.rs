//! Why a certificate or a key cannot be used or made, and what to do about it. No text here repeats a key.

use crate::error::{Advice, Kind};

/// What is wrong with a certificate or key; `what` names it, for example `` `ca.crt` ``.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing in it.
    #[error("{what} is empty")]
    Empty {
        /// The file.
        what: String,
    },
    /// Larger than any key or certificate.
    #[error("{what} has {bytes} bytes, which is no certificate or key")]
    TooBig {
        /// The file.
        what: String,
        /// Its size.
        bytes: usize,
    },
    /// Binary instead of text.
    #[error("{what} is DER, not PEM")]
    Der {
        /// The file.
        what: String,
    },
    /// A PEM block, or what is in it, is broken.
    #[error("{what} cannot be read: {problem}")]
    Malformed {
        /// The file.
        what: String,
        /// Where it breaks.
        problem: String,
    },
    /// PEM, but of something else.
    #[error("{what} has no {wanted}: {found}")]
    WrongContent {
        /// The file.
        what: String,
        /// What should be there.
        wanted: &'static str,
        /// What is there.
        found: String,
    },
    /// Protected by a passphrase.
    #[error("{what} is encrypted with a passphrase")]
    Encrypted {
        /// The key.
        what: String,
    },
    /// Several certificates where one is needed.
    #[error("{what} holds {count} certificates, and only one can be the authority")]
    Chain {
        /// The file.
        what: String,
        /// How many.
        count: usize,
    },
    /// A key of a kind that Kubernetes or we cannot use.
    #[error("{what} is no key that can be used: {problem}")]
    UnsupportedKey {
        /// The key.
        what: String,
        /// Why.
        problem: String,
    },
    /// An RSA key that is too short.
    #[error("{what} is an RSA key of {bits} bits, and fewer than 2048 are not safe")]
    WeakKey {
        /// The key or its certificate.
        what: String,
        /// Its length.
        bits: usize,
    },
    /// Signed with a broken hash.
    #[error("{what} is signed with {algorithm}, which clients refuse")]
    WeakSignature {
        /// The certificate.
        what: String,
        /// The algorithm.
        algorithm: String,
    },
    /// A certificate that may not sign others.
    #[error("{what} is not a certificate authority: {problem}")]
    NotAuthority {
        /// The certificate.
        what: String,
        /// Why.
        problem: &'static str,
    },
    /// Its subject cannot be repeated as an issuer.
    #[error("{what} cannot sign: its subject `{subject}` repeats an attribute or uses an unusual encoding")]
    UnsupportedName {
        /// The certificate.
        what: String,
        /// Its subject.
        subject: String,
    },
    /// It was valid once.
    #[error("{what} expired on {since}")]
    Expired {
        /// The certificate.
        what: String,
        /// When.
        since: jiff::Timestamp,
    },
    /// A certificate that would live longer than what signs it.
    #[error("the authority itself ends on {until}, and nothing that it signs may live longer")]
    OutlivesAuthority {
        /// When the authority ends.
        until: jiff::Timestamp,
    },
    /// It will be valid.
    #[error("{what} is not valid before {from}")]
    NotYetValid {
        /// The certificate.
        what: String,
        /// When.
        from: jiff::Timestamp,
    },
    /// Key and certificate, or private and public key, are of two pairs.
    #[error("{what} does not belong to {partner}")]
    Mismatch {
        /// The key.
        what: String,
        /// What it should fit.
        partner: String,
    },
    /// One half of a pair.
    #[error("`{missing}` is missing beside `{present}`")]
    MissingPartner {
        /// The file that is needed.
        missing: &'static str,
        /// The file that is there.
        present: &'static str,
    },
    /// Two authorities that must differ have one key.
    #[error("`front-proxy-ca.crt` and `ca.crt` have the same key")]
    SharedAuthority,
    /// A subject alternative name that is neither an IP address nor a DNS name.
    #[error("`{name}` cannot be a subject alternative name")]
    InvalidName {
        /// The name, made safe to print.
        name: String,
    },
    /// The cryptographic library refused.
    #[error("failed to make {what}")]
    Make {
        /// The certificate or key.
        what: String,
        /// Its reason.
        #[source]
        source: rcgen::Error,
    },
    /// Not a kubeconfig, or one that does not carry its credentials in itself.
    #[error("the kubeconfig cannot be used: {problem}")]
    Kubeconfig {
        /// Why.
        problem: String,
    },
}

impl Advice for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Make { .. } => Kind::Failed,
            Self::Empty { .. }
            | Self::TooBig { .. }
            | Self::Der { .. }
            | Self::Malformed { .. }
            | Self::WrongContent { .. }
            | Self::Encrypted { .. }
            | Self::Chain { .. }
            | Self::UnsupportedKey { .. }
            | Self::WeakKey { .. }
            | Self::WeakSignature { .. }
            | Self::NotAuthority { .. }
            | Self::UnsupportedName { .. }
            | Self::Expired { .. }
            | Self::OutlivesAuthority { .. }
            | Self::NotYetValid { .. }
            | Self::Mismatch { .. }
            | Self::MissingPartner { .. }
            | Self::SharedAuthority
            | Self::InvalidName { .. }
            | Self::Kubeconfig { .. } => Kind::Usage,
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Empty { .. } | Self::TooBig { .. } | Self::WrongContent { .. } => {
                "give the file kubeadm has in /etc/kubernetes/pki under the same name"
            }
            Self::Der { .. } => {
                "convert it: `openssl x509 -inform DER -in FILE -out FILE.pem`, for a key `openssl pkey -inform DER …`"
            }
            Self::Malformed { .. } => {
                "copy the file again; `openssl x509 -in FILE -noout -text` must be able to read it"
            }
            Self::Encrypted { .. } => "remove the passphrase: `openssl pkey -in FILE -out FILE.plain`",
            Self::Chain { .. } => {
                "keep only the certificate that belongs to the key; trust in it does not need the ones above it"
            }
            Self::UnsupportedKey { .. } => "use an RSA key of 2048 bits or more, or ECDSA P-256 or P-384",
            Self::WeakKey { .. } | Self::WeakSignature { .. } => {
                "make a new authority, or leave the files out and one is made for you"
            }
            Self::NotAuthority { .. } => {
                "give a certificate with basicConstraints CA:TRUE that may sign server and client certificates"
            }
            Self::UnsupportedName { .. } => {
                "give an authority whose subject has each attribute once, such as CN=kubernetes"
            }
            Self::Expired { .. } => "give a valid one, or leave the files out and one is made for you",
            Self::OutlivesAuthority { .. } => "ask for a shorter time: --ttl 8h",
            Self::NotYetValid { .. } => "check the clock of this machine: `date -u`",
            Self::Mismatch { .. } => {
                "give the two files of one pair; `openssl pkey -pubout` of both must print the same"
            }
            Self::MissingPartner { .. } => {
                "give both files of the pair, or neither and a new pair is made; an authority without its key cannot be used"
            }
            Self::SharedAuthority => {
                "make another one for the front proxy: who can sign client certificates could otherwise pose as any user"
            }
            Self::InvalidName { .. } => "write an IP address or a DNS name, which may start with `*.`",
            Self::Kubeconfig { .. } => {
                "give one with certificate-authority-data, client-certificate-data and client-key-data: `kubectl config view --raw --flatten`"
            }
            Self::Make { .. } => return Vec::new(),
        };
        vec![hint.to_owned()]
    }
}
