//! Keys and certificates made by openssl, for the tests of this room. See tests/fixtures/pki/README.md.

use jiff::Timestamp;

use super::KeyAndCertificate;
use crate::model::{CertificatePolicy, KeyAlgorithm};

/// A file of tests/fixtures/pki.
macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pki/", $name)).as_slice()
    };
}
pub(super) use fixture;

/// The time the tests count with.
pub(super) fn now() -> Timestamp {
    "2027-06-01T12:00:00Z".parse().unwrap()
}

/// A pair out of two fixtures.
pub(super) fn pair(certificate: &[u8], key: &[u8]) -> KeyAndCertificate {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    KeyAndCertificate { certificate: text(certificate), key: text(key).into() }
}

/// The usual lifetimes with another algorithm.
pub(super) fn policy(algorithm: KeyAlgorithm) -> CertificatePolicy {
    CertificatePolicy { algorithm, ..CertificatePolicy::default() }
}
