//! Decides the exposure and ports of a control plane from the spec, the live Service and the record.

use serde_json::Value;

use super::cluster_facts::ClusterFacts;
use crate::model::{ControlPlaneSpec, Exposure};
use crate::render::Address;

/// The default node port range of kube-apiserver.
const NODE_PORTS: std::ops::RangeInclusive<u16> = 30000..=32767;

/// The exposure, the port of the Service, and the node port if kamaji chooses it.
#[must_use]
pub fn decide_exposure(
    spec: &ControlPlaneSpec,
    decided: Option<Exposure>,
    service: Option<&Value>,
    recorded: Option<&Address>,
) -> (Exposure, u16, Option<u16>) {
    let exposure = decided.or(spec.expose).unwrap_or(Exposure::LoadBalancer);
    let requested_port = spec.endpoint.as_ref().map(|endpoint| endpoint.port).filter(|port| *port != 0);
    match exposure {
        Exposure::LoadBalancer | Exposure::ClusterIp => (exposure, requested_port.unwrap_or(spec.bind_port), None),
        Exposure::NodePort => {
            let live = service.and_then(live_node_port);
            // A deleted Service is recreated with the port that workers use.
            let known = recorded.map(|address| address.secure_port).filter(|port| NODE_PORTS.contains(port));
            let node_port = requested_port.filter(|port| NODE_PORTS.contains(port)).or(live).or(known);
            (exposure, node_port.unwrap_or(spec.bind_port), node_port)
        }
    }
}

pub(crate) fn live_node_port(service: &Value) -> Option<u16> {
    api_server_port(service)?.get("nodePort")?.as_u64().and_then(|port| u16::try_from(port).ok())
}

/// The API server's port in a Service.
#[must_use]
pub fn api_server_port(service: &Value) -> Option<&Value> {
    let ports = service.pointer("/spec/ports")?.as_array()?;
    ports.iter().find(|port| port["name"] == "kube-apiserver").or_else(|| ports.first())
}

pub(crate) fn live_port(service: &Value) -> Option<u16> {
    api_server_port(service)?.get("port")?.as_u64().and_then(|port| u16::try_from(port).ok())
}

/// An endpoint that no exposure can provide: a port outside the node port range on a node's own address. Returns the
/// cause and a hint.
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
            format!("endpoint {endpoint} is the address of a node, and {} is not a valid node port", endpoint.port),
            format!("omit the port, or use one from {first} to {last}"),
        )
    })
}
