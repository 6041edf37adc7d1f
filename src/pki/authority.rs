//! Whether an authority that somebody brings can be the authority of a control plane. Nothing is changed or kept.

use jiff::Timestamp;
use x509_parser::certificate::X509Certificate;

use super::{Error, KeyAndCertificate, inspect, issue, keys};

/// Checks a certificate authority given by the user; `what` names it in errors, for example `` `ca.crt` ``.
pub fn check_authority(what: &str, pair: &KeyAndCertificate, now: Timestamp) -> Result<(), Error> {
    check(what, &format!("the key of {what}"), pair, now)
}

/// The same with a name of its own for the key, because it is another file.
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
        let problem = "it is ECDSA P-521, which kubeadm does not make and we cannot verify".to_owned();
        return Err(Error::UnsupportedKey { what: key_name.to_owned(), problem });
    }
    if !keys::belongs(&key, &certificate.public_key().subject_public_key.data) {
        return Err(Error::Mismatch { what: key_name.to_owned(), partner: what.to_owned() });
    }
    // A trial: what it cannot do should be known now, not when half of a control plane exists.
    issue::sign(&issue::parameters("trial", &[]), &key, pair, what, &[]).map(drop)
}

/// The rules of RFC 5280 that Go's verifier holds against an issuer. A path length of 0 may sign leaves: fine.
fn may_sign(what: &str, certificate: &X509Certificate<'_>) -> Result<(), Error> {
    let refuse = |problem| Err(Error::NotAuthority { what: what.to_owned(), problem });
    if !certificate.is_ca() {
        return refuse("its basicConstraints do not say CA:TRUE");
    }
    if let Ok(Some(usage)) = certificate.key_usage()
        && !usage.value.key_cert_sign()
    {
        return refuse("its key usage does not allow to sign certificates");
    }
    if let Ok(Some(usage)) = certificate.extended_key_usage()
        && !(usage.value.any || (usage.value.server_auth && usage.value.client_auth))
    {
        return refuse("its extended key usage does not allow both servers and clients");
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
            |()| "fine".to_owned(),
        )
    }

    #[test]
    fn good_authorities_of_all_forms_are_taken() {
        assert_eq!(verdict(fixture!("rsa-pkcs1.crt"), fixture!("rsa-pkcs1.key")), "fine");
        assert_eq!(verdict(fixture!("rsa-pkcs8.crt"), fixture!("rsa-pkcs8.key")), "fine");
        assert_eq!(verdict(fixture!("ec-sec1.crt"), fixture!("ec-sec1.key")), "fine");
        assert_eq!(verdict(fixture!("ec-pkcs8.crt"), fixture!("ec-pkcs8.key")), "fine");
        assert_eq!(verdict(fixture!("pathlen-0.crt"), fixture!("ec-sec1.key")), "fine");
        assert_eq!(verdict(fixture!("leading-text-crlf.crt"), fixture!("ec-sec1.key")), "fine");
    }

    #[test]
    fn every_fault_is_named() {
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
        `ca.crt` is not a certificate authority: its basicConstraints do not say CA:TRUE
        `ca.crt` is not a certificate authority: its key usage does not allow to sign certificates
        `ca.crt` is an RSA key of 1024 bits, and fewer than 2048 are not safe
        `ca.crt` is signed with RSA with SHA-1, which clients refuse
        `ca.crt` holds 2 certificates, and only one can be the authority
        `ca.crt` cannot sign: its subject `O=Example, OU=one, OU=two, CN=fixture-two-units` repeats an attribute or uses an unusual encoding
        `ca.key` does not belong to `ca.crt`
        `ca.key` does not belong to `ca.crt`
        `ca.key` is encrypted with a passphrase
        `ca.key` is encrypted with a passphrase
        `ca.key` is no key that can be used: it is Ed25519, which Kubernetes does not take
        `ca.key` is no key that can be used: it is ECDSA P-521, which kubeadm does not make and we cannot verify
        `ca.crt` has no certificate: it holds EC PARAMETERS, EC PRIVATE KEY
        `ca.crt` is empty
        ");
    }

    #[test]
    fn an_authority_from_the_future_points_at_the_clock() {
        let ca = pair(fixture!("ec-sec1.crt"), fixture!("ec-sec1.key"));
        let error = check_authority("`ca.crt`", &ca, "2020-01-01T00:00:00Z".parse().unwrap()).unwrap_err();
        assert!(error.to_string().starts_with("`ca.crt` is not valid before 2026-11-"), "{error}");
        assert!(error.hints()[0].contains("date -u"));
    }
}
