//! Builds a support bundle's files without any Secret value or credential. Pure: the engine collects the input, the
//! command writes the archive.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::redact::redact;
use crate::model::LABEL_COMPONENT;
use crate::plan::lifecycle::pod_status::text;
use crate::render::FILE_COMPONENT;

const HIDDEN: &str = "[redacted]";
/// Keys of our Secrets whose values are not confidential.
const PUBLIC: [&str; 7] =
    ["DB_USER", "DB_SCHEMA", "DB_CONNECTION_STRING", "token-id", "auth-extra-groups", "expiration", "description"];
/// Shorter values cannot be distinguished from ordinary words.
const SHORTEST: usize = 6;

/// The content of one file.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Objects, written as YAML documents.
    Objects(Vec<Value>),
    /// Plain text.
    Text(String),
}

/// Everything collected about one control plane.
#[derive(Debug, Default)]
pub struct BundleInputs {
    /// The files of the bundle, by path.
    pub files: Vec<(String, Content)>,
    /// What could not be collected, and why.
    pub missing: Vec<(String, String)>,
    /// Secrets in plain text, so that their values can be redacted everywhere.
    pub secrets: Vec<Value>,
}

/// The redacted files.
#[must_use]
pub fn bundle(inputs: &BundleInputs) -> Vec<(String, String)> {
    let hidden = hidden_texts(&inputs.secrets);
    let files = inputs.files.iter().map(|(path, content)| {
        let text = match content {
            Content::Text(text) => redact(text),
            Content::Objects(objects) => {
                let objects: Vec<Value> = objects.iter().map(redacted).collect();
                crate::yaml::write_documents(&objects)
            }
        };
        (path.clone(), without(&text, &hidden))
    });
    let mut files: Vec<(String, String)> = files.collect();
    if !inputs.missing.is_empty() {
        let lines = inputs.missing.iter().map(|(what, why)| format!("{what}: {why}\n")).collect::<String>();
        files.push(("missing.txt".to_owned(), without(&redact(&lines), &hidden)));
    }
    files
}

/// The Secret values to redact: plain, in base64, and the lines of keys in them. Longest first, so that redacting one
/// does not leave a part of a longer one.
fn hidden_texts(secrets: &[Value]) -> Vec<String> {
    let mut hidden = Vec::new();
    for secret in secrets {
        let values = secret.get("data").and_then(Value::as_object);
        for (key, value) in values.into_iter().flatten().filter(|(key, _)| !PUBLIC.contains(&key.as_str())) {
            let Some(encoded) = value.as_str() else { continue };
            hidden.push(encoded.to_owned());
            let Ok(plain) = BASE64_STANDARD.decode(encoded).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            else {
                continue;
            };
            // Short lines of files, such as `kind: Config`, are not secret; long ones may be.
            let lines = plain.lines().map(str::trim).filter(|line| plain.lines().count() == 1 || line.len() >= 40);
            hidden.extend(lines.map(str::to_owned));
            hidden.extend(plain.lines().filter(|line| is_secret_line(key, line)).filter_map(value_of_line));
        }
    }
    hidden.retain(|text| text.len() >= SHORTEST && text != "true" && text != "false");
    hidden.sort_by_key(|text| std::cmp::Reverse(text.len()));
    hidden.dedup();
    hidden
}

/// Matches `secret: …` of an encryption configuration, and `token: …` and key data of a kubeconfig.
fn is_secret_line(key: &str, line: &str) -> bool {
    let name = line.trim().trim_start_matches("- ");
    (key == "encryption.yaml" && name.starts_with("secret:"))
        || ["token:", "password:", "client-key-data:"].iter().any(|start| name.starts_with(start))
}

fn value_of_line(line: &str) -> Option<String> {
    Some(line.split_once(':')?.1.trim().trim_matches(['"', '\'']).to_owned())
}

fn without(text: &str, hidden: &[String]) -> String {
    hidden.iter().fold(text.to_owned(), |text, secret| {
        if text.contains(secret.as_str()) { text.replace(secret.as_str(), HIDDEN) } else { text }
    })
}

