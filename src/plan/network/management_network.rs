//! What is known of the management cluster's own network: the addresses that the pods of control planes must not reach.
//!
//! A cluster tells it in several places, of which none is in every cluster: so all of them are read, and what may not be
//! read, or is told nowhere, is named.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use crate::model::{ControlPlaneSpec, Endpoint, Host, Policies, metadata_ranges};
use crate::yaml::Document;

/// The management cluster's network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ManagementNetwork {
    /// Its addresses: of API servers, nodes, pods and Services.
    pub closed: Vec<IpNet>,
    /// What may not be read, for people: `the addresses of its nodes`.
    pub unread: Vec<String>,
    /// What it tells nowhere, for people.
    pub untold: Vec<String>,
}

/// Objects of one place, or that they may not be read. An API that a cluster does not have is a place without objects.
pub type NetworkSource = Result<Vec<Value>, ()>;

/// Everything that was looked at.
#[derive(Debug, Clone)]
pub struct NetworkSources {
    /// The `EndpointSlice` `default/kubernetes`: where its API servers are.
    pub api_servers: NetworkSource,
    /// The Service `default/kubernetes`.
    pub api_service: NetworkSource,
    /// The nodes: their addresses, and the ranges their pods have.
    pub nodes: NetworkSource,
    /// The ranges of Services, which Kubernetes has as objects since 1.33.
    pub service_cidrs: NetworkSource,
    /// kubeadm's own configuration of that cluster.
    pub kubeadm_config: NetworkSource,
    /// Where Calico takes addresses of pods from.
    pub ip_pools: NetworkSource,
}

impl ManagementNetwork {
    /// Puts together what the places tell.
    #[must_use]
    pub fn of(sources: &NetworkSources) -> Self {
        let mut this = Self::default();
        let mut api = this.tell("the addresses of its API servers", &sources.api_servers, slice_addresses);
        let service = this.tell("the address of its Service `kubernetes`", &sources.api_service, service_addresses);
        let nodes = this.tell("the addresses of its nodes", &sources.nodes, node_addresses);
        let mut pods = this.tell("the ranges of its pods (nodes)", &sources.nodes, node_ranges);
        pods.extend(this.tell("the ranges of its pods (Calico)", &sources.ip_pools, pool_ranges));
        let mut services = this.tell("the ranges of its Services", &sources.service_cidrs, service_ranges);
        let named =
            this.tell("the ranges in kubeadm's configuration", &sources.kubeadm_config, |body| vec![body.clone()]);
        for config in &named {
            match endpoint(config) {
                Some(Host::Ip(ip)) => api.push(ip),
                Some(Host::Name(name)) => this.untold.push(format!("the addresses of its endpoint {name}")),
                None => {}
            }
            pods.extend(kubeadm_ranges(config, "podSubnet"));
            services.extend(kubeadm_ranges(config, "serviceSubnet"));
        }
        for (what, told) in [
            ("the addresses of its API servers", !api.is_empty()),
            ("the ranges of its pods", !pods.is_empty()),
            ("the ranges of its Services", !services.is_empty()),
        ] {
            if !told && !this.unread.iter().any(|unread| unread.starts_with(what)) {
                this.untold.push(what.to_owned());
            }
        }
        let single = [api, service, nodes].into_iter().flatten().map(IpNet::from);
        let all: Vec<IpNet> = single.chain(pods).chain(services).filter(|range| range.prefix_len() > 0).collect();
        this.closed = IpNet::aggregate(&all);
        this
    }

    fn tell<T>(&mut self, what: &str, place: &NetworkSource, read: impl Fn(&Value) -> Vec<T>) -> Vec<T> {
        let Ok(objects) = place else {
            self.unread.push(what.to_owned());
            return Vec::new();
        };
        objects.iter().flat_map(read).collect()
    }

