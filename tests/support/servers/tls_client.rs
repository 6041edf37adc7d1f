//! TLS for clients in tests: with the certificate of a kubeconfig.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::support::Identity;
use crate::support::servers::tls_server::provider;

/// A client that proves to be `identity`, and trusts only its authority.
pub(crate) fn client(identity: &Identity) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&identity.ca) {
        roots.add(certificate).expect("a kubeconfig's authority is a certificate");
    }
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a kubeconfig's key is a key");
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.3")
        .with_root_certificates(roots)
        .with_client_auth_cert(certificates(&identity.certificate), key)
        .expect("a kubeconfig's key fits its certificate");
    Arc::new(config)
}

fn certificates(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().expect("certificates are PEM")
}
