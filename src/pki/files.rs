//! The files of a kubeadm PKI that somebody brings, by the names they have in /etc/kubernetes/pki. Reading them from
//! a disk or a host is not done here; what comes in is bytes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use secrecy::SecretString;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;
use zeroize::Zeroizing;

use super::{Error, KeyAndCertificate, KeyPair, authority, inspect, issue_ca, keys, pem};
use crate::model::CertificatePolicy;

/// The roots of a control plane's trust; everything else is signed by them and can be made again.
#[derive(Debug, Clone)]
pub struct UserPki {
    /// The cluster's authority.
    pub ca: KeyAndCertificate,
    /// The authority of the front proxy (aggregated API servers).
    pub front_proxy_ca: KeyAndCertificate,
    /// The key that signs service account tokens.
    pub service_account: KeyPair,
}

/// What somebody brought of a [`UserPki`]; `None` where neither file of a pair was there.
#[derive(Debug, Clone, Default)]
pub struct PartialUserPki {
    /// `ca.crt` and `ca.key`.
    pub ca: Option<KeyAndCertificate>,
    /// `front-proxy-ca.crt` and `front-proxy-ca.key`.
    pub front_proxy_ca: Option<KeyAndCertificate>,
    /// `sa.key`, and `sa.pub` if it was there.
    pub service_account: Option<KeyPair>,
}

impl PartialUserPki {
    /// The names of the keys that were brought.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let brought = [
            (self.ca.is_some(), "ca.key"),
            (self.front_proxy_ca.is_some(), "front-proxy-ca.key"),
            (self.service_account.is_some(), "sa.key"),
        ];
        brought.iter().filter(|(there, _)| *there).map(|(_, name)| (*name).to_owned()).collect()
    }

    /// Makes what is missing.
    pub fn complete(self, policy: &CertificatePolicy, now: Timestamp) -> Result<UserPki, Error> {
        Ok(UserPki {
            ca: self.ca.map_or_else(|| issue_ca("kubernetes", policy, now), Ok)?,
            front_proxy_ca: self.front_proxy_ca.map_or_else(|| issue_ca("front-proxy-ca", policy, now), Ok)?,
            service_account: self.service_account.map_or_else(|| keys::generate_key_pair(policy.algorithm), Ok)?,
        })
    }
}

/// Reads and checks `ca`, `front-proxy-ca` and `sa` out of files named as in /etc/kubernetes/pki; other files are
/// left alone. The result is clean PEM, whatever surrounded it.
pub fn read_user_pki(files: &BTreeMap<String, Vec<u8>>, now: Timestamp) -> Result<PartialUserPki, Error> {
    let ca = authority(files, "ca.crt", "ca.key", now)?;
    let front_proxy_ca = authority(files, "front-proxy-ca.crt", "front-proxy-ca.key", now)?;
    if let (Some(ca), Some(front_proxy)) = (&ca, &front_proxy_ca)
        && inspect::inspect(&ca.certificate)?.public_key_sha256
            == inspect::inspect(&front_proxy.certificate)?.public_key_sha256
    {
        return Err(Error::SharedAuthority);
    }
    Ok(PartialUserPki { ca, front_proxy_ca, service_account: service_account(files)? })
}

fn authority(
    files: &BTreeMap<String, Vec<u8>>,
    certificate_name: &'static str,
    key_name: &'static str,
    now: Timestamp,
) -> Result<Option<KeyAndCertificate>, Error> {
    let (certificate, key) = match (files.get(certificate_name), files.get(key_name)) {
        (None, None) => return Ok(None),
        (Some(_), None) => return Err(Error::MissingPartner { missing: key_name, present: certificate_name }),
        (None, Some(_)) => return Err(Error::MissingPartner { missing: certificate_name, present: key_name }),
        (Some(certificate), Some(key)) => (certificate, key),
    };
    let (certificate_what, key_what) = (quoted(certificate_name), quoted(key_name));
    let certificates = inspect::all_der(&certificate_what, &text(&certificate_what, certificate)?)?;
    let pair = KeyAndCertificate {
        certificate: certificates.iter().map(|der| pem::encode("CERTIFICATE", der).to_string()).collect(),
        key: keys::normalized(&key_what, &text(&key_what, key)?)?,
    };
    authority::check(&certificate_what, &key_what, &pair, now)?;
    Ok(Some(pair))
}

