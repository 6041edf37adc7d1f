//! Whether a certificate we made before still does, or why it must be made again. Making it is `issue.rs`.

use std::time::Duration;

use jiff::Timestamp;
use x509_parser::certificate::X509Certificate;

use super::{KeyAndCertificate, Leaf, inspect, keys, time};
use crate::model::San;

/// Why `existing` cannot serve as `leaf` signed by `ca_pem`; `None` if it can be kept. Names beyond those asked for
/// are fine, because they may have been wanted by somebody.
#[must_use]
pub fn why_not_usable(leaf: &Leaf, existing: &KeyAndCertificate, ca_pem: &str, now: Timestamp) -> Option<String> {
    match problem(leaf, existing, ca_pem, now) {
        Ok(reason) => reason,
        Err(error) => Some(error.to_string()),
    }
}

fn problem(
    leaf: &Leaf,
    existing: &KeyAndCertificate,
    ca_pem: &str,
    now: Timestamp,
) -> Result<Option<String>, super::Error> {
    let der = inspect::first_der("the certificate", &existing.certificate)?;
    let certificate = inspect::parse("the certificate", &der)?;
    let ca_der = inspect::first_der("the authority", ca_pem)?;
    let ca = inspect::parse("the authority", &ca_der)?;
    let facts = inspect::inspect(&existing.certificate)?;

    if facts.common_name != leaf.common_name {
        let was = inspect::printable(&facts.common_name);
        return Ok(Some(format!("common name is {was}, not {}", leaf.common_name)));
    }
    if facts.organizations != leaf.organizations {
        return Ok(Some(format!("organization is {}, not {}", list(&facts.organizations), list(&leaf.organizations))));
    }
    if (facts.server, facts.client) != (leaf.usage.server(), leaf.usage.client()) {
        return Ok(Some("usages differ".to_owned()));
    }
    let missing: Vec<&San> = leaf.sans.iter().filter(|san| !facts.sans.contains(san)).collect();
    if !missing.is_empty() {
        return Ok(Some(format!("{} missing", names(&missing))));
    }
    if let Some(reason) = not_whole(&certificate, existing, &ca)? {
        return Ok(Some(reason));
    }
    Ok(too_old(facts.not_before, facts.not_after, time::from_x509(ca.validity().not_after), now))
}

/// What is wrong with a certificate that `ca_pem` should have signed, apart from its age and its names.
#[must_use]
pub fn why_not_whole(existing: &KeyAndCertificate, ca_pem: &str) -> Option<String> {
    let look = || {
        let der = inspect::first_der("the certificate", &existing.certificate)?;
        let ca_der = inspect::first_der("the authority", ca_pem)?;
        let ca = inspect::parse("the authority", &ca_der)?;
        not_whole(&inspect::parse("the certificate", &der)?, existing, &ca)
    };
    look().unwrap_or_else(|error: super::Error| Some(error.to_string()))
}

fn not_whole(
    certificate: &X509Certificate<'_>,
    existing: &KeyAndCertificate,
    ca: &X509Certificate<'_>,
) -> Result<Option<String>, super::Error> {
    if certificate.issuer().as_raw() != ca.subject().as_raw()
        || certificate.verify_signature(Some(ca.public_key())).is_err()
    {
        return Ok(Some("not signed by the CA".to_owned()));
    }
    let key = keys::read("the key", &existing.key)?;
    if !keys::belongs(&key, &certificate.public_key().subject_public_key.data) {
        return Ok(Some("key does not belong to it".to_owned()));
    }
    Ok(None)
}

/// Expired, or about to: a day before the end, or a third of its life if it lives shorter than three days.
fn too_old(not_before: Timestamp, not_after: Timestamp, ca_not_after: Timestamp, now: Timestamp) -> Option<String> {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    if not_after <= now {
        return Some(format!("expired on {not_after}"));
    }
    if not_before > now {
        return Some(format!("not valid before {not_before}"));
    }
    // A new one could not live longer either, and would be called too old again.
    if not_after >= ca_not_after {
        return None;
    }
    let span = |from: Timestamp| Duration::try_from(not_after.duration_since(from)).unwrap_or_default();
    let left = span(now);
    (left < DAY.min(span(not_before) / 3)).then(|| format!("expires in {}", in_words(left)))
}

fn in_words(left: Duration) -> String {
    match left.as_secs() / 3600 {
        0 => "less than an hour".to_owned(),
        1 => "an hour".to_owned(),
        hours => format!("{hours} hours"),
    }
}

fn list(values: &[String]) -> String {
    if values.is_empty() { "empty".to_owned() } else { inspect::printable(&values.join(", ")) }
}

