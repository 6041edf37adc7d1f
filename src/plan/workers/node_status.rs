//! The status of a worker, from its Node object.

use jiff::Timestamp;
use serde_json::Value;

use crate::model::{KubeVersion, Skew};

/// A worker, read from its Node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeState {
    /// The Node's name.
    pub name: String,
    /// Whether the Node is Ready.
    pub ready: bool,
    /// Why it is not ready, from the Ready condition.
    pub why_not_ready: Option<String>,
    /// Whether new pods can be scheduled.
    pub schedulable: bool,
    /// The kubelet version as reported.
    pub kubelet: String,
    /// The version skew to the control plane.
    pub skew: Skew,
    /// The container runtime, for example `containerd://2.4.2`.
    pub runtime: String,
    /// The OS image, for example `Debian GNU/Linux 12 (bookworm)`.
    pub system: String,
    /// The kernel version.
    pub kernel: String,
    /// The architecture, for example `amd64`.
    pub architecture: String,
    /// The internal IP, otherwise the first address.
    pub address: Option<String>,
    /// The maximum number of pods.
    pub capacity: Option<u64>,
    /// When the Node was created.
    pub created: Option<Timestamp>,
}

impl NodeState {
    /// Reads a Node. `control_plane` is the version of its control plane.
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

    /// The status as kubectl prints it.
    #[must_use]
    pub fn status(&self) -> String {
        let ready = if self.ready { "Ready" } else { "NotReady" };
        if self.schedulable { ready.to_owned() } else { format!("{ready},SchedulingDisabled") }
    }
}

fn why_not_ready(condition: Option<&Value>) -> String {
    let Some(condition) = condition else { return "the kubelet has not reported a status yet".to_owned() };
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
    fn a_worker_whose_kubelet_stopped_reporting_is_not_ready_since_a_time() {
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
    fn a_node_without_a_ready_condition_is_not_ready() {
        let worker = NodeState::of(&json!({"metadata": {"name": "w"}}), KubeVersion::parse("v1.37.2").unwrap());
        assert!(!worker.ready && worker.schedulable);
        assert_eq!(worker.why_not_ready.unwrap(), "the kubelet has not reported a status yet");
    }
}
