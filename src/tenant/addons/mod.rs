//! Renders kubeadm's addons, `CoreDNS` and kube-proxy, and applies the user's patches to them.

mod coredns;
mod kube_proxy;

use serde_json::Value;

use crate::model::{ControlPlaneSpec, ObjectNames, PatchTarget, Release};
use crate::render::{Manifest, PatchError, Write, patch_object};

pub(super) use coredns::coredns;
pub(super) use kube_proxy::kube_proxy;

/// The pod annotation that identifies the CAs that the pod trusts.
const AUTHORITIES: &str = "kamaji.clastix.io/authorities";

/// kubeadm's default image repository.
const DEFAULT_REPOSITORY: &str = "registry.k8s.io";

/// Checks that the user's patches of the addons can be applied.
pub(super) fn check_patches(spec: &ControlPlaneSpec, release: &Release) -> Result<(), PatchError> {
    if let Some(dns) = &spec.addons.coredns {
        let deployment = coredns::workload(spec, dns, release);
        patch_object(spec, PatchTarget::CorednsDeployment, to_json(&deployment))?;
    }
    if spec.addons.kube_proxy {
        patch_object(spec, PatchTarget::KubeProxyDaemonset, to_json(&kube_proxy::daemon_set(spec)))?;
    }
    Ok(())
}

/// While two CAs are trusted, annotates the pods with them. Clients read the CA file only at startup, so the changed
/// annotation restarts the pods when the second CA is added and when one of them is removed.
pub(super) fn restart_pods_on_ca_change(objects: &mut [Manifest], ca_pem: &str) {
    if ca_pem.matches("-----BEGIN CERTIFICATE-----").count() < 2 {
        return;
    }
    for manifest in objects.iter_mut().filter(|one| matches!(one.object.kind.as_str(), "Deployment" | "DaemonSet")) {
        manifest.body["spec"]["template"]["metadata"]["annotations"][AUTHORITIES] =
            ObjectNames::short_hash(ca_pem).into();
    }
}

/// The workload with the user's patches.
fn patched(spec: &ControlPlaneSpec, target: PatchTarget, mut workload: Manifest) -> Manifest {
    // `check_patches` has refused patches that cannot be applied, with the same spec.
    if let Ok(body) = patch_object(spec, target, workload.body.clone()) {
        workload.body = body;
    }
    workload
}

fn to_json<K>(object: &K) -> Value
where
    K: k8s_openapi::Resource
        + k8s_openapi::Metadata<Ty = k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta>
        + serde::Serialize,
{
    Manifest::of(object, Write::Apply).body
}
