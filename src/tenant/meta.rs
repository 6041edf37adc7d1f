//! Metadata and RBAC shapes that the files of this room share.

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::render::{Manifest, Write};

pub(super) const KUBE_SYSTEM: &str = "kube-system";
pub(super) const KUBE_PUBLIC: &str = "kube-public";

/// The group of kubeadm's bootstrap tokens (`constants.NodeBootstrapTokenAuthGroup`).
pub(super) const JOINING_NODES: &str = "system:bootstrappers:kubeadm:default-node-token";
/// The group of nodes that have joined.
pub(super) const NODES: &str = "system:nodes";

const RBAC: &str = "rbac.authorization.k8s.io";

/// Metadata of a namespaced object.
pub(super) fn named(namespace: &str, name: &str) -> ObjectMeta {
    ObjectMeta { namespace: Some(namespace.to_owned()), name: Some(name.to_owned()), ..Default::default() }
}

/// Metadata of a cluster-scoped object.
pub(super) fn cluster_wide(name: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.to_owned()), ..Default::default() }
}

/// The metadata with one label more.
pub(super) fn label(mut metadata: ObjectMeta, key: &str, value: &str) -> ObjectMeta {
    metadata.labels.get_or_insert_default().insert(key.to_owned(), value.to_owned());
    metadata
}

/// A `ConfigMap` with the given texts.
pub(super) fn config_map<const N: usize>(metadata: ObjectMeta, texts: [(&str, String); N]) -> ConfigMap {
    let data = texts.into_iter().map(|(key, text)| (key.to_owned(), text)).collect();
    ConfigMap { metadata, data: Some(data), ..Default::default() }
}

/// A group as the subject of a binding.
pub(super) fn group(name: &str) -> Subject {
    Subject { api_group: Some(RBAC.to_owned()), kind: "Group".to_owned(), name: name.to_owned(), namespace: None }
}

/// A user as the subject of a binding.
pub(super) fn user(name: &str) -> Subject {
    Subject { api_group: Some(RBAC.to_owned()), kind: "User".to_owned(), name: name.to_owned(), namespace: None }
}

/// A service account of kube-system as the subject of a binding.
pub(super) fn service_account(name: &str) -> Subject {
    Subject {
        kind: "ServiceAccount".to_owned(),
        name: name.to_owned(),
        namespace: Some(KUBE_SYSTEM.to_owned()),
        ..Default::default()
    }
}

/// A rule on whole resources of one API group.
pub(super) fn rule(api_group: &str, resources: &[&str], verbs: &[&str]) -> PolicyRule {
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    PolicyRule {
        api_groups: Some(vec![api_group.to_owned()]),
        resources: Some(owned(resources)),
        verbs: owned(verbs),
        ..Default::default()
    }
}

/// Binds a `ClusterRole` in the whole cluster.
pub(super) fn cluster_role_binding(name: &str, cluster_role: &str, subjects: Vec<Subject>) -> Manifest {
    let binding = ClusterRoleBinding {
        metadata: cluster_wide(name),
        role_ref: role_ref("ClusterRole", cluster_role),
        subjects: Some(subjects),
    };
    Manifest::of(&binding, Write::Apply)
}

/// A Role that reads one `ConfigMap`, and its binding of the same name.
pub(super) fn config_map_readers(
    namespace: &str,
    name: &str,
    config_map: &str,
    subjects: Vec<Subject>,
) -> [Manifest; 2] {
    let reading =
        PolicyRule { resource_names: Some(vec![config_map.to_owned()]), ..rule("", &["configmaps"], &["get"]) };
    let role = Role { metadata: named(namespace, name), rules: Some(vec![reading]) };
    let binding =
        RoleBinding { metadata: named(namespace, name), role_ref: role_ref("Role", name), subjects: Some(subjects) };
    [Manifest::of(&role, Write::Apply), Manifest::of(&binding, Write::Apply)]
}

fn role_ref(kind: &str, name: &str) -> RoleRef {
    RoleRef { api_group: RBAC.to_owned(), kind: kind.to_owned(), name: name.to_owned() }
}
