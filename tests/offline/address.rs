//! The endpoint of a control plane, for each exposure and each state of the Service.

use std::net::IpAddr;

use kamaji::model::{ControlPlaneSpec, Endpoint, Exposure};
use kamaji::plan::access::cluster_facts::{ClusterFacts, NodeFacts};
use kamaji::plan::access::endpoint::{AddressState, decide_address};
use kamaji::plan::access::exposure::{decide_exposure, impossible_endpoint};
use serde_json::{Value, json};

use crate::control_plane::{MINIMAL, spec};

fn desired_spec(endpoint: &str) -> ControlPlaneSpec {
    let endpoint = (!endpoint.is_empty()).then(|| Endpoint::parse(endpoint, 0).unwrap());
    ControlPlaneSpec { endpoint, ..spec(MINIMAL) }
}

fn node(name: &str, ready: bool, address: &str) -> NodeFacts {
    NodeFacts { name: name.into(), ready, addresses: vec![address.parse().unwrap()] }
}

/// Two ready nodes and one that is not ready.
fn nodes() -> ClusterFacts {
    let nodes = vec![node("a", false, "10.1.0.1"), node("b", true, "10.1.0.2"), node("c", true, "10.1.0.3")];
    ClusterFacts { nodes, ..ClusterFacts::default() }
}

fn service(port: u16, node_port: Option<u16>, ingress: &Value) -> Value {
    json!({
        "spec": {"clusterIPs": ["10.96.0.7"], "ports": [{"name": "kube-apiserver", "port": port, "nodePort": node_port}]},
        "status": {"loadBalancer": {"ingress": ingress}},
    })
}

/// `endpoint | advertise | port | extra IPs`, or why the address is not known.
fn describe(state: AddressState) -> String {
    let list = |ips: &[IpAddr]| ips.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    match state {
        AddressState::Known(address) => {
            format!(
                "{} | {} | {} | {}",
                address.endpoint,
                list(&address.advertise),
                address.secure_port,
                list(&address.extra_ips)
            )
        }
        AddressState::Waiting { cause } => format!("waiting: {cause}"),
        AddressState::Impossible { cause, remedy } => format!("impossible: {cause}; {remedy}"),
    }
}

fn decided(endpoint: &str, exposure: Exposure, service: Option<&Value>, facts: &ClusterFacts) -> String {
    describe(decide_address(&desired_spec(endpoint), exposure, service, facts, None))
}

#[test]
fn the_endpoint_of_a_load_balancer_is_its_address() {
    let at = |ingress: Value, endpoint: &str| {
        let facts = ClusterFacts { resolved: vec!["203.0.113.9".parse().unwrap()], ..ClusterFacts::default() };
        decided(endpoint, Exposure::LoadBalancer, Some(&service(6443, Some(31000), &ingress)), &facts)
    };
    let ip = json!([{"ip": "192.0.2.10"}]);
    let name = json!([{"hostname": "lb.example.com"}]);
    assert_eq!(at(ip.clone(), ""), "192.0.2.10:6443 | 192.0.2.10 | 6443 | 10.96.0.7,192.0.2.10");
    assert_eq!(at(name, ""), "lb.example.com:6443 | 203.0.113.9 | 6443 | 10.96.0.7");
    assert_eq!(at(ip.clone(), "api.example.com"), "api.example.com:6443 | 192.0.2.10 | 6443 | 10.96.0.7,192.0.2.10");
    assert_eq!(
        at(ip.clone(), "api.example.com:443"),
        "api.example.com:443 | 203.0.113.9 | 6443 | 10.96.0.7,192.0.2.10"
    );
    assert_eq!(at(ip, "198.51.100.1:6443"), "198.51.100.1:6443 | 198.51.100.1 | 6443 | 10.96.0.7,192.0.2.10");
    assert_eq!(at(json!([]), ""), "waiting: the load balancer has no address yet");
}

