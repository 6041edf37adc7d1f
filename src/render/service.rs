//! The Service in front of a control plane's API servers.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Manifest, Write};
use crate::model::{ControlPlaneSpec, Exposure, LABEL_NAME, ObjectNames, labels};

/// The Service. `port` is the API server's own port too, because `default/kubernetes` inside the tenant points there;
/// `node_port` is `None` while the cluster has not chosen one.
#[must_use]
pub fn service(spec: &ControlPlaneSpec, exposure: Exposure, port: u16, node_port: Option<u16>) -> Manifest {
    let port_entry = ServicePort {
        name: Some("kube-apiserver".into()),
        port: i32::from(port),
        protocol: Some("TCP".into()),
        target_port: Some(IntOrString::Int(i32::from(port))),
        node_port: node_port.map(i32::from),
        ..Default::default()
    };
    let mut own = labels(&spec.name, "service");
    own.extend(spec.labels.clone());
    let object = Service {
        metadata: ObjectMeta {
            name: Some(ObjectNames(&spec.name).service()),
            namespace: Some(spec.namespace.to_string()),
            labels: Some(own),
            ..Default::default()
        },
        spec: Some(ServiceSpec {
            type_: Some(exposure.service_type().into()),
            selector: Some(BTreeMap::from([(LABEL_NAME.to_owned(), spec.name.to_string())])),
            ports: Some(vec![port_entry]),
            ..Default::default()
        }),
        ..Default::default()
    };
    Manifest::of(&object, Write::Apply)
}
