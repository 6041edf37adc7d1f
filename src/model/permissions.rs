//! The rights that kamaji needs in the management cluster: no more than what it does there, so that one Role holds them.

/// Verbs on one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Right {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The resource in the plural, with its subresource.
    pub resource: &'static str,
    /// What is done to it.
    pub verbs: &'static [&'static str],
    /// Objects of these names only; all where there is none.
    pub names: &'static [&'static str],
}

const fn right(group: &'static str, resource: &'static str, verbs: &'static [&'static str]) -> Right {
    Right { group, resource, verbs, names: &[] }
}

/// To read only objects of these names.
const fn get(group: &'static str, resource: &'static str, names: &'static [&'static str]) -> Right {
    Right { group, resource, verbs: &["get"], names }
}

/// In the namespace of control planes: to make, change and delete them.
pub const CONTROL_PLANES: &[Right] = &[
    right("", "configmaps", &["create", "delete", "get", "list", "patch", "update"]),
    right("", "events", &["list"]),
    right("", "limitranges", &["list"]),
    right("", "pods", &["delete", "get", "list"]),
    // For support bundles.
    right("", "pods/log", &["get"]),
    // A tunnel into a pod: `get` is what a WebSocket is asked for, `create` what it is checked for since v1.35.
    right("", "pods/portforward", &["create", "get"]),
    right("", "resourcequotas", &["list"]),
    right("", "secrets", &["create", "delete", "get", "list", "patch"]),
    right("", "serviceaccounts", &["create", "delete", "get", "list", "patch"]),
    right("", "services", &["create", "delete", "get", "list", "patch"]),
    right("apps", "deployments", &["create", "delete", "get", "list", "patch"]),
    right("apps", "replicasets", &["delete", "list"]),
    right("coordination.k8s.io", "leases", &["create", "delete", "get", "list", "update"]),
    right("networking.k8s.io", "networkpolicies", &["create", "delete", "get", "list", "patch"]),
    right("policy", "poddisruptionbudgets", &["create", "delete", "get", "list", "patch"]),
];

/// In the namespace of datastores: to give control planes room in one that exists.
pub const DATASTORE_USE: &[Right] =
    &[right("", "pods", &["list"]), right("", "pods/portforward", &["create", "get"]), right("", "secrets", &["get"])];

/// In the namespace of datastores: to make the datastore `default` too.
pub const DATASTORE_MAKE: &[Right] = &[
    right("", "events", &["list"]),
    right("", "persistentvolumeclaims", &["list"]),
    right("", "secrets", &["create", "get", "patch"]),
    right("", "serviceaccounts", &["create", "patch"]),
    right("", "services", &["create", "patch"]),
    right("apps", "statefulsets", &["create", "get", "patch"]),
    right("networking.k8s.io", "networkpolicies", &["create", "patch"]),
    right("policy", "poddisruptionbudgets", &["create", "patch"]),
];

/// In the whole cluster: addresses of nodes for node ports, the addresses that pods of control planes must not reach, what
/// enforces that, and whether what the wish names exists. Only reads.
pub const CLUSTER: &[Right] = &[
    get("", "configmaps", &["kubeadm-config"]),
    right("", "namespaces", &["get"]),
    right("", "nodes", &["list"]),
    get("", "services", &["kubernetes"]),
    get("apps", "daemonsets", &["azure-npm", "kube-network-policies", "kube-router", "weave-net"]),
    right("crd.projectcalico.org", "ippools", &["list"]),
    get("discovery.k8s.io", "endpointslices", &["kubernetes"]),
    right("networking.k8s.io", "servicecidrs", &["list"]),
    right("node.k8s.io", "runtimeclasses", &["get"]),
    right("scheduling.k8s.io", "priorityclasses", &["get"]),
    right("storage.k8s.io", "storageclasses", &["list"]),
];

/// In the whole cluster: to list control planes of all namespaces. No Secrets.
pub const FLEET_VIEW: &[Right] =
    &[right("", "configmaps", &["get", "list"]), right("apps", "deployments", &["get", "list"])];

impl Right {
    /// The resource as `kubectl auth can-i` has it: `deployments.apps`, `pods/portforward`.
    #[must_use]
    pub fn resource_text(&self) -> String {
        if self.group.is_empty() { self.resource.to_owned() } else { format!("{}.{}", self.resource, self.group) }
    }
}
