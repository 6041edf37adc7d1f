//! Who we are to a datastore, and whom we trust there. Only text: nothing is parsed or read here.

use std::fmt;

use secrecy::SecretString;

/// A client certificate with its key, and the authority that the server's certificate must come from. All PEM.
#[derive(Clone)]
pub struct TlsIdentity {
    /// The certificate authority of the server.
    pub ca: String,
    /// The client certificate; etcd takes its common name as the user name.
    pub certificate: String,
    /// The key of the client certificate.
    pub key: SecretString,
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsIdentity([REDACTED])")
    }
}
