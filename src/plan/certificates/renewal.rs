//! Decides which certificates and kubeconfigs are reissued, on request or because they have to be.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::{CertificateName, ControlPlaneSpec, San};
use crate::plan::apply::field_change::FieldChange;
use crate::plan::apply::plan::{Action, Change};

/// Certificates to reissue although they are still usable; by default none.
#[derive(Debug, Clone, Default)]
pub struct RenewalRequest {
    /// The certificates to reissue.
    pub leaves: Vec<CertificateName>,
    /// Limits `leaves` to those that expire within this time.
    pub within: Option<Duration>,
    /// Removed SANs: the API server's certificate is reissued if it contains one of them.
    pub removed_sans: Vec<San>,
}

impl RenewalRequest {
    /// A request to drop the SANs that a change of the spec removes.
    #[must_use]
    pub fn for_removed_sans(before: &ControlPlaneSpec, after: &ControlPlaneSpec) -> Self {
        let gone = before.cert_sans.iter().filter(|san| !after.cert_sans.contains(san));
        Self { removed_sans: gone.cloned().collect(), ..Self::default() }
    }

    /// A removed SAN that the certificate still contains and does not need for another reason.
    #[must_use]
    pub fn removed_san<'a>(&'a self, leaf: CertificateName, has: &BTreeSet<San>, wanted: &[San]) -> Option<&'a San> {
        let removed_san = |san: &&San| has.contains(san) && !wanted.contains(san);
        self.removed_sans.iter().filter(|_| leaf == CertificateName::ApiServer).find(removed_san)
    }

    /// Whether the request includes this certificate, which expires at `end`.
    #[must_use]
    pub fn includes(&self, leaf: CertificateName, end: Timestamp, now: Timestamp) -> bool {
        let soon = |within| now.checked_add(within).is_ok_and(|limit: Timestamp| end <= limit);
        self.leaves.contains(&leaf) && self.within.is_none_or(soon)
    }
}

/// A certificate that is reissued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewedCertificate {
    /// The certificate.
    pub leaf: CertificateName,
    /// Its name in plans. Kubeconfigs exist once for each address.
    pub name: String,
    /// Why it is reissued.
    pub reason: String,
    /// When the old certificate expires.
    pub old_expiry: Option<Timestamp>,
    /// When the new certificate expires.
    pub new_expiry: Timestamp,
}

impl fmt::Display for RenewedCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.reason)
    }
}

impl RenewedCertificate {
    /// The change in a plan.
    #[must_use]
    pub fn change(&self) -> Change {
        let end = FieldChange {
            field: "notAfter".to_owned(),
            from: self.old_expiry.map(|end| end.to_string()),
            to: Some(self.new_expiry.to_string()),
            manager: None,
        };
        Change { fields: vec![end], ..Change::of(format!("new {self}"), Action::Update, "") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_certificates_that_expire_within_the_time_are_included() {
        let now: Timestamp = "2027-06-01T12:00:00Z".parse().unwrap();
        let in_days = |days: u64| now + Duration::from_secs(days * 86400);
        let all = RenewalRequest { leaves: CertificateName::ALL.to_vec(), ..RenewalRequest::default() };
        assert!(all.includes(CertificateName::Admin, in_days(300), now));
        let within = Some(Duration::from_secs(30 * 86400));
        let soon = RenewalRequest { leaves: vec![CertificateName::ApiServer], within, ..RenewalRequest::default() };
        assert!(soon.includes(CertificateName::ApiServer, in_days(30), now));
        assert!(soon.includes(CertificateName::ApiServer, now - Duration::from_secs(9), now), "already expired");
        assert!(!soon.includes(CertificateName::ApiServer, in_days(31), now));
        assert!(!soon.includes(CertificateName::Admin, in_days(1), now));
        assert!(!RenewalRequest::default().includes(CertificateName::Admin, in_days(1), now));
    }

    #[test]
    fn a_removed_san_is_dropped_unless_it_is_needed_for_another_reason() {
        let [a, b] = ["a.example.com", "b.example.com"].map(|text| San::parse(text).unwrap());
        let mut before = crate::tenant::fixture::spec("v1.37.2");
        before.cert_sans = vec![a.clone(), b.clone()];
        let after = ControlPlaneSpec { cert_sans: vec![b.clone()], ..before.clone() };
        let reissue = RenewalRequest::for_removed_sans(&before, &after);
        let has = BTreeSet::from([a.clone(), b.clone()]);
        assert_eq!(reissue.removed_san(CertificateName::ApiServer, &has, std::slice::from_ref(&b)), Some(&a));
        assert_eq!(
            reissue.removed_san(CertificateName::ApiServer, &has, &[a.clone(), b.clone()]),
            None,
            "it is the endpoint"
        );
        assert_eq!(
            reissue.removed_san(CertificateName::ApiServer, &BTreeSet::from([b.clone()]), &[b]),
            None,
            "the certificate does not contain it"
        );
        assert_eq!(reissue.removed_san(CertificateName::Admin, &has, &[]), None);
        assert!(RenewalRequest::for_removed_sans(&after, &before).removed_sans.is_empty());
    }
}
