//! A small spec and facts for the tests of this room. Every field that a test is about is changed in the test.

use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::model::{
    AddonImage, Addons, CertificatePolicy, Component, ControlPlaneName, ControlPlaneSpec, CoreDns, DatastoreName,
    Endpoint, KubeVersion, Namespace, Networking, PodSettings, ServiceSettings,
};
use crate::render::Manifest;

use super::TenantFacts;

/// What a kubeadm file with nothing but a version and a pod range asks for.
pub(crate) fn spec(version: &str) -> ControlPlaneSpec {
    ControlPlaneSpec {
        name: ControlPlaneName::parse("prod").unwrap(),
        namespace: Namespace::parse("tenants").unwrap(),
        version: KubeVersion::parse(version).unwrap(),
        cluster_name: "kubernetes".into(),
        image_repository: "registry.k8s.io".into(),
        networking: Networking {
            service_subnets: vec!["10.96.0.0/12".parse().unwrap()],
            pod_subnets: vec!["10.244.0.0/16".parse().unwrap()],
            dns_domain: "cluster.local".into(),
        },
        endpoint: None,
        bind_port: 6443,
        expose: None,
        cert_sans: vec![],
        certificates: CertificatePolicy::default(),
        api_server: Component::default(),
        controller_manager: Component::default(),
        scheduler: Component::default(),
        replicas: 2,
        datastore: DatastoreName::parse("default").unwrap(),
        addons: Addons { coredns: Some(CoreDns::default()), kube_proxy: true, kube_proxy_image: AddonImage::default() },
        kubelet: Map::default(),
        kubelet_patches: vec![],
        kube_proxy: Map::default(),
        labels: std::collections::BTreeMap::new(),
        pods: PodSettings::default(),
        service: ServiceSettings::default(),
        isolation: crate::model::Isolation::default(),
        extras: crate::model::Extras::default(),
        bootstrap_tokens: vec![],
    }
}

/// All objects of a tenant that is reached at `prod.example.com:31443`, which is `addresses`.
pub(super) fn objects_at(spec: &ControlPlaneSpec, addresses: &[&str]) -> Vec<Manifest> {
    let advertise: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
    let endpoint = Endpoint::parse("prod.example.com:31443", 6443).unwrap();
    let facts = TenantFacts { endpoint: &endpoint, advertise: &advertise, secure_port: 6443, ca_pem: CA_PEM };
    super::objects(spec, &facts)
}

/// All objects of a tenant at 192.0.2.10.
pub(super) fn objects(spec: &ControlPlaneSpec) -> Vec<Manifest> {
    objects_at(spec, &["192.0.2.10"])
}

/// Stands for a certificate: this room does not look into it.
pub(super) const CA_PEM: &str = "-----BEGIN CERTIFICATE-----\nQ0E=\n-----END CERTIFICATE-----\n";

/// The body of the object that shows as `shown`, for example `ConfigMap kube-system/coredns`.
pub(super) fn body(objects: &[Manifest], shown: &str) -> Value {
    let found = objects.iter().find(|manifest| manifest.object.to_string() == shown);
    found.unwrap_or_else(|| panic!("no {shown}")).body.clone()
}

/// A YAML text of a `ConfigMap`, read again.
pub(super) fn document(objects: &[Manifest], config_map: &str, key: &str) -> Value {
    let body = body(objects, &format!("ConfigMap {config_map}"));
    serde_saphyr::from_str(body["data"][key].as_str().unwrap()).unwrap()
}
