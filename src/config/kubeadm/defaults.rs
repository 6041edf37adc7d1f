//! Renders `kamaji config print-defaults`: kamaji's defaults as a commented kubeadm file.
//!
//! A test checks that loading this file gives the same spec as a file without these fields.

use std::fmt::Write as _;

use crate::model::{CertificatePolicy, Error, KubeVersion, release_of};

/// The Kubernetes version in examples and messages.
pub const EXAMPLE_VERSION: KubeVersion = KubeVersion { major: 1, minor: 37, patch: 2 };

/// A kubeadm file with all defaults for this version.
pub fn print_defaults(version: KubeVersion) -> Result<String, Error> {
    let release = release_of(version)?;
    let policy = CertificatePolicy::default();
    let hours = |length: std::time::Duration| format!("{}h0m0s", length.as_secs() / 3600);
    let mut text = format!(
        "\
# kamaji's defaults for Kubernetes {version}. Only kubernetesVersion is required; every other line is optional.
# Reference of all fields: docs/reference/kubeadm-fields.md.
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: {version}
# The cluster name in kubeconfigs. The control plane's own name comes from the command line.
clusterName: kubernetes
# HOST or HOST:PORT for workers. Defaults to --endpoint, then to the address of the exposure.
# controlPlaneEndpoint: api.example.com:6443
imageRepository: registry.k8s.io
networking:
  # Immutable.
  serviceSubnet: 10.96.0.0/12
  # Immutable. Without it, nodes get no pod CIDR, and the network plugin must allocate pod addresses itself.
  # podSubnet: 10.244.0.0/16
  dnsDomain: cluster.local
# kubeadm's default is RSA-2048; ECDSA keys are generated faster and are as strong.
encryptionAlgorithm: {algorithm}
certificateValidityPeriod: {leaf}
caCertificateValidityPeriod: {ca}
dns:
  imageTag: {coredns}
  disabled: false
proxy:
  disabled: false
# Your arguments; each replaces kamaji's argument of the same name.
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
# Tokens for joining workers. Without them, `kamaji join` creates one on demand.
bootstrapTokens: []
localAPIEndpoint:
  # Used unless the exposure requires another port.
  bindPort: 6443
# How long to wait for the control plane; overridden by --timeout.
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
