//! What a `TenantControlPlane` says of its Service: `spec.controlPlane.service` and the load balancer of
//! `spec.networkProfile`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::pods::metadata;
use crate::config::schema::findings::Findings;
use crate::config::schema::typed::typed;
use crate::config::schema::view::View;
use crate::model::{Exposure, ServicePort, ServiceSettings};
use crate::yaml::{Content, shown};

/// As many as the operator takes.
const MOST_RANGES: usize = 16;
/// The port of the API server in the Service.
const API_SERVER: &str = "kube-apiserver";
const RANGES: &str = "spec.networkProfile.loadBalancerSourceRanges";
const CLASS: &str = "spec.networkProfile.loadBalancerClass";

/// Reads the settings of the Service. `expose` is how it is exposed, if that is said.
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
                let text = "only a load balancer can do this, and the control plane is exposed in another way";
                findings.refuse_key(&view, text, "remove it, or set `serviceType: LoadBalancer`");
            }
        }
    }
    settings
}

fn class(root: &View<'_>, findings: &mut Findings<'_>) -> Option<String> {
    let (view, text) = root.text(CLASS)?;
    if crate::model::check_label(text, "").is_err() {
        let text = format!("`{}` is not a load balancer class", shown(text));
        findings.refuse(&view, text, "write a name such as internal or example.com/internal");
    }
    Some(text.to_owned())
}

fn ranges(root: &View<'_>, findings: &mut Findings<'_>) -> Vec<ipnet::IpNet> {
    let views = root.list(RANGES);
    if let Some(view) = views.get(MOST_RANGES) {
        findings.refuse(view, format!("there are more than {MOST_RANGES} ranges"), "join some of them");
        return Vec::new();
    }
    let mut ranges = Vec::new();
    for view in views {
        match view.node.text().map(str::parse::<ipnet::IpNet>) {
            Some(Ok(range)) => ranges.push(range.trunc()),
            Some(Err(_)) => findings.refuse(&view, "it is not a range of addresses", "write it as 192.0.2.0/24"),
            None => {}
        }
    }
    ranges
}

/// A port as the document has it; the node port is the cluster's choice.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SuppliedFiles {
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
        let Some(given) = typed::<SuppliedFiles>(&view, findings) else { continue };
        let protocol = given.protocol.unwrap_or_else(|| "TCP".to_owned());
        let problem = if given.name == API_SERVER || ports.iter().any(|port| port.name.as_ref() == Some(&given.name)) {
            Some("the name is that of another port")
        } else if crate::model::Namespace::parse(&given.name).is_err() {
            Some("the name has at most 63 lower-case letters, digits and `-`")
        } else if !["TCP", "UDP", "SCTP"].contains(&protocol.as_str()) {
            Some("the protocol is TCP, UDP or SCTP")
        } else if given.port == 0 {
            Some("a port is a number from 1 to 65535")
        } else {
            None
        };
        if let Some(problem) = problem {
            findings.refuse(&view, problem, "change it, or remove the port");
            continue;
        }
        let port = json!({
            "name": given.name, "protocol": protocol, "appProtocol": given.app_protocol,
            "port": given.port, "targetPort": given.target_port,
        });
        match serde_json::from_value(port) {
            Ok(port) => ports.push(port),
            Err(_) => {
                findings.refuse(&view, "targetPort is a number or the name of a port", "write it as 8443 or https");
            }
        }
    }
    ports
}
