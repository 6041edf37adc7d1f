//! The addresses behind the Service `default/kubernetes`. The API server runs with `--endpoint-reconciler-type=none`,
//! because its own address is a pod's in the management cluster, which no worker can reach.
//!
//! Shape and names are those of the API server's reconciler (`pkg/controlplane/reconcilers/endpointsadapter.go`): a
//! slice and an Endpoints object, both named `kubernetes`, the latter marked so that it is not mirrored.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort, EndpointSubset, Endpoints};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort as SlicePort, EndpointSlice};

use crate::model::{ControlPlaneSpec, Family};
use crate::render::{Manifest, Write};

use super::TenantFacts;
use super::meta::{label, named};

const NAMESPACE: &str = "default";
const NAME: &str = "kubernetes";
const PORT: &str = "https";

/// One slice and one Endpoints object, with addresses of the primary service range's family: the Service has only that
/// one. So the slice's `addressType`, which cannot be changed, never has to. Nothing while no address is known.
pub(super) fn objects(spec: &ControlPlaneSpec, facts: &TenantFacts<'_>) -> Vec<Manifest> {
    let family = spec.networking.primary_family();
    let addresses: Vec<IpAddr> = facts.advertise.iter().filter(|ip| Family::of(**ip) == family).copied().collect();
    if addresses.is_empty() {
        return Vec::new();
    }
    let port = i32::from(facts.endpoint.port);
    vec![legacy(&addresses, port), slice(family, &addresses, port)]
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

fn slice(family: Family, addresses: &[IpAddr], port: i32) -> Manifest {
    let ready = || Some(EndpointConditions { ready: Some(true), ..Default::default() });
    let slice = EndpointSlice {
        metadata: label(named(NAMESPACE, NAME), "kubernetes.io/service-name", NAME),
        address_type: family.to_string(),
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
