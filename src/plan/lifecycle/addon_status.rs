//! The status of the addons, read from the tenant cluster.

use serde_json::Value;

use crate::model::ControlPlaneSpec;

/// An addon that the spec enables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddonState {
    /// Its name.
    pub name: &'static str,
    /// The ready and the desired number of its pods; `None` if it does not exist.
    pub ready: Option<(u64, u64)>,
}

impl AddonState {
    /// Whether it exists and all its pods are ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready.is_some_and(|(ready, wanted)| ready >= wanted)
    }
}

/// The addons of the spec, with their status from the `CoreDNS` Deployment and the kube-proxy `DaemonSet`.
#[must_use]
pub fn addon_states(spec: &ControlPlaneSpec, coredns: &[Value], kube_proxy: &[Value]) -> Vec<AddonState> {
    let number = |object: &Value, pointer: &str| object.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    let pods = |object: &Value, ready: &str, wanted: &str| (number(object, ready), number(object, wanted));
    let mut states = Vec::new();
    if spec.addons.coredns.is_some() {
        let ready = coredns.first().map(|object| pods(object, "/status/readyReplicas", "/spec/replicas"));
        states.push(AddonState { name: "coredns", ready });
    }
    if spec.addons.kube_proxy {
        let ready =
            kube_proxy.first().map(|object| pods(object, "/status/numberReady", "/status/desiredNumberScheduled"));
        states.push(AddonState { name: "kube-proxy", ready });
    }
    states
}
