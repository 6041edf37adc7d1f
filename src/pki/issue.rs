//! Making certificates: authorities and what they sign. Which ones a control plane needs is `profile.rs`.

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyUsagePurpose, SanType,
};
use secrecy::SecretString;

use super::{Error, inspect, keys, pem, subject, time};
use crate::model::{CertificatePolicy, San};

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
    /// The organizations: the groups, for a client of Kubernetes.
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
    let certificate = sign(&params, &key, ca, "the authority", &leaf.organizations)?;
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
    organizations: &[String],
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
    let der = match (organizations, params.distinguished_name.get(&DnType::CommonName)) {
        ([_, _, ..], Some(rcgen::DnValue::Utf8String(name))) => {
            subject::with_subject(made.der(), name, organizations, &ca_key)?
        }
        _ => made.der().to_vec(),
    };
    let parsed = inspect::parse("the new certificate", &der)?;
    if parsed.issuer().as_raw() != subject.as_raw() {
        return Err(unsupported());
    }
    if parsed.verify_signature(Some(ca_parsed.public_key())).is_err() {
        return Err(Error::Mismatch { what: format!("the key of {what}"), partner: what.to_owned() });
    }
    Ok(pem::encode("CERTIFICATE", &der).to_string())
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

#[cfg(test)]
mod tests {
    use super::super::fixtures::fixture;
    use super::super::fixtures::now;
    use super::super::fixtures::pair;
    use super::super::fixtures::policy;
    use super::super::inspect;
    use super::super::why_not_usable;
    use super::*;
    use crate::model::KeyAlgorithm;

    fn server(sans: &[San]) -> Leaf {
        Leaf {
            common_name: "server".into(),
            organizations: vec!["group".into()],
            usage: Usage::Both,
            sans: sans.into(),
        }
    }

    #[test]
    fn every_algorithm_makes_an_authority_and_a_leaf_that_it_verifies() {
        for (algorithm, name) in [
            (KeyAlgorithm::EcdsaP256, "ECDSA-P256"),
            (KeyAlgorithm::EcdsaP384, "ECDSA-P384"),
            (KeyAlgorithm::Rsa2048, "RSA-2048"),
        ] {
            let ca = issue_ca("kubernetes", &policy(algorithm), now()).unwrap();
            let leaf = issue_leaf(&server(&[]), &ca, &policy(algorithm), now()).unwrap();
            assert_eq!(inspect(&leaf.certificate).unwrap().key_algorithm, name);
            assert_eq!(why_not_usable(&server(&[]), &leaf, &ca.certificate, now()), None, "{name}");
        }
    }

    #[test]
    fn authorities_made_by_openssl_sign_leaves_of_another_algorithm() {
        for (name, ca, algorithm) in [
            ("PKCS#1 RSA", pair(fixture!("rsa-pkcs1.crt"), fixture!("rsa-pkcs1.key")), KeyAlgorithm::EcdsaP256),
            ("PKCS#8 RSA", pair(fixture!("rsa-pkcs8.crt"), fixture!("rsa-pkcs8.key")), KeyAlgorithm::EcdsaP384),
            ("SEC1 P-256", pair(fixture!("ec-sec1.crt"), fixture!("ec-sec1.key")), KeyAlgorithm::Rsa2048),
            ("PKCS#8 P-384", pair(fixture!("ec-pkcs8.crt"), fixture!("ec-pkcs8.key")), KeyAlgorithm::EcdsaP256),
        ] {
            let leaf = issue_leaf(&server(&[]), &ca, &policy(algorithm), now()).expect(name);
            assert_eq!(why_not_usable(&server(&[]), &leaf, &ca.certificate, now()), None, "{name}");
        }
    }

    #[test]
    fn an_authority_is_as_kubeadm_makes_it() {
        let ca = inspect(&issue_ca("kubernetes", &CertificatePolicy::default(), now()).unwrap().certificate).unwrap();
        assert!(ca.is_ca);
        assert_eq!((ca.common_name.as_str(), ca.issuer.as_str()), ("kubernetes", "kubernetes"));
        assert_eq!(ca.sans, [San::Dns("kubernetes".into())].into());
        assert_eq!(ca.not_before.to_string(), "2027-06-01T11:55:00Z");
        assert_eq!(ca.not_after.to_string(), "2037-05-29T12:00:00Z");
    }

