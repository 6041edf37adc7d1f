//! The addons of kubeadm: `CoreDNS` and kube-proxy.

mod coredns;
mod kube_proxy;

use serde_json::Value;

use crate::model::{ControlPlaneSpec, ObjectNames, PatchTarget, Release};
use crate::render::{Manifest, PatchError, Write, patch_object};

pub(super) use coredns::coredns;
pub(super) use kube_proxy::kube_proxy;

/// The annotation that stands for the authorities that a pod trusts.
const AUTHORITIES: &str = "kamaji.clastix.io/authorities";

/// Where kubeadm takes images from unless told otherwise.
const DEFAULT_REPOSITORY: &str = "registry.k8s.io";

/// Whether the user's patches of the addons can be applied.
pub(super) fn check_patches(spec: &ControlPlaneSpec, release: &Release) -> Result<(), PatchError> {
    if let Some(dns) = &spec.addons.coredns {
        let deployment = coredns::workload(spec, dns, release);
        patch_object(spec, PatchTarget::CorednsDeployment, whole(&deployment))?;
    }
    if spec.addons.kube_proxy {
        patch_object(spec, PatchTarget::KubeProxyDaemonset, whole(&kube_proxy::daemon_set(spec)))?;
    }
    Ok(())
}

/// While two authorities are trusted, the pods say which: clients read the file with authorities when they start, so those
/// pods are made anew when the second one comes and when one of the two goes.
pub(super) fn made_anew_with_authorities(objects: &mut [Manifest], ca_pem: &str) {
    if ca_pem.matches("-----BEGIN CERTIFICATE-----").count() < 2 {
        return;
    }
    for manifest in objects.iter_mut().filter(|one| matches!(one.object.kind.as_str(), "Deployment" | "DaemonSet")) {
        manifest.body["spec"]["template"]["metadata"]["annotations"][AUTHORITIES] = ObjectNames::short(ca_pem).into();
    }
}

/// The workload with the user's patches.
fn patched(spec: &ControlPlaneSpec, target: PatchTarget, mut workload: Manifest) -> Manifest {
    // A patch that cannot be applied was refused by `check_patches`; from the same spec the same comes.
    if let Ok(body) = patch_object(spec, target, workload.body.clone()) {
        workload.body = body;
    }
    workload
}

fn whole<K>(object: &K) -> Value
where
    K: k8s_openapi::Resource
        + k8s_openapi::Metadata<Ty = k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta>
        + serde::Serialize,
{
    Manifest::of(object, Write::Apply).body
}
