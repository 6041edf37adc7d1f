//! What enforces `NetworkPolicies` in a cluster, as far as it can be known: Kubernetes keeps them and has nothing that
//! tells. What a network plugin leaves in the cluster does, mostly.

/// API groups that a plugin brings.
const GROUPS: &[(&str, &str)] = &[
    ("crd.projectcalico.org", "Calico"),
    ("projectcalico.org", "Calico"),
    ("cilium.io", "Cilium"),
    ("crd.antrea.io", "Antrea"),
    ("k8s.ovn.org", "OVN-Kubernetes"),
    ("kubeovn.io", "Kube-OVN"),
    ("networking.k8s.aws", "the Amazon VPC CNI"),
];

/// `DaemonSets` in `kube-system` of those that bring no API group.
pub const DAEMON_SETS: &[(&str, &str)] = &[
    ("kube-router", "kube-router"),
    ("kube-network-policies", "kube-network-policies"),
    ("weave-net", "Weave Net"),
    ("azure-npm", "Azure NPM"),
];

/// What enforces policies, by the API groups that are served and the names of those of [`DAEMON_SETS`] that are there.
#[must_use]
pub fn enforcer(groups: &[String], daemon_sets: &[&str]) -> Option<&'static str> {
    let by_group = GROUPS.iter().find(|(group, _)| groups.iter().any(|served| served == group));
    by_group.or_else(|| DAEMON_SETS.iter().find(|(name, _)| daemon_sets.contains(name))).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_is_known_by_its_api_or_its_daemon_set() {
        let groups = |name: &str| ["apps".to_owned(), name.to_owned()];
        assert_eq!(enforcer(&groups("cilium.io"), &[]), Some("Cilium"));
        assert_eq!(enforcer(&groups("crd.projectcalico.org"), &["kube-router"]), Some("Calico"));
        assert_eq!(enforcer(&groups("batch"), &["kube-router"]), Some("kube-router"));
        assert_eq!(enforcer(&groups("batch"), &[]), None);
    }
}
