//! Objects in the management cluster, from a validated spec. Pure: values in, objects out.

mod api_server;
mod controllers;
mod deployment;
pub mod etcd;
mod files;
mod flags;
mod keys;
mod manifest;
mod network_policy;
mod patch;
mod pod;
pub mod policy;
pub mod rbac;
mod secrets;
mod service;
mod settings;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::model::{ControlPlaneSpec, Endpoint, Family, San};

pub use deployment::{CHECKSUM, deployment, disruption_budget, service_account};
pub use files::{FILE_COMPONENT, check_volumes, file, file_ref, needed_by_volumes};
pub use keys::KeySecrets;
pub use manifest::{Manifest, ObjectRef, Write};
pub use network_policy::network_policy;
pub use patch::{PatchError, check_pod_patches, patch_object, patch_pods};
pub use secrets::{config_map, secret};
pub use service::service;

/// Arguments of the user that are to be joined with one of kamaji's, which there is not, and their components.
#[must_use]
pub fn arguments_without_base(spec: &ControlPlaneSpec) -> Vec<(&'static str, String)> {
    let components = [
        ("kube-apiserver", api_server::names(spec), &spec.api_server),
        (
            "kube-controller-manager",
            controllers::controller_manager_flags(spec, controllers::CA),
            &spec.controller_manager,
        ),
        ("kube-scheduler", controllers::scheduler_flags(), &spec.scheduler),
    ];
    let lost = components.into_iter().flat_map(|(name, flags, component)| {
        let names = flags.without_base(&component.extra_args);
        names.into_iter().map(|argument| (name, argument.to_owned())).collect::<Vec<_>>()
    });
    lost.collect()
}

/// Where the API server of a control plane is reached, once that is decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// What workers and users connect to.
    pub endpoint: Endpoint,
    /// The addresses behind `default/kubernetes` inside the tenant. They are of the family of that Service, and answer on
    /// the endpoint's port.
    pub advertise: Vec<IpAddr>,
    /// The port the API server listens on, which is the Service's port too.
    pub secure_port: u16,
    /// Addresses of its own that it answers on (load balancer, cluster IP, nodes): names in its certificate.
    pub also: Vec<IpAddr>,
}

impl Address {
    /// `--advertise-address`. Not what a name resolves to today: pods would be replaced whenever that changes.
    #[must_use]
    pub fn announced(&self) -> Option<IpAddr> {
        let first = *self.advertise.first()?;
        let own = |ip: &IpAddr| self.endpoint.host.ip() == Some(*ip) || self.also.contains(ip);
        let stable = || self.also.iter().find(|ip| Family::of(**ip) == Family::of(first)).copied();
        if own(&first) { Some(first) } else { stable().or(Some(first)) }
    }

    /// What its certificate must name. Clients of `default/kubernetes` look for that Service's address, so what a name
    /// resolves to need not be there.
    #[must_use]
    pub fn sans(&self) -> Vec<San> {
        let own = self.also.iter().map(|ip| San::Ip(*ip));
        std::iter::once(San::from(self.endpoint.host.clone())).chain(own).collect()
    }
}

/// How the API server reaches its datastore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatastoreAccess {
    /// `host:port` of each member.
    pub endpoints: Vec<String>,
}
