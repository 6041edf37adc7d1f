//! The names of what is checked before a control plane changes its version. A check is waived by its name only.

use std::fmt;

use serde::Serialize;

use super::Error;

/// One check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckName {
    /// All pods are ready before anything changes.
    Health,
    /// No kubelet would be newer, or more than three minors older.
    KubeletSkew,
    /// No API in use is removed by the target.
    RemovedApis,
    /// No argument of the user is one that the target's programs do not know any more.
    Flags,
    /// No feature gate of the user is one that the target's programs do not take.
    FeatureGates,
    /// The images are on nodes already.
    Images,
    /// No webhook has to agree to the addons' upgrade.
    Webhooks,
    /// No disruption budget keeps pods on workers whose kubelets are upgraded afterwards.
    Budgets,
    /// The namespace has room for the new pods beside the old ones.
    Quota,
    /// No limit range refuses the new pods.
    LimitRanges,
    /// The datastore answers.
    Datastore,
    /// No certificate ends soon.
    Certificates,
}

impl CheckName {
    /// All checks, in the order they are told.
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

    /// The name as it is typed.
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

    /// Reads a name.
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
