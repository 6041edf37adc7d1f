//! Renders a control plane's objects in the management cluster from a validated spec. Pure: no I/O, no clock.

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

/// The user arguments, with their components, to append or prepend to an argument that kamaji does not set.
#[must_use]
pub fn arguments_without_default(spec: &ControlPlaneSpec) -> Vec<(&'static str, String)> {
    let components = [
        ("kube-apiserver", api_server::names(spec), &spec.api_server),
        (
            "kube-controller-manager",
            controllers::controller_manager_flags(spec, controllers::CA),
            &spec.controller_manager,
        ),
        ("kube-scheduler", controllers::scheduler_flags(), &spec.scheduler),
    ];
    let ignored = components.into_iter().flat_map(|(name, flags, component)| {
        let names = flags.without_default(&component.extra_args);
        names.into_iter().map(|argument| (name, argument.to_owned())).collect::<Vec<_>>()
    });
    ignored.collect()
}

/// The address of a control plane's API server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The endpoint that workers and users connect to.
    pub endpoint: Endpoint,
    /// The addresses behind `default/kubernetes` in the tenant, of that Service's IP family. They serve on the
    /// endpoint's port.
    pub advertise: Vec<IpAddr>,
    /// The port of the API server and its Service.
    pub secure_port: u16,
    /// Additional IP addresses of the API server (load balancer, cluster IP, nodes), included in its certificate.
    pub extra_ips: Vec<IpAddr>,
}

impl Address {
    /// `--advertise-address`. Not an address that a DNS name resolves to: each change would trigger a rollout.
    #[must_use]
    pub fn advertise_address(&self) -> Option<IpAddr> {
        let first = *self.advertise.first()?;
        let own = |ip: &IpAddr| self.endpoint.host.ip() == Some(*ip) || self.extra_ips.contains(ip);
        let stable = || self.extra_ips.iter().find(|ip| Family::of(**ip) == Family::of(first)).copied();
        if own(&first) { Some(first) } else { stable().or(Some(first)) }
    }

    /// The subject alternative names of the certificate. Addresses that a DNS name resolves to are not needed, because
    /// clients of `default/kubernetes` verify that Service's address.
    #[must_use]
    pub fn sans(&self) -> Vec<San> {
        let own = self.extra_ips.iter().map(|ip| San::Ip(*ip));
        std::iter::once(San::from(self.endpoint.host.clone())).chain(own).collect()
    }
}

/// The addresses of the datastore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatastoreAccess {
    /// `host:port` of each member.
    pub endpoints: Vec<String>,
}
