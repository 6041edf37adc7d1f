//! `kamaji config print-defaults`: what kamaji uses where a file says nothing, as a kubeadm file with a word to each
//! line. The test beside it reads the file back and compares.

use std::fmt::Write as _;

use crate::model::{CertificatePolicy, Error, KubeVersion, release_of};

/// The version that examples and messages name.
pub const EXAMPLE_VERSION: KubeVersion = KubeVersion { major: 1, minor: 37, patch: 2 };

/// A kubeadm file that says what holds for this version without it.
pub fn print_defaults(version: KubeVersion) -> Result<String, Error> {
    let release = release_of(version)?;
    let policy = CertificatePolicy::default();
    let hours = |length: std::time::Duration| format!("{}h0m0s", length.as_secs() / 3600);
    let mut text = format!(
        "\
# What kamaji uses for Kubernetes {version} where a file says nothing. Only kubernetesVersion is required;
# every other line can be left out. What happens with each field of kubeadm: docs/reference/kubeadm-fields.md.
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: {version}
# Names in kubeconfigs; the control plane itself is called as the command line says.
clusterName: kubernetes
# HOST or HOST:PORT for workers. Without it, and without --endpoint: the address that the exposure gives.
# controlPlaneEndpoint: api.example.com:6443
imageRepository: registry.k8s.io
networking:
  # Cannot be changed later.
  serviceSubnet: 10.96.0.0/12
  # Cannot be changed later. Without it, nodes get no ranges for pods, and the network plugin has to bring its own.
  # podSubnet: 10.244.0.0/16
  dnsDomain: cluster.local
# kubeadm's default is RSA-2048; ECDSA keys are made faster and are as strong.
encryptionAlgorithm: {algorithm}
certificateValidityPeriod: {leaf}
caCertificateValidityPeriod: {ca}
dns:
  imageTag: {coredns}
  disabled: false
proxy:
  disabled: false
# Arguments of yours; each replaces kamaji's of that name.
apiServer:
  extraArgs: []
  certSANs: []
controllerManager:
  extraArgs: []
scheduler:
  extraArgs: []
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
# Tokens that workers join with. Without them, `kamaji join` makes one when it is asked.
bootstrapTokens: []
localAPIEndpoint:
  # Where the exposure leaves the choice.
  bindPort: 6443
# How long to wait for the control plane; --timeout wins.
# timeouts:
#   controlPlaneComponentHealthCheck: 5m0s
",
        algorithm = policy.algorithm.as_str(),
        leaf = hours(policy.leaf_validity),
        ca = hours(policy.ca_validity),
        coredns = release.coredns_tag,
    );
    if let Some(mode) = release.kube_proxy_mode {
        let _infallible = write!(
            text,
            "---\napiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: {mode}\n"
        );
    }
    Ok(text)
}
