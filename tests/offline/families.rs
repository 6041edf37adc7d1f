//! Address families: which of them the endpoint, the Service and `default/kubernetes` inside the tenant get.

use kamaji::model::{ControlPlaneSpec, Endpoint, Exposure};
use kamaji::plan::access::cluster_facts::{ClusterFacts, NodeFacts};
use kamaji::plan::access::endpoint::{AddressState, decide_address};
use kamaji::plan::network::cidr_overlap::hidden_by_its_own_ranges;
use kamaji::plan::network::ip_family::unserved_family;
use kamaji::render::{self, Address};
use serde_json::{Value, json};

use crate::control_plane::{MINIMAL, spec};

const V4: &str = "10.96.0.0/16";
const V6: &str = "fd00:96::/112";

/// A wish with these service ranges and this endpoint; `""` for none.
fn desired_spec(services: &[&str], endpoint: &str) -> ControlPlaneSpec {
    let mut manifest = spec(MINIMAL);
    manifest.networking.service_subnets = services.iter().map(|range| range.parse().unwrap()).collect();
    manifest.endpoint = (!endpoint.is_empty()).then(|| Endpoint::parse(endpoint, 0).unwrap());
    manifest
}

/// A node with an address of each family.
fn nodes() -> ClusterFacts {
    let addresses = ["10.1.0.2", "fd89::2"].map(|ip| ip.parse().unwrap()).to_vec();
    ClusterFacts { nodes: vec![NodeFacts { name: "a".into(), ready: true, addresses }], ..ClusterFacts::default() }
}

fn resolved(ips: &[&str]) -> ClusterFacts {
    ClusterFacts { resolved: ips.iter().map(|ip| ip.parse().unwrap()).collect(), ..nodes() }
}

fn service(port: u16, ingress: &Value) -> Value {
    json!({
        "spec": {
            "clusterIPs": ["172.31.0.7", "fd31::7"], "ipFamilies": ["IPv4", "IPv6"],
            "ports": [{"name": "kube-apiserver", "port": port, "nodePort": 31000}],
        },
        "status": {"loadBalancer": {"ingress": ingress}},
    })
}

fn known(state: AddressState) -> Address {
    match state {
        AddressState::Known(address) => address,
        other @ (AddressState::Waiting { .. } | AddressState::Impossible { .. }) => panic!("{other:?}"),
    }
}

/// `endpoint | behind default/kubernetes | --advertise-address`, or why not.
fn told(state: AddressState) -> String {
    match state {
        AddressState::Known(address) => {
            let behind: Vec<String> = address.advertise.iter().map(ToString::to_string).collect();
            format!("{} | {} | {}", address.endpoint, behind.join(","), address.announced().unwrap())
        }
        AddressState::Waiting { cause } => format!("waiting: {cause}"),
        AddressState::Impossible { cause, .. } => format!("impossible: {cause}"),
    }
}

#[test]
fn an_api_server_inside_the_clusters_own_ranges_is_refused_with_the_range() {
    let why = |services: &str, endpoint: &str, exposure| {
        let service = service(6443, &json!([]));
        hidden_by_its_own_ranges(&desired_spec(&[services], endpoint), exposure, &nodes(), &service)
            .map(|(cause, _)| cause)
    };
    let inside = why("10.96.0.0/12", "10.100.0.1", Exposure::LoadBalancer).unwrap();
    assert!(inside.contains("10.100.0.1, which is inside networking.serviceSubnet 10.96.0.0/12"), "{inside}");
    let pods = why(V4, "10.244.3.4", Exposure::LoadBalancer).unwrap();
    assert!(pods.contains("networking.podSubnet 10.244.0.0/16"), "{pods}");
    assert!(why("10.1.0.0/16", "", Exposure::NodePort).unwrap().contains("10.1.0.2"), "a node's address");
    assert!(why("172.31.0.0/16", "", Exposure::ClusterIp).unwrap().contains("172.31.0.7"), "the Service's address");
    assert_eq!(why("10.1.0.0/16", "192.0.2.10", Exposure::NodePort), None, "what stands before the nodes is reached");
    assert_eq!(why("172.31.0.0/16", "", Exposure::NodePort), None, "pods do not use the Service's address then");
    assert_eq!(why(V4, "", Exposure::LoadBalancer), None);
}

