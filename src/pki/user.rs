//! The short-lived client certificate of a person or a pipeline. Who may be asked for is `model`.

use std::time::Duration;

use jiff::Timestamp;

use super::{Error, KeyAndCertificate, Leaf, Usage, inspect, issue_leaf};
use crate::model::{CertificatePolicy, KeyAlgorithm, Subject};

/// Makes the certificate. One that would outlive the authority is refused, not shortened.
pub fn issue_user(
    subject: &Subject,
    ttl: Duration,
    ca: &KeyAndCertificate,
    algorithm: KeyAlgorithm,
    now: Timestamp,
) -> Result<(KeyAndCertificate, Timestamp), Error> {
    let authority = inspect(&ca.certificate)?;
    if super::time::after(now, ttl) > authority.not_after {
        return Err(Error::OutlivesAuthority { until: authority.not_after });
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
    use super::super::why_not_usable;
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn subject(groups: &[&str]) -> Subject {
        Subject { user: "jane@example.com".into(), groups: groups.iter().map(|&group| group.to_owned()).collect() }
    }

    #[test]
    fn a_user_has_all_their_groups_and_the_authority_vouches_for_them() {
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
                // Its signature, its key and its issuer are looked at there.
                assert_eq!(why_not_usable(&desired, &made, &ca.certificate, now()), None);
            }
        }
    }

    #[test]
    fn a_user_does_not_outlive_the_authority() {
        let ca = pair(fixture!("ec-sec1.crt"), fixture!("ec-sec1.key"));
        let refused = issue_user(&subject(&[]), HOUR * 24 * 365 * 100, &ca, KeyAlgorithm::EcdsaP256, now());
        assert!(refused.unwrap_err().to_string().starts_with("the authority itself ends on "));
    }
}
