//! kubeadm's configuration APIs: which are read, and which of them is a kubeadm's own choice.

use std::fmt;
use std::str::FromStr;

use crate::model::{KUBEADM_V1BETA3, KUBEADM_V1BETA4};

/// An API of kubeadm's configuration, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KubeadmApi {
    /// Written by kubeadm 1.22 to 1.30, read up to 1.36.
    V1beta3,
    /// Written by kubeadm since 1.31.
    V1beta4,
    /// Experimental in kubeadm 1.37: v1beta4 with `mergeMethod` on arguments.
    V1,
}

impl KubeadmApi {
    /// All APIs that are read, oldest first.
    pub const ALL: [Self; 3] = [Self::V1beta3, Self::V1beta4, Self::V1];
    /// The oldest.
    pub const OLDEST: Self = Self::V1beta3;
    /// The newest.
    pub const NEWEST: Self = Self::V1;

    /// The `apiVersion` of its documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1beta3 => KUBEADM_V1BETA3,
            Self::V1beta4 => KUBEADM_V1BETA4,
            Self::V1 => "kubeadm.k8s.io/v1",
        }
    }

    /// `v1beta4`.
    #[must_use]
    pub fn version(self) -> &'static str {
        self.as_str().trim_start_matches("kubeadm.k8s.io/")
    }

    /// Whether kubeadm reads it only when asked to.
    #[must_use]
    pub const fn is_experimental(self) -> bool {
        match self {
            Self::V1beta3 | Self::V1beta4 => false,
            Self::V1 => true,
        }
    }

    /// The API with this `apiVersion`.
    #[must_use]
    pub fn find(api_version: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|api| api.as_str() == api_version)
    }
}

impl fmt::Display for KubeadmApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for KubeadmApi {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::find(text).ok_or_else(|| format!("write {}", Self::V1beta4))
    }
}