fn service_account(files: &BTreeMap<String, Vec<u8>>) -> Result<Option<KeyPair>, Error> {
    let (private, public) = match (files.get("sa.key"), files.get("sa.pub")) {
        (None, None) => return Ok(None),
        (None, Some(_)) => return Err(Error::MissingPartner { missing: "sa.key", present: "sa.pub" }),
        (Some(private), public) => (private, public),
    };
    let private: SecretString = keys::normalized("`sa.key`", &text("`sa.key`", private)?)?;
    let key = keys::read("`sa.key`", &private)?;
    if let Some(public) = public
        && !keys::belongs(&key, &public_key("`sa.pub`", &text("`sa.pub`", public)?)?)
    {
        return Err(Error::Mismatch { what: "`sa.pub`".to_owned(), partner: "`sa.key`".to_owned() });
    }
    Ok(Some(KeyPair { public: key.public_key_pem(), private }))
}

/// The raw public key of a `PUBLIC KEY` (kubeadm's form) or an `RSA PUBLIC KEY`.
fn public_key(what: &str, text: &str) -> Result<Vec<u8>, Error> {
    let blocks = pem::blocks(what, text)?;
    let found = pem::found(&blocks);
    for block in blocks {
        match (block.label.as_str(), block.der) {
            ("PUBLIC KEY", Some(der)) => {
                let (_, info) = SubjectPublicKeyInfo::from_der(&der).map_err(|_| Error::Malformed {
                    what: what.to_owned(),
                    problem: "it is not a public key".to_owned(),
                })?;
                return Ok(info.subject_public_key.data.to_vec());
            }
            // PKCS#1 is the content of the other form, without the name of the algorithm.
            ("RSA PUBLIC KEY", Some(der)) => return Ok(der.to_vec()),
            _ => {}
        }
    }
    Err(Error::WrongContent { what: what.to_owned(), wanted: "public key", found })
}

/// The bytes of a file as text; leading text in another encoding does not matter.
fn text(what: &str, bytes: &[u8]) -> Result<Zeroizing<String>, Error> {
    const LARGEST: usize = 1 << 20;
    // An ASN.1 sequence with a length of two bytes, as every certificate and RSA key has.
    let der = bytes.starts_with(&[0x30, 0x82]) || bytes.starts_with(&[0x30, 0x81]);
    match bytes.len() {
        0 => Err(Error::Empty { what: what.to_owned() }),
        bytes if bytes > LARGEST => Err(Error::TooBig { what: what.to_owned(), bytes }),
        _ if der => Err(Error::Der { what: what.to_owned() }),
        _ => Ok(Zeroizing::new(String::from_utf8_lossy(bytes).into_owned())),
    }
}