#[test]
fn the_kubernetes_service_gets_addresses_of_its_own_family_whatever_the_endpoints_is() {
    use Exposure::{ClusterIp, LoadBalancer, NodePort};
    let at = |services: &[&str], endpoint: &str, exposure, facts: &ClusterFacts| {
        let port = if exposure == Exposure::NodePort { 31000 } else { 6443 };
        let live = service(port, &json!([{"ip": "192.0.2.10"}, {"ip": "2001:db8::10"}]));
        told(decide_address(&desired_spec(services, endpoint), exposure, Some(&live), facts, None))
    };
    for (services, endpoint, exposure, expected) in [
        (&[V6][..], "", NodePort, "[fd89::2]:31000 | fd89::2 | fd89::2"),
        (&[V6, V4], "", NodePort, "[fd89::2]:31000 | fd89::2 | fd89::2"),
        (&[V4, V6], "", NodePort, "10.1.0.2:31000 | 10.1.0.2 | 10.1.0.2"),
        (&[V6], "10.1.0.2", NodePort, "10.1.0.2:31000 | fd89::2 | fd89::2"),
        (&[V4], "fd89::2", NodePort, "[fd89::2]:31000 | 10.1.0.2 | 10.1.0.2"),
        (&[V6], "", LoadBalancer, "[2001:db8::10]:6443 | 2001:db8::10 | 2001:db8::10"),
        (&[V4], "", LoadBalancer, "192.0.2.10:6443 | 192.0.2.10 | 192.0.2.10"),
        (&[V4], "2001:db8::10", LoadBalancer, "[2001:db8::10]:6443 | 192.0.2.10 | 192.0.2.10"),
        (&[V6], "", ClusterIp, "[fd31::7]:6443 | fd31::7 | fd31::7"),
        (&[V4], "", ClusterIp, "172.31.0.7:6443 | 172.31.0.7 | 172.31.0.7"),
        (&[V6], "192.0.2.1", ClusterIp, "192.0.2.1:6443 | fd31::7 | fd31::7"),
    ] {
        assert_eq!(at(services, endpoint, exposure, &nodes()), expected, "{services:?} {endpoint} {exposure:?}");
    }
    assert_eq!(
        at(&[V6], "192.0.2.1:443", NodePort, &nodes()),
        "impossible: nothing at the endpoint `192.0.2.1` has an IPv6 address; the cluster's pods reach its API server by \
         IPv6, the family of its first service range",
        "port 443 is not the nodes'"
    );
}

#[test]
fn what_a_name_resolves_to_is_taken_where_the_service_has_no_address_that_serves_its_port() {
    let both = resolved(&["203.0.113.9", "2001:db8::9"]);
    let none = json!([]);
    let at = |services: &[&str], endpoint: &str, exposure, port, ingress: &Value, facts: &ClusterFacts| {
        told(decide_address(&desired_spec(services, endpoint), exposure, Some(&service(port, ingress)), facts, None))
    };
    let name = "api.example.com:443";
    assert_eq!(
        at(&[V6], name, Exposure::NodePort, 31000, &none, &both),
        "api.example.com:443 | 2001:db8::9 | fd31::7",
        "a balancer of the user's before the node ports"
    );
    assert_eq!(
        at(&[V4], "api.example.com", Exposure::ClusterIp, 6443, &none, &both),
        "api.example.com:6443 | 203.0.113.9 | 172.31.0.7",
        "what stands before a cluster IP"
    );
    let balancer = json!([{"hostname": "lb.example.com"}]);
    let own = |facts: &ClusterFacts| at(&[V6], "", Exposure::LoadBalancer, 6443, &balancer, facts);
    assert_eq!(own(&both), "lb.example.com:6443 | 2001:db8::9 | fd31::7");
    assert_eq!(
        own(&resolved(&["203.0.113.9"])),
        "waiting: neither the load balancer nor the name `lb.example.com` has an IPv6 address yet"
    );
    assert_eq!(
        at(&[V6], "", Exposure::LoadBalancer, 6443, &json!([{"ip": "192.0.2.10"}]), &both),
        "waiting: the load balancer has no IPv6 address yet"
    );
    let refused = at(&[V6], "api.example.com:443", Exposure::NodePort, 31000, &none, &resolved(&["203.0.113.9"]));
    assert!(refused.starts_with("impossible: nothing at the endpoint `api.example.com` has an IPv6"), "{refused}");
}

