//! Whether an authority that somebody brings can be the authority of a control plane. Nothing is changed or kept.

use jiff::Timestamp;
use x509_parser::certificate::X509Certificate;

use super::Error;
use super::KeyAndCertificate;
use super::inspect;
use super::issue;
use super::keys;

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
    issue::sign(&issue::parameters("trial", &[]), &key, pair, what).map(drop)
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
