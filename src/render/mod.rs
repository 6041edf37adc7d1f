//! Objects in the management cluster, from a validated spec. Pure: values in, objects out.

mod api_server;
mod controllers;
mod deployment;
pub mod etcd;
mod flags;
mod manifest;
mod pod;
pub mod policy;
mod secrets;
mod service;
mod settings;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::model::Endpoint;

pub use deployment::{CHECKSUM, deployment, disruption_budget, service_account};
pub use manifest::{Manifest, ObjectRef, Write};
pub use secrets::{config_map, secret};
pub use service::service;

/// Where the API server of a control plane is reached, once that is decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// What workers and users connect to.
    pub endpoint: Endpoint,
    /// The addresses behind it, for `default/kubernetes` inside the tenant; the first is `--advertise-address`.
    pub advertise: Vec<IpAddr>,
    /// The port the API server listens on, which is the Service's port too.
    pub secure_port: u16,
    /// Further addresses it answers on (cluster IP, nodes): names in its certificate.
    pub also: Vec<IpAddr>,
}

/// How the API server reaches its datastore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatastoreAccess {
    /// `host:port` of each member.
    pub endpoints: Vec<String>,
}