#[test]
fn the_endpoint_of_a_node_port_is_a_ready_node_with_the_same_port_inside_and_outside() {
    let at = |service: &Value, endpoint: &str, facts: &ClusterFacts| {
        decided(endpoint, Exposure::NodePort, Some(service), facts)
    };
    let none = json!([]);
    let settled = service(31000, Some(31000), &none);
    assert_eq!(at(&settled, "", &nodes()), "10.1.0.2:31000 | 10.1.0.2 | 31000 | 10.1.0.2,10.1.0.3,10.96.0.7");
    assert_eq!(
        at(&settled, "api.example.com", &nodes()),
        "api.example.com:31000 | 10.1.0.2 | 31000 | 10.1.0.2,10.1.0.3,10.96.0.7"
    );
    let young = service(6443, Some(31000), &none);
    assert_eq!(at(&young, "", &nodes()), "waiting: the Service's port does not match its node port yet");
    assert_eq!(at(&service(6443, None, &none), "", &nodes()), "waiting: the Service has no node port yet");
}

#[test]
fn without_a_ready_node_the_endpoint_must_be_set() {
    let settled = service(31000, Some(31000), &json!([]));
    let forbidden = ClusterFacts { nodes_unknown: Some("nodes may not be listed".into()), ..ClusterFacts::default() };
    let at = |endpoint: &str, facts: &ClusterFacts| decided(endpoint, Exposure::NodePort, Some(&settled), facts);
    let remedy = "set the IPv4 address that workers connect to: --endpoint HOST";
    assert_eq!(at("", &forbidden), format!("impossible: nodes may not be listed; {remedy}"));
    let cause = "the management cluster has no ready node with an IPv4 address";
    assert_eq!(at("", &ClusterFacts::default()), format!("impossible: {cause}; {remedy}"));
    assert_eq!(at("192.0.2.1", &forbidden), "192.0.2.1:31000 | 192.0.2.1 | 31000 | 10.96.0.7");
}

#[test]
fn the_endpoint_of_a_cluster_ip_is_the_cluster_ip() {
    let at = |service: &Value| decided("", Exposure::ClusterIp, Some(service), &ClusterFacts::default());
    assert_eq!(at(&service(6443, None, &json!([]))), "10.96.0.7:6443 | 10.96.0.7 | 6443 | 10.96.0.7");
    let young = json!({"spec": {"ports": [{"port": 6443}]}});
    assert_eq!(at(&young), "waiting: the Service has no cluster IP yet");
}

#[test]
fn an_endpoint_that_does_not_resolve_is_an_error() {
    let balanced = service(6443, None, &json!([{"hostname": "lb.example.com"}]));
    let state = decided("api.example.com", Exposure::LoadBalancer, Some(&balanced), &ClusterFacts::default());
    assert!(state.starts_with("impossible: `api.example.com` does not resolve on this machine"), "{state}");
}

#[test]
fn the_name_of_a_load_balancer_is_awaited_until_it_resolves() {
    let balanced = service(6443, None, &json!([{"hostname": "lb.example.com"}]));
    let state = decided("", Exposure::LoadBalancer, Some(&balanced), &ClusterFacts::default());
    assert!(state.starts_with("waiting: "), "{state}");
}

#[test]
fn the_address_is_unknown_without_a_service() {
    for exposure in [Exposure::LoadBalancer, Exposure::NodePort, Exposure::ClusterIp] {
        assert_eq!(decided("", exposure, None, &nodes()), "waiting: the Service does not exist yet");
    }
}

