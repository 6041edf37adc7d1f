//! Certificates and kubeconfigs that are made anew: because they must be, or because somebody asks for it.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::{ControlPlaneSpec, LeafName, San};
use crate::plan::apply::field_change::FieldChange;
use crate::plan::apply::plan::{Action, Change};

/// Which certificates are to be made anew although they could be kept; by default none.
#[derive(Debug, Clone, Default)]
pub struct RenewalRequest {
    /// These.
    pub leaves: Vec<LeafName>,
    /// Of them only those that end so soon.
    pub within: Option<Duration>,
    /// Names that were taken away: the API server's certificate is made anew while it has one of them.
    pub without: Vec<San>,
}

impl RenewalRequest {
    /// What taking names away asks for.
    #[must_use]
    pub fn of_change(before: &ControlPlaneSpec, after: &ControlPlaneSpec) -> Self {
        let gone = before.cert_sans.iter().filter(|san| !after.cert_sans.contains(san));
        Self { without: gone.cloned().collect(), ..Self::default() }
    }

    /// The name that is to go from this certificate, if it has one that it is not to have for another reason too.
    #[must_use]
    pub fn unwanted<'a>(&'a self, leaf: LeafName, has: &BTreeSet<San>, wanted: &[San]) -> Option<&'a San> {
        let unwanted = |san: &&San| has.contains(san) && !wanted.contains(san);
        self.without.iter().filter(|_| leaf == LeafName::ApiServer).find(unwanted)
    }

    /// Whether this one is asked for; it ends at `end`.
    #[must_use]
    pub fn asks_for(&self, leaf: LeafName, end: Timestamp, now: Timestamp) -> bool {
        let soon = |within| now.checked_add(within).is_ok_and(|limit: Timestamp| end <= limit);
        self.leaves.contains(&leaf) && self.within.is_none_or(soon)
    }
}

/// One certificate that is made anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewedCertificate {
    /// Which of the certificates it is.
    pub leaf: LeafName,
    /// What it is called in plans; a kubeconfig is there for more than one address.
    pub what: String,
    /// Why.
    pub why: String,
    /// When the one before ends.
    pub ended: Option<Timestamp>,
    /// When the new one ends.
    pub ends: Timestamp,
}

impl fmt::Display for RenewedCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

impl RenewedCertificate {
    /// As a line of a plan.
    #[must_use]
    pub fn change(&self) -> Change {
        let end = FieldChange {
            field: "notAfter".to_owned(),
            from: self.ended.map(|end| end.to_string()),
            to: Some(self.ends.to_string()),
            by: None,
        };
        Change { fields: vec![end], ..Change::of(format!("new {self}"), Action::Update, "") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_and_ends_within_the_time_is_asked_for() {
        let now: Timestamp = "2027-06-01T12:00:00Z".parse().unwrap();
        let in_days = |days: u64| now + Duration::from_secs(days * 86400);
        let all = RenewalRequest { leaves: LeafName::ALL.to_vec(), ..RenewalRequest::default() };
        assert!(all.asks_for(LeafName::Admin, in_days(300), now));
        let within = Some(Duration::from_secs(30 * 86400));
        let soon = RenewalRequest { leaves: vec![LeafName::ApiServer], within, ..RenewalRequest::default() };
        assert!(soon.asks_for(LeafName::ApiServer, in_days(30), now));
        assert!(soon.asks_for(LeafName::ApiServer, now - Duration::from_secs(9), now), "one that has ended");
        assert!(!soon.asks_for(LeafName::ApiServer, in_days(31), now));
        assert!(!soon.asks_for(LeafName::Admin, in_days(1), now));
        assert!(!RenewalRequest::default().asks_for(LeafName::Admin, in_days(1), now));
    }

    #[test]
    fn a_name_that_was_taken_away_goes_unless_it_is_there_for_another_reason() {
        let [a, b] = ["a.example.com", "b.example.com"].map(|text| San::parse(text).unwrap());
        let mut before = crate::tenant::fixture::spec("v1.37.2");
        before.cert_sans = vec![a.clone(), b.clone()];
        let after = ControlPlaneSpec { cert_sans: vec![b.clone()], ..before.clone() };
        let reissue = RenewalRequest::of_change(&before, &after);
        let has = BTreeSet::from([a.clone(), b.clone()]);
        assert_eq!(reissue.unwanted(LeafName::ApiServer, &has, std::slice::from_ref(&b)), Some(&a));
        assert_eq!(reissue.unwanted(LeafName::ApiServer, &has, &[a.clone(), b.clone()]), None, "the endpoint's name");
        assert_eq!(reissue.unwanted(LeafName::ApiServer, &BTreeSet::from([b.clone()]), &[b]), None, "it has gone");
        assert_eq!(reissue.unwanted(LeafName::Admin, &has, &[]), None);
        assert!(RenewalRequest::of_change(&after, &before).without.is_empty());
    }
}
