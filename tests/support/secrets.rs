//! Which texts must not be seen: every private key, token and password of Secrets and kubeconfigs, plain and base64.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::cluster::kubeconfig::decoded;

/// A text that must not be seen, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hidden {
    /// What it is.
    pub(crate) what: String,
    /// The text.
    text: String,
}

impl Hidden {
    /// Whether it is to be seen in a text.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        text.contains(&self.text)
    }
}

/// What of a Secret must not be seen.
pub(crate) fn of_secret(secret: &Value) -> Vec<Hidden> {
    let name = secret.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let data = secret["data"].as_object().cloned().unwrap_or_default();
    let mut hidden = Vec::new();
    for (key, value) in data {
        let base64 = value.as_str().unwrap_or_default();
        let plain = decoded(base64);
        for text in confidential(&key, &plain) {
            add(&mut hidden, &format!("{name}/{key}"), &text);
        }
        if [".key", ".conf", ".svc"].iter().any(|end| key.ends_with(end)) || key == "encryption.yaml" {
            hidden.push(Hidden { what: format!("{name}/{key}"), text: base64.to_owned() });
        }
    }
    hidden
}

/// The confidential texts inside a value: bodies of private keys, tokens, keys of encryption.
fn confidential(key: &str, plain: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for part in plain.split("-----BEGIN ").skip(1) {
        let (label, rest) = part.split_once("-----").unwrap_or_default();
        if label.ends_with("PRIVATE KEY") {
            let body = rest.split("-----END").next().unwrap_or_default();
            texts.extend(body.lines().map(str::trim).filter(|line| line.len() >= 40).map(str::to_owned));
        }
    }
    for line in plain.lines().map(str::trim) {
        let value =
            |name: &str| Some(line.trim_start_matches("- ").strip_prefix(name)?.trim().trim_matches('"').to_owned());
        texts.extend(value("client-key-data:"));
        texts.extend(value("client-key-data:").map(|data| confidential("", &decoded(&data))).unwrap_or_default());
        texts.extend(value("secret:").filter(|_| key == "encryption.yaml"));
    }
    if key == "token-secret" || key == "DB_PASSWORD" {
        texts.push(plain.to_owned());
    }
    texts
}

fn add(hidden: &mut Vec<Hidden>, what: &str, text: &str) {
    if text.len() < 8 {
        return;
    }
    hidden.push(Hidden { what: what.to_owned(), text: text.to_owned() });
    hidden.push(Hidden { what: format!("{what} in base64"), text: BASE64_STANDARD.encode(text) });
}
