//! TLS for tests: a server with a throw-away authority, a client with the certificate of a kubeconfig.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::Identity;

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

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

/// A server for 127.0.0.1, and the authority (PEM) to trust it by.
pub(crate) fn server() -> (Arc<ServerConfig>, String) {
    let mut authority = rcgen::CertificateParams::new(Vec::new()).expect("no names are valid names");
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    authority.distinguished_name.push(rcgen::DnType::CommonName, "chaos");
    let key = rcgen::KeyPair::generate().expect("keys can be made");
    let authority = rcgen::CertifiedIssuer::self_signed(authority, key).expect("an authority can be made");
    let leaf_key = rcgen::KeyPair::generate().expect("keys can be made");
    let leaf = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()])
        .and_then(|leaf| leaf.signed_by(&leaf_key, &authority))
        .expect("an address is a valid name");
    let leaf_key = PrivateKeyDer::try_from(leaf_key.serialize_der()).expect("a made key is a key");
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], leaf_key)
        .expect("a made key fits its certificate");
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    (Arc::new(config), authority.pem())
}
