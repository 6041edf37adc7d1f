//! What the management cluster cannot give because its Services have no address of a family: told before anything is
//! written, from the Service as it would become. Cause and remedy.

use serde_json::Value;

use crate::model::{ControlPlaneSpec, Exposure, Family, Networking};
use crate::plan::access::cluster_facts::ClusterFacts;

/// The management cluster's API server refuses a Service of the family that the first service range has.
#[must_use]
pub fn no_such_family(spec: &ControlPlaneSpec) -> (String, String) {
    let family = spec.networking.primary_family();
    let other = match family {
        Family::V4 => Family::V6,
        Family::V6 => Family::V4,
    };
    let cause = format!(
        "networking.serviceSubnet is {}, and the management cluster's Services have no {family} addresses: its pods and \
         workers of this control plane could not reach each other",
        first_range(&spec.networking)
    );
    let remedy = format!(
        "write an {other} range first in networking.serviceSubnet and networking.podSubnet, or use a management cluster \
         with {family}"
    );
    (cause, remedy)
}

fn first_range(networking: &Networking) -> String {
    networking.service_subnets.first().map(ToString::to_string).unwrap_or_default()
}

/// A family that is needed and that the Service would not have.
#[must_use]
pub fn unserved_family(
    spec: &ControlPlaneSpec,
    exposure: Exposure,
    cluster: &ClusterFacts,
    service: &Value,
) -> Option<(String, String)> {
    let families: Vec<&str> =
        service.pointer("/spec/ipFamilies")?.as_array()?.iter().filter_map(Value::as_str).collect();
    let has = |family: Family| families.contains(&family.as_str());
    if !has(spec.networking.primary_family()) {
        return Some(no_such_family(spec));
    }
    let ip = spec.endpoint.as_ref()?.host.ip()?;
    let family = Family::of(ip);
    let on_a_node = cluster.nodes.iter().any(|node| node.addresses.contains(&ip));
    (exposure == Exposure::NodePort && on_a_node && !has(family)).then(|| {
        (
            format!(
                "{ip} is a node's address, and the management cluster serves node ports by {} only",
                families.join(" and ")
            ),
            format!("give an {} address of a node: --endpoint ADDRESS", spec.networking.primary_family()),
        )
    })
}
