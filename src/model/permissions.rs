//! The RBAC permissions that kamaji needs in the management cluster.

/// Verbs allowed on one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The plural resource name, with its subresource.
    pub resource: &'static str,
    /// The allowed verbs.
    pub verbs: &'static [&'static str],
    /// Restricts the permission to objects with these names; empty for all.
    pub names: &'static [&'static str],
}

const fn permission(group: &'static str, resource: &'static str, verbs: &'static [&'static str]) -> Permission {
    Permission { group, resource, verbs, names: &[] }
}

/// Allows reading the objects with these names.
const fn get(group: &'static str, resource: &'static str, names: &'static [&'static str]) -> Permission {
    Permission { group, resource, verbs: &["get"], names }
}

/// Permissions in a control plane's namespace, to create, change and delete control planes.
pub const CONTROL_PLANES: &[Permission] = &[
    permission("", "configmaps", &["create", "delete", "get", "list", "patch", "update"]),
    permission("", "events", &["list"]),
    permission("", "limitranges", &["list"]),
    permission("", "pods", &["delete", "get", "list"]),
    // Support bundles include logs.
    permission("", "pods/log", &["get"]),
    // Port-forwarding over WebSocket: the request needs `get`, and since v1.35 also `create`.
    permission("", "pods/portforward", &["create", "get"]),
    permission("", "resourcequotas", &["list"]),
    permission("", "secrets", &["create", "delete", "get", "list", "patch"]),
    permission("", "serviceaccounts", &["create", "delete", "get", "list", "patch"]),
    permission("", "services", &["create", "delete", "get", "list", "patch"]),
    permission("apps", "deployments", &["create", "delete", "get", "list", "patch"]),
    permission("apps", "replicasets", &["delete", "list"]),
    permission("coordination.k8s.io", "leases", &["create", "delete", "get", "list", "update"]),
    permission("networking.k8s.io", "networkpolicies", &["create", "delete", "get", "list", "patch"]),
    permission("policy", "poddisruptionbudgets", &["create", "delete", "get", "list", "patch"]),
];

/// Permissions in the datastores' namespace, to use an existing datastore.
pub const DATASTORE_USE: &[Permission] = &[
    permission("", "pods", &["list"]),
    permission("", "pods/portforward", &["create", "get"]),
    permission("", "secrets", &["get"]),
];

/// Permissions in the datastores' namespace, to create the datastore `default`.
pub const DATASTORE_CREATE: &[Permission] = &[
    permission("", "events", &["list"]),
    permission("", "persistentvolumeclaims", &["list"]),
    permission("", "secrets", &["create", "get", "patch"]),
    permission("", "serviceaccounts", &["create", "patch"]),
    permission("", "services", &["create", "patch"]),
    permission("apps", "statefulsets", &["create", "get", "patch"]),
    permission("networking.k8s.io", "networkpolicies", &["create", "patch"]),
    permission("policy", "poddisruptionbudgets", &["create", "patch"]),
];

/// Read permissions in the whole cluster: to find node addresses for node ports, the CIDRs that control plane pods must
/// not reach and the network plugin that enforces it, and to check that referenced objects exist.
pub const CLUSTER: &[Permission] = &[
    get("", "configmaps", &["kubeadm-config"]),
    permission("", "namespaces", &["get"]),
    permission("", "nodes", &["list"]),
    get("", "services", &["kubernetes"]),
    get("apps", "daemonsets", &["azure-npm", "kube-network-policies", "kube-router", "weave-net"]),
    permission("crd.projectcalico.org", "ippools", &["list"]),
    get("discovery.k8s.io", "endpointslices", &["kubernetes"]),
    permission("networking.k8s.io", "servicecidrs", &["list"]),
    permission("node.k8s.io", "runtimeclasses", &["get"]),
    permission("scheduling.k8s.io", "priorityclasses", &["get"]),
    permission("storage.k8s.io", "storageclasses", &["list"]),
];

/// Permissions in the whole cluster, to list control planes of all namespaces. Excludes Secrets.
pub const FLEET_VIEW: &[Permission] =
    &[permission("", "configmaps", &["get", "list"]), permission("apps", "deployments", &["get", "list"])];

impl Permission {
    /// The resource as in `kubectl auth can-i`: `deployments.apps`, `pods/portforward`.
    #[must_use]
    pub fn resource_name(&self) -> String {
        if self.group.is_empty() { self.resource.to_owned() } else { format!("{}.{}", self.resource, self.group) }
    }
}
