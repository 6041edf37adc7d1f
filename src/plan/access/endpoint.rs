//! Decides the endpoint of a control plane from the spec, the Service and the nodes. `exposure` decides the ports.
//!
//! Workers and users connect to the endpoint, which may have any IP family. Pods connect to `default/kubernetes`, which
//! has only the family of the primary service range. An address of that family must serve the endpoint's port.

use std::net::IpAddr;

use serde_json::Value;

use super::exposure::{live_node_port, live_port};
use crate::model::{ControlPlaneSpec, Endpoint, Exposure, Family, Host};
use crate::plan::access::cluster_facts::{ClusterFacts, NodeFacts};
use crate::render::Address;

/// Whether the endpoint can be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressState {
    /// The address is known.
    Known(Address),
    /// The address is not known yet.
    Waiting {
        /// What is missing.
        cause: String,
    },
    /// Waiting will not help.
    Impossible {
        /// The reason.
        cause: String,
        /// A hint for the user.
        remedy: String,
    },
}

/// Decides the address from the live Service. A recorded address is kept as long as it works: nodes come and go, and
/// certificates, kubeconfigs and pods should not change with them.
#[must_use]
pub fn decide_address(
    spec: &ControlPlaneSpec,
    exposure: Exposure,
    service: Option<&Value>,
    cluster: &ClusterFacts,
    recorded: Option<&Address>,
) -> AddressState {
    let Some(service) = service else { return waiting("the Service does not exist yet") };
    let decision = Decision { spec, exposure, cluster, recorded, family: spec.networking.primary_family() };
    match decision.address(service) {
        AddressState::Known(address) => AddressState::Known(match recorded {
            Some(recorded) if decision.is_still_valid(recorded, &address) => recorded.clone(),
            Some(_) | None => address,
        }),
        other @ (AddressState::Waiting { .. } | AddressState::Impossible { .. }) => other,
    }
}

fn waiting(cause: impl Into<String>) -> AddressState {
    AddressState::Waiting { cause: cause.into() }
}

/// The addresses that the Service and the nodes provide.
struct ServiceAddresses {
    /// The default host for workers.
    host: Option<Host>,
    /// The addresses that serve `port`.
    ips: Vec<IpAddr>,
    port: u16,
}

struct Decision<'a> {
    spec: &'a ControlPlaneSpec,
    exposure: Exposure,
    cluster: &'a ClusterFacts,
    recorded: Option<&'a Address>,
    /// The IP family of `default/kubernetes`.
    family: Family,
}

