//! Private keys: made, read in every form people have, and turned into public ones. Nothing here knows certificates.

use rcgen::PublicKeyData as _;
use secrecy::{ExposeSecret as _, SecretString};
use x509_parser::der_parser::der::parse_der;
use zeroize::Zeroizing;

use super::{Error, pem};
use crate::model::KeyAlgorithm;

/// A key pair without a certificate: the one that signs service account tokens.
#[derive(Debug, Clone)]
pub struct KeyPair {
    /// The public key as PEM (`PUBLIC KEY`).
    pub public: String,
    /// The private key as PEM.
    pub private: SecretString,
}

/// Makes a key pair, for example for service accounts.
pub fn generate_key_pair(algorithm: KeyAlgorithm) -> Result<KeyPair, Error> {
    let key = generate(algorithm)?;
    Ok(KeyPair { public: key.public_key_pem(), private: private_pem(&key) })
}

/// The public key (`PUBLIC KEY`) of a private key in PKCS#1, SEC1 or PKCS#8.
pub fn public_key_of(private_pem: &SecretString) -> Result<String, Error> {
    Ok(read("the private key", private_pem)?.public_key_pem())
}

/// A new key of the algorithm.
pub(super) fn generate(algorithm: KeyAlgorithm) -> Result<rcgen::KeyPair, Error> {
    let rsa = |size| rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size);
    let made = match algorithm {
        KeyAlgorithm::Rsa2048 => rsa(rcgen::RsaKeySize::_2048),
        KeyAlgorithm::Rsa3072 => rsa(rcgen::RsaKeySize::_3072),
        KeyAlgorithm::Rsa4096 => rsa(rcgen::RsaKeySize::_4096),
        KeyAlgorithm::EcdsaP256 => rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
        KeyAlgorithm::EcdsaP384 => rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
    };
    made.map_err(|source| Error::Make { what: format!("an {} key", algorithm.as_str()), source })
}

/// PKCS#8 (`PRIVATE KEY`), which Go's `tls.X509KeyPair` and client-go's `keyutil.ParsePrivateKeyPEM` read for both
/// RSA and ECDSA, so one form does for all. Only for keys of [`generate`]: rcgen keeps a read key in its own form.
pub(super) fn private_pem(key: &rcgen::KeyPair) -> SecretString {
    SecretString::from(pem::encode("PRIVATE KEY", key.serialized_der()).as_str())
}

/// Reads the first private key of a PEM text; `what` names it in errors.
pub(super) fn read(what: &str, text: &SecretString) -> Result<rcgen::KeyPair, Error> {
    let (_, der) = private_block(what, text.expose_secret())?;
    if let Some(bits) = rsa_bits(&der).filter(|bits| *bits < 2048) {
        return Err(Error::WeakKey { what: what.to_owned(), bits });
    }
    let unsupported = |problem: &str| Error::UnsupportedKey { what: what.to_owned(), problem: problem.to_owned() };
    let key = rcgen::KeyPair::try_from(der.as_slice())
        .map_err(|_| unsupported("it is neither RSA nor ECDSA on a common curve, or it is damaged"))?;
    if key.algorithm() == &rcgen::PKCS_ED25519 {
        return Err(unsupported("it is Ed25519, which Kubernetes does not take"));
    }
    Ok(key)
}

/// The same key, rewritten as one clean PEM block; parameters and text around it are left behind.
pub(super) fn normalized(what: &str, text: &str) -> Result<SecretString, Error> {
    let (label, der) = private_block(what, text)?;
    Ok(SecretString::from(pem::encode(&label, &der).as_str()))
}

/// True if the private key is the one of this raw public key (the bits inside `SubjectPublicKeyInfo`).
pub(super) fn belongs(key: &rcgen::KeyPair, public_key: &[u8]) -> bool {
    key.der_bytes() == public_key
}

fn private_block(what: &str, text: &str) -> Result<(String, Zeroizing<Vec<u8>>), Error> {
    let blocks = pem::blocks(what, text)?;
    let found = pem::found(&blocks);
    // `openssl ecparam -genkey` writes EC PARAMETERS before the key, so the first block need not be the key.
    let block = blocks.into_iter().find(|block| block.label.ends_with("PRIVATE KEY"));
    let encrypted = || Error::Encrypted { what: what.to_owned() };
    match block {
        None => Err(Error::WrongContent { what: what.to_owned(), wanted: "private key", found }),
        Some(block) if block.label == "ENCRYPTED PRIVATE KEY" => Err(encrypted()),
        Some(block) => block.der.map(|der| (block.label, der)).ok_or_else(encrypted),
    }
}

