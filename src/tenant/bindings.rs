//! The cluster-wide permissions of administrators, joining nodes, nodes and the API server, as kubeadm binds them.
//!
//! Sources: `phases/bootstraptoken/node/tlsbootstrap.go`, `phases/kubeconfig/kubeconfig.go` (`EnsureRBAC`).
//! The `ClusterRoles` other than `kubeadm:get-nodes` are made by the API server itself.

use k8s_openapi::api::rbac::v1::ClusterRole;

use crate::render::{Manifest, Write};

use super::meta::{JOINING_NODES, NODES, cluster_role_binding, cluster_wide, group, rule, user};

/// The permissions; the administrators' is first, because the admin kubeconfig is good for nothing without it.
pub(super) fn objects() -> Vec<Manifest> {
    const ADMINS: &str = "kubeadm:cluster-admins";
    const GET_NODES: &str = "kubeadm:get-nodes";
    const APPROVE: &str = "system:certificates.k8s.io:certificatesigningrequests:nodeclient";
    const APPROVE_OWN: &str = "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient";
    let joining = || vec![group(JOINING_NODES)];
    let get_nodes = ClusterRole {
        metadata: cluster_wide(GET_NODES),
        rules: Some(vec![rule("", &["nodes"], &["get"])]),
        ..Default::default()
    };
    vec![
        cluster_role_binding(ADMINS, "cluster-admin", vec![group(ADMINS)]),
        // kubeadm has this one from 1.36 on (and 1.33.13): its kubelet client certificate is in no group since then.
        // Ours is in none whatever the minor, so the binding is always written.
        cluster_role_binding(
            "kubeadm:apiserver-kubelet-client",
            "system:kubelet-api-admin",
            vec![user("kube-apiserver-kubelet-client")],
        ),
        Manifest::of(&get_nodes, Write::Apply),
        cluster_role_binding(GET_NODES, GET_NODES, joining()),
        cluster_role_binding("kubeadm:kubelet-bootstrap", "system:node-bootstrapper", joining()),
        cluster_role_binding("kubeadm:node-autoapprove-bootstrap", APPROVE, joining()),
        cluster_role_binding("kubeadm:node-autoapprove-certificate-rotation", APPROVE_OWN, vec![group(NODES)]),
    ]
}
