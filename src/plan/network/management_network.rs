//! Collects the addresses of the management cluster's own network, which pods of control planes must not reach.
//!
//! No single source exists in every cluster, so all of them are read. Sources that cannot be read and ranges that no
//! source contains are reported.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use crate::model::{ControlPlaneSpec, Endpoint, Host, Policies, metadata_ranges};
use crate::yaml::Document;

/// The management cluster's network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ManagementNetwork {
    /// The addresses of API servers, nodes, pods and Services.
    pub cidrs: Vec<IpNet>,
    /// What kamaji has no permission to read, such as `the addresses of the nodes`.
    pub unreadable: Vec<String>,
    /// What no source contains.
    pub undetected: Vec<String>,
}

/// The objects of one source; `Err` if reading them is forbidden. If the API does not exist, the source is empty.
pub type NetworkSource = Result<Vec<Value>, ()>;

/// All sources.
#[derive(Debug, Clone)]
pub struct NetworkSources {
    /// The `EndpointSlice` `default/kubernetes`: the addresses of the API servers.
    pub api_servers: NetworkSource,
    /// The Service `default/kubernetes`.
    pub api_service: NetworkSource,
    /// The nodes: their addresses and pod ranges.
    pub nodes: NetworkSource,
    /// The `ServiceCIDR` objects, available since Kubernetes 1.33.
    pub service_cidrs: NetworkSource,
    /// The `kubeadm-config` of the management cluster.
    pub kubeadm_config: NetworkSource,
    /// The IP pools of Calico.
    pub ip_pools: NetworkSource,
}

impl ManagementNetwork {
    /// Combines all sources.
    #[must_use]
    pub fn of(sources: &NetworkSources) -> Self {
        let mut this = Self::default();
        let mut api = this.collect("the addresses of the API servers", &sources.api_servers, slice_addresses);
        let service = this.collect("the address of the Service `kubernetes`", &sources.api_service, service_addresses);
        let nodes = this.collect("the addresses of the nodes", &sources.nodes, node_addresses);
        let mut pods = this.collect("the pod ranges (nodes)", &sources.nodes, node_ranges);
        pods.extend(this.collect("the pod ranges (Calico)", &sources.ip_pools, pool_ranges));
        let mut services = this.collect("the Service ranges", &sources.service_cidrs, service_ranges);
        let named = this.collect("the ranges in kubeadm-config", &sources.kubeadm_config, |body| vec![body.clone()]);
        for config in &named {
            match endpoint(config) {
                Some(Host::Ip(ip)) => api.push(ip),
                Some(Host::Name(name)) => this.undetected.push(format!("the addresses of the endpoint {name}")),
                None => {}
            }
            pods.extend(kubeadm_ranges(config, "podSubnet"));
            services.extend(kubeadm_ranges(config, "serviceSubnet"));
        }
        for (what, found) in [
            ("the addresses of the API servers", !api.is_empty()),
            ("the pod ranges", !pods.is_empty()),
            ("the Service ranges", !services.is_empty()),
        ] {
            if !found && !this.unreadable.iter().any(|unread| unread.starts_with(what)) {
                this.undetected.push(what.to_owned());
            }
        }
        let single = [api, service, nodes].into_iter().flatten().map(IpNet::from);
        let all: Vec<IpNet> = single.chain(pods).chain(services).filter(|range| range.prefix_len() > 0).collect();
        this.cidrs = IpNet::aggregate(&all);
        this
    }

    fn collect<T>(&mut self, what: &str, source: &NetworkSource, read: impl Fn(&Value) -> Vec<T>) -> Vec<T> {
        let Ok(objects) = source else {
            self.unreadable.push(what.to_owned());
            return Vec::new();
        };
        objects.iter().flat_map(read).collect()
    }

