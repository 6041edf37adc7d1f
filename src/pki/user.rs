//! Issues short-lived client certificates for users. `model` validates the subject.

use std::time::Duration;

use jiff::Timestamp;

use super::{Error, KeyAndCertificate, Leaf, Usage, inspect, issue_leaf};
use crate::model::{CertificatePolicy, KeyAlgorithm, Subject};

/// Issues the certificate, and returns it with its expiry time. Refuses, instead of shortening, one that would outlive
/// the CA.
pub fn issue_user(
    subject: &Subject,
    ttl: Duration,
    ca: &KeyAndCertificate,
    algorithm: KeyAlgorithm,
    now: Timestamp,
) -> Result<(KeyAndCertificate, Timestamp), Error> {
    let authority = inspect(&ca.certificate)?;
    if super::time::after(now, ttl) > authority.not_after {
        return Err(Error::OutlivesCa { until: authority.not_after });
    }
    let leaf = Leaf {
        common_name: subject.user.clone(),
        organizations: subject.groups.clone(),
        usage: Usage::Client,
        sans: Vec::new(),
    };
    let policy = CertificatePolicy { algorithm, leaf_validity: ttl, ..CertificatePolicy::default() };
    let made = issue_leaf(&leaf, ca, &policy, now)?;
    let ends = inspect(&made.certificate)?.not_after;
    Ok((made, ends))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{fixture, now, pair};
    use super::super::renewal_reason;
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn subject(groups: &[&str]) -> Subject {
        Subject { user: "jane@example.com".into(), groups: groups.iter().map(|&group| group.to_owned()).collect() }
    }

    #[test]
    fn a_user_certificate_contains_all_groups_and_is_signed_by_the_ca() {
        for ca in [
            pair(fixture!("ec-sec1.crt"), fixture!("ec-sec1.key")),
            pair(fixture!("ec-pkcs8.crt"), fixture!("ec-pkcs8.key")),
            pair(fixture!("rsa-pkcs8.crt"), fixture!("rsa-pkcs8.key")),
        ] {
            for groups in [&[][..], &["one"], &["one", "two", "größe"]] {
                let (made, ends) = issue_user(&subject(groups), HOUR, &ca, KeyAlgorithm::EcdsaP256, now()).unwrap();
                let facts = inspect(&made.certificate).unwrap();
                assert_eq!(facts.common_name, "jane@example.com");
                assert_eq!(facts.organizations, groups);
                assert_eq!(ends.to_string(), "2027-06-01T13:00:00Z");
                assert_eq!((facts.client, facts.server, facts.is_ca), (true, false, false));
                let desired = Leaf {
                    common_name: "jane@example.com".into(),
                    organizations: facts.organizations.clone(),
                    usage: Usage::Client,
                    sans: Vec::new(),
                };
                // Checks signature, key and issuer.
                assert_eq!(renewal_reason(&desired, &made, &ca.certificate, now()), None);
            }
        }
    }

    #[test]
    fn a_user_certificate_cannot_outlive_the_ca() {
        let ca = pair(fixture!("ec-sec1.crt"), fixture!("ec-sec1.key"));
        let refused = issue_user(&subject(&[]), HOUR * 24 * 365 * 100, &ca, KeyAlgorithm::EcdsaP256, now());
        assert!(refused.unwrap_err().to_string().starts_with("the CA expires on "));
    }
}
