//! Renders the `NetworkPolicy` of a control plane's pods.
//!
//! A single object contains all rules, so that traffic is never denied before it is allowed. Probes need no rule:
//! traffic from a pod's node is always allowed
//! (<https://kubernetes.io/docs/concepts/services-networking/network-policies/>). The ports of kube-controller-manager
//! and kube-scheduler are not opened: only probes use them, and both components connect to the API server inside the
//! pod.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::etcd::EtcdNames;
use super::{Manifest, Write};
use crate::model::{ControlPlaneSpec, DatastoreName, LABEL_COMPONENT, LABEL_NAME, LABEL_PROJECT, ObjectNames, labels};

const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// The `NetworkPolicy`. Allows egress to everything except `denied`. Other rules take precedence over `denied`: DNS,
/// the datastore, and the other pods of the control plane.
#[must_use]
pub fn network_policy(spec: &ControlPlaneSpec, port: u16, datastore: &[String], denied: &[IpNet]) -> Manifest {
    let own =
        || selecting([(LABEL_PROJECT, "kamaji"), (LABEL_NAME, spec.name.as_str()), (LABEL_COMPONENT, "deployment")]);
    let secure_port = tcp(IntOrString::Int(i32::from(port)));
    let mut open = vec![secure_port.clone()];
    open.extend(spec.service.additional_ports.iter().map(|port| NetworkPolicyPort {
        protocol: port.protocol.clone().or(Some("TCP".into())),
        port: Some(port.target_port.clone().unwrap_or(IntOrString::Int(port.port))),
        end_port: None,
    }));
    let mut egress = vec![dns()];
    egress.extend(datastore.iter().filter_map(|endpoint| datastore_rule(&spec.datastore, endpoint)));
    egress.push(rule(vec![peer(own())], vec![secure_port]));
    let blocks: Vec<NetworkPolicyPeer> =
        ["0.0.0.0/0", "::/0"].into_iter().filter_map(|all| all_but(all, denied)).collect();
    if !blocks.is_empty() {
        egress.push(rule(blocks, Vec::new()));
    }
    let object = NetworkPolicy {
        metadata: ObjectMeta {
            name: Some(ObjectNames(&spec.name).network_policy()),
            namespace: Some(spec.namespace.to_string()),
            labels: Some(labels(&spec.name, "network-policy")),
            ..Default::default()
        },
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(own()),
            policy_types: Some(vec!["Ingress".into(), "Egress".into()]),
            ingress: Some(vec![NetworkPolicyIngressRule { from: None, ports: Some(open) }]),
            egress: Some(egress),
        }),
    };
    Manifest::of(&object, Write::Apply)
}

/// Selects pods by labels.
pub(super) fn selecting<const N: usize>(labels: [(&str, &str); N]) -> LabelSelector {
    let labels: BTreeMap<String, String> = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    LabelSelector { match_labels: Some(labels), ..Default::default() }
}

/// Pods in the policy's namespace.
pub(super) fn peer(pods: LabelSelector) -> NetworkPolicyPeer {
    NetworkPolicyPeer { pod_selector: Some(pods), ..Default::default() }
}

pub(super) fn tcp(port: IntOrString) -> NetworkPolicyPort {
    NetworkPolicyPort { protocol: Some("TCP".into()), port: Some(port), end_port: None }
}

/// An egress rule; an empty list of peers or ports means all and is omitted.
pub(super) fn rule(to: Vec<NetworkPolicyPeer>, ports: Vec<NetworkPolicyPort>) -> NetworkPolicyEgressRule {
    NetworkPolicyEgressRule { to: (!to.is_empty()).then_some(to), ports: (!ports.is_empty()).then_some(ports) }
}

/// Allows DNS to all destinations: the cluster DNS may run in pods or at a link-local address on each node.
pub(super) fn dns() -> NetworkPolicyEgressRule {
    let udp = NetworkPolicyPort { protocol: Some("UDP".into()), ..tcp(IntOrString::Int(53)) };
    rule(Vec::new(), vec![udp, tcp(IntOrString::Int(53))])
}

