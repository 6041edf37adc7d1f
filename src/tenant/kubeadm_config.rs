//! `kube-system/kubeadm-config`: the `ClusterConfiguration` that kubeadm on a worker reads at `join` and `upgrade node`.
//!
//! It is written in the API of the tenant's minor: 1.30 does not know v1beta4, and 1.37 refuses v1beta3. Empty fields
//! are left out; kubeadm fills in its defaults when it reads.

use std::fmt::Display;

use serde_json::{Map, Value, json};

use crate::model::{Component, ControlPlaneSpec, Endpoint, KUBEADM_V1BETA3, KeyAlgorithm, Release};
use crate::render::{Manifest, Write};

use super::TenantFacts;
use super::meta::{JOINING_NODES, KUBE_SYSTEM, NODES, config_map, config_map_readers, group, named};
use super::text::{go_duration, yaml};

/// The `ConfigMap` and who may read it.
pub(super) fn objects(spec: &ControlPlaneSpec, facts: &TenantFacts<'_>, release: &Release) -> Vec<Manifest> {
    const NAME: &str = "kubeadm-config";
    let text = yaml(&cluster_configuration(spec, facts.endpoint, release));
    let config = config_map(named(KUBE_SYSTEM, NAME), [("ClusterConfiguration", text)]);
    let nodes = vec![group(JOINING_NODES), group(NODES)];
    let [role, binding] = config_map_readers(KUBE_SYSTEM, "kubeadm:nodes-kubeadm-config", NAME, nodes);
    vec![role, binding, Manifest::of(&config, Write::Apply)]
}

pub(super) fn cluster_configuration(spec: &ControlPlaneSpec, endpoint: &Endpoint, release: &Release) -> Value {
    let v1beta3 = release.kubeadm_api == KUBEADM_V1BETA3;
    let mut api_server = component(&spec.api_server, v1beta3);
    put(&mut api_server, "certSANs", json!(spec.cert_sans));
    let mut config = Map::new();
    put(&mut config, "apiVersion", json!(release.kubeadm_api));
    put(&mut config, "kind", json!("ClusterConfiguration"));
    put(&mut config, "kubernetesVersion", json!(spec.version));
    put(&mut config, "clusterName", json!(spec.cluster_name));
    put(&mut config, "controlPlaneEndpoint", json!(endpoint.to_string()));
    put(&mut config, "imageRepository", json!(spec.image_repository));
    put(&mut config, "certificatesDir", json!("/etc/kubernetes/pki"));
    put(&mut config, "networking", networking(spec));
    put(&mut config, "etcd", etcd());
    put(&mut config, "apiServer", Value::Object(api_server));
    put(&mut config, "controllerManager", Value::Object(component(&spec.controller_manager, v1beta3)));
    put(&mut config, "scheduler", Value::Object(component(&spec.scheduler, v1beta3)));
    put(&mut config, "dns", dns(spec, v1beta3));
    if v1beta3 {
        put(&mut config, "featureGates", v1beta3_gates(spec.certificates.algorithm));
    } else {
        put(&mut config, "proxy", if spec.addons.kube_proxy { json!({}) } else { json!({ "disabled": true }) });
        put(&mut config, "encryptionAlgorithm", encryption_algorithm(spec.certificates.algorithm, release));
        put(&mut config, "certificateValidityPeriod", json!(go_duration(spec.certificates.leaf_validity)));
        put(&mut config, "caCertificateValidityPeriod", json!(go_duration(spec.certificates.ca_validity)));
    }
    Value::Object(config)
}

/// Sets a field unless the value is empty.
fn put(map: &mut Map<String, Value>, key: &str, value: Value) {
    let empty = match &value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    if !empty {
        map.insert(key.to_owned(), value);
    }
}

/// An external etcd without an endpoint: there is none on any node of the tenant, and where its data is, is not for
/// the tenant to know. Without the entry kubeadm would default to a local one on reading. A worker's `join`
/// and `upgrade node` never look at it (`util/config/cluster.go` reads without validating; both were seen to pass with
/// 1.37.2); only `kubeadm config validate` of this text misses an endpoint.
fn etcd() -> Value {
    json!({ "external": { "endpoints": [], "caFile": "", "certFile": "", "keyFile": "" } })
}

fn networking(spec: &ControlPlaneSpec) -> Value {
    let mut networking = Map::new();
    put(&mut networking, "serviceSubnet", json!(joined(&spec.networking.service_subnets)));
    put(&mut networking, "podSubnet", json!(joined(&spec.networking.pod_subnets)));
    put(&mut networking, "dnsDomain", json!(spec.networking.dns_domain));
    Value::Object(networking)
}

/// Ranges as kubeadm writes them, with a comma between.
pub(super) fn joined(ranges: &[impl Display]) -> String {
    ranges.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// v1beta3 has the arguments as a map and no environment variables.
fn component(component: &Component, v1beta3: bool) -> Map<String, Value> {
    let mut fields = Map::new();
    if v1beta3 {
        let arguments: Map<String, Value> =
            component.extra_args.iter().map(|arg| (arg.name.clone(), json!(arg.value))).collect();
        put(&mut fields, "extraArgs", Value::Object(arguments));
    } else {
        // As with kubeadm: v1beta4 cannot say how values are joined.
        let arguments = component.extra_args.iter().map(|arg| json!({ "name": arg.name, "value": arg.value }));
        put(&mut fields, "extraArgs", arguments.collect());
        put(&mut fields, "extraEnvs", json!(component.extra_envs));
    }
    fields
}

/// v1beta3 cannot say that the addon is disabled.
fn dns(spec: &ControlPlaneSpec, v1beta3: bool) -> Value {
    let Some(dns) = &spec.addons.coredns else {
        return if v1beta3 { json!({}) } else { json!({ "disabled": true }) };
    };
    let mut fields = Map::new();
    put(&mut fields, "imageRepository", json!(dns.image_repository));
    put(&mut fields, "imageTag", json!(dns.image_tag));
    Value::Object(fields)
}

/// The algorithm, unless kubeadm of that minor does not know it.
fn encryption_algorithm(algorithm: KeyAlgorithm, release: &Release) -> Value {
    match algorithm {
        KeyAlgorithm::EcdsaP384 if !release.ecdsa_p384 => Value::Null,
        KeyAlgorithm::Rsa2048
        | KeyAlgorithm::Rsa3072
        | KeyAlgorithm::Rsa4096
        | KeyAlgorithm::EcdsaP256
        | KeyAlgorithm::EcdsaP384 => json!(algorithm),
    }
}

/// In v1beta3 a feature gate says that keys are ECDSA.
fn v1beta3_gates(algorithm: KeyAlgorithm) -> Value {
    match algorithm {
        KeyAlgorithm::EcdsaP256 | KeyAlgorithm::EcdsaP384 => json!({ "PublicKeysECDSA": true }),
        KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096 => json!({}),
    }
}
