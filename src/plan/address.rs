//! Where a control plane is reached: decided from the wish, the Service and the nodes.

use std::net::IpAddr;

use serde_json::Value;

use crate::model::{ControlPlaneSpec, Endpoint, Exposure, Host};
use crate::render::Address;

/// The range the API server of the management cluster takes node ports from by default.
const NODE_PORTS: std::ops::RangeInclusive<u16> = 30000..=32767;

/// One node of the management cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeFacts {
    /// The node's name.
    pub name: String,
    /// Whether it is Ready.
    pub ready: bool,
    /// Its addresses: external ones first, then internal ones.
    pub addresses: Vec<IpAddr>,
}

/// What is known about the management cluster's surroundings.
#[derive(Debug, Clone, Default)]
pub struct Cluster {
    /// Its nodes; `Err` says why they could not be read.
    pub nodes: Vec<NodeFacts>,
    /// Why there are no nodes in `nodes`, if that is so.
    pub nodes_unknown: Option<String>,
    /// What the endpoint's name resolves to here, be it the wish's or the load balancer's; empty when there is none.
    pub resolved: Vec<IpAddr>,
}

/// Whether the address is known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressState {
    /// It is known.
    Known(Address),
    /// The Service has none yet.
    Waiting {
        /// What is missing.
        cause: String,
    },
    /// Waiting will not help.
    Impossible {
        /// Why.
        cause: String,
        /// What to do.
        remedy: String,
    },
}

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

fn live_node_port(service: &Value) -> Option<u16> {
    api_server_port(service)?.get("nodePort")?.as_u64().and_then(|port| u16::try_from(port).ok())
}

/// The API server's among the ports of a Service.
#[must_use]
pub fn api_server_port(service: &Value) -> Option<&Value> {
    let ports = service.pointer("/spec/ports")?.as_array()?;
    ports.iter().find(|port| port["name"] == "kube-apiserver").or_else(|| ports.first())
}

fn live_port(service: &Value) -> Option<u16> {
    api_server_port(service)?.get("port")?.as_u64().and_then(|port| u16::try_from(port).ok())
}

/// Decides the address from the live Service. One that was decided before is kept while it can be: nodes come and go, and
/// neither certificates nor kubeconfigs nor pods are to change with them.
#[must_use]
pub fn decide_address(
    spec: &ControlPlaneSpec,
    exposure: Exposure,
    service: Option<&Value>,
    cluster: &Cluster,
    recorded: Option<&Address>,
) -> AddressState {
    match decide_anew(spec, exposure, service, cluster) {
        AddressState::Known(anew) => AddressState::Known(match recorded {
            Some(recorded) if still_serves(recorded, &anew, spec, exposure, cluster) => recorded.clone(),
            Some(_) | None => anew,
        }),
        other @ (AddressState::Waiting { .. } | AddressState::Impossible { .. }) => other,
    }
}

/// Whether an address decided before is as good as the one that would be decided now.
fn still_serves(
    recorded: &Address,
    anew: &Address,
    spec: &ControlPlaneSpec,
    exposure: Exposure,
    cluster: &Cluster,
) -> bool {
    let same_ports = recorded.secure_port == anew.secure_port && recorded.endpoint.port == anew.endpoint.port;
    let same_host = recorded.endpoint.host == anew.endpoint.host;
    let names_them_all = anew.also.iter().all(|ip| recorded.also.contains(ip));
    match exposure {
        Exposure::LoadBalancer | Exposure::ClusterIp => {
            same_ports && same_host && names_them_all && recorded.advertise == anew.advertise
        }
        Exposure::NodePort => {
            let on_a_node = recorded
                .endpoint
                .host
                .ip()
                .is_some_and(|ip| cluster.nodes.iter().any(|node| node.addresses.contains(&ip)));
            let host_stands = if spec.endpoint.is_some() { same_host } else { on_a_node };
            same_ports && host_stands
        }
    }
}

