//! The Service in front of a control plane's API servers.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

use super::settings::metadata_of;
use super::{Manifest, Write};
use crate::model::{ControlPlaneSpec, Exposure, Family, LABEL_NAME, ObjectNames, labels};

/// The Service. `port` is the API server's own port too, because `default/kubernetes` inside the tenant points there;
/// `node_port` is `None` while the cluster has not chosen one; `live` is the Service that is there.
#[must_use]
pub fn service(
    spec: &ControlPlaneSpec,
    (exposure, port, node_port): (Exposure, u16, Option<u16>),
    live: Option<&Value>,
) -> Manifest {
    let port_entry = ServicePort {
        name: Some("kube-apiserver".into()),
        port: i32::from(port),
        protocol: Some("TCP".into()),
        target_port: Some(IntOrString::Int(i32::from(port))),
        node_port: node_port.map(i32::from),
        ..Default::default()
    };
    let settings = &spec.service;
    let mut ports = vec![port_entry];
    ports.extend(settings.additional_ports.iter().cloned());
    let mut own = labels(&spec.name, "service");
    own.extend(spec.labels.clone());
    let (ip_families, policy) = families(spec, live);
    let (own, annotations) = metadata_of(&settings.metadata, own, BTreeMap::new());
    let balanced = exposure == Exposure::LoadBalancer;
    let ranges: Vec<String> = settings.load_balancer_source_ranges.iter().map(ToString::to_string).collect();
    let object = Service {
        metadata: ObjectMeta {
            name: Some(ObjectNames(&spec.name).service()),
            namespace: Some(spec.namespace.to_string()),
            labels: own,
            annotations,
            ..Default::default()
        },
        spec: Some(ServiceSpec {
            type_: Some(exposure.service_type().into()),
            selector: Some(BTreeMap::from([(LABEL_NAME.to_owned(), spec.name.to_string())])),
            ip_families,
            ip_family_policy: Some(policy.into()),
            ports: Some(ports),
            load_balancer_class: settings.load_balancer_class.clone().filter(|_| balanced),
            load_balancer_source_ranges: (balanced && !ranges.is_empty()).then_some(ranges),
            allocate_load_balancer_node_ports: settings.allocate_load_balancer_node_ports.filter(|_| balanced),
            ..Default::default()
        }),
        ..Default::default()
    };
    Manifest::of(&object, Write::Apply)
}

/// The family of `default/kubernetes` inside the tenant, because the addresses behind that come from this Service; both
/// families where the wish speaks of both. Both are preferred and not required: a balancer of the user's may give the
/// other one. Their order cannot be changed, and one alone can be kept only if it is the first: so no order is asked for,
/// and a Service that has both keeps them.
fn families(spec: &ControlPlaneSpec, live: Option<&Value>) -> (Option<Vec<String>>, &'static str) {
    let primary = spec.networking.primary_family();
    let endpoint = spec.endpoint.as_ref().and_then(|endpoint| endpoint.host.ip()).map(Family::of);
    let has_both =
        live.and_then(|live| live.pointer("/spec/ipFamilies")?.as_array()).is_some_and(|list| list.len() > 1);
    if has_both || spec.networking.dual_stack() || endpoint.is_some_and(|family| family != primary) {
        (None, "PreferDualStack")
    } else {
        (Some(vec![primary.to_string()]), "SingleStack")
    }
}
