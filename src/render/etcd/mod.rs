//! The default datastore: an etcd with TLS, of one member or three, in the management cluster.
//!
//! `names` says what everything is called, `stateful_set` and `member` are the pods, `secrets` is their key material and the
//! description of the datastore. Issuing certificates is `pki`; users and roles inside etcd are `datastore`.

mod member;
mod names;
mod network_policy;
mod secrets;
mod stateful_set;

use k8s_openapi::api::core::v1::{Service, ServiceAccount, ServicePort, ServiceSpec};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use names::selector;
pub use names::{EtcdNames, LABEL_DATASTORE, member_addresses, server_sans};
pub use secrets::{
    DATASTORE_CA, DATASTORE_CA_KEY, DATASTORE_CERTIFICATE, DATASTORE_DRIVER, DATASTORE_ENDPOINTS, DATASTORE_KEY,
    TlsUse, ca_secret, datastore_secret, tls_secret,
};

use super::{Manifest, Write};
use crate::model::{DatastoreName, Error, Namespace};

/// The port of clients: API servers and kamaji.
pub const CLIENT_PORT: i32 = 2379;
/// The port between members.
pub const PEER_PORT: i32 = 2380;
/// The port of probes and metrics: plain HTTP, no keys or values.
pub const METRICS_PORT: i32 = 2381;

/// What is to be decided about a datastore before its objects are made.
#[derive(Debug, Clone, Copy)]
pub struct EtcdPlan<'a> {
    /// The name of the datastore.
    pub name: &'a DatastoreName,
    /// Where it lives.
    pub namespace: &'a Namespace,
    /// One, or three.
    pub members: u32,
    /// For example `registry.k8s.io/etcd:3.7.3-0`; 3.6 or later.
    pub image: &'a str,
    /// Secrets of the namespace with which the image is pulled.
    pub image_pull_secrets: &'a [String],
    /// Without it, the cluster's default.
    pub storage_class: Option<&'a str>,
    /// The size of each member's volume, for example `8Gi`.
    pub volume_size: &'a str,
}

impl EtcdPlan<'_> {
    /// Refuses what no cluster could run: other numbers of members, a name too long for the labels of its pods.
    pub fn check(&self) -> Result<(), Error> {
        if !matches!(self.members, 1 | 3) {
            let given = self.members.to_string();
            return Err(Error::invalid("number of etcd members", &given, "an etcd has one member or three"));
        }
        if self.name.as_str().len() > names::LONGEST_NAME {
            let rule = format!("the name of an etcd has at most {} characters", names::LONGEST_NAME);
            return Err(Error::invalid("datastore name", self.name.as_str(), rule));
        }
        Ok(())
    }
}

/// The pods of a datastore.
pub(super) fn pods(name: &DatastoreName) -> LabelSelector {
    LabelSelector { match_labels: Some(names::pod_labels(name)), ..Default::default() }
}

/// All objects but the Secrets, in the order in which they are written. The Secrets come before them.
#[must_use]
pub fn objects(plan: &EtcdPlan) -> Vec<Manifest> {
    vec![
        Manifest::of(&service_account(plan), Write::Apply),
        Manifest::of(&service(plan), Write::Apply),
        Manifest::of(&network_policy::network_policy(plan), Write::Apply),
        Manifest::of(&disruption_budget(plan), Write::Apply),
        Manifest::of(&stateful_set::stateful_set(plan), Write::Apply),
    ]
}

fn metadata(plan: &EtcdPlan, name: String) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(plan.namespace.to_string()),
        labels: Some(names::labels(plan)),
        ..Default::default()
    }
}

fn service_account(plan: &EtcdPlan) -> ServiceAccount {
    ServiceAccount {
        metadata: metadata(plan, EtcdNames(plan.name).service_account()),
        automount_service_account_token: Some(false),
        ..Default::default()
    }
}

/// Headless: every member has a name of its own. Members must find each other before they are ready.
fn service(plan: &EtcdPlan) -> Service {
    let port = |name: &str, port: i32| ServicePort {
        name: Some(name.to_owned()),
        port,
        protocol: Some("TCP".to_owned()),
        target_port: Some(IntOrString::String(name.to_owned())),
        ..Default::default()
    };
    Service {
        metadata: metadata(plan, EtcdNames(plan.name).service()),
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".to_owned()),
            publish_not_ready_addresses: Some(true),
            selector: Some(selector(plan)),
            ports: Some(vec![port("client", CLIENT_PORT), port("peer", PEER_PORT)]),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// One member at a time may be away. A member that is not healthy anyway does not block a drain.
fn disruption_budget(plan: &EtcdPlan) -> PodDisruptionBudget {
    PodDisruptionBudget {
        metadata: metadata(plan, EtcdNames(plan.name).disruption_budget()),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(LabelSelector { match_labels: Some(selector(plan)), ..Default::default() }),
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests;
