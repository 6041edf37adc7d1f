//! What is in a certificate. Judging it is `authority.rs` (given by the user) and `renew.rs` (our own).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;

use super::{Error, pem, time};
use crate::model::San;

/// What one certificate says. Texts are as they stand in it: escape them before a terminal sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The subject's common name; empty if it has none.
    pub common_name: String,
    /// The subject's organizations, in order.
    pub organizations: Vec<String>,
    /// The issuer's common name; empty if it has none.
    pub issuer: String,
    /// Valid from this second on.
    pub not_before: Timestamp,
    /// Valid to this second.
    pub not_after: Timestamp,
    /// Its IP addresses and DNS names; other kinds of names are left out.
    pub sans: BTreeSet<San>,
    /// True if basicConstraints say CA:TRUE.
    pub is_ca: bool,
    /// True if it may be used by a TLS server.
    pub server: bool,
    /// True if it may be used by a TLS client.
    pub client: bool,
    /// SHA-256 of the DER `SubjectPublicKeyInfo`, in hex: what kubeadm calls the discovery hash.
    pub public_key_sha256: String,
    /// SHA-256 of the whole certificate, in hex.
    pub fingerprint_sha256: String,
    /// The serial number in hex.
    pub serial: String,
    /// kubeadm's spelling where it has one, for example `ECDSA-P256` or `RSA-2048`.
    pub key_algorithm: String,
    /// For example `ECDSA with SHA-256`; the object identifier if it is an unusual one.
    pub signature_algorithm: String,
}

/// Reads the first certificate of a PEM text.
pub fn inspect(certificate_pem: &str) -> Result<CertificateFacts, Error> {
    let der = first_der("the certificate", certificate_pem)?;
    Ok(facts(&parse("the certificate", &der)?, &der))
}

/// `sha256:…` of an authority's public key, for `kubeadm join --discovery-token-ca-cert-hash`.
pub fn discovery_hash(ca_pem: &str) -> Result<String, Error> {
    Ok(format!("sha256:{}", inspect(ca_pem)?.public_key_sha256))
}

/// The same of every authority in a PEM text: one of them is enough for a worker to know the cluster by.
pub fn discovery_hashes(ca_pem: &str) -> Result<Vec<String>, Error> {
    let what = "the certificate";
    let all = all_der(what, ca_pem)?;
    all.iter().map(|der| Ok(format!("sha256:{}", facts(&parse(what, der)?, der).public_key_sha256))).collect()
}

/// Whether an authority signed a certificate, whatever else is wrong with it.
#[must_use]
pub fn is_signed_by(certificate_pem: &str, ca_pem: &str) -> bool {
    let look = || -> Result<bool, Error> {
        let (der, ca_der) = (first_der("the certificate", certificate_pem)?, first_der("the authority", ca_pem)?);
        let ca = parse("the authority", &ca_der)?;
        Ok(parse("the certificate", &der)?.verify_signature(Some(ca.public_key())).is_ok())
    };
    look().unwrap_or(false)
}

/// The common name that a certificate request (PEM) asks for.
pub fn requested_name(request_pem: &str) -> Result<String, Error> {
    let what = "the certificate request";
    let malformed = || Error::Malformed { what: what.to_owned(), problem: "it is not PKCS#10".to_owned() };
    let blocks = pem::blocks(what, request_pem)?;
    let der = blocks.iter().find_map(|block| block.der.as_ref()).ok_or_else(malformed)?;
    let (_, request) = X509CertificationRequest::from_der(der).map_err(|_| malformed())?;
    let name = request.certification_request_info.subject.iter_common_name().next().and_then(|name| name.as_str().ok());
    Ok(name.unwrap_or_default().to_owned())
}

/// The DER of every certificate in a PEM text, at least one.
pub(super) fn all_der(what: &str, text: &str) -> Result<Vec<Vec<u8>>, Error> {
    let blocks = pem::blocks(what, text)?;
    let found = pem::found(&blocks);
    let certificates: Vec<Vec<u8>> = blocks
        .into_iter()
        .filter(|block| block.label == "CERTIFICATE")
        .filter_map(|block| block.der.map(|der| der.to_vec()))
        .collect();
    if certificates.is_empty() {
        return Err(Error::WrongContent { what: what.to_owned(), wanted: "certificate", found });
    }
    Ok(certificates)
}

