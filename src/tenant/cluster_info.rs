//! `kube-public/cluster-info`: what `kubeadm join` reads, without credentials, to learn the cluster's address and CA.
//!
//! Source: `phases/bootstraptoken/clusterinfo/clusterinfo.go`. The `jws-kubeconfig-*` keys beside ours are the
//! controller manager's: it signs the text for each token, so the text must not change without need.

use k8s_openapi::ByteString;
use serde_json::json;

use crate::render::{Manifest, Write};

use super::TenantFacts;
use super::meta::{KUBE_PUBLIC, config_map, config_map_readers, named, user};
use super::text::yaml;

/// The `ConfigMap` and who may read it.
pub(super) fn objects(facts: &TenantFacts<'_>) -> Vec<Manifest> {
    const NAME: &str = "cluster-info";
    let anyone = vec![user("system:anonymous")];
    let info = config_map(named(KUBE_PUBLIC, NAME), [("kubeconfig", kubeconfig(facts))]);
    let [role, binding] = config_map_readers(KUBE_PUBLIC, "kubeadm:bootstrap-signer-clusterinfo", NAME, anyone);
    vec![role, binding, Manifest::of(&info, Write::Apply)]
}

/// A kubeconfig with one cluster and no user. The cluster is unnamed, because kubeadm looks for that one first
/// (`util/kubeconfig`, `GetClusterFromKubeConfig`).
fn kubeconfig(facts: &TenantFacts<'_>) -> String {
    let ca = ByteString(facts.ca_pem.as_bytes().to_vec());
    yaml(&json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "",
            "cluster": { "certificate-authority-data": ca, "server": facts.endpoint.url() },
        }],
        "contexts": [],
        "current-context": "",
        "users": [],
    }))
}
