//! The Roles with which kamaji runs, for an administrator to give.

use serde_json::{Value, json};

use crate::model::{CLUSTER, CONTROL_PLANES, DATASTORE_MAKE, DATASTORE_USE, FLEET_VIEW, Namespace, Right};

/// Who gets the rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A user, as the cluster authenticates it.
    User(String),
    /// A group.
    Group(String),
    /// A `ServiceAccount`: namespace and name.
    ServiceAccount(String, String),
}

impl Subject {
    fn to_json(&self) -> Value {
        let api_group = "rbac.authorization.k8s.io";
        match self {
            Self::User(name) => json!({"apiGroup": api_group, "kind": "User", "name": name}),
            Self::Group(name) => json!({"apiGroup": api_group, "kind": "Group", "name": name}),
            Self::ServiceAccount(namespace, name) => {
                json!({"kind": "ServiceAccount", "namespace": namespace, "name": name})
            }
        }
    }
}

/// To manage control planes of one namespace, on a datastore that exists or, with `make_datastore`, is to be made.
#[must_use]
pub fn manager_roles(
    namespace: &Namespace,
    datastores: &str,
    make_datastore: bool,
    subjects: &[Subject],
) -> Vec<Value> {
    let mut datastore = DATASTORE_USE.to_vec();
    if make_datastore {
        datastore.extend(DATASTORE_MAKE);
    }
    // Each namespace has bindings of its own, so that giving rights in one takes none in another.
    let bindings = format!("kamaji-{namespace}");
    let mut objects = Vec::new();
    if make_datastore {
        objects.push(json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": datastores, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
        }));
    }
    for (name, namespace, rights) in
        [("kamaji", namespace.as_str(), CONTROL_PLANES), ("kamaji-datastores", datastores, datastore.as_slice())]
    {
        objects.push(role("Role", name, Some(namespace), rights));
        objects.extend(binding("Role", name, &bindings, Some(namespace), subjects));
    }
    objects.push(role("ClusterRole", "kamaji-cluster-facts", None, CLUSTER));
    objects.extend(binding("ClusterRole", "kamaji-cluster-facts", &bindings, None, subjects));
    objects
}

/// To list control planes of all namespaces, without any Secret.
#[must_use]
pub fn viewer_roles(subjects: &[Subject]) -> Vec<Value> {
    let name = "kamaji-fleet-viewer";
    let mut objects = vec![role("ClusterRole", name, None, FLEET_VIEW)];
    objects.extend(binding("ClusterRole", name, name, None, subjects));
    objects
}

fn metadata(name: &str, namespace: Option<&str>) -> Value {
    match namespace {
        Some(namespace) => json!({"name": name, "namespace": namespace}),
        None => json!({"name": name}),
    }
}

fn role(kind: &str, name: &str, namespace: Option<&str>, rights: &[Right]) -> Value {
    let rules: Vec<Value> = rights
        .iter()
        .map(|right| {
            let mut rule = json!({"apiGroups": [right.group], "resources": [right.resource], "verbs": right.verbs});
            if !right.names.is_empty() {
                rule["resourceNames"] = json!(right.names);
            }
            rule
        })
        .collect();
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata(name, namespace), "rules": rules,
    })
}

fn binding(kind: &str, role: &str, name: &str, namespace: Option<&str>, subjects: &[Subject]) -> Option<Value> {
    (!subjects.is_empty()).then(|| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": format!("{kind}Binding"),
            "metadata": metadata(name, namespace),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
            "subjects": subjects.iter().map(Subject::to_json).collect::<Vec<_>>(),
        })
    })
}
