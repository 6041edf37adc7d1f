//! Ranges of the new cluster that hold the address of its own API server: its pods would look for that address among
//! themselves. Told before anything is written. Cause and remedy.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use crate::model::{ControlPlaneSpec, Exposure};
use crate::plan::access::cluster_facts::ClusterFacts;

/// An address of the API server inside a range of pods or services.
#[must_use]
pub fn hidden_by_its_own_ranges(
    spec: &ControlPlaneSpec,
    exposure: Exposure,
    cluster: &ClusterFacts,
    service: &Value,
) -> Option<(String, String)> {
    let mut addresses: Vec<IpAddr> = spec.endpoint.iter().filter_map(|endpoint| endpoint.host.ip()).collect();
    addresses.extend(&cluster.resolved);
    match exposure {
        Exposure::ClusterIp | Exposure::NodePort if spec.endpoint.is_some() => {}
        Exposure::ClusterIp => addresses.extend(texts(service, "/spec/clusterIPs")),
        Exposure::NodePort => addresses.extend(cluster.nodes.iter().flat_map(|node| node.addresses.clone())),
        Exposure::LoadBalancer => {}
    }
    let networking = &spec.networking;
    let ranges = [("podSubnet", &networking.pod_subnets), ("serviceSubnet", &networking.service_subnets)];
    let (field, range, ip) = ranges.into_iter().find_map(|(field, nets)| {
        let holds = |net: &IpNet| addresses.iter().find(|ip| net.contains(*ip)).map(|ip| (field, *net, *ip));
        nets.iter().find_map(holds)
    })?;
    Some((
        format!(
            "the API server would be at {ip}, which is inside networking.{field} {range}: pods of this cluster could not \
             reach it"
        ),
        "write a range that does not hold this address, or give another address: --endpoint ADDRESS".to_owned(),
    ))
}

fn texts(service: &Value, pointer: &str) -> Vec<IpAddr> {
    let list = service.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|ip| ip.as_str()?.parse().ok()).collect()
}