fn decide_anew(
    spec: &ControlPlaneSpec,
    exposure: Exposure,
    service: Option<&Value>,
    cluster: &Cluster,
) -> AddressState {
    let waiting = |cause: &str| AddressState::Waiting { cause: cause.to_owned() };
    let Some(service) = service else { return waiting("the Service does not exist yet") };
    let cluster_ips: Vec<IpAddr> = service
        .pointer("/spec/clusterIPs")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|ip| ip.as_str()?.parse().ok())
        .collect();
    let Some(port) = live_port(service) else { return waiting("the Service has no port yet") };
    let asked = spec.endpoint.as_ref();
    let asked_port = asked.map(|endpoint| endpoint.port).filter(|port| *port != 0);
    let node_ips = node_addresses(cluster);
    let (own_host, own_ips, secure_port) = match exposure {
        Exposure::ClusterIp => match cluster_ips.first() {
            Some(ip) => (Some(Host::Ip(*ip)), cluster_ips.clone(), port),
            None => return waiting("the Service has no cluster IP yet"),
        },
        Exposure::LoadBalancer => {
            let (ips, names) = load_balancer(service);
            if ips.is_empty() && names.is_empty() {
                return waiting("the load balancer has no address yet");
            }
            let host = ips.first().map(|ip| Host::Ip(*ip)).or_else(|| names.first().cloned());
            (host, ips, port)
        }
        Exposure::NodePort => {
            let Some(node_port) = live_node_port(service) else { return waiting("the Service has no node port yet") };
            if node_port != port {
                return waiting("the Service's port is not its node port yet");
            }
            (node_ips.first().map(|ip| Host::Ip(*ip)), node_ips.first().copied().into_iter().collect(), node_port)
        }
    };
    let Some(host) = asked.map(|endpoint| endpoint.host.clone()).or(own_host) else {
        return AddressState::Impossible {
            cause: cluster
                .nodes_unknown
                .clone()
                .unwrap_or_else(|| "no node of the management cluster is ready and has an address".into()),
            remedy: "say which address workers are to use: --endpoint HOST".into(),
        };
    };
    let advertise: Vec<IpAddr> = match host.ip() {
        Some(ip) => vec![ip],
        None if !own_ips.is_empty() => own_ips,
        None => cluster.resolved.clone(),
    };
    if advertise.is_empty() && asked.is_none() {
        return AddressState::Waiting { cause: format!("the load balancer's name `{host}` does not resolve here yet") };
    }
    if advertise.is_empty() {
        return AddressState::Impossible {
            cause: format!("the name `{host}` does not resolve here, and the Service has no address of its own"),
            remedy: "make the name resolve, or give an address: --endpoint ADDRESS:PORT".into(),
        };
    }
    let mut also = cluster_ips;
    if exposure == Exposure::NodePort {
        also.extend(node_ips);
    }
    also.extend(load_balancer(service).0);
    also.sort_unstable();
    also.dedup();
    AddressState::Known(Address {
        endpoint: Endpoint { host, port: asked_port.unwrap_or(secure_port) },
        advertise,
        secure_port,
        also,
    })
}

/// What no exposure can give: a port that is no node port, on a node's own address. Cause and remedy.
#[must_use]
pub fn impossible_endpoint(spec: &ControlPlaneSpec, exposure: Exposure, cluster: &Cluster) -> Option<(String, String)> {
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

/// The name that has to be resolved before an address is known: the wish's, else the load balancer's.
#[must_use]
pub fn name_to_resolve(spec: &ControlPlaneSpec, service: Option<&Value>) -> Option<String> {
    let name_of = |host: &Host| match host {
        Host::Name(name) => Some(name.clone()),
        Host::Ip(_) => None,
    };
    match &spec.endpoint {
        Some(endpoint) => name_of(&endpoint.host),
        None => load_balancer(service?).1.first().and_then(name_of),
    }
}

fn load_balancer(service: &Value) -> (Vec<IpAddr>, Vec<Host>) {
    let entries = || service.pointer("/status/loadBalancer/ingress").and_then(Value::as_array).into_iter().flatten();
    let ips = entries().filter_map(|entry| entry.get("ip")?.as_str()?.parse().ok()).collect();
    let names = entries().filter_map(|entry| Host::parse(entry.get("hostname")?.as_str()?).ok()).collect();
    (ips, names)
}

/// One address per node, of nodes that are ready.
fn node_addresses(cluster: &Cluster) -> Vec<IpAddr> {
    cluster.nodes.iter().filter(|node| node.ready).filter_map(|node| node.addresses.first().copied()).collect()
}
