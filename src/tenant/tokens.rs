//! Bootstrap tokens as Secrets in the tenant: written and read. Making up a token is not done here.
//!
//! Format: <https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/>, kubeadm's
//! `apis/bootstraptoken/v1/utils.go`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use secrecy::{ExposeSecret as _, SecretString};

use crate::model::TokenId;
use crate::render::{Manifest, Write};

use super::meta::{KUBE_SYSTEM, named};

const NAME_PREFIX: &str = "bootstrap-token-";
const TYPE: &str = "bootstrap.kubernetes.io/token";
const USAGE_PREFIX: &str = "usage-bootstrap-";

/// What a bootstrap token is good for; its secret half stays in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFacts {
    /// The public half.
    pub id: TokenId,
    /// When it ends; `None` is never.
    pub expires: Option<Timestamp>,
    /// `authentication`, `signing`, in alphabetical order.
    pub usages: Vec<String>,
    /// The groups a bearer belongs to, besides `system:bootstrappers`.
    pub groups: Vec<String>,
    /// A text for people; may be empty.
    pub description: String,
}

/// The Secret of a bootstrap token.
#[must_use]
pub fn token_secret(
    token_id: &str,
    token_secret: &SecretString,
    usages: &[String],
    groups: &[String],
    description: &str,
    expiration: Option<Timestamp>,
) -> Manifest {
    let mut data = BTreeMap::new();
    let mut put = |key: &str, text: &str| data.insert(key.to_owned(), ByteString(text.as_bytes().to_vec()));
    put("token-id", token_id);
    put("token-secret", token_secret.expose_secret());
    for usage in usages {
        put(&format!("{USAGE_PREFIX}{usage}"), "true");
    }
    if !groups.is_empty() {
        put("auth-extra-groups", &groups.join(","));
    }
    if !description.is_empty() {
        put("description", description);
    }
    if let Some(end) = expiration {
        // Whole seconds, as Go's time.RFC3339 prints them.
        put("expiration", &end.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    }
    let secret = Secret {
        metadata: named(KUBE_SYSTEM, &format!("{NAME_PREFIX}{token_id}")),
        type_: Some(TYPE.to_owned()),
        data: Some(data),
        ..Default::default()
    };
    Manifest::of(&secret, Write::Apply)
}

/// Reads a Secret of kube-system; `None` if it is no bootstrap token that Kubernetes would take.
#[must_use]
pub fn read_token(secret: &Secret) -> Option<TokenFacts> {
    let data = secret.data.as_ref()?;
    let text = |key: &str| data.get(key).and_then(|bytes| std::str::from_utf8(&bytes.0).ok());
    let id = text("token-id")?;
    let name = secret.metadata.name.as_deref()?;
    if secret.type_.as_deref() != Some(TYPE) || name.strip_prefix(NAME_PREFIX) != Some(id) {
        return None;
    }
    let expires = match text("expiration") {
        None | Some("") => None,
        Some(end) => Some(end.parse().ok()?),
    };
    let usages = data
        .iter()
        .filter(|(_, value)| value.0 == b"true")
        .filter_map(|(key, _)| key.strip_prefix(USAGE_PREFIX).map(str::to_owned))
        .collect();
    let groups = text("auth-extra-groups").unwrap_or_default();
    Some(TokenFacts {
        id: id.to_owned(),
        expires,
        usages,
        groups: groups.split(',').filter(|group| !group.is_empty()).map(str::to_owned).collect(),
        description: text("description").unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(expiration: Option<&str>) -> Secret {
        let manifest = token_secret(
            "abcdef",
            &"0123456789abcdef".to_owned().into(),
            &["signing".to_owned(), "authentication".to_owned()],
            &["system:bootstrappers:kubeadm:default-node-token".to_owned()],
            "for rack 7",
            expiration.map(|end| end.parse().unwrap()),
        );
        assert_eq!(manifest.object.to_string(), "Secret kube-system/bootstrap-token-abcdef");
        assert!(manifest.is_secret());
        serde_json::from_value(manifest.body).unwrap()
    }

    #[test]
    fn a_token_reads_back_as_what_was_written() {
        let facts = read_token(&secret(Some("2026-11-24T03:26:36.75Z"))).unwrap();
        assert_eq!(
            facts,
            TokenFacts {
                id: "abcdef".into(),
                expires: Some("2026-11-24T03:26:36Z".parse().unwrap()),
                usages: vec!["authentication".into(), "signing".into()],
                groups: vec!["system:bootstrappers:kubeadm:default-node-token".into()],
                description: "for rack 7".into(),
            }
        );
    }

    #[test]
    fn a_token_without_end_has_no_expiration_key() {
        let secret = secret(None);
        assert!(!secret.data.as_ref().unwrap().contains_key("expiration"));
        assert_eq!(read_token(&secret).unwrap().expires, None);
    }

    #[test]
    fn a_token_from_kubectl_with_an_offset_is_read() {
        let mut secret = secret(None);
        let end = ByteString(b"2026-11-24T05:26:36+02:00".to_vec());
        secret.data.as_mut().unwrap().insert("expiration".into(), end);
        assert_eq!(read_token(&secret).unwrap().expires, Some("2026-11-24T03:26:36Z".parse().unwrap()));
    }

    #[test]
    fn other_secrets_are_no_tokens() {
        let mut renamed = secret(None);
        renamed.metadata.name = Some("bootstrap-token-zzzzzz".into());
        let mut opaque = secret(None);
        opaque.type_ = Some("Opaque".into());
        let mut broken = secret(None);
        broken.data.as_mut().unwrap().insert("expiration".into(), ByteString(b"tomorrow".to_vec()));
        for secret in [renamed, opaque, broken, Secret::default()] {
            assert_eq!(read_token(&secret), None);
        }
    }
}