/// The DER of the first certificate in a PEM text.
pub(super) fn first_der(what: &str, text: &str) -> Result<Vec<u8>, Error> {
    Ok(all_der(what, text)?.swap_remove(0))
}

/// Parses one certificate and nothing behind it.
pub(super) fn parse<'a>(what: &str, der: &'a [u8]) -> Result<X509Certificate<'a>, Error> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) | Err(_) => {
            Err(Error::Malformed { what: what.to_owned(), problem: "it is not an X.509 certificate".to_owned() })
        }
    }
}

/// A text from outside, fit for a message.
pub(super) fn printable(text: &str) -> String {
    text.chars().take(120).flat_map(char::escape_debug).collect()
}

/// The length of an RSA public key; `None` for other kinds.
pub(super) fn rsa_bits(certificate: &X509Certificate<'_>) -> Option<usize> {
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(rsa)) => {
            let first = rsa.modulus.iter().position(|byte| *byte != 0)?;
            Some((rsa.modulus.len() - first) * 8 - rsa.modulus[first].leading_zeros() as usize)
        }
        Ok(_) | Err(_) => None,
    }
}

fn facts(certificate: &X509Certificate<'_>, der: &[u8]) -> CertificateFacts {
    let subject = certificate.subject();
    let text = |value: &x509_parser::x509::AttributeTypeAndValue<'_>| value.as_str().unwrap_or_default().to_owned();
    let usage = certificate.extended_key_usage().ok().flatten().map(|extension| extension.value);
    CertificateFacts {
        common_name: subject.iter_common_name().next().map(text).unwrap_or_default(),
        organizations: subject.iter_organization().map(text).collect(),
        issuer: certificate.issuer().iter_common_name().next().map(text).unwrap_or_default(),
        not_before: time::from_x509(certificate.validity().not_before),
        not_after: time::from_x509(certificate.validity().not_after),
        sans: sans(certificate),
        is_ca: certificate.is_ca(),
        // Without the extension, every use is allowed (RFC 5280, 4.2.1.12).
        server: usage.is_none_or(|usage| usage.any || usage.server_auth),
        client: usage.is_none_or(|usage| usage.any || usage.client_auth),
        public_key_sha256: hex(&Sha256::digest(certificate.public_key().raw)),
        fingerprint_sha256: hex(&Sha256::digest(der)),
        serial: hex(certificate.raw_serial()),
        key_algorithm: key_algorithm(certificate),
        signature_algorithm: signature_algorithm(certificate),
    }
}

fn sans(certificate: &X509Certificate<'_>) -> BTreeSet<San> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return BTreeSet::new() };
    let names = extension.value.general_names.iter();
    names
        .filter_map(|name| {
            if let GeneralName::DNSName(dns) = name {
                San::parse(dns).ok()
            } else if let GeneralName::IPAddress(octets) = name {
                ip(octets).map(San::Ip)
            } else {
                None
            }
        })
        .collect()
}

