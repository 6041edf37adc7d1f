//! Reads the Service settings of a `TenantControlPlane`: `spec.controlPlane.service` and the load balancer fields of
//! `spec.networkProfile`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::pods::metadata;
use crate::config::schema::findings::Findings;
use crate::config::schema::typed::typed;
use crate::config::schema::view::View;
use crate::model::{Exposure, ServicePort, ServiceSettings};
use crate::yaml::{Content, shown};

/// The operator's limit.
const MAX_RANGES: usize = 16;
/// The name of the API server's port in the Service.
const API_SERVER: &str = "kube-apiserver";
const RANGES: &str = "spec.networkProfile.loadBalancerSourceRanges";
const CLASS: &str = "spec.networkProfile.loadBalancerClass";

/// Reads the settings of the Service. `expose` is the exposure, if it is set.
pub(crate) fn service(root: &View<'_>, expose: Option<Exposure>, findings: &mut Findings<'_>) -> ServiceSettings {
    let at = |path: &str| root.at(&format!("spec.controlPlane.service.{path}"));
    let settings = ServiceSettings {
        metadata: at("additionalMetadata").map(|view| metadata(&view, findings)).unwrap_or_default(),
        additional_ports: ports(root, findings),
        load_balancer_class: class(root, findings),
        load_balancer_source_ranges: ranges(root, findings),
        allocate_load_balancer_node_ports: at("allocateLoadBalancerNodePorts")
            .and_then(|view| if let Content::Bool(value) = view.node.content { Some(value) } else { None }),
    };
    if matches!(expose, Some(Exposure::NodePort | Exposure::ClusterIp)) {
        for view in [CLASS, RANGES].into_iter().filter_map(|path| root.at(path)) {
            if !view.node.items().is_empty() || view.node.text().is_some_and(|text| !text.is_empty()) {
                let text = "it requires a load balancer, but the control plane has another exposure";
                findings.refuse_key(&view, text, "remove it or set `serviceType: LoadBalancer`");
            }
        }
    }
    settings
}

fn class(root: &View<'_>, findings: &mut Findings<'_>) -> Option<String> {
    let (view, text) = root.text(CLASS)?;
    if crate::model::check_label(text, "").is_err() {
        let text = format!("`{}` is not a load balancer class", shown(text));
        findings.refuse(&view, text, "use a name such as internal or example.com/internal");
    }
    Some(text.to_owned())
}

fn ranges(root: &View<'_>, findings: &mut Findings<'_>) -> Vec<ipnet::IpNet> {
    let views = root.list(RANGES);
    if let Some(view) = views.get(MAX_RANGES) {
        findings.refuse(view, format!("there are more than {MAX_RANGES} CIDRs"), "merge some of them");
        return Vec::new();
    }
    let mut ranges = Vec::new();
    for view in views {
        match view.node.text().map(str::parse::<ipnet::IpNet>) {
            Some(Ok(range)) => ranges.push(range.trunc()),
            Some(Err(_)) => findings.refuse(&view, "it is not a CIDR", "use a CIDR such as 192.0.2.0/24"),
            None => {}
        }
    }
    ranges
}

/// An entry of `additionalPorts`. It has no `nodePort`, which the cluster allocates.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AdditionalPort {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_protocol: Option<String>,
    port: u16,
    target_port: Value,
}

fn ports(root: &View<'_>, findings: &mut Findings<'_>) -> Vec<ServicePort> {
    let mut ports: Vec<ServicePort> = Vec::new();
    for view in root.list("spec.controlPlane.service.additionalPorts") {
        let Some(entry) = typed::<AdditionalPort>(&view, findings) else { continue };
        let protocol = entry.protocol.unwrap_or_else(|| "TCP".to_owned());
        let problem = if entry.name == API_SERVER || ports.iter().any(|port| port.name.as_ref() == Some(&entry.name)) {
            Some("another port has the same name")
        } else if crate::model::Namespace::parse(&entry.name).is_err() {
            Some("the name must be at most 63 lower-case letters, digits and `-`")
        } else if !["TCP", "UDP", "SCTP"].contains(&protocol.as_str()) {
            Some("the protocol must be TCP, UDP or SCTP")
        } else if entry.port == 0 {
            Some("the port must be from 1 to 65535")
        } else {
            None
        };
        if let Some(problem) = problem {
            findings.refuse(&view, problem, "change it or remove the port");
            continue;
        }
        let port = json!({
            "name": entry.name, "protocol": protocol, "appProtocol": entry.app_protocol,
            "port": entry.port, "targetPort": entry.target_port,
        });
        match serde_json::from_value(port) {
            Ok(port) => ports.push(port),
            Err(_) => {
                findings.refuse(
                    &view,
                    "targetPort must be a number or the name of a port",
                    "use a value such as 8443 or https",
                );
            }
        }
    }
    ports
}
