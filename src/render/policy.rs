//! Files the API server reads: audit policy, authentication configuration, encryption configuration.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
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

/// A key that encrypts Secrets at rest. Its name is written beside what it encrypts.
#[derive(Debug, Clone)]
pub struct EncryptionKey {
    /// `key1`, `key2` and so on.
    pub name: String,
    /// 32 bytes in base64.
    secret: SecretString,
}

impl EncryptionKey {
    /// The first key of a control plane.
    #[must_use]
    pub fn first(bytes: &[u8; 32]) -> Self {
        Self { name: "key1".to_owned(), secret: BASE64_STANDARD.encode(bytes).into() }
    }

    /// The key after these. No name is used twice, so that it tells which key encrypted something.
    #[must_use]
    pub fn after(keys: &[Self], bytes: &[u8; 32]) -> Self {
        let number = |key: &Self| key.name.strip_prefix("key")?.parse::<u32>().ok();
        let last = keys.iter().filter_map(number).max().unwrap_or(0);
        Self { name: format!("key{}", last + 1), ..Self::first(bytes) }
    }
}

/// The keys in an encryption configuration, the one that writes first; `None` when it cannot be read.
#[must_use]
pub fn encryption_keys(configuration: &str) -> Option<Vec<EncryptionKey>> {
    let document: Value = serde_json::from_str(configuration).ok()?;
    let providers = document.pointer("/resources/0/providers")?.as_array()?;
    let keys = providers.iter().find_map(|provider| provider.pointer("/secretbox/keys")?.as_array())?;
    let text = |key: &Value, field: &str| Some(key.get(field)?.as_str()?.to_owned());
    keys.iter()
        .map(|key| Some(EncryptionKey { name: text(key, "name")?, secret: text(key, "secret")?.into() }))
        .collect()
}

/// What the datastore holds of a Secret begins with this when the key of that name has encrypted it.
#[must_use]
pub fn encrypted_by(key: &str) -> String {
    format!("k8s:enc:secretbox:v1:{key}:")
}

/// Secrets are encrypted at rest with secretbox, by the first key; what the others or none wrote is still readable.
#[must_use]
pub fn encryption(keys: &[EncryptionKey]) -> SecretString {
    let keys: Vec<Value> =
        keys.iter().map(|key| json!({"name": key.name, "secret": key.secret.expose_secret()})).collect();
    let document = json!({
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [{
            "resources": ["secrets"],
            "providers": [
                {"secretbox": {"keys": keys}},
                {"identity": {}},
            ],
        }],
    });
    document.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_back_in_their_order_and_the_next_has_a_name_of_its_own() {
        let first = EncryptionKey::first(&[7; 32]);
        let second = EncryptionKey::after(std::slice::from_ref(&first), &[8; 32]);
        let text = encryption(&[second, first]);
        let keys = encryption_keys(text.expose_secret()).unwrap();
        assert_eq!(keys.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["key2", "key1"]);
        assert_eq!(encryption(&keys).expose_secret(), text.expose_secret());
        assert_eq!(EncryptionKey::after(&keys[..1], &[9; 32]).name, "key3");
        assert!(!format!("{keys:?}").contains(&BASE64_STANDARD.encode([7; 32])));
        assert!(encryption_keys("{}").is_none());
    }
}
