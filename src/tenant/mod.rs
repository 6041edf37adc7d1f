//! Renders the objects inside a tenant that kubeadm would create, so that workers can join with `kubeadm join` and pods
//! can use DNS and Services. Pure; `engine` writes the objects.
//!
//! Names, subjects and values match kubeadm of the tenant's minor (`cmd/kubeadm/app/phases`). Only fields that the user
//! or kubeadm sets are written, never defaults of another minor: a kubelet refuses to start with an unknown field.

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

pub use join::{JoinParameters, join_command};
pub use kubelet_config::check_kubelet_patches;
pub use tokens::{TokenFacts, read_token, token_secret};

/// Facts about the tenant, known once its address is. Input in addition to the spec.
#[derive(Debug, Clone, Copy)]
pub struct TenantFacts<'a> {
    /// The endpoint at which workers reach the API server.
    pub endpoint: &'a Endpoint,
    /// The addresses behind the Service `default/kubernetes`; they serve on the endpoint's port.
    pub advertise: &'a [IpAddr],
    /// The port that the API server listens on in the management cluster.
    pub secure_port: u16,
    /// The CAs that workers trust.
    pub ca_pem: &'a str,
}

/// All objects in the order to apply them: first those required for joining, then the addons.
#[must_use]
pub fn objects(spec: &ControlPlaneSpec, facts: &TenantFacts<'_>) -> Vec<Manifest> {
    let mut objects = joinable_objects(spec, facts);
    objects.extend(addons(spec, facts));
    objects
}

/// The objects that `kubeadm join` needs. `cluster-info` is last, so that discovery succeeds only once the rest exists.
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

/// Checks that the user's patches of objects inside the tenant can be applied.
pub fn check_patches(spec: &ControlPlaneSpec) -> Result<(), PatchError> {
    let release = release(spec);
    addons::check_patches(spec, release)?;
    kubelet_config::patched(spec).map(|_| ())
}

/// The `ClusterConfiguration` that kubeadm of the tenant's minor would store in `kubeadm-config`.
#[must_use]
pub fn cluster_configuration(spec: &ControlPlaneSpec, endpoint: &Endpoint) -> serde_json::Value {
    kubeadm_config::cluster_configuration(spec, endpoint, release(spec))
}

/// The objects of the enabled addons.
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
    addons::restart_pods_on_ca_change(&mut objects, facts.ca_pem);
    objects
}

/// The objects of the disabled addons, to delete if kamaji created them.
#[must_use]
pub fn disabled_addons(spec: &ControlPlaneSpec, facts: &TenantFacts<'_>) -> Vec<ObjectRef> {
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

/// The release of the tenant's minor. Validation refuses unsupported minors; the newest release is the
/// closest match for a later one.
fn release(spec: &ControlPlaneSpec) -> &'static Release {
    const NEWEST: &Release = &RELEASES[RELEASES.len() - 1];
    release_of(spec.version).unwrap_or(NEWEST)
}
