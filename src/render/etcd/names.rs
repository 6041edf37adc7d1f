//! What the objects, members and certificates of an etcd datastore are called. Nothing here makes an object.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{CLIENT_PORT, EtcdPlan, PEER_PORT};
use crate::model::{DatastoreName, LABEL_MANAGED_BY, LABEL_PROJECT, MANAGER, San};

/// Names the datastore an object belongs to.
pub const LABEL_DATASTORE: &str = "kamaji.clastix.io/datastore";
const LABEL_APP: &str = "app.kubernetes.io/name";

/// A pod's label `controller-revision-hash` is the `StatefulSet`'s name, a dash and up to 10 characters, 63 in all.
pub(super) const LONGEST_NAME: usize = 63 - "-0123456789".len() - "etcd-".len();

/// The names of the objects of an etcd datastore.
#[derive(Debug, Clone, Copy)]
pub struct EtcdNames<'a>(pub &'a DatastoreName);

macro_rules! derived {
    ($($(#[$doc:meta])* $method:ident => $prefix:literal, $suffix:literal;)*) => {
        impl EtcdNames<'_> {
            $($(#[$doc])*
            #[must_use]
            pub fn $method(&self) -> String {
                format!("{}{}{}", $prefix, self.0, $suffix)
            })*
        }
    };
}

derived! {
    /// The `StatefulSet` of the members.
    stateful_set => "etcd-", "";
    /// The headless Service, for clients and members.
    service => "etcd-", "";
    /// The `PodDisruptionBudget` of the members.
    disruption_budget => "etcd-", "";
    /// The `NetworkPolicy` of the members.
    network_policy => "etcd-", "";
    /// The `ServiceAccount` of the pods; it has no rights and its token is not mounted.
    service_account => "etcd-", "";
    /// The common name of the members' certificate. Only it is let in between members: the certificate of a control
    /// plane comes from the same authority and must not pass for a member.
    member_common_name => "etcd-", "";
    /// The Secret with the certificate authority and its key.
    ca => "etcd-", "-ca";
    /// The Secret with the certificate of the members, for clients and among each other.
    member_certificate => "etcd-", "-member-certificate";
    /// The Secret with the client certificate of `root`.
    root_certificate => "etcd-", "-root-client-certificate";
    /// The Secret that describes the datastore.
    datastore => "datastore-", "";
}

impl EtcdNames<'_> {
    /// The pod of a member, from 0.
    #[must_use]
    pub fn pod(&self, member: u32) -> String {
        format!("{}-{member}", self.stateful_set())
    }
}

/// The host name of a member in the management cluster.
fn member_host(plan: &EtcdPlan, pod: &str) -> String {
    format!("{pod}.{}.{}.svc", EtcdNames(plan.name).service(), plan.namespace)
}

/// Where clients reach the members, for example `etcd-default-0.etcd-default.kamaji-system.svc:2379`.
#[must_use]
pub fn member_addresses(plan: &EtcdPlan) -> Vec<String> {
    let names = EtcdNames(plan.name);
    (0..plan.members).map(|n| format!("{}:{CLIENT_PORT}", member_host(plan, &names.pod(n)))).collect()
}

/// The URL under which a member is known to clients or members; `pod` may be a `$(VARIABLE)`.
pub(super) fn member_url(plan: &EtcdPlan, pod: &str, port: i32) -> String {
    format!("https://{}:{port}", member_host(plan, pod))
}

/// etcd's `--initial-cluster`.
pub(super) fn initial_cluster(plan: &EtcdPlan) -> String {
    let names = EtcdNames(plan.name);
    let member = |n| format!("{0}={1}", names.pod(n), member_url(plan, &names.pod(n), PEER_PORT));
    (0..plan.members).map(member).collect::<Vec<_>>().join(",")
}

/// The names in the members' certificate: of each member, of the Service, and of the near end of a tunnel.
#[must_use]
pub fn server_sans(plan: &EtcdPlan) -> Vec<San> {
    let names = EtcdNames(plan.name);
    let (service, namespace) = (names.service(), plan.namespace);
    let mut sans = Vec::new();
    for member in 0..plan.members {
        let pod = names.pod(member);
        sans.push(San::Dns(format!("{pod}.{service}")));
        sans.push(San::Dns(format!("{pod}.{service}.{namespace}")));
        sans.push(San::Dns(member_host(plan, &pod)));
        sans.push(San::Dns(pod));
    }
    sans.push(San::Dns(format!("{service}.{namespace}")));
    sans.push(San::Dns(format!("{service}.{namespace}.svc")));
    sans.push(San::Dns(service));
    sans.push(San::Dns("localhost".to_owned()));
    sans.push(San::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    sans.push(San::Ip(IpAddr::V6(Ipv6Addr::LOCALHOST)));
    sans
}

/// The labels that pods are selected by. They never change: a selector is immutable.
pub(super) fn selector(plan: &EtcdPlan) -> BTreeMap<String, String> {
    pod_labels(plan.name)
}

pub(super) fn pod_labels(name: &DatastoreName) -> BTreeMap<String, String> {
    BTreeMap::from([(LABEL_APP.to_owned(), "etcd".to_owned()), (LABEL_DATASTORE.to_owned(), name.to_string())])
}

/// The labels of every object.
pub(super) fn labels(plan: &EtcdPlan) -> BTreeMap<String, String> {
    let mut labels = selector(plan);
    labels.insert(LABEL_PROJECT.to_owned(), "kamaji".to_owned());
    labels.insert(LABEL_MANAGED_BY.to_owned(), MANAGER.to_owned());
    labels
}