    /// The ranges that pods of a control plane must not reach. If a source cannot be read, the ranges of the existing
    /// policy are kept, so that a user with fewer permissions does not open anything.
    #[must_use]
    pub fn denied_cidrs(&self, spec: &ControlPlaneSpec, policy: Option<&Value>) -> Vec<IpNet> {
        let mut denied = metadata_ranges();
        denied.extend(&self.cidrs);
        denied.extend(&spec.isolation.denied);
        if !self.unreadable.is_empty()
            && let Some(policy) = policy
        {
            denied.extend(cidrs_in_policy(policy));
        }
        IpNet::aggregate(&denied)
    }

    /// Whether the spec requires policies that are complete, and permissions are missing.
    #[must_use]
    pub fn lacks_permissions_for(&self, spec: &ControlPlaneSpec) -> bool {
        spec.isolation.policies == Policies::On && !self.unreadable.is_empty()
    }

    /// What the policy does not deny because it is unknown, with the reason.
    #[must_use]
    pub fn uncovered_sources(&self) -> Vec<String> {
        let unread = self.unreadable.iter().map(|what| format!("{what} cannot be read: permission denied"));
        let undetected = self.undetected.iter().map(|what| format!("{what} are unknown; list them with --deny-egress"));
        unread.chain(undetected).collect()
    }
}

/// The ranges that a live policy excludes.
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

/// The `ClusterConfiguration` in `kubeadm-config`.
fn kubeadm_configuration(config: &Value) -> Option<Document> {
    let text = config.pointer("/data/ClusterConfiguration")?.as_str()?;
    crate::yaml::read_documents("kubeadm-config", text).ok()?.into_iter().next()
}

/// The endpoint of the management cluster, which may be a load balancer in front of its API servers.
fn endpoint(config: &Value) -> Option<Host> {
    let document = kubeadm_configuration(config)?;
    let text = document.root.get("controlPlaneEndpoint")?.value.text()?;
    Some(Endpoint::parse(text, 6443).ok()?.host)
}

/// The ranges of one key of the `ClusterConfiguration`.
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
    fn all_sources_are_combined() {
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
        assert_eq!(shown(&known.cidrs), expected);
        assert_eq!(known.uncovered_sources(), Vec::<String>::new());
    }

    #[test]
    fn unreadable_and_missing_sources_are_reported() {
        let none = Ok(Vec::new());
        let bare = NetworkSources {
            service_cidrs: none.clone(),
            kubeadm_config: none.clone(),
            ip_pools: none.clone(),
            nodes: Err(()),
            ..sources()
        };
        let known = ManagementNetwork::of(&bare);
        assert_eq!(known.unreadable, ["the addresses of the nodes", "the pod ranges (nodes)"]);
        assert_eq!(known.undetected, ["the Service ranges"]);
        let readable = ManagementNetwork::of(&NetworkSources { nodes: none, ..bare });
        assert_eq!(readable.undetected, ["the pod ranges", "the Service ranges"]);
    }

    #[test]
    fn the_load_balancer_of_the_api_servers_is_denied_or_reported() {
        let config = |endpoint: &str| NetworkSources {
            kubeadm_config: Ok(vec![
                json!({"data": {"ClusterConfiguration": format!("controlPlaneEndpoint: {endpoint}\n")}}),
            ]),
            ..sources()
        };
        let known = ManagementNetwork::of(&config("198.51.100.7:6443"));
        assert!(shown(&known.cidrs).contains(&"198.51.100.7/32".to_owned()));
        let named = ManagementNetwork::of(&config("api.example.com"));
        assert_eq!(named.undetected, ["the addresses of the endpoint api.example.com"]);
    }

    #[test]
    fn malformed_objects_are_ignored() {
        let malformed =
            || Ok(vec![json!(null), json!({"spec": 1, "data": {"ClusterConfiguration": "a: [b"}}), json!([])]);
        let known = ManagementNetwork::of(&NetworkSources {
            api_servers: malformed(),
            api_service: malformed(),
            nodes: malformed(),
            service_cidrs: Ok(vec![json!({"spec": {"cidrs": ["0.0.0.0/0", "x", 5]}})]),
            kubeadm_config: malformed(),
            ip_pools: malformed(),
        });
        assert_eq!(known.cidrs, Vec::<IpNet>::new());
    }
}
