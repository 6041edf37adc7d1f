//! The objects inside a tenant that kubeadm would leave there, so that `kubeadm join` of a worker works and pods
//! find DNS and Services. Pure: values in, objects out; writing them is the engine's work.
//!
//! Names, subjects and values are those of kubeadm of the tenant's minor (`cmd/kubeadm/app/phases`), but only what
//! the user set and what kubeadm sets is written, never another minor's defaults: a kubelet that does not know a
//! field refuses to start.

mod addons;
mod bindings;
mod cluster_info;
mod defaults;
mod endpoints;
mod join;
mod kubeadm_config;
mod kubelet_config;
mod meta;
mod text;
mod tokens;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use crate::model::{ControlPlaneSpec, CoreDns, Endpoint, RELEASES, Release, release_of};
use crate::render::{Manifest, ObjectRef, PatchError};

pub use join::{Joining, join_command};
pub use kubelet_config::check_kubelet_patches;
pub use tokens::{TokenFacts, read_token, token_secret};

/// What is known about the tenant once its address is: input beside the spec.
#[derive(Debug, Clone, Copy)]
pub struct TenantFacts<'a> {
    /// Host and port as workers reach the API server.
    pub endpoint: &'a Endpoint,
    /// The addresses behind the Service `default/kubernetes`; they answer on the endpoint's port.
    pub advertise: &'a [IpAddr],
    /// The port the API server itself listens on, in the management cluster.
    pub secure_port: u16,
    /// The certificate authorities that workers are to trust.
    pub ca_pem: &'a str,
}

/// All objects, in the order they are to be written: what joining needs first, then the addons.
#[must_use]
pub fn objects(spec: &ControlPlaneSpec, facts: &TenantFacts<'_>) -> Vec<Manifest> {
    let mut objects = joinable_objects(spec, facts);
    objects.extend(addons(spec, facts));
    objects
}

/// What `kubeadm join` of a worker needs. `cluster-info` is last: discovery succeeds only when the rest is there.
#[must_use]
pub fn joinable_objects(spec: &ControlPlaneSpec, facts: &TenantFacts<'_>) -> Vec<Manifest> {
    let release = release(spec);
    let mut objects = bindings::objects();
    objects.extend(endpoints::objects(spec, facts));
    objects.extend(kubeadm_config::objects(spec, facts, release));
    objects.extend(kubelet_config::objects(spec));
    objects.extend(cluster_info::objects(facts));
    objects
}

/// Whether the user's patches of objects inside the tenant can be applied.
pub fn check_patches(spec: &ControlPlaneSpec) -> Result<(), PatchError> {
    let release = release(spec);
    addons::check_patches(spec, release)?;
    kubelet_config::patched(spec).map(|_| ())
}

/// The `ClusterConfiguration` that kubeadm of the tenant's minor would keep in `kubeadm-config`.
#[must_use]
pub fn cluster_configuration(spec: &ControlPlaneSpec, endpoint: &Endpoint) -> serde_json::Value {
    kubeadm_config::cluster_configuration(spec, endpoint, release(spec))
}

/// `CoreDNS` and kube-proxy, as far as the spec wants them.
#[must_use]
pub fn addons(spec: &ControlPlaneSpec, facts: &TenantFacts<'_>) -> Vec<Manifest> {
    let release = release(spec);
    let mut objects = Vec::new();
    if let Some(dns) = &spec.addons.coredns {
        objects.extend(addons::coredns(spec, dns, release));
    }
    if spec.addons.kube_proxy {
        objects.extend(addons::kube_proxy(spec, facts, release));
    }
    addons::made_anew_with_authorities(&mut objects, facts.ca_pem);
    objects
}

/// The objects of the addons that are switched off: what kamaji made of them is to go.
#[must_use]
pub fn unwanted_addons(spec: &ControlPlaneSpec, facts: &TenantFacts<'_>) -> Vec<ObjectRef> {
    let (dns, proxy) = (spec.addons.coredns.is_none(), !spec.addons.kube_proxy);
    let (release, mut objects) = (release(spec), Vec::new());
    if dns {
        objects.extend(addons::coredns(spec, &CoreDns::default(), release));
    }
    if proxy {
        objects.extend(addons::kube_proxy(spec, facts, release));
    }
    objects.into_iter().map(|manifest| manifest.object).collect()
}

/// The tenant's row of the table. A minor that is not in it was refused when the spec was validated; the newest row is
/// the nearest to a later one.
fn release(spec: &ControlPlaneSpec) -> &'static Release {
    const NEWEST: &Release = &RELEASES[RELEASES.len() - 1];
    release_of(spec.version).unwrap_or(NEWEST)
}
