//! Validates a CA supplied by the user.

use jiff::Timestamp;
use x509_parser::certificate::X509Certificate;

use super::{Error, KeyAndCertificate, inspect, issue, keys};

/// Validates a CA supplied by the user; `what` names it in errors, for example `` `ca.crt` ``.
pub fn check_ca(what: &str, pair: &KeyAndCertificate, now: Timestamp) -> Result<(), Error> {
    check(what, &format!("the key of {what}"), pair, now)
}

/// As [`check_ca`], with a separate name for the key, which is another file.
pub(super) fn check(what: &str, key_name: &str, pair: &KeyAndCertificate, now: Timestamp) -> Result<(), Error> {
    let certificates = inspect::all_der(what, &pair.certificate)?;
    let [der] = certificates.as_slice() else {
        return Err(Error::Chain { what: what.to_owned(), count: certificates.len() });
    };
    let certificate = inspect::parse(what, der)?;
    let facts = inspect::inspect(&pair.certificate)?;
    may_sign(what, &certificate)?;
    if facts.not_after <= now {
        return Err(Error::Expired { what: what.to_owned(), since: facts.not_after });
    }
    if facts.not_before > now {
        return Err(Error::NotYetValid { what: what.to_owned(), from: facts.not_before });
    }
    if let Some(bits) = inspect::rsa_bits(&certificate).filter(|bits| *bits < 2048) {
        return Err(Error::WeakKey { what: what.to_owned(), bits });
    }
    if facts.signature_algorithm.ends_with("SHA-1") || facts.signature_algorithm.ends_with("MD5") {
        return Err(Error::WeakSignature { what: what.to_owned(), algorithm: facts.signature_algorithm });
    }
    let key = keys::read(key_name, &pair.key)?;
    if key.algorithm() == &rcgen::PKCS_ECDSA_P521_SHA512 {
        let problem = "ECDSA P-521 is not supported".to_owned();
        return Err(Error::UnsupportedKey { what: key_name.to_owned(), problem });
    }
    if !keys::matches(&key, &certificate.public_key().subject_public_key.data) {
        return Err(Error::Mismatch { what: key_name.to_owned(), partner: what.to_owned() });
    }
    // Sign a test certificate, so that an unusable CA fails now and not halfway through creating a control plane.
    issue::sign(&issue::parameters("test", &[]), &key, pair, what, &[]).map(drop)
}

/// The rules of RFC 5280 that Go's verifier enforces for issuers. A path length of 0 still allows signing leaf
/// certificates.
fn may_sign(what: &str, certificate: &X509Certificate<'_>) -> Result<(), Error> {
    let refuse = |problem| Err(Error::NotCa { what: what.to_owned(), problem });
    if !certificate.is_ca() {
        return refuse("basicConstraints CA:TRUE is missing");
    }
    if let Ok(Some(usage)) = certificate.key_usage()
        && !usage.value.key_cert_sign()
    {
        return refuse("its key usage does not allow signing certificates");
    }
    if let Ok(Some(usage)) = certificate.extended_key_usage()
        && !(usage.value.any || (usage.value.server_auth && usage.value.client_auth))
    {
        return refuse("its extended key usage does not allow both server and client certificates");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::fixture;
    use super::super::fixtures::now;
    use super::super::fixtures::pair;
    use super::*;
    use crate::error::Advice as _;

    fn verdict(certificate: &[u8], key: &[u8]) -> String {
        check("`ca.crt`", "`ca.key`", &pair(certificate, key), now()).map_or_else(
            |error| {
                assert!(!error.hints().is_empty(), "{error}");
                error.to_string()
            },
            |()| "valid".to_owned(),
        )
    }

    #[test]
    fn valid_cas_of_all_key_formats_are_accepted() {
        assert_eq!(verdict(fixture!("rsa-pkcs1.crt"), fixture!("rsa-pkcs1.key")), "valid");
        assert_eq!(verdict(fixture!("rsa-pkcs8.crt"), fixture!("rsa-pkcs8.key")), "valid");
        assert_eq!(verdict(fixture!("ec-sec1.crt"), fixture!("ec-sec1.key")), "valid");
        assert_eq!(verdict(fixture!("ec-pkcs8.crt"), fixture!("ec-pkcs8.key")), "valid");
        assert_eq!(verdict(fixture!("pathlen-0.crt"), fixture!("ec-sec1.key")), "valid");
        assert_eq!(verdict(fixture!("leading-text-crlf.crt"), fixture!("ec-sec1.key")), "valid");
    }

    #[test]
    fn every_defect_is_reported() {
        let cases = [
            (fixture!("expired.crt"), fixture!("ec-sec1.key")),
            (fixture!("not-a-ca.crt"), fixture!("ec-sec1.key")),
            (fixture!("no-cert-sign.crt"), fixture!("ec-sec1.key")),
            (fixture!("rsa-1024.crt"), fixture!("rsa-1024.key")),
            (fixture!("sha1.crt"), fixture!("rsa-pkcs1.key")),
            (fixture!("chain-of-two.crt"), fixture!("ec-sec1.key")),
            (fixture!("two-units.crt"), fixture!("ec-sec1.key")),
            (fixture!("ec-sec1.crt"), fixture!("ec-pkcs8.key")),
            (fixture!("rsa-pkcs1.crt"), fixture!("ec-sec1.key")),
            (fixture!("rsa-pkcs8.crt"), fixture!("encrypted-pkcs8.key")),
            (fixture!("rsa-pkcs1.crt"), fixture!("encrypted-pkcs1.key")),
            (fixture!("ed25519.crt"), fixture!("ed25519.key")),
            (fixture!("ec-p521.crt"), fixture!("ec-p521.key")),
            (fixture!("ec-sec1.key"), fixture!("ec-sec1.key")),
            (b"".as_slice(), fixture!("ec-sec1.key")),
        ];
        let verdicts: Vec<String> = cases.map(|(certificate, key)| verdict(certificate, key)).into();
        insta::assert_snapshot!(verdicts.join("\n"), @"
        `ca.crt` expired on 2026-11-24T03:35:59Z
        `ca.crt` is not a CA certificate: basicConstraints CA:TRUE is missing
        `ca.crt` is not a CA certificate: its key usage does not allow signing certificates
        `ca.crt` has a 1024-bit RSA key; the minimum is 2048 bits
        `ca.crt` is signed with RSA with SHA-1, which clients reject
        `ca.crt` contains 2 certificates instead of one
        `ca.crt` cannot sign: its subject `O=Example, OU=one, OU=two, CN=fixture-two-units` repeats an attribute or uses an unusual encoding
        `ca.key` does not match `ca.crt`
        `ca.key` does not match `ca.crt`
        `ca.key` is encrypted with a passphrase
        `ca.key` is encrypted with a passphrase
        `ca.key` is not a usable key: Ed25519 is not supported by Kubernetes
        `ca.key` is not a usable key: ECDSA P-521 is not supported
        `ca.crt` contains no certificate, but EC PARAMETERS, EC PRIVATE KEY
        `ca.crt` is empty
        ");
    }

    #[test]
    fn a_ca_that_is_not_yet_valid_hints_at_the_clock() {
        let ca = pair(fixture!("ec-sec1.crt"), fixture!("ec-sec1.key"));
        let error = check_ca("`ca.crt`", &ca, "2020-01-01T00:00:00Z".parse().unwrap()).unwrap_err();
        assert!(error.to_string().starts_with("`ca.crt` is not valid before 2026-11-"), "{error}");
        assert!(error.hints()[0].contains("date -u"));
    }
}
