//! The addons of kubeadm: `CoreDNS` and kube-proxy.

mod coredns;
mod kube_proxy;

use serde_json::Value;

use crate::model::{ControlPlaneSpec, PatchTarget, Release};
use crate::render::{Manifest, PatchError, Write, patch_object};

pub(super) use coredns::coredns;
pub(super) use kube_proxy::kube_proxy;

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