/// Allows egress to a datastore endpoint. `None` for a DNS name outside the cluster, which the general rule allows.
fn datastore_rule(name: &DatastoreName, endpoint: &str) -> Option<NetworkPolicyEgressRule> {
    let (host, port) = endpoint.rsplit_once(':')?;
    let port = tcp(IntOrString::Int(port.parse().ok()?));
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        let block = IPBlock { cidr: IpNet::from(ip).to_string(), except: None };
        let peer = NetworkPolicyPeer { ip_block: Some(block), ..Default::default() };
        return Some(rule(vec![peer], vec![port]));
    }
    let mut labels = host.split('.').rev().skip_while(|label| *label != "svc").skip(1);
    let namespace = selecting([(NAMESPACE_NAME, labels.next()?)]);
    let service = labels.next()?;
    let pods = (service == EtcdNames(name).service()).then(|| super::etcd::pods(name));
    let peer = NetworkPolicyPeer { namespace_selector: Some(namespace), pod_selector: pods, ip_block: None };
    Some(rule(vec![peer], vec![port]))
}

/// All addresses of a family except `denied`; `None` if that denies the whole family.
fn all_but(all: &str, denied: &[IpNet]) -> Option<NetworkPolicyPeer> {
    let whole: IpNet = all.parse().expect("a constant range");
    let denied: Vec<IpNet> = denied.iter().filter(|range| whole.contains(*range)).map(IpNet::trunc).collect();
    let denied = IpNet::aggregate(&denied);
    if denied.contains(&whole) {
        return None;
    }
    let except: Vec<String> = denied.iter().map(ToString::to_string).collect();
    let block = IPBlock { cidr: all.to_owned(), except: (!except.is_empty()).then_some(except) };
    Some(NetworkPolicyPeer { ip_block: Some(block), ..Default::default() })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn datastore(endpoint: &str) -> Value {
        let name = DatastoreName::parse("default").unwrap();
        datastore_rule(&name, endpoint).map_or(Value::Null, |rule| json!(rule))
    }

    #[test]
    fn datastore_rules_match_the_endpoint() {
        let ours = datastore("etcd-default-0.etcd-default.kamaji-system.svc:2379");
        assert_eq!(ours["to"][0]["namespaceSelector"]["matchLabels"][NAMESPACE_NAME], "kamaji-system");
        assert_eq!(ours["to"][0]["podSelector"]["matchLabels"]["kamaji.clastix.io/datastore"], "default");
        assert_eq!(ours["ports"][0]["port"], 2379);
        let others = datastore("db.storage.svc.cluster.local:5432");
        assert_eq!(others["to"][0]["namespaceSelector"]["matchLabels"][NAMESPACE_NAME], "storage");
        assert_eq!(others["to"][0]["podSelector"], Value::Null);
        assert_eq!(datastore("192.0.2.7:2379")["to"][0]["ipBlock"]["cidr"], "192.0.2.7/32");
        assert_eq!(datastore("[fd00::7]:2379")["to"][0]["ipBlock"]["cidr"], "fd00::7/128");
        for outside in ["db.example.com:5432", "localhost:2379", "db.svc:1", "no-port"] {
            assert_eq!(datastore(outside), Value::Null, "{outside}");
        }
    }

    #[test]
    fn adjacent_ranges_are_merged_and_a_fully_denied_family_has_no_rule() {
        let nets = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpNet>>();
        let denied = |all: &str, texts: &[&str]| all_but(all, &nets(texts)).map(|peer| json!(peer)["ipBlock"].clone());
        let ranges = ["10.0.0.3/32", "10.0.0.2/32", "10.90.0.0/16", "10.90.2.0/24", "fd00::/8"];
        assert_eq!(
            denied("0.0.0.0/0", &ranges).unwrap(),
            json!({"cidr": "0.0.0.0/0", "except": ["10.0.0.2/31", "10.90.0.0/16"]})
        );
        assert_eq!(denied("::/0", &ranges).unwrap(), json!({"cidr": "::/0", "except": ["fd00::/8"]}));
        assert_eq!(denied("::/0", &["10.0.0.0/8"]).unwrap(), json!({"cidr": "::/0"}));
        assert_eq!(denied("0.0.0.0/0", &["0.0.0.0/1", "128.0.0.0/1"]), None);
    }
}
