//! How the addons of a control plane are, read from its own cluster.

use serde_json::Value;

use crate::model::ControlPlaneSpec;

/// One addon that the wish has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddonState {
    /// Its name.
    pub name: &'static str,
    /// How many of its pods are ready, and how many there should be; `None` when it is not there at all.
    pub ready: Option<(u64, u64)>,
}

impl AddonState {
    /// Whether it is there, and all of it ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready.is_some_and(|(ready, wanted)| ready >= wanted)
    }
}

/// The addons of a wish, as the lists of `CoreDNS`' Deployment and kube-proxy's `DaemonSet` tell.
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
