//! The Deployment of a control plane and its disruption budget.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment};
use k8s_openapi::api::core::v1::{PodSpec, PodTemplateSpec, ServiceAccount};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::api_server::{api_server, api_server_volumes};
use super::controllers::{controller_manager, controller_volumes, scheduler};
use super::pod::pod_security;
use super::settings::{metadata_of, placed};
use super::{Address, DatastoreAccess, KeySecrets, Manifest, Write};
use crate::model::{ANNOTATION_ID, ControlPlaneId, ControlPlaneSpec, LABEL_NAME, ObjectNames, labels};

/// The pod annotation that changes when a mounted file changes, so that the pods are replaced.
pub const CHECKSUM: &str = "kamaji.clastix.io/checksum";

fn selector(spec: &ControlPlaneSpec) -> LabelSelector {
    LabelSelector {
        match_labels: Some(BTreeMap::from([(LABEL_NAME.to_owned(), spec.name.to_string())])),
        ..Default::default()
    }
}

fn metadata(spec: &ControlPlaneSpec, name: String, component: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(spec.namespace.to_string()),
        labels: Some(labels(&spec.name, component)),
        ..Default::default()
    }
}

/// The Deployment. `keys` says from where its pods read those; `checksum` is over everything that they mount.
#[must_use]
pub fn deployment(
    spec: &ControlPlaneSpec,
    id: &ControlPlaneId,
    address: &Address,
    datastore: &DatastoreAccess,
    keys: &KeySecrets,
    checksum: &str,
) -> Manifest {
    let names = ObjectNames(&spec.name);
    let mut volumes = api_server_volumes(names, keys);
    volumes.extend(controller_volumes(names, keys));
    let selector = selector(spec);
    let mut pod = PodSpec {
        automount_service_account_token: Some(false),
        containers: vec![api_server(spec, id, address, datastore), controller_manager(spec, keys), scheduler(spec)],
        enable_service_links: Some(false),
        security_context: Some(pod_security()),
        service_account_name: Some(names.service_account()),
        // Longer than the API server's own end: 10 s until endpoints have changed, 10 s for watches, then open requests.
        termination_grace_period_seconds: Some(40),
        volumes: Some(volumes),
        ..Default::default()
    };
    super::files::add(&mut pod, spec);
    let pod = placed(spec, &selector, pod);
    let mut own = labels(&spec.name, "deployment");
    own.extend(spec.labels.clone());
    let identity = BTreeMap::from([(ANNOTATION_ID.to_owned(), id.to_string())]);
    let (own_labels, annotations) = metadata_of(&spec.pods.metadata, own, identity);
    let pod_annotations = BTreeMap::from([
        (CHECKSUM.to_owned(), checksum.to_owned()),
        ("kubectl.kubernetes.io/default-container".to_owned(), "kube-apiserver".to_owned()),
    ]);
    let (pod_labels, pod_annotations) =
        metadata_of(&spec.pods.pod_metadata, labels(&spec.name, "deployment"), pod_annotations);
    let object = Deployment {
        metadata: ObjectMeta { labels: own_labels, annotations, ..metadata(spec, names.deployment(), "deployment") },
        spec: Some(DeploymentSpec {
            replicas: Some(i32::try_from(spec.replicas).unwrap_or(i32::MAX)),
            revision_history_limit: Some(3),
            selector,
            strategy: Some(spec.pods.strategy.clone().unwrap_or_else(new_ones_first)),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta { labels: pod_labels, annotations: pod_annotations, ..Default::default() }),
                spec: Some(pod),
            },
            ..Default::default()
        }),
        ..Default::default()
    };
    Manifest::of(&object, Write::Apply)
}

/// One pod at a time: an API server that starts takes a processor for seconds, from those that serve too.
fn new_ones_first() -> DeploymentStrategy {
    DeploymentStrategy {
        type_: Some("RollingUpdate".into()),
        rolling_update: Some(RollingUpdateDeployment {
            max_surge: Some(IntOrString::Int(1)),
            max_unavailable: Some(IntOrString::Int(0)),
        }),
    }
}

/// The identity of the pods: it has no rights, and its token is not mounted.
#[must_use]
pub fn service_account(spec: &ControlPlaneSpec) -> Manifest {
    let object = ServiceAccount {
        metadata: metadata(spec, ObjectNames(&spec.name).service_account(), "service-account"),
        automount_service_account_token: Some(false),
        ..Default::default()
    };
    Manifest::of(&object, Write::Apply)
}

/// With two replicas or more, evictions take one pod at a time; a pod that does not work may always be evicted.
#[must_use]
pub fn disruption_budget(spec: &ControlPlaneSpec) -> Option<Manifest> {
    (spec.replicas > 1).then(|| {
        let object = PodDisruptionBudget {
            metadata: metadata(spec, ObjectNames(&spec.name).disruption_budget(), "disruption-budget"),
            spec: Some(PodDisruptionBudgetSpec {
                max_unavailable: Some(IntOrString::Int(1)),
                selector: Some(selector(spec)),
                unhealthy_pod_eviction_policy: Some("AlwaysAllow".into()),
                ..Default::default()
            }),
            ..Default::default()
        };
        Manifest::of(&object, Write::Apply)
    })
}