/// The redacted object, without managed fields.
fn redacted(object: &Value) -> Value {
    let mut object = object.clone();
    let is_secret = text(&object, "/kind") == "Secret";
    let is_file = object.pointer("/metadata/labels").and_then(|labels| labels.get(LABEL_COMPONENT))
        == Some(&json!(FILE_COMPONENT));
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
    }
    for part in ["data", "stringData", "binaryData"] {
        let Some(values) = object.get_mut(part).and_then(Value::as_object_mut) else { continue };
        for (_, value) in values.iter_mut() {
            let length = value.as_str().map_or(0, str::len);
            *value = if is_secret || is_file || part == "binaryData" {
                json!(format!("[redacted, {length} characters]"))
            } else {
                json!(document(value.as_str().unwrap_or_default()))
            };
        }
    }
    clean(object)
}

/// Redacts a file in a `ConfigMap`. JSON and YAML are parsed, to recognize a value by its name.
fn document(file: &str) -> String {
    if let Ok(value @ Value::Object(_)) = serde_json::from_str::<Value>(file) {
        return format!("{:#}", clean(value));
    }
    match crate::yaml::read_documents("", file) {
        Ok(documents) if documents.iter().all(|document| document.root.to_json().is_object()) => {
            let values: Vec<Value> = documents.iter().map(|document| clean(document.root.to_json())).collect();
            crate::yaml::write_documents(&values)
        }
        Ok(_) | Err(_) => redact(file),
    }
}

/// Redacts every string in a value; environment variables are redacted by name.
fn clean(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(redact(&text)),
        Value::Array(items) => Value::Array(items.into_iter().map(clean).collect()),
        Value::Object(fields) => Value::Object(clean_fields(fields)),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => other,
    }
}

fn clean_fields(fields: Map<String, Value>) -> Map<String, Value> {
    let named = fields.get("name").and_then(Value::as_str).is_some_and(names_a_secret);
    fields
        .into_iter()
        .map(|(key, value)| {
            let hide = (key == "value" && named) || (value.is_string() && is_secret_key(&key));
            let value = if hide { json!(HIDDEN) } else { clean(value) };
            (key, value)
        })
        .collect()
}

/// Whether a variable or argument with this name holds a secret.
fn names_a_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase().replace('_', "-");
    let words = ["password", "passwd", "secret", "token", "credential", "private-key", "api-key", "access-key"];
    // `--service-account-key-file` and similar flags name files.
    words.iter().any(|word| lower.contains(word)) && !lower.ends_with("-file") && !lower.ends_with("-dir")
}

