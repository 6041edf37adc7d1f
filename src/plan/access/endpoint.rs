//! Where a control plane is reached: decided from the wish, the Service and the nodes. Ports are `exposure`'s.
//!
//! Workers and users connect to the endpoint, of any family. Pods connect to `default/kubernetes`, which has the family
//! of the primary service range only: so an address of that family must be behind it, on the endpoint's port.

use std::net::IpAddr;

use serde_json::Value;

use super::exposure::{live_node_port, live_port};
use crate::model::{ControlPlaneSpec, Endpoint, Exposure, Family, Host};
use crate::plan::access::cluster_facts::{ClusterFacts, NodeFacts};
use crate::render::Address;

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

/// Decides the address from the live Service. One that was decided before is kept while it can be: nodes come and go, and
/// neither certificates nor kubeconfigs nor pods are to change with them.
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
    match decision.anew(service) {
        AddressState::Known(anew) => AddressState::Known(match recorded {
            Some(recorded) if decision.still_serves(recorded, &anew) => recorded.clone(),
            Some(_) | None => anew,
        }),
        other @ (AddressState::Waiting { .. } | AddressState::Impossible { .. }) => other,
    }
}

fn waiting(cause: impl Into<String>) -> AddressState {
    AddressState::Waiting { cause: cause.into() }
}

/// What the Service and the nodes give by themselves.
struct Own {
    /// What workers connect to if the user asks for nothing else.
    host: Option<Host>,
    /// Addresses that answer on `port`.
    ips: Vec<IpAddr>,
    port: u16,
}

struct Decision<'a> {
    spec: &'a ControlPlaneSpec,
    exposure: Exposure,
    cluster: &'a ClusterFacts,
    recorded: Option<&'a Address>,
    /// That of `default/kubernetes`.
    family: Family,
}

