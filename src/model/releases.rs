//! The table of Kubernetes minors: what kubeadm of that minor would use. Nothing is looked up on the network.

use super::{Error, KubeVersion};

/// What differs between Kubernetes minors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// The minor, for example 37 for v1.37.
    pub minor: u64,
    /// The tag of `coredns/coredns` that kubeadm of this minor installs.
    pub coredns_tag: &'static str,
    /// The kubeadm API that goes into the tenant's `kubeadm-config`.
    pub kubeadm_api: &'static str,
}

/// All known minors, oldest first.
pub const RELEASES: &[Release] = &[
    Release { minor: 36, coredns_tag: "v1.14.2", kubeadm_api: "kubeadm.k8s.io/v1beta4" },
    Release { minor: 37, coredns_tag: "v1.14.6", kubeadm_api: "kubeadm.k8s.io/v1beta4" },
];

/// The release a version belongs to.
pub fn release_of(version: KubeVersion) -> Result<&'static Release, Error> {
    RELEASES.iter().find(|release| version.major == 1 && release.minor == version.minor).ok_or_else(|| {
        let minor = |release: Option<&Release>| release.map_or_else(String::new, |r| format!("v1.{}", r.minor));
        Error::UnsupportedVersion {
            version: version.to_string(),
            oldest: minor(RELEASES.first()),
            newest: minor(RELEASES.last()),
        }
    })
}