/// Whether the field holds a secret itself; `secretName` and `secretRef` do not.
fn is_secret_key(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    ["password", "token", "secret", "client-key-data", "clientkeydata", "bearertoken"].contains(&lower.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(data: &[(&str, &str)]) -> Value {
        let data: Map<String, Value> =
            data.iter().map(|(key, value)| ((*key).to_owned(), json!(BASE64_STANDARD.encode(value)))).collect();
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "managedFields": []}, "data": data})
    }

    fn bundled(files: Vec<(&str, Content)>, secrets: Vec<Value>) -> String {
        let files = files.into_iter().map(|(path, content)| (path.to_owned(), content)).collect();
        bundle(&BundleInputs { files, secrets, ..Default::default() }).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn secret_values_are_redacted_in_every_file() {
        let values = [
            ("password", "correct horse"),
            ("apiserver.key", "-----BEGIN KEY-----\nMHcCAQEEIB0o4fH1mYk8QeXAMPLEabcdefghijklmnop\n-----END KEY-----\n"),
        ];
        let secret = secret(&values);
        let log = "E1 cannot log in with correct horse\nkey MHcCAQEEIB0o4fH1mYk8QeXAMPLEabcdefghijklmnop here\n";
        let text = bundled(
            vec![
                ("secret.yaml", Content::Objects(vec![secret.clone()])),
                ("log", Content::Text(format!("{log}{}", BASE64_STANDARD.encode("correct horse")))),
            ],
            vec![secret],
        );
        for (_, value) in values {
            assert!(!text.contains(value) && !text.contains(&BASE64_STANDARD.encode(value)), "{text}");
        }
        assert!(!text.contains("MHcCAQEEIB0o4fH1mYk8QeXAMPLE"), "{text}");
        assert!(text.contains("E1 cannot log in with [redacted]"), "{text}");
        assert!(text.contains("password: ") && text.contains("characters]"), "the keys are listed: {text}");
    }

    #[test]
    fn encryption_keys_and_kubeconfig_keys_are_recognized_by_line() {
        let encryption = secret(&[(
            "encryption.yaml",
            "providers:\n- secretbox:\n    keys:\n    - name: a\n      secret: c2hvcnQta2V5\n",
        )]);
        let text =
            bundled(vec![("log", Content::Text("found c2hvcnQta2V5 and kind: Config".into()))], vec![encryption]);
        assert_eq!(text, "found [redacted] and kind: Config");
    }

    #[test]
    fn a_control_planes_datastore_id_is_not_redacted() {
        let id = "a1".repeat(16);
        let config = secret(&[("DB_USER", &id), ("DB_PASSWORD", ""), ("DB_CONNECTION_STRING", "etcd:2379")]);
        let text = bundled(vec![("log", Content::Text(format!("under /{id}/ at etcd:2379")))], vec![config]);
        assert_eq!(text, format!("under /{id}/ at etcd:2379"));
    }

    #[test]
    fn environment_variables_are_redacted_by_name_in_pods_and_config_maps() {
        let variable = json!({"name": "VAULT_TOKEN", "value": "abc123"});
        let pod = json!({"kind": "Pod", "spec": {"containers": [{"env": [variable, {"name": "TZ", "value": "UTC"}]}]}});
        let map = json!({"kind": "ConfigMap", "data": {
            "record.json": "{\"env\": [{\"name\": \"X_PASSWORD\", \"value\": \"hunter2\"}]}",
            "kubeadm.yaml": "kind: A\nextraEnvs:\n- name: X_PASSWORD\n  value: hunter2\n---\nkind: B\n",
            "text": "password=hunter2 and postgres://kine:hunter2@db",
        }});
        let text =
            bundled(vec![("pod", Content::Objects(vec![pod])), ("map", Content::Objects(vec![map]))], Vec::new());
        assert!(!text.contains("abc123") && !text.contains("hunter2"), "{text}");
        assert!(text.contains("UTC") && text.contains("X_PASSWORD") && text.contains("kind: B"), "{text}");
    }

    #[test]
    fn files_supplied_by_the_user_are_redacted_in_config_maps_too() {
        let map = json!({"kind": "ConfigMap", "metadata": {"labels": {LABEL_COMPONENT: FILE_COMPONENT}},
            "data": {"policy.yaml": "anything"}});
        let text = bundled(vec![("map", Content::Objects(vec![map]))], Vec::new());
        assert!(text.contains("policy.yaml") && !text.contains("anything"), "{text}");
    }

    #[test]
    fn references_to_secrets_are_kept() {
        let pod = json!({"kind": "Pod", "spec": {"volumes": [{"secret": {"secretName": "prod-ca"}}],
            "containers": [{"command": ["--service-account-key-file=/pki/sa.pub", "--password=x1y2z3"]}]}});
        let text = bundled(vec![("pod", Content::Objects(vec![pod]))], Vec::new());
        assert!(text.contains("prod-ca") && text.contains("/pki/sa.pub") && !text.contains("x1y2z3"), "{text}");
    }

    #[test]
    fn missing_parts_are_listed_with_the_reason() {
        let missing = vec![("logs of pod p".to_owned(), "not allowed".to_owned())];
        let files = bundle(&BundleInputs { missing, ..Default::default() });
        assert_eq!(files, [("missing.txt".to_owned(), "logs of pod p: not allowed\n".to_owned())]);
    }
}
