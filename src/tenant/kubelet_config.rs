//! `kube-system/kubelet-config`: the `KubeletConfiguration` that joining nodes start with.
//!
//! The user's fields, completed with what kubeadm sets (`componentconfigs/kubelet.go`), which every supported kubelet
//! knows. Defaults of any other field are left to the kubelet, so an older one never meets a newer field of ours.

use serde_json::{Map, Value, json};

use crate::model::{ControlPlaneSpec, Error, PatchTarget};
use crate::render::{Manifest, PatchError, Write, patch_object};

use super::defaults::fill;
use super::meta::{JOINING_NODES, KUBE_SYSTEM, NODES, config_map, config_map_readers, group, named};
use super::text::yaml;

/// The `ConfigMap` and who may read it.
pub(super) fn objects(spec: &ControlPlaneSpec) -> Vec<Manifest> {
    const NAME: &str = "kubelet-config";
    let unpatched = || Value::Object(kubelet_configuration(spec));
    // Patches were tried before they got into a wish; what does not fit any more leaves the settings as they are.
    let text = yaml(&patched(spec).unwrap_or_else(|_| unpatched()));
    let config = config_map(named(KUBE_SYSTEM, NAME), [("kubelet", text)]);
    let nodes = vec![group(NODES), group(JOINING_NODES)];
    let [role, binding] = config_map_readers(KUBE_SYSTEM, "kubeadm:kubelet-config", NAME, nodes);
    vec![role, binding, Manifest::of(&config, Write::ApplyUnlessTaken)]
}

/// Refuses patches of a `TenantControlPlane` that do not fit.
pub fn check_kubelet_patches(spec: &ControlPlaneSpec) -> Result<(), Error> {
    operated(spec).map(drop)
}

/// The configuration with the operations of a `TenantControlPlane`.
fn operated(spec: &ControlPlaneSpec) -> Result<Value, Error> {
    const WHAT: &str = "patch of the KubeletConfiguration";
    let mut config = Value::Object(kubelet_configuration(spec));
    for operation in &spec.kubelet_patches {
        let refuse = |why: String| Error::invalid(WHAT, &operation.to_string(), why);
        let patch: json_patch::PatchOperation =
            serde_json::from_value(operation.clone()).map_err(|error| refuse(error.to_string()))?;
        json_patch::patch(&mut config, &[patch]).map_err(|error| refuse(error.to_string()))?;
    }
    if config.is_object() { Ok(config) } else { Err(Error::invalid(WHAT, "", "the result is no map of settings")) }
}

/// The configuration with all patches. kubeadm patches the file of the node that it starts; here there is none, and the
/// configuration of all nodes is patched.
pub(super) fn patched(spec: &ControlPlaneSpec) -> Result<Value, PatchError> {
    let config = operated(spec).unwrap_or_else(|_| Value::Object(kubelet_configuration(spec)));
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
    // kubeadm leaves the user no choice here either: without rotation a node is lost after a year.
    config.insert("rotateCertificates".to_owned(), json!(true));
    config
}
