//! The names of the preflight checks of `upgrade`, by which single checks can be skipped.

use std::fmt;

use serde::Serialize;

use super::Error;

/// A preflight check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckName {
    /// All pods are ready before anything changes.
    Health,
    /// No kubelet would be newer, or more than three minors older.
    KubeletSkew,
    /// The target version removes no API in use.
    RemovedApis,
    /// The target version still has every flag that the user sets.
    Flags,
    /// The target version accepts every feature gate that the user sets.
    FeatureGates,
    /// The images are already on nodes.
    Images,
    /// No admission webhook intercepts the addons' upgrade.
    Webhooks,
    /// No disruption budget blocks draining the workers whose kubelets are upgraded next.
    Budgets,
    /// The namespace's quota allows the new pods in addition to the old ones.
    Quota,
    /// No LimitRange rejects the new pods.
    LimitRanges,
    /// The datastore responds.
    Datastore,
    /// No certificate expires soon.
    Certificates,
}

impl CheckName {
    /// All checks, in the order they are reported.
    pub const ALL: [Self; 12] = [
        Self::Health,
        Self::KubeletSkew,
        Self::RemovedApis,
        Self::Flags,
        Self::FeatureGates,
        Self::Images,
        Self::Webhooks,
        Self::Budgets,
        Self::Quota,
        Self::LimitRanges,
        Self::Datastore,
        Self::Certificates,
    ];

    /// The name as the user types it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::KubeletSkew => "kubelet-skew",
            Self::RemovedApis => "removed-apis",
            Self::Flags => "flags",
            Self::FeatureGates => "feature-gates",
            Self::Images => "images",
            Self::Webhooks => "webhooks",
            Self::Budgets => "budgets",
            Self::Quota => "quota",
            Self::LimitRanges => "limit-ranges",
            Self::Datastore => "datastore",
            Self::Certificates => "certificates",
        }
    }

    /// Parses a name.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|name| name.as_str() == text).ok_or_else(|| {
            let all: Vec<&str> = Self::ALL.iter().map(|name| name.as_str()).collect();
            Error::invalid("check", text, format!("it must be one of {}", all.join(", ")))
        })
    }
}

impl fmt::Display for CheckName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
