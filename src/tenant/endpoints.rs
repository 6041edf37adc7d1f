//! The addresses behind the Service `default/kubernetes`. The API server runs with `--endpoint-reconciler-type=none`,
//! because its own address is a pod's in the management cluster, which no worker can reach.
//!
//! Shape and names are those of the API server's reconciler (`pkg/controlplane/reconcilers/endpointsadapter.go`): a
//! slice and an Endpoints object, both named `kubernetes`, the latter marked so that it is not mirrored.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort, EndpointSubset, Endpoints};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort as SlicePort, EndpointSlice};

use crate::render::{Manifest, Write};

use super::TenantFacts;
use super::meta::{label, named};

const NAMESPACE: &str = "default";
const NAME: &str = "kubernetes";
const PORT: &str = "https";

/// One slice for each address family, and Endpoints with the addresses of the primary family: the Service has only
/// that one. Nothing while no address is known.
pub(super) fn objects(facts: &TenantFacts<'_>) -> Vec<Manifest> {
    let Some(primary) = facts.advertise.first() else { return Vec::new() };
    let (same, other): (Vec<IpAddr>, Vec<IpAddr>) =
        facts.advertise.iter().partition(|address| address.is_ipv4() == primary.is_ipv4());
    let port = i32::from(facts.endpoint.port);
    let mut objects = vec![legacy(&same, port), slice(NAME, &same, port)];
    if let Some(second) = other.first() {
        let name = if second.is_ipv4() { "kubernetes-ipv4" } else { "kubernetes-ipv6" };
        objects.push(slice(name, &other, port));
    }
    objects
}

fn legacy(addresses: &[IpAddr], port: i32) -> Manifest {
    let addresses =
        addresses.iter().map(|ip| EndpointAddress { ip: ip.to_string(), ..Default::default() }).collect::<Vec<_>>();
    let endpoints = Endpoints {
        metadata: label(named(NAMESPACE, NAME), "endpointslice.kubernetes.io/skip-mirror", "true"),
        subsets: Some(vec![EndpointSubset {
            addresses: Some(addresses),
            ports: Some(vec![EndpointPort {
                name: Some(PORT.to_owned()),
                port,
                protocol: Some("TCP".to_owned()),
                ..Default::default()
            }]),
            ..Default::default()
        }]),
    };
    Manifest::of(&endpoints, Write::Apply)
}

fn slice(name: &str, addresses: &[IpAddr], port: i32) -> Manifest {
    let ready = || Some(EndpointConditions { ready: Some(true), ..Default::default() });
    let family = if addresses.iter().all(IpAddr::is_ipv4) { "IPv4" } else { "IPv6" };
    let slice = EndpointSlice {
        metadata: label(named(NAMESPACE, name), "kubernetes.io/service-name", NAME),
        address_type: family.to_owned(),
        endpoints: addresses
            .iter()
            .map(|ip| Endpoint { addresses: vec![ip.to_string()], conditions: ready(), ..Default::default() })
            .collect(),
        ports: Some(vec![SlicePort {
            name: Some(PORT.to_owned()),
            port: Some(port),
            protocol: Some("TCP".to_owned()),
            ..Default::default()
        }]),
    };
    Manifest::of(&slice, Write::Apply)
}