    /// What the pods of a control plane must not reach. What may not be read now, but was when the policy was written, is
    /// kept: whoever has fewer rights opens nothing.
    #[must_use]
    pub fn denied_cidrs(&self, spec: &ControlPlaneSpec, policy: Option<&Value>) -> Vec<IpNet> {
        let mut closed = metadata_ranges();
        closed.extend(&self.closed);
        closed.extend(&spec.isolation.closed);
        if !self.unread.is_empty()
            && let Some(policy) = policy
        {
            closed.extend(cidrs_in_policy(policy));
        }
        IpNet::aggregate(&closed)
    }

    /// Whether the wish cannot be carried out for want of rights.
    #[must_use]
    pub fn falls_short_of(&self, spec: &ControlPlaneSpec) -> bool {
        spec.isolation.policies == Policies::On && !self.unread.is_empty()
    }

    /// What is left open for not being known, for people; empty when all is known.
    #[must_use]
    pub fn uncovered_sources(&self) -> Vec<String> {
        let unread = self.unread.iter().map(|what| format!("{what} may not be read"));
        let untold = self.untold.iter().map(|what| format!("{what} are told nowhere; --deny-egress names them"));
        unread.chain(untold).collect()
    }
}

/// The ranges that a policy which lives leaves out.
#[must_use]
pub fn cidrs_in_policy(policy: &Value) -> Vec<IpNet> {
    let rules = policy.pointer("/spec/egress").and_then(Value::as_array).into_iter().flatten();
    let peers = rules.flat_map(|rule| rule["to"].as_array().into_iter().flatten());
    peers.flat_map(|peer| texts(&peer["ipBlock"]["except"])).filter_map(|text| text.parse().ok()).collect()
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn slice_addresses(slice: &Value) -> Vec<IpAddr> {
    let endpoints = slice["endpoints"].as_array().into_iter().flatten();
    endpoints.flat_map(|endpoint| texts(&endpoint["addresses"])).filter_map(|text| text.parse().ok()).collect()
}

fn service_addresses(service: &Value) -> Vec<IpAddr> {
    texts(&service["spec"]["clusterIPs"]).filter_map(|text| text.parse().ok()).collect()
}

fn node_addresses(node: &Value) -> Vec<IpAddr> {
    let addresses = node.pointer("/status/addresses").and_then(Value::as_array).into_iter().flatten();
    addresses.filter_map(|address| address["address"].as_str()?.parse().ok()).collect()
}

fn node_ranges(node: &Value) -> Vec<IpNet> {
    ranges(texts(&node["spec"]["podCIDRs"]))
}

fn service_ranges(object: &Value) -> Vec<IpNet> {
    ranges(texts(&object["spec"]["cidrs"]))
}

fn pool_ranges(pool: &Value) -> Vec<IpNet> {
    ranges(pool["spec"]["cidr"].as_str().into_iter())
}

/// The `ClusterConfiguration` that kubeadm keeps in the cluster it made.
fn kubeadm_configuration(config: &Value) -> Option<Document> {
    let text = config.pointer("/data/ClusterConfiguration")?.as_str()?;
    crate::yaml::read_documents("kubeadm-config", text).ok()?.into_iter().next()
}

/// What clients of the management cluster connect to, which may be a balancer before its API servers.
fn endpoint(config: &Value) -> Option<Host> {
    let document = kubeadm_configuration(config)?;
    let text = document.root.get("controlPlaneEndpoint")?.value.text()?;
    Some(Endpoint::parse(text, 6443).ok()?.host)
}

/// A range of the `ClusterConfiguration` that kubeadm keeps in the cluster it made.
fn kubeadm_ranges(config: &Value, key: &str) -> Vec<IpNet> {
    let document = kubeadm_configuration(config);
    let networking = document.as_ref().and_then(|document| document.root.get("networking"));
    let text = networking.and_then(|networking| networking.value.get(key)?.value.text());
    ranges(text.unwrap_or_default().split(','))
}

fn ranges<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<IpNet> {
    texts.filter_map(|text| text.trim().parse::<IpNet>().ok()).map(|range| range.trunc()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sources() -> NetworkSources {
        let nodes = ["a", "b"].iter().enumerate().map(|(number, name)| {
            json!({
                "metadata": {"name": name},
                "spec": {"podCIDRs": [format!("10.90.{number}.0/24")]},
                "status": {"addresses": [
                    {"type": "InternalIP", "address": format!("10.89.0.{}", number + 2)},
                    {"type": "Hostname", "address": name},
                ]},
            })
        });
        NetworkSources {
            api_servers: Ok(vec![json!({"endpoints": [{"addresses": ["192.0.2.1"]}, {"addresses": ["192.0.2.9"]}]})]),
            api_service: Ok(vec![json!({"spec": {"clusterIPs": ["172.31.0.1", "fd31::1"]}})]),
            nodes: Ok(nodes.collect()),
            service_cidrs: Ok(vec![json!({"spec": {"cidrs": ["172.31.0.0/20", "fd31::/112"]}})]),
            kubeadm_config: Ok(vec![json!({"data": {"ClusterConfiguration":
                "kind: ClusterConfiguration\nnetworking:\n  podSubnet: 10.90.0.0/16,fd90::/48\n  serviceSubnet: 172.31.0.0/20\n"}})]),
            ip_pools: Ok(vec![json!({"spec": {"cidr": "10.200.0.0/16"}})]),
        }
    }

    fn shown(ranges: &[IpNet]) -> Vec<String> {
        ranges.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_all_places_tell_is_put_together() {
        let known = ManagementNetwork::of(&sources());
        let expected = [
            "10.89.0.2/31",
            "10.90.0.0/16",
            "10.200.0.0/16",
            "172.31.0.0/20",
            "192.0.2.1/32",
            "192.0.2.9/32",
            "fd31::/112",
            "fd90::/48",
        ];
        assert_eq!(shown(&known.closed), expected);
        assert_eq!(known.uncovered_sources(), Vec::<String>::new());
    }

    #[test]
    fn what_may_not_be_read_or_is_told_nowhere_is_named() {
        let none = Ok(Vec::new());
        let bare = NetworkSources {
            service_cidrs: none.clone(),
            kubeadm_config: none.clone(),
            ip_pools: none.clone(),
            nodes: Err(()),
            ..sources()
        };
        let known = ManagementNetwork::of(&bare);
        assert_eq!(known.unread, ["the addresses of its nodes", "the ranges of its pods (nodes)"]);
        assert_eq!(known.untold, ["the ranges of its Services"]);
        let told = ManagementNetwork::of(&NetworkSources { nodes: none, ..bare });
        assert_eq!(told.untold, ["the ranges of its pods", "the ranges of its Services"]);
    }

    #[test]
    fn a_balancer_before_the_api_servers_is_closed_or_named() {
        let config = |endpoint: &str| NetworkSources {
            kubeadm_config: Ok(vec![
                json!({"data": {"ClusterConfiguration": format!("controlPlaneEndpoint: {endpoint}\n")}}),
            ]),
            ..sources()
        };
        let known = ManagementNetwork::of(&config("198.51.100.7:6443"));
        assert!(shown(&known.closed).contains(&"198.51.100.7/32".to_owned()));
        let named = ManagementNetwork::of(&config("api.example.com"));
        assert_eq!(named.untold, ["the addresses of its endpoint api.example.com"]);
    }

    #[test]
    fn odd_objects_tell_nothing() {
        let odd = || Ok(vec![json!(null), json!({"spec": 1, "data": {"ClusterConfiguration": "a: [b"}}), json!([])]);
        let known = ManagementNetwork::of(&NetworkSources {
            api_servers: odd(),
            api_service: odd(),
            nodes: odd(),
            service_cidrs: Ok(vec![json!({"spec": {"cidrs": ["0.0.0.0/0", "x", 5]}})]),
            kubeadm_config: odd(),
            ip_pools: odd(),
        });
        assert_eq!(known.closed, Vec::<IpNet>::new());
    }
}
