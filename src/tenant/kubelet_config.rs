//! Renders `kube-system/kubelet-config`: the `KubeletConfiguration` of joining nodes.
//!
//! Contains the user's fields and kubeadm's defaults (`componentconfigs/kubelet.go`), which every supported kubelet
//! accepts. Other fields are left to the kubelet's own defaults, so that older kubelets never see an unknown field.

use serde_json::{Map, Value, json};

use crate::model::{ControlPlaneSpec, Error, PatchTarget};
use crate::render::{Manifest, PatchError, Write, patch_object};

use super::defaults::fill;
use super::meta::{JOINING_NODES, KUBE_SYSTEM, NODES, config_map, config_map_readers, group, named};
use super::text::yaml;

/// The `ConfigMap`, and the RBAC to read it.
pub(super) fn objects(spec: &ControlPlaneSpec) -> Vec<Manifest> {
    const NAME: &str = "kubelet-config";
    let unpatched = || Value::Object(kubelet_configuration(spec));
    // Patches were validated with the spec. If they no longer apply, use the unpatched configuration.
    let text = yaml(&patched(spec).unwrap_or_else(|_| unpatched()));
    let config = config_map(named(KUBE_SYSTEM, NAME), [("kubelet", text)]);
    let nodes = vec![group(NODES), group(JOINING_NODES)];
    let [role, binding] = config_map_readers(KUBE_SYSTEM, "kubeadm:kubelet-config", NAME, nodes);
    vec![role, binding, Manifest::of(&config, Write::ApplyUnlessEdited)]
}

/// Checks that the patches of a `TenantControlPlane` can be applied.
pub fn check_kubelet_patches(spec: &ControlPlaneSpec) -> Result<(), Error> {
    with_operations(spec).map(drop)
}

/// The configuration with the JSON patch operations of a `TenantControlPlane`.
fn with_operations(spec: &ControlPlaneSpec) -> Result<Value, Error> {
    const WHAT: &str = "patch of the KubeletConfiguration";
    let mut config = Value::Object(kubelet_configuration(spec));
    for operation in &spec.kubelet_patches {
        let refuse = |why: String| Error::invalid(WHAT, &operation.to_string(), why);
        let patch: json_patch::PatchOperation =
            serde_json::from_value(operation.clone()).map_err(|error| refuse(error.to_string()))?;
        json_patch::patch(&mut config, &[patch]).map_err(|error| refuse(error.to_string()))?;
    }
    if config.is_object() { Ok(config) } else { Err(Error::invalid(WHAT, "", "the result is not a map")) }
}

/// The configuration with all patches. kubeadm patches the file of the first node only; a hosted control plane has
/// none, so the configuration of all nodes is patched.
pub(super) fn patched(spec: &ControlPlaneSpec) -> Result<Value, PatchError> {
    let config = with_operations(spec).unwrap_or_else(|_| Value::Object(kubelet_configuration(spec)));
    patch_object(spec, PatchTarget::KubeletConfiguration, config)
}

fn kubelet_configuration(spec: &ControlPlaneSpec) -> Map<String, Value> {
    let mut config = spec.kubelet.clone();
    config.insert("apiVersion".to_owned(), json!("kubelet.config.k8s.io/v1beta1"));
    config.insert("kind".to_owned(), json!("KubeletConfiguration"));
    fill(&mut config, &["staticPodPath"], json!("/etc/kubernetes/manifests"));
    fill(&mut config, &["clusterDNS"], json!([spec.networking.dns_service_ip()]));
    fill(&mut config, &["clusterDomain"], json!(spec.networking.dns_domain));
    fill(&mut config, &["authentication", "x509", "clientCAFile"], json!("/etc/kubernetes/pki/ca.crt"));
    fill(&mut config, &["authentication", "anonymous", "enabled"], json!(false));
    fill(&mut config, &["authentication", "webhook", "enabled"], json!(true));
    fill(&mut config, &["authorization", "mode"], json!("Webhook"));
    fill(&mut config, &["healthzBindAddress"], json!("127.0.0.1"));
    fill(&mut config, &["healthzPort"], json!(10248));
    fill(&mut config, &["cgroupDriver"], json!("systemd"));
    // Mandatory, as in kubeadm: without rotation, nodes lose access when their certificates expire after a year.
    config.insert("rotateCertificates".to_owned(), json!(true));
    config
}