#[test]
fn a_name_that_resolves_elsewhere_later_changes_no_certificate_and_no_pod() {
    let balancer = service(6443, &json!([{"hostname": "lb.example.com"}]));
    let decide = |ips: &[&str], recorded: Option<&Address>| {
        decide_address(&desired_spec(&[V4], ""), Exposure::LoadBalancer, Some(&balancer), &resolved(ips), recorded)
    };
    let first = known(decide(&["203.0.113.9"], None));
    let later = known(decide(&["203.0.113.11", "203.0.113.12"], Some(&first)));
    assert_eq!(later.advertise.len(), 2);
    assert_eq!((later.sans(), later.announced()), (first.sans(), first.announced()));
    assert_eq!(known(decide(&[], Some(&later))), later, "a name that does not resolve this moment keeps its addresses");
}

#[test]
fn of_several_addresses_of_a_balancer_the_one_that_workers_know_stays() {
    let decide = |ips: &[&str], recorded: Option<&Address>| {
        let ingress: Value = ips.iter().map(|ip| json!({"ip": ip})).collect();
        known(decide_address(
            &desired_spec(&[V4], ""),
            Exposure::LoadBalancer,
            Some(&service(6443, &ingress)),
            &ClusterFacts::default(),
            recorded,
        ))
    };
    let first = decide(&["192.0.2.20"], None);
    let grown = decide(&["192.0.2.10", "192.0.2.20"], Some(&first));
    assert_eq!(grown.endpoint, first.endpoint);
    assert!(grown.also.contains(&"192.0.2.10".parse().unwrap()), "the certificate names both");
    assert_eq!(decide(&["192.0.2.20", "192.0.2.10"], Some(&grown)), grown, "their order says nothing");
    let moved = decide(&["192.0.2.30"], Some(&grown));
    assert_eq!(moved.endpoint.to_string(), "192.0.2.30:6443");
    assert_eq!(decide(&["192.0.2.30"], Some(&moved)), moved, "and there it stays");
}

#[test]
fn the_service_asks_for_the_family_that_is_needed_and_for_both_where_the_wish_speaks_of_both() {
    let asked_of = |live: Option<&Value>, services: &[&str], endpoint: &str| {
        let body = render::service(&desired_spec(services, endpoint), (Exposure::LoadBalancer, 6443, None), live).body;
        format!("{} {}", body["spec"]["ipFamilyPolicy"].as_str().unwrap(), body["spec"]["ipFamilies"])
    };
    let asked = |services: &[&str], endpoint: &str| asked_of(None, services, endpoint);
    assert_eq!(asked(&[V4], ""), r#"SingleStack ["IPv4"]"#);
    assert_eq!(asked(&[V6], "api.example.com"), r#"SingleStack ["IPv6"]"#);
    assert_eq!(asked(&[V4, V6], ""), "PreferDualStack null");
    assert_eq!(asked(&[V4], "fd00::1"), "PreferDualStack null");
    let both = service(6443, &json!([]));
    assert_eq!(asked_of(Some(&both), &[V6], ""), "PreferDualStack null", "the first family cannot be taken from it");
}

#[test]
fn a_family_that_the_management_cluster_does_not_have_is_told() {
    let told = |services: &[&str], endpoint: &str, families: Value| {
        let preview = json!({"spec": {"ipFamilies": families}});
        unserved_family(&desired_spec(services, endpoint), Exposure::NodePort, &nodes(), &preview)
            .map(|(cause, _)| cause)
    };
    assert_eq!(told(&[V4, V6], "", json!(["IPv4"])), None, "the first range decides");
    assert_eq!(told(&[V6], "", json!(["IPv6"])), None);
    let cause = told(&[V6, V4], "", json!(["IPv4"])).unwrap();
    assert!(cause.starts_with("networking.serviceSubnet is fd00:96::/112, and"), "{cause}");
    let cause = told(&[V4], "fd89::2", json!(["IPv4"])).unwrap();
    assert_eq!(cause, "fd89::2 is a node's address, and the management cluster serves node ports by IPv4 only");
    assert_eq!(told(&[V4], "2001:db8::1", json!(["IPv4"])), None, "a balancer of the user's");
}
