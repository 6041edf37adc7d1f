//! Detects which network plugin enforces `NetworkPolicies`, from the API groups and `DaemonSets` that plugins install.
//! Kubernetes itself stores policies but does not tell whether anything enforces them.

/// The API groups that plugins install.
const GROUPS: &[(&str, &str)] = &[
    ("crd.projectcalico.org", "Calico"),
    ("projectcalico.org", "Calico"),
    ("cilium.io", "Cilium"),
    ("crd.antrea.io", "Antrea"),
    ("k8s.ovn.org", "OVN-Kubernetes"),
    ("kubeovn.io", "Kube-OVN"),
    ("networking.k8s.aws", "the Amazon VPC CNI"),
];

/// The `DaemonSets` in `kube-system` of plugins without an API group.
pub const DAEMON_SETS: &[(&str, &str)] = &[
    ("kube-router", "kube-router"),
    ("kube-network-policies", "kube-network-policies"),
    ("weave-net", "Weave Net"),
    ("azure-npm", "Azure NPM"),
];

/// The plugin that enforces policies, from the served API groups and the existing `DaemonSets` of [`DAEMON_SETS`].
#[must_use]
pub fn enforcer(groups: &[String], daemon_sets: &[&str]) -> Option<&'static str> {
    let by_group = GROUPS.iter().find(|(group, _)| groups.iter().any(|served| served == group));
    by_group.or_else(|| DAEMON_SETS.iter().find(|(name, _)| daemon_sets.contains(name))).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_is_detected_by_its_api_group_or_its_daemon_set() {
        let groups = |name: &str| ["apps".to_owned(), name.to_owned()];
        assert_eq!(enforcer(&groups("cilium.io"), &[]), Some("Cilium"));
        assert_eq!(enforcer(&groups("crd.projectcalico.org"), &["kube-router"]), Some("Calico"));
        assert_eq!(enforcer(&groups("batch"), &["kube-router"]), Some("kube-router"));
        assert_eq!(enforcer(&groups("batch"), &[]), None);
    }
}
