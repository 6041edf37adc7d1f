//! The files of a kubeadm PKI that somebody brings, by the names they have in /etc/kubernetes/pki. Reading them from
//! a disk or a host is not done here; what comes in is bytes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use secrecy::SecretString;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;
use zeroize::Zeroizing;

use super::Error;
use super::KeyAndCertificate;
use super::KeyPair;
use super::authority;
use super::inspect;
use super::issue_ca;
use super::keys;
use super::pem;
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
