//! Who reaches the members of an etcd datastore: control planes of any namespace, and the members each other. kamaji does
//! so through a port-forward, which ends inside the pod; probes come from the node, which is always let in.

use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicySpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{CLIENT_PORT, EtcdNames, EtcdPlan, PEER_PORT, metadata, pods};
use crate::model::{LABEL_COMPONENT, LABEL_PROJECT};
use crate::render::network_policy::{dns, peer, rule, selecting, tcp};

pub(super) fn network_policy(plan: &EtcdPlan) -> NetworkPolicy {
    let control_planes = NetworkPolicyPeer {
        namespace_selector: Some(LabelSelector::default()),
        pod_selector: Some(selecting([(LABEL_PROJECT, "kamaji"), (LABEL_COMPONENT, "deployment")])),
        ip_block: None,
    };
    let members = || peer(pods(plan.name));
    let peers = tcp(IntOrString::Int(PEER_PORT));
    let from = |peer, port| NetworkPolicyIngressRule { from: Some(vec![peer]), ports: Some(vec![port]) };
    NetworkPolicy {
        metadata: metadata(plan, EtcdNames(plan.name).network_policy()),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(pods(plan.name)),
            policy_types: Some(vec!["Ingress".into(), "Egress".into()]),
            ingress: Some(vec![
                from(control_planes, tcp(IntOrString::Int(CLIENT_PORT))),
                from(members(), peers.clone()),
            ]),
            // Members know each other by names.
            egress: Some(vec![dns(), rule(vec![members()], vec![peers])]),
        }),
    }
}
