//! Errors about certificates and keys, with hints. Messages never contain key material.

use crate::error::{Advice, Kind};

/// An invalid or unusable certificate or key; `what` names it, for example `` `ca.crt` ``.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is empty.
    #[error("{what} is empty")]
    Empty {
        /// The file.
        what: String,
    },
    /// The file is too large to be a key or certificate.
    #[error("{what} has {bytes} bytes, too many for a certificate or key")]
    TooBig {
        /// The file.
        what: String,
        /// Its size.
        bytes: usize,
    },
    /// The file is binary instead of text.
    #[error("{what} is DER, not PEM")]
    Der {
        /// The file.
        what: String,
    },
    /// A PEM block or its content is malformed.
    #[error("{what} cannot be parsed: {problem}")]
    Malformed {
        /// The file.
        what: String,
        /// The problem.
        problem: String,
    },
    /// The PEM blocks are of the wrong type.
    #[error("{what} contains no {wanted}, but {found}")]
    WrongContent {
        /// The file.
        what: String,
        /// The expected content.
        wanted: &'static str,
        /// The labels of the PEM blocks found.
        found: String,
    },
    /// The key is protected by a passphrase.
    #[error("{what} is encrypted with a passphrase")]
    Encrypted {
        /// The key.
        what: String,
    },
    /// The file contains several certificates instead of one.
    #[error("{what} contains {count} certificates instead of one")]
    Chain {
        /// The file.
        what: String,
        /// The number of certificates.
        count: usize,
    },
    /// A key type that Kubernetes or kamaji does not support.
    #[error("{what} is not a usable key: {problem}")]
    UnsupportedKey {
        /// The key.
        what: String,
        /// The reason.
        problem: String,
    },
    /// The RSA key is too short.
    #[error("{what} has a {bits}-bit RSA key; the minimum is 2048 bits")]
    WeakKey {
        /// The key or its certificate.
        what: String,
        /// The key length.
        bits: usize,
    },
    /// The certificate is signed with a broken hash.
    #[error("{what} is signed with {algorithm}, which clients reject")]
    WeakSignature {
        /// The certificate.
        what: String,
        /// The algorithm.
        algorithm: String,
    },
    /// The certificate cannot sign others.
    #[error("{what} is not a CA certificate: {problem}")]
    NotCa {
        /// The certificate.
        what: String,
        /// The reason.
        problem: &'static str,
    },
    /// The subject cannot be reproduced as the issuer of a certificate.
    #[error("{what} cannot sign: its subject `{subject}` repeats an attribute or uses an unusual encoding")]
    UnsupportedName {
        /// The certificate.
        what: String,
        /// The subject.
        subject: String,
    },
    /// The certificate expired.
    #[error("{what} expired on {since}")]
    Expired {
        /// The certificate.
        what: String,
        /// The expiry time.
        since: jiff::Timestamp,
    },
    /// The certificate would outlive its CA.
    #[error("the CA expires on {until}, before the requested certificate")]
    OutlivesCa {
        /// The CA's expiry time.
        until: jiff::Timestamp,
    },
    /// The certificate is not valid yet.
    #[error("{what} is not valid before {from}")]
    NotYetValid {
        /// The certificate.
        what: String,
        /// The time from which it is valid.
        from: jiff::Timestamp,
    },
    /// Key and certificate, or private and public key, do not match.
    #[error("{what} does not match {partner}")]
    Mismatch {
        /// The key.
        what: String,
        /// The certificate or key it should match.
        partner: String,
    },
    /// One file of a pair is missing.
    #[error("`{missing}` is missing, but `{present}` is present")]
    MissingPartner {
        /// The missing file.
        missing: &'static str,
        /// The present file.
        present: &'static str,
    },
    /// The cluster CA and the front proxy CA have the same key.
    #[error("`front-proxy-ca.crt` and `ca.crt` have the same key")]
    SharedCaKey,
    /// A subject alternative name that is neither an IP address nor a DNS name.
    #[error("`{name}` is not a valid subject alternative name")]
    InvalidName {
        /// The name, escaped for the terminal.
        name: String,
    },
    /// The cryptographic library failed.
    #[error("failed to generate {what}")]
    Make {
        /// The certificate or key.
        what: String,
        /// The library's error.
        #[source]
        source: rcgen::Error,
    },
    /// Not a kubeconfig, or its credentials are not embedded.
    #[error("the kubeconfig cannot be used: {problem}")]
    Kubeconfig {
        /// The reason.
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
            | Self::NotCa { .. }
            | Self::UnsupportedName { .. }
            | Self::Expired { .. }
            | Self::OutlivesCa { .. }
            | Self::NotYetValid { .. }
            | Self::Mismatch { .. }
            | Self::MissingPartner { .. }
            | Self::SharedCaKey
            | Self::InvalidName { .. }
            | Self::Kubeconfig { .. } => Kind::Usage,
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Empty { .. } | Self::TooBig { .. } | Self::WrongContent { .. } => {
                "supply the file with the same name from kubeadm's /etc/kubernetes/pki"
            }
            Self::Der { .. } => {
                "convert it to PEM: `openssl x509 -inform DER -in FILE -out FILE.pem`, or for a key `openssl pkey -inform DER …`"
            }
            Self::Malformed { .. } => "copy the file again, and check it with `openssl x509 -in FILE -noout -text`",
            Self::Encrypted { .. } => "remove the passphrase: `openssl pkey -in FILE -out FILE.plain`",
            Self::Chain { .. } => {
                "keep only the certificate that matches the key; the certificates of its issuers are not needed"
            }
            Self::UnsupportedKey { .. } => "use an RSA key of 2048 bits or more, or ECDSA P-256 or P-384",
            Self::WeakKey { .. } | Self::WeakSignature { .. } => {
                "create a new CA, or omit the files and let kamaji generate one"
            }
            Self::NotCa { .. } => {
                "supply a certificate with basicConstraints CA:TRUE that may sign server and client certificates"
            }
            Self::UnsupportedName { .. } => {
                "supply a CA whose subject contains each attribute once, such as CN=kubernetes"
            }
            Self::Expired { .. } => "supply a valid certificate, or omit the files and let kamaji generate one",
            Self::OutlivesCa { .. } => "request a shorter validity, such as --ttl 8h",
            Self::NotYetValid { .. } => "check the clock of this machine: `date -u`",
            Self::Mismatch { .. } => {
                "supply the two files of one pair; their public keys must be equal (`openssl x509 -pubkey -noout`, `openssl pkey -pubout`)"
            }
            Self::MissingPartner { .. } => {
                "supply both files, or neither and let kamaji generate a pair; a CA without its key cannot be used"
            }
            Self::SharedCaKey => {
                "use a different CA for the front proxy: with a shared key, holders of a client certificate could impersonate any user"
            }
            Self::InvalidName { .. } => "use an IP address or a DNS name, which may start with `*.`",
            Self::Kubeconfig { .. } => {
                "supply one with certificate-authority-data, client-certificate-data and client-key-data: `kubectl config view --raw --flatten`"
            }
            Self::Make { .. } => return Vec::new(),
        };
        vec![hint.to_owned()]
    }
}
