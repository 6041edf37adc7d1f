//! The `NetworkPolicy` of a control plane: who reaches its pods, and what they reach.
//!
//! One object holds all of it, so that there is no moment with the denial and without what is allowed. No rule is needed
//! for probes: a pod is always reached from the node it runs on
//! (<https://kubernetes.io/docs/concepts/services-networking/network-policies/>), and from nowhere else must the ports of
//! controller manager and scheduler be. Those two reach their API server inside the pod.

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

/// The policy. Its pods reach everything but `closed`, which has precedence over nothing else that is allowed: DNS, the
/// datastore, the other pods of the same control plane.
#[must_use]
pub fn network_policy(spec: &ControlPlaneSpec, port: u16, datastore: &[String], closed: &[IpNet]) -> Manifest {
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
        ["0.0.0.0/0", "::/0"].into_iter().filter_map(|all| all_but(all, closed)).collect();
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

/// Pods with these labels.
pub(super) fn selecting<const N: usize>(labels: [(&str, &str); N]) -> LabelSelector {
    let labels: BTreeMap<String, String> = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    LabelSelector { match_labels: Some(labels), ..Default::default() }
}

/// Pods of the policy's own namespace.
pub(super) fn peer(pods: LabelSelector) -> NetworkPolicyPeer {
    NetworkPolicyPeer { pod_selector: Some(pods), ..Default::default() }
}

pub(super) fn tcp(port: IntOrString) -> NetworkPolicyPort {
    NetworkPolicyPort { protocol: Some("TCP".into()), port: Some(port), end_port: None }
}

/// An empty list of peers or ports is written as none, which is what it means: all.
pub(super) fn rule(to: Vec<NetworkPolicyPeer>, ports: Vec<NetworkPolicyPort>) -> NetworkPolicyEgressRule {
    NetworkPolicyEgressRule { to: (!to.is_empty()).then_some(to), ports: (!ports.is_empty()).then_some(ports) }
}

/// Wherever the cluster has its DNS: in pods, or on each node at a link-local address.
pub(super) fn dns() -> NetworkPolicyEgressRule {
    let udp = NetworkPolicyPort { protocol: Some("UDP".into()), ..tcp(IntOrString::Int(53)) };
    rule(Vec::new(), vec![udp, tcp(IntOrString::Int(53))])
}

/// A member of a datastore. `None` where a name does not tell where it is: then it is outside, and open like all that is.
fn datastore_rule(name: &DatastoreName, endpoint: &str) -> Option<NetworkPolicyEgressRule> {
    let (host, port) = endpoint.rsplit_once(':')?;
    let port = tcp(IntOrString::Int(port.parse().ok()?));
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        let block = IPBlock { cidr: IpNet::from(ip).to_string(), except: None };
        let peer = NetworkPolicyPeer { ip_block: Some(block), ..Default::default() };
        return Some(rule(vec![peer], vec![port]));
    }
    let mut words = host.split('.').rev().skip_while(|word| *word != "svc").skip(1);
    let namespace = selecting([(NAMESPACE_NAME, words.next()?)]);
    let service = words.next()?;
    let pods = (service == EtcdNames(name).service()).then(|| super::etcd::pods(name));
    let peer = NetworkPolicyPeer { namespace_selector: Some(namespace), pod_selector: pods, ip_block: None };
    Some(rule(vec![peer], vec![port]))
}

/// Everything of a family but those ranges; nothing if they are everything.
fn all_but(all: &str, closed: &[IpNet]) -> Option<NetworkPolicyPeer> {
    let whole: IpNet = all.parse().expect("a constant range");
    let closed: Vec<IpNet> = closed.iter().filter(|range| whole.contains(*range)).map(IpNet::trunc).collect();
    let closed = IpNet::aggregate(&closed);
    if closed.contains(&whole) {
        return None;
    }
    let except: Vec<String> = closed.iter().map(ToString::to_string).collect();
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
    fn a_datastore_is_reached_where_its_endpoint_is() {
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
    fn neighbours_are_one_range_and_everything_closed_is_no_rule() {
        let nets = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpNet>>();
        let closed = |all: &str, texts: &[&str]| all_but(all, &nets(texts)).map(|peer| json!(peer)["ipBlock"].clone());
        let given = ["10.0.0.3/32", "10.0.0.2/32", "10.90.0.0/16", "10.90.2.0/24", "fd00::/8"];
        assert_eq!(
            closed("0.0.0.0/0", &given).unwrap(),
            json!({"cidr": "0.0.0.0/0", "except": ["10.0.0.2/31", "10.90.0.0/16"]})
        );
        assert_eq!(closed("::/0", &given).unwrap(), json!({"cidr": "::/0", "except": ["fd00::/8"]}));
        assert_eq!(closed("::/0", &["10.0.0.0/8"]).unwrap(), json!({"cidr": "::/0"}));
        assert_eq!(closed("0.0.0.0/0", &["0.0.0.0/1", "128.0.0.0/1"]), None);
    }
}
