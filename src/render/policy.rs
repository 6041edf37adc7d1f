//! Files the API server reads: audit policy, authentication configuration, encryption configuration.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::model::{KubeVersion, release_of};

/// The audit policy: who changed what, without the content of secrets, without the noise of health and leases.
#[must_use]
pub fn audit_policy() -> Value {
    let group = |group: &str, resources: &[&str]| json!({"group": group, "resources": resources});
    json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "omitManagedFields": true,
        "rules": [
            {"level": "Metadata", "resources": [group("", &["secrets", "serviceaccounts/token"]), group("authentication.k8s.io", &["tokenreviews"])]},
            {"level": "None", "nonResourceURLs": ["/healthz*", "/livez*", "/readyz*", "/version", "/openapi*"]},
            {"level": "None", "resources": [group("coordination.k8s.io", &["leases"]), group("", &["events"]), group("events.k8s.io", &["events"])]},
            {"level": "None", "users": ["system:apiserver", "system:kube-controller-manager", "system:kube-scheduler"], "verbs": ["get", "list", "watch"]},
            {"level": "None", "userGroups": ["system:nodes", "system:serviceaccounts:kube-system"], "verbs": ["get", "list", "watch"]},
            {"level": "Metadata", "resources": [group("", &["configmaps"])]},
            {"level": "Request", "resources": [group("", &["pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "services/proxy", "nodes/proxy"])]},
            {"level": "RequestResponse", "verbs": ["create", "update", "patch", "delete", "deletecollection"], "resources": [
                {"group": "rbac.authorization.k8s.io"}, {"group": "admissionregistration.k8s.io"}, {"group": "certificates.k8s.io"}, group("", &["nodes"])]},
            {"level": "None", "verbs": ["get", "list", "watch"]},
            {"level": "Metadata"},
        ],
    })
}

/// Anonymous requests only where the kubelet's probes and `kubeadm join` need them (CIS 1.2.1).
///
/// None where kube-apiserver of that minor would refuse the file: there they stay on, and RBAC alone says what they may.
#[must_use]
pub fn authentication(version: KubeVersion) -> Option<Value> {
    let api_version = release_of(version).ok()?.anonymous_conditions_api?;
    let paths = ["/livez", "/readyz", "/healthz", "/api/v1/namespaces/kube-public/configmaps/cluster-info"];
    Some(json!({
        "apiVersion": api_version,
        "kind": "AuthenticationConfiguration",
        "anonymous": {"enabled": true, "conditions": paths.map(|path| json!({"path": path}))},
    }))
}

/// Secrets are encrypted at rest with secretbox; what an older key or none wrote is still readable.
#[must_use]
pub fn encryption(key: &[u8; 32]) -> SecretString {
    let document = json!({
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [{
            "resources": ["secrets"],
            "providers": [
                {"secretbox": {"keys": [{"name": "key1", "secret": BASE64_STANDARD.encode(key)}]}},
                {"identity": {}},
            ],
        }],
    });
    document.to_string().into()
}
