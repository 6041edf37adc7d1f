//! How a control plane is exposed, and on which ports: decided from the wish, the Service and what is on record.

use serde_json::Value;

use super::cluster_facts::ClusterFacts;
use crate::model::{ControlPlaneSpec, Exposure};
use crate::render::Address;

/// The range the API server of the management cluster takes node ports from by default.
const NODE_PORTS: std::ops::RangeInclusive<u16> = 30000..=32767;

/// How to expose it, and which ports to ask for: the Service's port and, where we choose it, the node port.
#[must_use]
pub fn decide_exposure(
    spec: &ControlPlaneSpec,
    decided: Option<Exposure>,
    service: Option<&Value>,
    recorded: Option<&Address>,
) -> (Exposure, u16, Option<u16>) {
    let exposure = decided.or(spec.expose).unwrap_or(Exposure::LoadBalancer);
    let asked_port = spec.endpoint.as_ref().map(|endpoint| endpoint.port).filter(|port| *port != 0);
    match exposure {
        Exposure::LoadBalancer | Exposure::ClusterIp => (exposure, asked_port.unwrap_or(spec.bind_port), None),
        Exposure::NodePort => {
            let live = service.and_then(live_node_port);
            // A Service that was deleted comes back on the port that workers know.
            let known = recorded.map(|address| address.secure_port).filter(|port| NODE_PORTS.contains(port));
            let node_port = asked_port.filter(|port| NODE_PORTS.contains(port)).or(live).or(known);
            (exposure, node_port.unwrap_or(spec.bind_port), node_port)
        }
    }
}

pub(crate) fn live_node_port(service: &Value) -> Option<u16> {
    api_server_port(service)?.get("nodePort")?.as_u64().and_then(|port| u16::try_from(port).ok())
}

/// The API server's among the ports of a Service.
#[must_use]
pub fn api_server_port(service: &Value) -> Option<&Value> {
    let ports = service.pointer("/spec/ports")?.as_array()?;
    ports.iter().find(|port| port["name"] == "kube-apiserver").or_else(|| ports.first())
}

pub(crate) fn live_port(service: &Value) -> Option<u16> {
    api_server_port(service)?.get("port")?.as_u64().and_then(|port| u16::try_from(port).ok())
}

/// What no exposure can give: a port that is no node port, on a node's own address. Cause and remedy.
#[must_use]
pub fn impossible_endpoint(
    spec: &ControlPlaneSpec,
    exposure: Exposure,
    cluster: &ClusterFacts,
) -> Option<(String, String)> {
    let endpoint =
        spec.endpoint.as_ref().filter(|endpoint| endpoint.port != 0 && !NODE_PORTS.contains(&endpoint.port))?;
    let ip = endpoint.host.ip()?;
    let on_a_node = cluster.nodes.iter().any(|node| node.addresses.contains(&ip));
    (exposure == Exposure::NodePort && on_a_node).then(|| {
        let (first, last) = (NODE_PORTS.start(), NODE_PORTS.end());
        (
            format!("{endpoint} is asked for, and a node port cannot be {} on a node's own address", endpoint.port),
            format!("leave the port out, or choose one from {first} to {last}"),
        )
    })
}