fn ip(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

fn key_algorithm(certificate: &X509Certificate<'_>) -> String {
    if let Some(bits) = rsa_bits(certificate) {
        return format!("RSA-{bits}");
    }
    let algorithm = &certificate.public_key().algorithm;
    let curve = algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
    let oid = curve.unwrap_or_else(|| algorithm.algorithm.clone()).to_id_string();
    match oid.as_str() {
        "1.2.840.10045.3.1.7" => "ECDSA-P256".to_owned(),
        "1.3.132.0.34" => "ECDSA-P384".to_owned(),
        "1.3.132.0.35" => "ECDSA-P521".to_owned(),
        "1.3.101.112" => "Ed25519".to_owned(),
        _ => oid,
    }
}

fn signature_algorithm(certificate: &X509Certificate<'_>) -> String {
    let oid = certificate.signature_algorithm.algorithm.to_id_string();
    let name = match oid.as_str() {
        "1.2.840.113549.1.1.4" => "RSA with MD5",
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => "RSA with SHA-1",
        "1.2.840.113549.1.1.10" => "RSA-PSS",
        "1.2.840.113549.1.1.11" => "RSA with SHA-256",
        "1.2.840.113549.1.1.12" => "RSA with SHA-384",
        "1.2.840.113549.1.1.13" => "RSA with SHA-512",
        "1.2.840.10045.4.1" => "ECDSA with SHA-1",
        "1.2.840.10045.4.3.2" => "ECDSA with SHA-256",
        "1.2.840.10045.4.3.3" => "ECDSA with SHA-384",
        "1.2.840.10045.4.3.4" => "ECDSA with SHA-512",
        "1.3.101.112" => "Ed25519",
        _ => return oid,
    };
    name.to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a String cannot fail");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::fixture;
    use super::*;

    fn facts_of(bytes: &[u8]) -> CertificateFacts {
        inspect(std::str::from_utf8(bytes).unwrap()).unwrap()
    }

    #[test]
    fn the_facts_of_an_rsa_certificate_are_what_openssl_says() {
        let facts = facts_of(fixture!("rsa-pkcs1.crt"));
        assert_eq!(facts.common_name, "fixture-rsa-pkcs1");
        assert_eq!(
            (facts.key_algorithm.as_str(), facts.signature_algorithm.as_str()),
            ("RSA-2048", "RSA with SHA-256")
        );
        assert_eq!(facts.serial, "495bfb27e176a003554dbe76645c24de7bfefe84");
        assert_eq!(facts.not_before.to_string(), "2026-11-23T03:30:35Z");
        assert_eq!(facts.not_after.to_string(), "2126-10-30T03:30:35Z");
        assert!(facts.is_ca && facts.sans.is_empty());
    }

    #[test]
    fn the_discovery_hash_is_the_one_openssl_computes() {
        let hash = |bytes: &[u8]| discovery_hash(std::str::from_utf8(bytes).unwrap()).unwrap();
        assert_eq!(
            hash(fixture!("ec-sec1.crt")),
            "sha256:c9d9386ceb115cfa6215802c00b49372d0326c3b8c9f2a4503b608d4a23ea854"
        );
        assert_eq!(
            hash(fixture!("rsa-pkcs1.crt")),
            "sha256:a517bd23b0ff9da190cc97a54a86437636c7f9e643149e412a5803f443c0f331"
        );
    }

    #[test]
    fn the_first_certificate_counts_and_text_around_it_does_not() {
        let expected = facts_of(fixture!("ec-sec1.crt"));
        assert_eq!(facts_of(fixture!("chain-of-two.crt")), expected);
        assert_eq!(facts_of(fixture!("leading-text-crlf.crt")), expected);
    }

    #[test]
    fn curves_and_old_signatures_are_named() {
        assert_eq!(facts_of(fixture!("ec-pkcs8.crt")).key_algorithm, "ECDSA-P384");
        assert_eq!(facts_of(fixture!("ec-p521.crt")).key_algorithm, "ECDSA-P521");
        assert_eq!(facts_of(fixture!("ed25519.crt")).key_algorithm, "Ed25519");
        assert_eq!(facts_of(fixture!("rsa-1024.crt")).key_algorithm, "RSA-1024");
        assert_eq!(facts_of(fixture!("sha1.crt")).signature_algorithm, "RSA with SHA-1");
    }

    #[test]
    fn a_key_is_not_a_certificate_and_garbage_is_neither() {
        let why = |text: &str| inspect(text).unwrap_err().to_string();
        let key = std::str::from_utf8(fixture!("sa-ec.pub")).unwrap();
        assert_eq!(why(key), "the certificate has no certificate: it holds PUBLIC KEY");
        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(why(garbage), "the certificate cannot be read: it is not an X.509 certificate");
    }
}
