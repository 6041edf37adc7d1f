//! Detects IP families that a control plane needs and the management cluster does not support, from a dry run of the
//! Service.

use serde_json::Value;

use crate::model::{ControlPlaneSpec, Exposure, Family, Networking};
use crate::plan::access::cluster_facts::ClusterFacts;

/// The error for a first service range of a family that the management cluster does not support. Returns the cause and
/// a hint.
#[must_use]
pub fn family_not_supported(spec: &ControlPlaneSpec) -> (String, String) {
    let family = spec.networking.primary_family();
    let other = match family {
        Family::V4 => Family::V6,
        Family::V6 => Family::V4,
    };
    let cause = format!(
        "networking.serviceSubnet is {}, and the management cluster does not support {family} Services: \
         pods and workers of this control plane could not reach each other",
        first_range(&spec.networking)
    );
    let remedy = format!(
        "put an {other} range first in networking.serviceSubnet and networking.podSubnet, or use a management cluster \
         with {family}"
    );
    (cause, remedy)
}

fn first_range(networking: &Networking) -> String {
    networking.service_subnets.first().map(ToString::to_string).unwrap_or_default()
}

/// A family that the spec needs and the Service would not have. Returns the cause and a hint.
#[must_use]
pub fn unsupported_family(
    spec: &ControlPlaneSpec,
    exposure: Exposure,
    cluster: &ClusterFacts,
    service: &Value,
) -> Option<(String, String)> {
    let families: Vec<&str> =
        service.pointer("/spec/ipFamilies")?.as_array()?.iter().filter_map(Value::as_str).collect();
    let has = |family: Family| families.contains(&family.as_str());
    if !has(spec.networking.primary_family()) {
        return Some(family_not_supported(spec));
    }
    let ip = spec.endpoint.as_ref()?.host.ip()?;
    let family = Family::of(ip);
    let on_a_node = cluster.nodes.iter().any(|node| node.addresses.contains(&ip));
    (exposure == Exposure::NodePort && on_a_node && !has(family)).then(|| {
        (
            format!(
                "{ip} is the address of a node, and the management cluster serves node ports over {} only",
                families.join(" and ")
            ),
            format!("use an {} address of a node: --endpoint ADDRESS", spec.networking.primary_family()),
        )
    })
}