fn names(missing: &[&San]) -> String {
    let shown: Vec<String> = missing.iter().take(3).map(ToString::to_string).collect();
    match missing.len() {
        1 => format!("name {}", shown[0]),
        2 | 3 => format!("names {}", shown.join(", ")),
        more => format!("names {} and {} more", shown.join(", "), more - 3),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Usage;
    use super::super::fixtures::fixture;
    use super::super::fixtures::now;
    use super::super::fixtures::pair;
    use super::super::issue_leaf;
    use super::*;
    use crate::model::CertificatePolicy;

    const HOUR: Duration = Duration::from_secs(3600);

    fn desired_spec() -> Leaf {
        Leaf {
            common_name: "kube-apiserver".into(),
            organizations: vec![],
            usage: Usage::Server,
            sans: ["10.0.0.1", "a.example.com"].map(|san| San::parse(san).unwrap()).into(),
        }
    }

    fn ca() -> KeyAndCertificate {
        pair(fixture!("ec-sec1.crt"), fixture!("ec-sec1.key"))
    }

    fn issued(validity: Duration) -> KeyAndCertificate {
        let policy = CertificatePolicy { leaf_validity: validity, ..CertificatePolicy::default() };
        issue_leaf(&desired_spec(), &ca(), &policy, now()).unwrap()
    }

    fn reason(leaf: &Leaf) -> Option<String> {
        why_not_usable(leaf, &issued(8760 * HOUR), &ca().certificate, now())
    }

    fn reason_after(validity: Duration, passed: Duration) -> Option<String> {
        why_not_usable(&desired_spec(), &issued(validity), &ca().certificate, now() + passed)
    }

    #[test]
    fn what_was_just_issued_is_kept() {
        assert_eq!(reason(&desired_spec()), None);
    }

    #[test]
    fn names_it_has_beyond_the_wish_are_fine() {
        assert_eq!(reason(&Leaf { sans: vec![], ..desired_spec() }), None);
    }

    #[test]
    fn a_changed_wish_is_a_reason() {
        let with = |change: fn(&mut Leaf)| {
            let mut leaf = desired_spec();
            change(&mut leaf);
            reason(&leaf).unwrap()
        };
        let san = |n: usize| San::Dns(format!("n{n}"));
        assert_eq!(with(|leaf| leaf.common_name = "x".into()), "common name is kube-apiserver, not x");
        assert_eq!(with(|leaf| leaf.organizations = vec!["g".into()]), "organization is empty, not g");
        assert_eq!(with(|leaf| leaf.usage = Usage::Both), "usages differ");
        assert_eq!(reason(&Leaf { sans: vec![san(1)], ..desired_spec() }).unwrap(), "name n1 missing");
        assert_eq!(
            reason(&Leaf { sans: (1..6).map(san).collect(), ..desired_spec() }).unwrap(),
            "names n1, n2, n3 and 2 more missing"
        );
    }

    #[test]
    fn another_authority_or_key_is_a_reason() {
        let existing = issued(8760 * HOUR);
        let reason = |existing: &KeyAndCertificate, ca: &[u8]| {
            why_not_usable(&desired_spec(), existing, std::str::from_utf8(ca).unwrap(), now()).unwrap()
        };
        assert_eq!(reason(&existing, fixture!("ec-pkcs8.crt")), "not signed by the CA");
        let other_key = KeyAndCertificate { key: ca().key, ..existing.clone() };
        assert_eq!(reason(&other_key, fixture!("ec-sec1.crt")), "key does not belong to it");
        let broken = KeyAndCertificate { certificate: String::new(), ..existing };
        assert_eq!(reason(&broken, fixture!("ec-sec1.crt")), "the certificate is empty");
    }

    #[test]
    fn it_is_renewed_in_its_last_day() {
        assert_eq!(reason_after(8760 * HOUR, 8735 * HOUR), None);
        assert_eq!(reason_after(8760 * HOUR, 8737 * HOUR).unwrap(), "expires in 23 hours");
        assert_eq!(reason_after(8760 * HOUR, 8760 * HOUR).unwrap(), "expired on 2028-05-31T12:00:00Z");
    }

    #[test]
    fn one_that_lives_hours_is_not_renewed_at_every_run() {
        assert_eq!(reason_after(12 * HOUR, 7 * HOUR), None);
        assert_eq!(reason_after(12 * HOUR, 9 * HOUR).unwrap(), "expires in 3 hours");
    }

    #[test]
    fn one_that_ends_with_its_authority_is_kept_to_the_end() {
        let policy = CertificatePolicy { ca_validity: 10 * HOUR, ..CertificatePolicy::default() };
        let ca = super::super::issue_ca("kubernetes", &policy, now()).unwrap();
        let leaf = issue_leaf(&desired_spec(), &ca, &policy, now()).unwrap();
        assert_eq!(why_not_usable(&desired_spec(), &leaf, &ca.certificate, now() + 9 * HOUR), None);
        assert!(why_not_usable(&desired_spec(), &leaf, &ca.certificate, now() + 10 * HOUR).is_some());
    }
}
