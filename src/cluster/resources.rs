//! The kinds we read and write, with the plural that their address needs. No discovery: one request less, and a
//! missing API is told by name.

use kube::core::ApiResource;

use crate::render::ObjectRef;

const PLURALS: &[(&str, &str)] = &[
    ("CertificateSigningRequest", "certificatesigningrequests"),
    ("ConfigMap", "configmaps"),
    ("ClusterRole", "clusterroles"),
    ("ClusterRoleBinding", "clusterrolebindings"),
    ("DaemonSet", "daemonsets"),
    ("Deployment", "deployments"),
    ("EndpointSlice", "endpointslices"),
    ("Endpoints", "endpoints"),
    ("Event", "events"),
    ("Lease", "leases"),
    ("LimitRange", "limitranges"),
    ("MutatingWebhookConfiguration", "mutatingwebhookconfigurations"),
    ("IPPool", "ippools"),
    ("Namespace", "namespaces"),
    ("NetworkPolicy", "networkpolicies"),
    ("Node", "nodes"),
    ("PersistentVolumeClaim", "persistentvolumeclaims"),
    ("Pod", "pods"),
    ("PodDisruptionBudget", "poddisruptionbudgets"),
    ("PriorityClass", "priorityclasses"),
    ("ReplicaSet", "replicasets"),
    ("ResourceQuota", "resourcequotas"),
    ("Role", "roles"),
    ("RoleBinding", "rolebindings"),
    ("RuntimeClass", "runtimeclasses"),
    ("Secret", "secrets"),
    ("SelfSubjectAccessReview", "selfsubjectaccessreviews"),
    ("SelfSubjectRulesReview", "selfsubjectrulesreviews"),
    ("Service", "services"),
    ("ServiceAccount", "serviceaccounts"),
    ("ServiceCIDR", "servicecidrs"),
    ("StatefulSet", "statefulsets"),
    ("StorageClass", "storageclasses"),
    ("ValidatingWebhookConfiguration", "validatingwebhookconfigurations"),
];

/// The address of a kind.
pub(super) fn resource(api_version: &str, kind: &str) -> ApiResource {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let plural = PLURALS
        .iter()
        .find(|(known, _)| *known == kind)
        .map(|(_, plural)| (*plural).to_owned())
        .expect("every kind that kamaji uses is in the table");
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        plural,
    }
}

/// The path of a kind's objects, in a namespace or everywhere.
pub(super) fn url(resource: &ApiResource, namespace: Option<&str>) -> String {
    let group = if resource.group.is_empty() { "/api" } else { "/apis" };
    let namespace = namespace.map(|namespace| format!("/namespaces/{namespace}")).unwrap_or_default();
    format!("{group}/{}{namespace}/{}", resource.api_version, resource.plural)
}

/// The address of an object's kind.
pub(super) fn resource_of(object: &ObjectRef) -> ApiResource {
    resource(&object.api_version, &object.kind)
}