fn quoted(name: &str) -> String {
    format!("`{name}`")
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::fixture;
    use super::super::fixtures::now;
    use super::*;

    fn read(files: &[(&str, &[u8])]) -> Result<PartialUserPki, Error> {
        let files = files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect();
        read_user_pki(&files, now())
    }

    fn why(files: &[(&str, &[u8])]) -> String {
        read(files).unwrap_err().to_string()
    }

    #[test]
    fn a_whole_kubeadm_folder_is_taken_as_it_is() {
        let pki = read(&[
            ("ca.crt", fixture!("leading-text-crlf.crt")),
            ("ca.key", fixture!("ec-sec1.key")),
            ("front-proxy-ca.crt", fixture!("rsa-pkcs8.crt")),
            ("front-proxy-ca.key", fixture!("rsa-pkcs8.key")),
            ("sa.key", fixture!("rsa-pkcs1.key")),
            ("sa.pub", fixture!("sa-rsa.pub")),
            ("apiserver.crt", b"not looked at"),
        ])
        .unwrap()
        .complete(&CertificatePolicy::default(), now())
        .unwrap();
        assert_eq!(pki.ca.certificate.as_bytes(), fixture!("ec-sec1.crt"), "clean PEM, the same certificate");
        assert_eq!(pki.front_proxy_ca.certificate.as_bytes(), fixture!("rsa-pkcs8.crt"));
        assert_eq!(pki.service_account.public.as_bytes(), fixture!("sa-rsa.pub"));
        assert!(!format!("{pki:?}").contains("PRIVATE KEY"));
    }

    #[test]
    fn what_nobody_brought_is_made() {
        let pki = read(&[]).unwrap();
        assert!(pki.ca.is_none() && pki.front_proxy_ca.is_none() && pki.service_account.is_none());
        let pki = pki.complete(&CertificatePolicy::default(), now()).unwrap();
        let name = |pair: &KeyAndCertificate| inspect::inspect(&pair.certificate).unwrap().common_name;
        assert_eq!((name(&pki.ca).as_str(), name(&pki.front_proxy_ca).as_str()), ("kubernetes", "front-proxy-ca"));
    }

    #[test]
    fn half_a_pair_names_the_other_half() {
        assert_eq!(why(&[("ca.crt", fixture!("ec-sec1.crt"))]), "`ca.key` is missing beside `ca.crt`");
        assert_eq!(
            why(&[("front-proxy-ca.key", fixture!("ec-sec1.key"))]),
            "`front-proxy-ca.crt` is missing beside `front-proxy-ca.key`"
        );
        assert_eq!(why(&[("sa.pub", fixture!("sa-ec.pub"))]), "`sa.key` is missing beside `sa.pub`");
    }

    #[test]
    fn the_public_key_may_be_left_out_and_must_fit_if_given() {
        assert!(read(&[("sa.key", fixture!("ec-sec1.key"))]).unwrap().service_account.is_some());
        assert!(read(&[("sa.key", fixture!("rsa-pkcs1.key")), ("sa.pub", fixture!("sa-rsa-pkcs1.pub"))]).is_ok());
        assert_eq!(
            why(&[("sa.key", fixture!("ec-sec1.key")), ("sa.pub", fixture!("sa-rsa.pub"))]),
            "`sa.pub` does not belong to `sa.key`"
        );
    }

    #[test]
    fn files_that_are_no_text_are_told_apart() {
        let ca = |bytes: &[u8]| why(&[("ca.crt", bytes), ("ca.key", fixture!("ec-sec1.key"))]);
        assert_eq!(ca(fixture!("der.crt")), "`ca.crt` is DER, not PEM");
        assert_eq!(ca(b""), "`ca.crt` is empty");
        assert_eq!(ca(&vec![b'x'; 10 << 20]), "`ca.crt` has 10485760 bytes, which is no certificate or key");
        assert_eq!(ca(b"\xff\xfe\x00"), "`ca.crt` cannot be read: it has no PEM block");
    }

    #[test]
    fn leading_text_in_another_encoding_does_not_matter() {
        let dressed = [b"Aussteller: M\xfcnchen\n".as_slice(), fixture!("ec-sec1.crt")].concat();
        assert!(read(&[("ca.crt", &dressed), ("ca.key", fixture!("ec-sec1.key"))]).is_ok());
    }

    #[test]
    fn one_key_for_both_authorities_is_refused() {
        let shared = [
            ("ca.crt", fixture!("ec-sec1.crt")),
            ("ca.key", fixture!("ec-sec1.key")),
            ("front-proxy-ca.crt", fixture!("pathlen-0.crt")),
            ("front-proxy-ca.key", fixture!("ec-sec1.key")),
        ];
        assert_eq!(why(&shared), "`front-proxy-ca.crt` and `ca.crt` have the same key");
    }
}