impl Decision<'_> {
    fn anew(&self, service: &Value) -> AddressState {
        let cluster_ips = addresses(service, "/spec/clusterIPs");
        let own = match self.own(service, &cluster_ips) {
            Ok(own) => own,
            Err(cause) => return waiting(cause),
        };
        let asked = self.spec.endpoint.as_ref();
        let Some(host) = asked.map(|endpoint| endpoint.host.clone()).or_else(|| own.host.clone()) else {
            return self.no_node();
        };
        let asked_port = asked.map(|endpoint| endpoint.port).filter(|port| *port != 0);
        let endpoint = Endpoint { host, port: asked_port.unwrap_or(own.port) };
        let advertise = self.behind(&endpoint, &own);
        if advertise.is_empty() {
            return self.nothing_behind(&endpoint.host);
        }
        if self.exposure == Exposure::NodePort && live_port(service) != Some(own.port) {
            return waiting("the Service's port is not its node port yet");
        }
        let mut also = self.node_addresses(&families(&cluster_ips));
        also.extend(load_balancer(service).0);
        also.extend(cluster_ips);
        also.sort_unstable();
        also.dedup();
        AddressState::Known(Address { endpoint, advertise, secure_port: own.port, also })
    }

    fn own(&self, service: &Value, cluster_ips: &[IpAddr]) -> Result<Own, String> {
        let port = live_port(service).ok_or("the Service has no port yet")?;
        match self.exposure {
            Exposure::ClusterIp => {
                let first = self.preferred(cluster_ips).ok_or("the Service has no cluster IP yet")?;
                Ok(Own { host: Some(Host::Ip(first)), ips: cluster_ips.to_vec(), port })
            }
            Exposure::LoadBalancer => {
                let (ips, names) = load_balancer(service);
                let of_family = self.of_family(&ips);
                let host = self.preferred(&of_family).map(Host::Ip).or_else(|| names.first().cloned());
                let host = host.or_else(|| ips.first().map(|ip| Host::Ip(*ip)));
                Ok(Own { host: Some(host.ok_or("the load balancer has no address yet")?), ips, port })
            }
            Exposure::NodePort => {
                let port = live_node_port(service).ok_or("the Service has no node port yet")?;
                let first = self.node_addresses(&[self.family]).first().copied();
                Ok(Own { host: first.map(Host::Ip), ips: first.into_iter().collect(), port })
            }
        }
    }

    /// The address that workers know already, else the first.
    fn preferred(&self, ips: &[IpAddr]) -> Option<IpAddr> {
        let known = self.recorded.and_then(|recorded| recorded.endpoint.host.ip()).filter(|ip| ips.contains(ip));
        let of_family = || self.of_family(ips).first().copied();
        known.or_else(of_family).or_else(|| ips.first().copied())
    }

    /// The addresses behind `default/kubernetes`.
    fn behind(&self, endpoint: &Endpoint, own: &Own) -> Vec<IpAddr> {
        let own_ips = if endpoint.port == own.port { self.of_family(&own.ips) } else { Vec::new() };
        let resolved = self.of_family(&self.cluster.resolved);
        let known = |host: &Host| {
            let recorded = self.recorded.filter(|recorded| recorded.endpoint.host == *host);
            recorded.map(|recorded| self.of_family(&recorded.advertise)).unwrap_or_default()
        };
        let first_of = |choices: [Vec<IpAddr>; 3]| choices.into_iter().find(|ips| !ips.is_empty()).unwrap_or_default();
        match (&endpoint.host, self.exposure) {
            (Host::Ip(ip), _) if Family::of(*ip) == self.family => vec![*ip],
            (Host::Ip(_), _) => own_ips,
            // What stands before a cluster IP is the user's, and only that is known to be reached from outside.
            (Host::Name(_), Exposure::ClusterIp) => first_of([resolved, known(&endpoint.host), own_ips]),
            (Host::Name(_), Exposure::LoadBalancer | Exposure::NodePort) => {
                first_of([own_ips, resolved, known(&endpoint.host)])
            }
        }
    }

    /// Whether an address decided before is as good as the one that would be decided now.
    fn still_serves(&self, recorded: &Address, anew: &Address) -> bool {
        let same_ports = recorded.secure_port == anew.secure_port && recorded.endpoint.port == anew.endpoint.port;
        let same_host = recorded.endpoint.host == anew.endpoint.host;
        match self.exposure {
            Exposure::LoadBalancer | Exposure::ClusterIp => {
                let names_them_all = anew.also.iter().all(|ip| recorded.also.contains(ip));
                same_ports && same_host && names_them_all && recorded.advertise == anew.advertise
            }
            Exposure::NodePort => {
                let on_a_node = |ip: &IpAddr| self.cluster.nodes.iter().any(|node| node.addresses.contains(ip));
                let host_stands = if self.spec.endpoint.is_some() {
                    same_host
                } else {
                    recorded.endpoint.host.ip().is_some_and(|ip| on_a_node(&ip))
                };
                let leads_somewhere = !recorded.advertise.is_empty()
                    && recorded
                        .advertise
                        .iter()
                        .all(|ip| Family::of(*ip) == self.family && (on_a_node(ip) || anew.advertise.contains(ip)));
                same_ports && host_stands && leads_somewhere
            }
        }
    }

    fn of_family(&self, ips: &[IpAddr]) -> Vec<IpAddr> {
        ips.iter().filter(|ip| Family::of(**ip) == self.family).copied().collect()
    }

    /// Of each node that is ready, its first address of each of the families. Only a node port is served on nodes.
    fn node_addresses(&self, families: &[Family]) -> Vec<IpAddr> {
        let ready = self.cluster.nodes.iter().filter(|node| node.ready && self.exposure == Exposure::NodePort);
        let first =
            |node: &NodeFacts, family: Family| node.addresses.iter().find(|ip| Family::of(**ip) == family).copied();
        ready.flat_map(|node| families.iter().filter_map(|family| first(node, *family)).collect::<Vec<_>>()).collect()
    }

    fn no_node(&self) -> AddressState {
        let none = || format!("no node of the management cluster is ready and has an {} address", self.family);
        AddressState::Impossible {
            cause: self.cluster.nodes_unknown.clone().unwrap_or_else(none),
            remedy: format!("say which {} address workers are to use: --endpoint HOST", self.family),
        }
    }

    /// The endpoint alone is not enough: pods look for an address of the primary service range's family.
    fn nothing_behind(&self, host: &Host) -> AddressState {
        let family = self.family;
        let needed =
            format!("the cluster's pods reach its API server by {family}, the family of its first service range");
        let balanced = self.exposure == Exposure::LoadBalancer;
        match host {
            Host::Name(name) if self.cluster.resolved.is_empty() && self.spec.endpoint.is_none() => {
                waiting(format!("the load balancer's name `{name}` does not resolve here yet"))
            }
            Host::Name(name) if self.cluster.resolved.is_empty() => AddressState::Impossible {
                cause: format!(
                    "the name `{name}` does not resolve here, and the Service has no {family} address of its own"
                ),
                remedy: "make the name resolve, or give an address: --endpoint ADDRESS:PORT".into(),
            },
            Host::Name(name) if balanced => {
                waiting(format!("neither the load balancer nor the name `{name}` has an {family} address yet"))
            }
            Host::Ip(_) if balanced => waiting(format!("the load balancer has no {family} address yet")),
            Host::Name(_) | Host::Ip(_) => AddressState::Impossible {
                cause: format!("nothing at the endpoint `{host}` has an {family} address; {needed}"),
                remedy: format!(
                    "give an endpoint with an {family} address, or write a range of the other family first in \
                     networking.serviceSubnet and networking.podSubnet"
                ),
            },
        }
    }
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

/// Addresses and names, each in an order that does not depend on the balancer's.
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
