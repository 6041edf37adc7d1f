//! The addons of kubeadm: `CoreDNS` and kube-proxy.

mod coredns;
mod kube_proxy;

pub(super) use coredns::coredns;
pub(super) use kube_proxy::kube_proxy;

/// Where kubeadm takes images from unless told otherwise.
const DEFAULT_REPOSITORY: &str = "registry.k8s.io";
