//! Where a control plane is reached, for each way to expose it and each state of the Service.

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

/// Two ready nodes and one that is not.
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

/// `endpoint | advertise | port | also`, or what is waited for, or what makes it impossible.
fn told(state: AddressState) -> String {
    let list = |ips: &[IpAddr]| ips.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    match state {
        AddressState::Known(address) => {
            format!(
                "{} | {} | {} | {}",
                address.endpoint,
                list(&address.advertise),
                address.secure_port,
                list(&address.also)
            )
        }
        AddressState::Waiting { cause } => format!("waiting: {cause}"),
        AddressState::Impossible { cause, remedy } => format!("impossible: {cause}; {remedy}"),
    }
}

fn decided(endpoint: &str, exposure: Exposure, service: Option<&Value>, facts: &ClusterFacts) -> String {
    told(decide_address(&desired_spec(endpoint), exposure, service, facts, None))
}

#[test]
fn behind_a_load_balancer_it_is_the_balancers_address() {
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
fn on_a_node_port_it_is_a_ready_node_with_the_same_port_inside_and_outside() {
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
    assert_eq!(at(&young, "", &nodes()), "waiting: the Service's port is not its node port yet");
    assert_eq!(at(&service(6443, None, &none), "", &nodes()), "waiting: the Service has no node port yet");
}

#[test]
fn without_a_node_the_address_must_be_given() {
    let settled = service(31000, Some(31000), &json!([]));
    let forbidden = ClusterFacts { nodes_unknown: Some("nodes may not be listed".into()), ..ClusterFacts::default() };
    let at = |endpoint: &str, facts: &ClusterFacts| decided(endpoint, Exposure::NodePort, Some(&settled), facts);
    let remedy = "say which IPv4 address workers are to use: --endpoint HOST";
    assert_eq!(at("", &forbidden), format!("impossible: nodes may not be listed; {remedy}"));
    let nobody = "no node of the management cluster is ready and has an IPv4 address";
    assert_eq!(at("", &ClusterFacts::default()), format!("impossible: {nobody}; {remedy}"));
    assert_eq!(at("192.0.2.1", &forbidden), "192.0.2.1:31000 | 192.0.2.1 | 31000 | 10.96.0.7");
}

#[test]
fn inside_the_cluster_it_is_the_cluster_ip() {
    let at = |service: &Value| decided("", Exposure::ClusterIp, Some(service), &ClusterFacts::default());
    assert_eq!(at(&service(6443, None, &json!([]))), "10.96.0.7:6443 | 10.96.0.7 | 6443 | 10.96.0.7");
    let young = json!({"spec": {"ports": [{"port": 6443}]}});
    assert_eq!(at(&young), "waiting: the Service has no cluster IP yet");
}

#[test]
fn a_given_name_that_resolves_nowhere_is_told_and_not_waited_for() {
    let balanced = service(6443, None, &json!([{"hostname": "lb.example.com"}]));
    let told = decided("api.example.com", Exposure::LoadBalancer, Some(&balanced), &ClusterFacts::default());
    assert!(told.starts_with("impossible: the name `api.example.com` does not resolve here"), "{told}");
}

#[test]
fn a_load_balancers_own_name_is_waited_for_until_it_resolves() {
    let balanced = service(6443, None, &json!([{"hostname": "lb.example.com"}]));
    let told = decided("", Exposure::LoadBalancer, Some(&balanced), &ClusterFacts::default());
    assert!(told.starts_with("waiting: "), "{told}");
}

#[test]
fn before_there_is_a_service_everything_waits() {
    for exposure in [Exposure::LoadBalancer, Exposure::NodePort, Exposure::ClusterIp] {
        assert_eq!(decided("", exposure, None, &nodes()), "waiting: the Service does not exist yet");
    }
}

#[test]
fn ports_follow_the_endpoint_the_file_and_what_the_cluster_chose() {
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
    assert_eq!(at("", node_port, None), "NodePort 6443 None", "the cluster has not chosen yet");
    assert_eq!(at("", node_port, Some(&live)), "NodePort 31000 Some(31000)", "it chose");
    assert_eq!(at("10.0.0.1:32000", node_port, Some(&live)), "NodePort 32000 Some(32000)", "the user chose");
    assert_eq!(
        at("10.0.0.1:443", node_port, Some(&live)),
        "NodePort 31000 Some(31000)",
        "443 is a balancer's before it"
    );
}

#[test]
fn what_was_decided_once_wins_over_a_new_wish() {
    let spec = ControlPlaneSpec { expose: Some(Exposure::ClusterIp), ..desired_spec("") };
    assert_eq!(decide_exposure(&spec, Some(Exposure::NodePort), None, None).0, Exposure::NodePort);
}

#[test]
fn a_port_that_no_node_can_open_is_impossible_on_a_nodes_own_address_only() {
    let at = |endpoint: &str, exposure| impossible_endpoint(&desired_spec(endpoint), exposure, &nodes()).is_some();
    assert!(at("10.1.0.2:6443", Exposure::NodePort));
    assert!(!at("10.1.0.2:31000", Exposure::NodePort), "a node port");
    assert!(!at("10.1.0.2", Exposure::NodePort), "any port");
    assert!(!at("192.0.2.1:6443", Exposure::NodePort), "a balancer of the user's before the nodes");
    assert!(!at("api.example.com:6443", Exposure::NodePort), "nobody knows what is behind a name");
    assert!(!at("10.1.0.2:6443", Exposure::LoadBalancer));
}

#[test]
fn an_address_stays_when_nodes_come_and_goes_only_with_its_node() {
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
    assert_eq!(moved.endpoint.to_string(), "192.0.2.1:31000", "a node that is gone serves nobody");
}

#[test]
fn a_service_that_was_deleted_comes_back_on_the_port_that_workers_know() {
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