    #[test]
    fn a_leaf_has_all_kinds_of_names_and_its_own_lifetime() {
        let names = ["10.96.0.1", "fd00::1", "*.example.com", "localhost"].map(|name| San::parse(name).unwrap());
        let policy = CertificatePolicy::default();
        let ca = pair(fixture!("ec-sec1.crt"), fixture!("ec-sec1.key"));
        let leaf = inspect(&issue_leaf(&server(&names), &ca, &policy, now()).unwrap().certificate).unwrap();
        assert!(!leaf.is_ca);
        assert_eq!(leaf.sans, names.into());
        assert_eq!((leaf.organizations, leaf.server, leaf.client), (vec!["group".to_owned()], true, true));
        assert_eq!(leaf.not_before.to_string(), "2027-06-01T11:55:00Z");
        assert_eq!(leaf.not_after.to_string(), "2028-05-31T12:00:00Z");
    }

    #[test]
    fn a_leaf_lives_no_longer_than_its_authority() {
        let mut policy = CertificatePolicy { ca_validity: std::time::Duration::from_secs(3600), ..Default::default() };
        let ca = issue_ca("kubernetes", &policy, now()).unwrap();
        policy.leaf_validity = std::time::Duration::from_secs(u64::MAX);
        let leaf = inspect(&issue_leaf(&server(&[]), &ca, &policy, now()).unwrap().certificate).unwrap();
        let ca = inspect(&ca.certificate).unwrap();
        assert_eq!((leaf.not_before, leaf.not_after), (ca.not_before, ca.not_after));
    }

    #[test]
    fn a_leaf_does_not_start_before_its_authority() {
        let policy = CertificatePolicy::default();
        let ca = issue_ca("kubernetes", &policy, now()).unwrap();
        let earlier = time::before(now(), std::time::Duration::from_secs(600));
        let leaf = issue_leaf(&server(&[]), &ca, &policy, earlier).unwrap();
        let not_before = |pem: &str| inspect(pem).unwrap().not_before;
        assert_eq!(not_before(&leaf.certificate), not_before(&ca.certificate));
    }

    #[test]
    fn an_expired_authority_signs_nothing() {
        let ca = pair(fixture!("expired.crt"), fixture!("ec-sec1.key"));
        let error = issue_leaf(&server(&[]), &ca, &CertificatePolicy::default(), now()).unwrap_err();
        assert!(error.to_string().starts_with("the authority `fixture-expired` expired on 2026-11-"), "{error}");
    }

    #[test]
    fn serial_numbers_are_long_positive_and_never_repeat() {
        let policy = CertificatePolicy::default();
        let ca = issue_ca("kubernetes", &policy, now()).unwrap();
        let serial = || inspect(&issue_leaf(&server(&[]), &ca, &policy, now()).unwrap().certificate).unwrap().serial;
        let serials: std::collections::BTreeSet<String> = (0..50).map(|_| serial()).collect();
        assert_eq!(serials.len(), 50);
        assert!(serials.iter().all(|hex| (16..=40).contains(&hex.len()) && hex.as_bytes()[0] < b'8'), "{serials:?}");
    }

    #[test]
    fn a_hundred_names_fit_and_hostile_ones_are_refused() {
        let ca = pair(fixture!("ec-sec1.crt"), fixture!("ec-sec1.key"));
        let issue = |sans: &[San]| issue_leaf(&server(sans), &ca, &CertificatePolicy::default(), now());
        let many: Vec<San> = (0..100).map(|n| San::Dns(format!("n{n}.example.com"))).collect();
        assert_eq!(inspect(&issue(&many).unwrap().certificate).unwrap().sans.len(), 100);
        for hostile in ["10.0.0.1", "", "ä.example.com", "a b", "x\u{1b}[31m", "A.example.com", "a.\0evil.com"] {
            let error = issue(&[San::Dns(hostile.into())]).unwrap_err().to_string();
            assert!(error.ends_with("cannot be a subject alternative name") && !error.contains('\u{1b}'), "{error:?}");
        }
    }

    #[test]
    fn debug_does_not_show_the_key() {
        let ca = issue_ca("kubernetes", &CertificatePolicy::default(), now()).unwrap();
        let debug = format!("{ca:?}");
        assert!(debug.contains("[REDACTED]") && !debug.contains("PRIVATE"), "{debug}");
    }
}