impl Decision<'_> {
    fn address(&self, service: &Value) -> AddressState {
        let cluster_ips = addresses(service, "/spec/clusterIPs");
        let provided = match self.provided(service, &cluster_ips) {
            Ok(provided) => provided,
            Err(cause) => return waiting(cause),
        };
        let requested = self.spec.endpoint.as_ref();
        let Some(host) = requested.map(|endpoint| endpoint.host.clone()).or_else(|| provided.host.clone()) else {
            return self.no_node();
        };
        let requested_port = requested.map(|endpoint| endpoint.port).filter(|port| *port != 0);
        let endpoint = Endpoint { host, port: requested_port.unwrap_or(provided.port) };
        let advertise = self.advertised(&endpoint, &provided);
        if advertise.is_empty() {
            return self.nothing_to_advertise(&endpoint.host);
        }
        if self.exposure == Exposure::NodePort && live_port(service) != Some(provided.port) {
            return waiting("the Service's port does not match its node port yet");
        }
        let mut extra_ips = self.node_addresses(&families(&cluster_ips));
        extra_ips.extend(load_balancer(service).0);
        extra_ips.extend(cluster_ips);
        extra_ips.sort_unstable();
        extra_ips.dedup();
        AddressState::Known(Address { endpoint, advertise, secure_port: provided.port, extra_ips })
    }

    fn provided(&self, service: &Value, cluster_ips: &[IpAddr]) -> Result<ServiceAddresses, String> {
        let port = live_port(service).ok_or("the Service has no port yet")?;
        match self.exposure {
            Exposure::ClusterIp => {
                let first = self.preferred(cluster_ips).ok_or("the Service has no cluster IP yet")?;
                Ok(ServiceAddresses { host: Some(Host::Ip(first)), ips: cluster_ips.to_vec(), port })
            }
            Exposure::LoadBalancer => {
                let (ips, names) = load_balancer(service);
                let of_family = self.of_family(&ips);
                let host = self.preferred(&of_family).map(Host::Ip).or_else(|| names.first().cloned());
                let host = host.or_else(|| ips.first().map(|ip| Host::Ip(*ip)));
                Ok(ServiceAddresses { host: Some(host.ok_or("the load balancer has no address yet")?), ips, port })
            }
            Exposure::NodePort => {
                let port = live_node_port(service).ok_or("the Service has no node port yet")?;
                let first = self.node_addresses(&[self.family]).first().copied();
                Ok(ServiceAddresses { host: first.map(Host::Ip), ips: first.into_iter().collect(), port })
            }
        }
    }

    /// The address that workers already use, otherwise the first.
    fn preferred(&self, ips: &[IpAddr]) -> Option<IpAddr> {
        let known = self.recorded.and_then(|recorded| recorded.endpoint.host.ip()).filter(|ip| ips.contains(ip));
        let of_family = || self.of_family(ips).first().copied();
        known.or_else(of_family).or_else(|| ips.first().copied())
    }

    /// The addresses to advertise in `default/kubernetes`.
    fn advertised(&self, endpoint: &Endpoint, provided: &ServiceAddresses) -> Vec<IpAddr> {
        let own_ips = if endpoint.port == provided.port { self.of_family(&provided.ips) } else { Vec::new() };
        let resolved = self.of_family(&self.cluster.resolved);
        let known = |host: &Host| {
            let recorded = self.recorded.filter(|recorded| recorded.endpoint.host == *host);
            recorded.map(|recorded| self.of_family(&recorded.advertise)).unwrap_or_default()
        };
        let first_of = |choices: [Vec<IpAddr>; 3]| choices.into_iter().find(|ips| !ips.is_empty()).unwrap_or_default();
        match (&endpoint.host, self.exposure) {
            (Host::Ip(ip), _) if Family::of(*ip) == self.family => vec![*ip],
            (Host::Ip(_), _) => own_ips,
            // The user's own proxy in front of a cluster IP is the only address known to be reachable from outside.
            (Host::Name(_), Exposure::ClusterIp) => first_of([resolved, known(&endpoint.host), own_ips]),
            (Host::Name(_), Exposure::LoadBalancer | Exposure::NodePort) => {
                first_of([own_ips, resolved, known(&endpoint.host)])
            }
        }
    }

    /// Whether the recorded address works as well as the one that would be decided now.
    fn is_still_valid(&self, recorded: &Address, current: &Address) -> bool {
        let same_ports = recorded.secure_port == current.secure_port && recorded.endpoint.port == current.endpoint.port;
        let same_host = recorded.endpoint.host == current.endpoint.host;
        match self.exposure {
            Exposure::LoadBalancer | Exposure::ClusterIp => {
                let covers_all_ips = current.extra_ips.iter().all(|ip| recorded.extra_ips.contains(ip));
                same_ports && same_host && covers_all_ips && recorded.advertise == current.advertise
            }
            Exposure::NodePort => {
                let on_a_node = |ip: &IpAddr| self.cluster.nodes.iter().any(|node| node.addresses.contains(ip));
                let host_is_valid = if self.spec.endpoint.is_some() {
                    same_host
                } else {
                    recorded.endpoint.host.ip().is_some_and(|ip| on_a_node(&ip))
                };
                let is_advertisable = !recorded.advertise.is_empty()
                    && recorded
                        .advertise
                        .iter()
                        .all(|ip| Family::of(*ip) == self.family && (on_a_node(ip) || current.advertise.contains(ip)));
                same_ports && host_is_valid && is_advertisable
            }
        }
    }

    fn of_family(&self, ips: &[IpAddr]) -> Vec<IpAddr> {
        ips.iter().filter(|ip| Family::of(**ip) == self.family).copied().collect()
    }

    /// The first address in each family of every ready node; empty unless the control plane uses a node port.
    fn node_addresses(&self, families: &[Family]) -> Vec<IpAddr> {
        let ready = self.cluster.nodes.iter().filter(|node| node.ready && self.exposure == Exposure::NodePort);
        let first =
            |node: &NodeFacts, family: Family| node.addresses.iter().find(|ip| Family::of(**ip) == family).copied();
        ready.flat_map(|node| families.iter().filter_map(|family| first(node, *family)).collect::<Vec<_>>()).collect()
    }

    fn no_node(&self) -> AddressState {
        let none = || format!("the management cluster has no ready node with an {} address", self.family);
        AddressState::Impossible {
            cause: self.cluster.nodes_unknown.clone().unwrap_or_else(none),
            remedy: format!("set the {} address that workers connect to: --endpoint HOST", self.family),
        }
    }

    /// The endpoint alone is not enough: pods need an address of the primary service range's family.
    fn nothing_to_advertise(&self, host: &Host) -> AddressState {
        let family = self.family;
        let needed =
            format!("the cluster's pods reach its API server over {family}, the family of its first service range");
        let balanced = self.exposure == Exposure::LoadBalancer;
        match host {
            Host::Name(name) if self.cluster.resolved.is_empty() && self.spec.endpoint.is_none() => {
                waiting(format!("the load balancer's name `{name}` does not resolve on this machine yet"))
            }
            Host::Name(name) if self.cluster.resolved.is_empty() => AddressState::Impossible {
                cause: format!("`{name}` does not resolve on this machine, and the Service has no {family} address"),
                remedy: "make the name resolve, or use an IP address: --endpoint ADDRESS:PORT".into(),
            },
            Host::Name(name) if balanced => {
                waiting(format!("neither the load balancer nor `{name}` has an {family} address yet"))
            }
            Host::Ip(_) if balanced => waiting(format!("the load balancer has no {family} address yet")),
            Host::Name(_) | Host::Ip(_) => AddressState::Impossible {
                cause: format!("the endpoint `{host}` has no {family} address; {needed}"),
                remedy: format!(
                    "use an endpoint with an {family} address, or put a range of the other family first in \
                     networking.serviceSubnet and networking.podSubnet"
                ),
            },
        }
    }
}

/// The name to resolve before the address is known: from the spec, otherwise from the load balancer.
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

/// The load balancer's addresses and names, sorted.
fn load_balancer(service: &Value) -> (Vec<IpAddr>, Vec<Host>) {
    let entries = || service.pointer("/status/loadBalancer/ingress").and_then(Value::as_array).into_iter().flatten();
    let mut ips: Vec<IpAddr> = entries().filter_map(|entry| entry.get("ip")?.as_str()?.parse().ok()).collect();
    let mut names: Vec<Host> =
        entries().filter_map(|entry| Host::parse(entry.get("hostname")?.as_str()?).ok()).collect();
    ips.sort_unstable();
    names.sort_unstable();
    (ips, names)
}

fn addresses(service: &Value, pointer: &str) -> Vec<IpAddr> {
    let list = service.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|ip| ip.as_str()?.parse().ok()).collect()
}

fn families(ips: &[IpAddr]) -> Vec<Family> {
    ips.iter().map(|ip| Family::of(*ip)).collect()
}