/// The length of an RSA private key in PKCS#1 or PKCS#8; `None` if it is something else.
fn rsa_bits(der: &[u8]) -> Option<usize> {
    let (_, object) = parse_der(der).ok()?;
    let [_version, second, third, ..] = object.as_sequence().ok()?.as_slice() else { return None };
    if let Ok(modulus) = second.as_slice() {
        // PKCS#1: version, modulus, exponent, … In SEC1 the second is an octet string and the third a context tag.
        third.as_slice().ok().filter(|_| second.header.tag() == x509_parser::der_parser::ber::Tag::Integer)?;
        let first = modulus.iter().position(|byte| *byte != 0)?;
        return Some((modulus.len() - first) * 8 - modulus[first].leading_zeros() as usize);
    }
    // PKCS#8: version, algorithm, and the PKCS#1 structure as an octet string.
    rsa_bits(third.as_slice().ok()?)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::fixture;
    use super::*;

    fn secret(bytes: &[u8]) -> SecretString {
        String::from_utf8(bytes.to_vec()).unwrap().into()
    }

    #[test]
    fn the_public_key_is_what_openssl_says_whatever_form_the_private_one_has() {
        let openssl = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        assert_eq!(public_key_of(&secret(fixture!("rsa-pkcs1.key"))).unwrap(), openssl(fixture!("sa-rsa.pub")));
        assert_eq!(public_key_of(&secret(fixture!("ec-sec1.key"))).unwrap(), openssl(fixture!("sa-ec.pub")));
        for pkcs8 in [fixture!("rsa-pkcs8.key"), fixture!("ec-pkcs8.key"), fixture!("ec-p521.key")] {
            assert!(public_key_of(&secret(pkcs8)).unwrap().starts_with("-----BEGIN PUBLIC KEY-----\n"));
        }
    }

    #[test]
    fn every_algorithm_makes_a_pair_whose_halves_belong_together() {
        for (algorithm, name) in KeyAlgorithm::ALL {
            let pair = generate_key_pair(algorithm).unwrap();
            assert_eq!(public_key_of(&pair.private).unwrap(), pair.public, "{name}");
            assert!(!format!("{pair:?}").contains("PRIVATE"));
        }
    }

    #[test]
    fn a_key_that_cannot_be_used_says_why_and_is_not_repeated() {
        let why = |bytes: &[u8]| read("`x.key`", &secret(bytes)).unwrap_err().to_string();
        assert_eq!(
            why(fixture!("rsa-1024.key")),
            "`x.key` is an RSA key of 1024 bits, and fewer than 2048 are not safe"
        );
        assert_eq!(why(fixture!("encrypted-pkcs8.key")), "`x.key` is encrypted with a passphrase");
        assert_eq!(why(fixture!("encrypted-pkcs1.key")), "`x.key` is encrypted with a passphrase");
        assert_eq!(why(fixture!("sa-ec.pub")), "`x.key` has no private key: it holds PUBLIC KEY");
        assert_eq!(
            why(fixture!("ed25519.key")),
            "`x.key` is no key that can be used: it is Ed25519, which Kubernetes does not take"
        );
        let damaged = b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
        assert!(why(damaged).ends_with("or it is damaged") && !why(damaged).contains("c2Vj"));
    }

    #[test]
    fn lengths_of_rsa_keys_are_exact_and_other_keys_have_none() {
        let bits = |bytes: &[u8]| rsa_bits(&private_block("x", std::str::from_utf8(bytes).unwrap()).unwrap().1);
        assert_eq!(bits(fixture!("rsa-pkcs1.key")), Some(2048));
        assert_eq!(bits(fixture!("rsa-pkcs8.key")), Some(2048));
        assert_eq!(bits(fixture!("rsa-1024.key")), Some(1024));
        for other in [fixture!("ec-sec1.key"), fixture!("ec-pkcs8.key"), fixture!("ed25519.key")] {
            assert_eq!(bits(other), None);
        }
    }
}
