//! Making certificates: authorities and what they sign. Which ones a control plane needs is `profile.rs`.

use jiff::Timestamp;
use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::DnType;
use rcgen::ExtendedKeyUsagePurpose;
use rcgen::IsCa;
use rcgen::Issuer;
use rcgen::KeyUsagePurpose;
use rcgen::SanType;
use secrecy::SecretString;

use super::Error;
use super::inspect;
use super::keys;
use super::time;
use crate::model::CertificatePolicy;
use crate::model::San;

/// A certificate with its private key, both as PEM.
#[derive(Debug, Clone)]
pub struct KeyAndCertificate {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: SecretString,
}

/// What a certificate may be used for (extended key usage).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// TLS server.
    Server,
    /// TLS client.
    Client,
    /// Both, as members of an etcd cluster need.
    Both,
}

impl Usage {
    pub(super) const fn server(self) -> bool {
        matches!(self, Self::Server | Self::Both)
    }

    pub(super) const fn client(self) -> bool {
        matches!(self, Self::Client | Self::Both)
    }
}

/// The wish for one certificate that an authority signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// The common name: the user, for a client of Kubernetes.
    pub common_name: String,
    /// The organizations: the groups, for a client of Kubernetes. At most one.
    pub organizations: Vec<String>,
    /// Server, client or both.
    pub usage: Usage,
    /// The names of a server.
    pub sans: Vec<San>,
}

/// Makes a self-signed authority with a new key, as kubeadm does.
pub fn issue_ca(common_name: &str, policy: &CertificatePolicy, now: Timestamp) -> Result<KeyAndCertificate, Error> {
    let key = keys::generate(policy.algorithm)?;
    let mut params = parameters(common_name, &[]);
    params.not_before = time::to_rcgen(time::before(now, time::BACKDATE));
    params.not_after = time::to_rcgen(time::after(now, policy.ca_validity));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages.push(KeyUsagePurpose::KeyCertSign);
    // kubeadm repeats the common name as a DNS name (pkiutil.NewSelfSignedCACert).
    if let Ok(name) = San::parse(common_name) {
        params.subject_alt_names.push(san_type(&name)?);
    }
    let made = params.self_signed(&key).map_err(|source| Error::Make { what: common_name.to_owned(), source })?;
    Ok(KeyAndCertificate { certificate: made.pem(), key: keys::private_pem(&key) })
}

/// Makes a certificate with a new key, signed by `ca`. It never outlives the authority, nor starts before it.
pub fn issue_leaf(
    leaf: &Leaf,
    ca: &KeyAndCertificate,
    policy: &CertificatePolicy,
    now: Timestamp,
) -> Result<KeyAndCertificate, Error> {
    if leaf.organizations.len() > 1 {
        // rcgen keeps one value per attribute; kubeadm never asks for more.
        let found = format!("{} organizations", leaf.organizations.len());
        return Err(Error::WrongContent { what: leaf.common_name.clone(), wanted: "single organization", found });
    }
    let authority = inspect::inspect(&ca.certificate)?;
    if authority.not_after <= now {
        let what = format!("the authority `{}`", inspect::printable(&authority.common_name));
        return Err(Error::Expired { what, since: authority.not_after });
    }
    let key = keys::generate(policy.algorithm)?;
    let mut params = parameters(&leaf.common_name, &leaf.organizations);
    params.not_before = time::to_rcgen(time::before(now, time::BACKDATE).max(authority.not_before));
    params.not_after = time::to_rcgen(time::after(now, policy.leaf_validity).min(authority.not_after));
    // Writes basicConstraints CA:FALSE and a subject key identifier, as Go does for kubeadm.
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    if leaf.usage.server() {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    if leaf.usage.client() {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    }
    params.subject_alt_names = leaf.sans.iter().map(san_type).collect::<Result<_, _>>()?;
    let certificate = sign(&params, &key, ca, "the authority")?;
    Ok(KeyAndCertificate { certificate, key: keys::private_pem(&key) })
}

/// Signs with an authority and checks that clients will accept the chain: same names, valid signature.
///
/// rcgen rebuilds the issuer's name and drops attributes that occur twice, which would break the chain silently.
pub(super) fn sign(
    params: &CertificateParams,
    subject_key: &impl rcgen::PublicKeyData,
    ca: &KeyAndCertificate,
    what: &str,
) -> Result<String, Error> {
    let ca_key = keys::read(&format!("the key of {what}"), &ca.key)?;
    let ca_der = inspect::first_der(what, &ca.certificate)?;
    let ca_parsed = inspect::parse(what, &ca_der)?;
    let subject = ca_parsed.subject();
    let unsupported =
        || Error::UnsupportedName { what: what.to_owned(), subject: inspect::printable(&subject.to_string()) };
    // rcgen panics on an empty set of attributes.
    if subject.iter().any(|set| set.iter().count() != 1) {
        return Err(unsupported());
    }
    let issuer = Issuer::from_ca_cert_der(&ca_der.as_slice().into(), &ca_key).map_err(|_| unsupported())?;
    let made = params
        .signed_by(subject_key, &issuer)
        .map_err(|source| Error::Make { what: "a certificate".to_owned(), source })?;
    let parsed = inspect::parse("the new certificate", made.der())?;
    if parsed.issuer().as_raw() != subject.as_raw() {
        return Err(unsupported());
    }
    if parsed.verify_signature(Some(ca_parsed.public_key())).is_err() {
        return Err(Error::Mismatch { what: format!("the key of {what}"), partner: what.to_owned() });
    }
    Ok(made.pem())
}

/// What all our certificates have. The serial number is left to rcgen: 159 bits of a hash of the new, random key.
pub(super) fn parameters(common_name: &str, organizations: &[String]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    for organization in organizations {
        params.distinguished_name.push(DnType::OrganizationName, organization.as_str());
    }
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params
}

/// Refuses names that did not come through [`San::parse`]: an IP address as a DNS name, control characters.
fn san_type(san: &San) -> Result<SanType, Error> {
    let invalid = || Error::InvalidName { name: inspect::printable(&san.to_string()) };
    if San::parse(&san.to_string()).ok().as_ref() != Some(san) {
        return Err(invalid());
    }
    match san {
        San::Ip(ip) => Ok(SanType::IpAddress(*ip)),
        San::Dns(name) => name.as_str().try_into().map(SanType::DnsName).map_err(|_| invalid()),
    }
}