#[test]
fn ports_come_from_the_endpoint_the_spec_and_the_live_service() {
    let live = service(6443, Some(31000), &json!([]));
    let at = |endpoint: &str, expose: Option<Exposure>, service: Option<&Value>| {
        let (exposure, port, node_port) =
            decide_exposure(&ControlPlaneSpec { expose, ..desired_spec(endpoint) }, None, service, None);
        format!("{} {port} {node_port:?}", exposure.service_type())
    };
    let node_port = Some(Exposure::NodePort);
    assert_eq!(at("", None, None), "LoadBalancer 6443 None");
    assert_eq!(at("api.example.com:443", None, None), "LoadBalancer 443 None");
    assert_eq!(at("", Some(Exposure::ClusterIp), None), "ClusterIP 6443 None");
    assert_eq!(at("", node_port, None), "NodePort 6443 None", "no node port was allocated yet");
    assert_eq!(at("", node_port, Some(&live)), "NodePort 31000 Some(31000)", "the allocated node port");
    assert_eq!(at("10.0.0.1:32000", node_port, Some(&live)), "NodePort 32000 Some(32000)", "the requested node port");
    assert_eq!(
        at("10.0.0.1:443", node_port, Some(&live)),
        "NodePort 31000 Some(31000)",
        "443 belongs to a load balancer in front"
    );
}

#[test]
fn the_recorded_exposure_takes_precedence_over_the_spec() {
    let spec = ControlPlaneSpec { expose: Some(Exposure::ClusterIp), ..desired_spec("") };
    assert_eq!(decide_exposure(&spec, Some(Exposure::NodePort), None, None).0, Exposure::NodePort);
}

#[test]
fn an_invalid_node_port_is_refused_only_on_the_address_of_a_node() {
    let at = |endpoint: &str, exposure| impossible_endpoint(&desired_spec(endpoint), exposure, &nodes()).is_some();
    assert!(at("10.1.0.2:6443", Exposure::NodePort));
    assert!(!at("10.1.0.2:31000", Exposure::NodePort), "a node port");
    assert!(!at("10.1.0.2", Exposure::NodePort), "any port");
    assert!(!at("192.0.2.1:6443", Exposure::NodePort), "a load balancer of the user");
    assert!(!at("api.example.com:6443", Exposure::NodePort), "a name may belong to a load balancer");
    assert!(!at("10.1.0.2:6443", Exposure::LoadBalancer));
}

#[test]
fn the_address_is_kept_until_its_node_is_removed() {
    let live = service(31000, Some(31000), &json!([]));
    let node =
        |name: &str, ip: &str| NodeFacts { name: name.into(), ready: true, addresses: vec![ip.parse().unwrap()] };
    let facts = |nodes: Vec<NodeFacts>| ClusterFacts { nodes, ..ClusterFacts::default() };
    let decide = |nodes: Vec<NodeFacts>, recorded: Option<&kamaji::render::Address>| match decide_address(
        &desired_spec(""),
        Exposure::NodePort,
        Some(&live),
        &facts(nodes),
        recorded,
    ) {
        AddressState::Known(address) => address,
        other @ (AddressState::Waiting { .. } | AddressState::Impossible { .. }) => panic!("{other:?}"),
    };
    let first = decide(vec![node("b", "192.0.2.2")], None);
    let grown = decide(vec![node("a", "192.0.2.1"), node("b", "192.0.2.2")], Some(&first));
    assert_eq!(grown, first, "a new node changes no certificate");
    let moved = decide(vec![node("a", "192.0.2.1")], Some(&first));
    assert_eq!(moved.endpoint.to_string(), "192.0.2.1:31000", "the node was removed");
}

#[test]
fn a_deleted_service_is_recreated_with_the_port_that_workers_use() {
    let live = service(31000, Some(31000), &json!([]));
    let facts = ClusterFacts {
        nodes: vec![NodeFacts { name: "a".into(), ready: true, addresses: vec!["192.0.2.1".parse().unwrap()] }],
        ..ClusterFacts::default()
    };
    let AddressState::Known(first) = decide_address(&desired_spec(""), Exposure::NodePort, Some(&live), &facts, None)
    else {
        panic!("the address is known")
    };
    let again = decide_exposure(&desired_spec(""), Some(Exposure::NodePort), None, Some(&first));
    assert_eq!(again, (Exposure::NodePort, 31000, Some(31000)));
}
