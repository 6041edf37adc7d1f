//! Renders the default datastore: an etcd cluster with one or three members and TLS, in the management cluster.
//!
//! `names` defines object names and certificate names, `stateful_set` and `member` render the pods, and `secrets`
//! renders key material and the datastore's Secret. `pki` issues the certificates; `datastore` manages etcd users and
//! roles.

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

/// The port for clients: API servers and kamaji.
pub const CLIENT_PORT: i32 = 2379;
/// The port for peers.
pub const PEER_PORT: i32 = 2380;
/// The port for probes and metrics. Plain HTTP; exposes no keys or values.
pub const METRICS_PORT: i32 = 2381;

/// The parameters of an etcd datastore.
#[derive(Debug, Clone, Copy)]
pub struct EtcdPlan<'a> {
    /// The name of the datastore.
    pub name: &'a DatastoreName,
    /// The namespace.
    pub namespace: &'a Namespace,
    /// The number of members: one or three.
    pub members: u32,
    /// The image, for example `registry.k8s.io/etcd:3.7.3-0`; 3.6 or later.
    pub image: &'a str,
    /// Image pull secrets in the namespace.
    pub image_pull_secrets: &'a [String],
    /// The storage class; defaults to the cluster's.
    pub storage_class: Option<&'a str>,
    /// The size of each member's volume, for example `8Gi`.
    pub volume_size: &'a str,
}

impl EtcdPlan<'_> {
    /// Refuses an unsupported number of members, and a name too long for pod labels.
    pub fn check(&self) -> Result<(), Error> {
        if !matches!(self.members, 1 | 3) {
            let members = self.members.to_string();
            return Err(Error::invalid("number of etcd members", &members, "use 1 or 3"));
        }
        if self.name.as_str().len() > names::MAX_NAME_LENGTH {
            let rule = format!("use at most {} characters", names::MAX_NAME_LENGTH);
            return Err(Error::invalid("datastore name", self.name.as_str(), rule));
        }
        Ok(())
    }
}

/// Selects the pods of a datastore.
pub(super) fn pods(name: &DatastoreName) -> LabelSelector {
    LabelSelector { match_labels: Some(names::pod_labels(name)), ..Default::default() }
}

/// All objects except the Secrets, in the order to apply them. Apply the Secrets first.
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

/// A headless Service that gives each member a DNS name. Members must resolve each other before they are ready.
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

/// Allows disrupting one member at a time. An unhealthy member does not block a drain.
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
