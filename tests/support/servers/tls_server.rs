//! The TLS of servers in tests: a throw-away authority, and a certificate of it for 127.0.0.1.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

pub(crate) fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
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
