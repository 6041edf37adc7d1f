//! The table of Kubernetes minors: what kubeadm of that minor would use. Nothing is looked up on the network.
//!
//! Read from kubeadm's sources at the newest patch of each minor known when the row was written:
//! `cmd/kubeadm/app/constants/constants.go` for the tags, `phases/addons` and `componentconfigs` for the addons,
//! `k8s.io/apiserver/pkg/features` for what kube-apiserver takes.

use super::{Error, KubeVersion};

/// What differs between Kubernetes minors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// The minor, for example 37 for v1.37.
    pub minor: u64,
    /// The newest patch known when the row was written, for example 2 for v1.37.2: what `upgrade plan` offers.
    pub newest_patch: u64,
    /// The tag of `coredns/coredns` that kubeadm of this minor installs.
    pub coredns_tag: &'static str,
    /// The tag of `pause` that kubeadm of this minor expects on nodes.
    pub pause_tag: &'static str,
    /// The tag of `etcd` that kubeadm of this minor installs.
    pub etcd_tag: &'static str,
    /// The kubeadm API that goes into the tenant's `kubeadm-config`.
    pub kubeadm_api: &'static str,
    /// Whether kubeadm of this minor knows the key algorithm ECDSA-P384.
    pub ecdsa_p384: bool,
    /// Whether the Corefile keeps the cluster's own zone out of the cache.
    pub corefile_skips_own_zone: bool,
    /// Whether the probes of `CoreDNS` name their ports instead of giving numbers.
    pub coredns_names_probe_ports: bool,
    /// The kube-proxy mode that kubeadm writes when the user gives none; `None` leaves it to kube-proxy.
    pub kube_proxy_mode: Option<&'static str>,
    /// The API of `AuthenticationConfiguration` in which kube-apiserver of this minor takes conditions on anonymous
    /// requests without a feature gate (`AnonymousAuthConfigurableEndpoints`: alpha in 1.31, beta in 1.32).
    pub anonymous_conditions_api: Option<&'static str>,
}

/// The kubeadm API of 1.30 and older.
pub const KUBEADM_V1BETA3: &str = "kubeadm.k8s.io/v1beta3";
/// The kubeadm API from 1.31 on.
pub const KUBEADM_V1BETA4: &str = "kubeadm.k8s.io/v1beta4";

/// The newest row; older rows say only how they differ from a newer one.
const V37: Release = Release {
    minor: 37,
    newest_patch: 2,
    coredns_tag: "v1.14.6",
    pause_tag: "3.10.2",
    etcd_tag: "3.7.0-0",
    kubeadm_api: KUBEADM_V1BETA4,
    ecdsa_p384: true,
    corefile_skips_own_zone: true,
    coredns_names_probe_ports: true,
    kube_proxy_mode: Some("iptables"),
    anonymous_conditions_api: Some("apiserver.config.k8s.io/v1"),
};
const V36: Release =
    Release { minor: 36, newest_patch: 3, coredns_tag: "v1.14.2", etcd_tag: "3.6.8-0", kube_proxy_mode: None, ..V37 };
const V35: Release =
    Release { minor: 35, newest_patch: 4, coredns_tag: "v1.13.1", pause_tag: "3.10.1", etcd_tag: "3.6.6-0", ..V36 };
const V34: Release = Release { minor: 34, newest_patch: 4, coredns_tag: "v1.12.1", etcd_tag: "3.6.5-0", ..V35 };
const V33: Release = Release {
    minor: 33,
    newest_patch: 13,
    coredns_tag: "v1.12.0",
    pause_tag: "3.10",
    etcd_tag: "3.5.24-0",
    ecdsa_p384: false,
    coredns_names_probe_ports: false,
    anonymous_conditions_api: Some("apiserver.config.k8s.io/v1beta1"),
    ..V34
};
const V32: Release = Release { minor: 32, newest_patch: 13, coredns_tag: "v1.11.3", ..V33 };
const V31: Release =
    Release { minor: 31, newest_patch: 14, corefile_skips_own_zone: false, anonymous_conditions_api: None, ..V32 };
const V30: Release = Release {
    minor: 30,
    newest_patch: 14,
    pause_tag: "3.9",
    etcd_tag: "3.5.15-0",
    kubeadm_api: KUBEADM_V1BETA3,
    ..V31
};

/// All known minors, oldest first.
pub const RELEASES: &[Release] = &[V30, V31, V32, V33, V34, V35, V36, V37];

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minors_follow_each_other_without_a_gap() {
        let minors: Vec<u64> = RELEASES.iter().map(|release| release.minor).collect();
        assert_eq!(minors, (30..=37).collect::<Vec<_>>());
    }

    #[test]
    fn an_unknown_minor_is_refused_with_the_known_range() {
        let refused = release_of(KubeVersion::parse("v1.38.0").unwrap()).unwrap_err();
        assert_eq!(refused.to_string(), "Kubernetes v1.38.0 is not supported: this kamaji knows v1.30 to v1.37");
    }
}
