//! What a Node says about a worker: whether it is ready, and why not.

use jiff::Timestamp;
use serde_json::Value;

use crate::model::{KubeVersion, Skew};

/// One worker, read from its Node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeState {
    /// The Node's name.
    pub name: String,
    /// Whether pods run there.
    pub ready: bool,
    /// Why it is not ready, in the words of its kubelet; or that nothing is heard of it.
    pub why_not_ready: Option<String>,
    /// Whether new pods may come.
    pub schedulable: bool,
    /// The kubelet's version as it says it.
    pub kubelet: String,
    /// How that stands to the control plane.
    pub skew: Skew,
    /// For example `containerd://2.4.2`.
    pub runtime: String,
    /// For example `Debian GNU/Linux 12 (bookworm)`.
    pub system: String,
    /// The kernel.
    pub kernel: String,
    /// For example `amd64`.
    pub architecture: String,
    /// Its address inside its network.
    pub address: Option<String>,
    /// How many pods it takes.
    pub capacity: Option<u64>,
    /// When it joined.
    pub created: Option<Timestamp>,
}

impl NodeState {
    /// Reads a Node of a control plane of this version.
    #[must_use]
    pub fn of(node: &Value, control_plane: KubeVersion) -> Self {
        let info = |key: &str| text(node, &format!("/status/nodeInfo/{key}")).to_owned();
        let condition = list(node, "/status/conditions").find(|condition| condition["type"] == "Ready");
        let ready = condition.is_some_and(|condition| condition["status"] == "True");
        let addresses = || list(node, "/status/addresses");
        let address = addresses().find(|address| address["type"] == "InternalIP").or_else(|| addresses().next());
        Self {
            name: text(node, "/metadata/name").to_owned(),
            ready,
            why_not_ready: (!ready).then(|| why_not_ready(condition)),
            schedulable: node.pointer("/spec/unschedulable") != Some(&Value::Bool(true)),
            kubelet: info("kubeletVersion"),
            skew: Skew::of(text(node, "/status/nodeInfo/kubeletVersion"), control_plane),
            runtime: info("containerRuntimeVersion"),
            system: info("osImage"),
            kernel: info("kernelVersion"),
            architecture: info("architecture"),
            address: address.and_then(|address| address["address"].as_str()).map(str::to_owned),
            capacity: text(node, "/status/allocatable/pods").parse().ok(),
            created: text(node, "/metadata/creationTimestamp").parse().ok(),
        }
    }

    /// As kubectl writes it.
    #[must_use]
    pub fn status(&self) -> String {
        let ready = if self.ready { "Ready" } else { "NotReady" };
        if self.schedulable { ready.to_owned() } else { format!("{ready},SchedulingDisabled") }
    }
}

fn why_not_ready(condition: Option<&Value>) -> String {
    let Some(condition) = condition else { return "its kubelet has not reported yet".to_owned() };
    let (reason, message) = (text(condition, "/reason"), text(condition, "/message"));
    let since = text(condition, "/lastTransitionTime");
    format!("{reason}: {message} (since {since})")
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_worker_that_is_not_heard_of_is_not_ready_and_says_since_when() {
        let node = json!({
            "metadata": {"name": "w"}, "spec": {"unschedulable": true},
            "status": {
                "nodeInfo": {"kubeletVersion": "v1.36.3"},
                "addresses": [{"type": "Hostname", "address": "w"}, {"type": "InternalIP", "address": "10.0.0.1"}],
                "conditions": [{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown",
                    "message": "Kubelet stopped posting node status.", "lastTransitionTime": "2027-06-01T12:00:00Z"}],
            },
        });
        let worker = NodeState::of(&node, KubeVersion::parse("v1.37.2").unwrap());
        assert_eq!(worker.status(), "NotReady,SchedulingDisabled");
        assert_eq!(
            worker.why_not_ready.unwrap(),
            "NodeStatusUnknown: Kubelet stopped posting node status. (since 2027-06-01T12:00:00Z)"
        );
        assert_eq!(worker.address.unwrap(), "10.0.0.1");
        assert_eq!(worker.skew, Skew::Older(1));
    }

    #[test]
    fn a_node_without_a_report_is_not_ready() {
        let worker = NodeState::of(&json!({"metadata": {"name": "w"}}), KubeVersion::parse("v1.37.2").unwrap());
        assert!(!worker.ready && worker.schedulable);
        assert_eq!(worker.why_not_ready.unwrap(), "its kubelet has not reported yet");
    }
}
