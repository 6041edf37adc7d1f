//! Defines the versions of kubeadm's configuration API that kamaji reads.

use std::fmt;
use std::str::FromStr;

use crate::model::{KUBEADM_V1BETA3, KUBEADM_V1BETA4};

/// A version of kubeadm's configuration API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KubeadmApi {
    /// The default of kubeadm 1.22 to 1.30; kubeadm reads it up to 1.36.
    V1beta3,
    /// The default of kubeadm since 1.31.
    V1beta4,
    /// Experimental in kubeadm 1.37: v1beta4 with `mergeMethod` on arguments.
    V1,
}

impl KubeadmApi {
    /// All versions that kamaji reads, oldest first.
    pub const ALL: [Self; 3] = [Self::V1beta3, Self::V1beta4, Self::V1];
    /// The oldest version.
    pub const OLDEST: Self = Self::V1beta3;
    /// The newest version.
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

    /// The version without the group, such as `v1beta4`.
    #[must_use]
    pub fn version(self) -> &'static str {
        self.as_str().trim_start_matches("kubeadm.k8s.io/")
    }

    /// Whether kubeadm reads it only with `--allow-experimental-api`.
    #[must_use]
    pub const fn is_experimental(self) -> bool {
        match self {
            Self::V1beta3 | Self::V1beta4 => false,
            Self::V1 => true,
        }
    }

    /// The API version with this `apiVersion`, if kamaji reads it.
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
        Self::find(text).ok_or_else(|| format!("use {}", Self::V1beta4))
    }
}
