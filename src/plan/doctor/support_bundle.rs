//! What goes into a support bundle, and what stays out of it: every value of a Secret, and whatever opens something in the
//! texts of others. Pure; gathering is the engine's work, writing the archive that of the command.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::redact::redact;
use crate::model::LABEL_COMPONENT;
use crate::plan::lifecycle::pod_status::text;
use crate::render::FILE_COMPONENT;

const HIDDEN: &str = "[redacted]";
/// Keys of our Secrets whose values everybody may know.
const PUBLIC: [&str; 7] =
    ["DB_USER", "DB_SCHEMA", "DB_CONNECTION_STRING", "token-id", "auth-extra-groups", "expiration", "description"];
/// Shorter values are no secrets that could be told from other words.
const SHORTEST: usize = 6;

/// One thing that was gathered.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Objects, written as YAML documents.
    Objects(Vec<Value>),
    /// Text.
    Text(String),
}

/// Everything that was gathered of one control plane.
#[derive(Debug, Default)]
pub struct BundleInputs {
    /// The files of the bundle, by path.
    pub files: Vec<(String, Content)>,
    /// What could not be had, and why.
    pub missing: Vec<(String, String)>,
    /// Secrets as they are, so that their values can be kept out.
    pub secrets: Vec<Value>,
}

/// The files as they are written: nothing that opens anything is in them.
#[must_use]
pub fn bundle(gathered: &BundleInputs) -> Vec<(String, String)> {
    let hidden = hidden_texts(&gathered.secrets);
    let files = gathered.files.iter().map(|(path, content)| {
        let text = match content {
            Content::Text(text) => redact(text),
            Content::Objects(objects) => {
                let objects: Vec<Value> = objects.iter().map(shown).collect();
                crate::yaml::write_documents(&objects)
            }
        };
        (path.clone(), without(&text, &hidden))
    });
    let mut files: Vec<(String, String)> = files.collect();
    if !gathered.missing.is_empty() {
        let lines = gathered.missing.iter().map(|(what, why)| format!("{what}: {why}\n")).collect::<String>();
        files.push(("missing.txt".to_owned(), without(&redact(&lines), &hidden)));
    }
    files
}

/// The texts of Secrets that must not be anywhere: as they are, in base64, and the lines of keys in them. The longest first,
/// so that none hides a part of another only.
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
            // Files have lines that are no secret of their own, such as `kind: Config`; what is long is.
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

/// `secret: …` of an encryption configuration, `token: …` and key data of a kubeconfig.
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

/// An object as it may be shown.
fn shown(object: &Value) -> Value {
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

/// A file in a `ConfigMap`: JSON or YAML is looked into, so that a value is known by the name beside it.
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

/// Every text in a value without what opens something; of environment variables and the like, the value by its name.
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

/// Whether a variable or argument of this name holds a secret.
fn names_a_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase().replace('_', "-");
    let words = ["password", "passwd", "secret", "token", "credential", "private-key", "api-key", "access-key"];
    // `--service-account-key-file` and the like name files.
    words.iter().any(|word| lower.contains(word)) && !lower.ends_with("-file") && !lower.ends_with("-dir")
}

/// Fields that hold a secret themselves; `secretName` and `secretRef` do not.
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
    fn no_value_of_a_secret_is_in_it_wherever_it_was_written() {
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
        assert!(text.contains("password: ") && text.contains("characters]"), "the keys are told: {text}");
    }

    #[test]
    fn a_key_of_encryption_and_one_in_a_kubeconfig_are_known_by_their_lines() {
        let encryption = secret(&[(
            "encryption.yaml",
            "providers:\n- secretbox:\n    keys:\n    - name: a\n      secret: c2hvcnQta2V5\n",
        )]);
        let text =
            bundled(vec![("log", Content::Text("found c2hvcnQta2V5 and kind: Config".into()))], vec![encryption]);
        assert_eq!(text, "found [redacted] and kind: Config");
    }

    #[test]
    fn what_identifies_a_control_plane_in_its_datastore_is_no_secret() {
        let id = "a1".repeat(16);
        let config = secret(&[("DB_USER", &id), ("DB_PASSWORD", ""), ("DB_CONNECTION_STRING", "etcd:2379")]);
        let text = bundled(vec![("log", Content::Text(format!("under /{id}/ at etcd:2379")))], vec![config]);
        assert_eq!(text, format!("under /{id}/ at etcd:2379"));
    }

    #[test]
    fn variables_are_known_by_their_names_also_in_files_of_config_maps() {
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
    fn files_of_the_user_are_left_out_also_where_they_are_no_secrets() {
        let map = json!({"kind": "ConfigMap", "metadata": {"labels": {LABEL_COMPONENT: FILE_COMPONENT}},
            "data": {"policy.yaml": "anything"}});
        let text = bundled(vec![("map", Content::Objects(vec![map]))], Vec::new());
        assert!(text.contains("policy.yaml") && !text.contains("anything"), "{text}");
    }

    #[test]
    fn references_to_secrets_are_shown() {
        let pod = json!({"kind": "Pod", "spec": {"volumes": [{"secret": {"secretName": "prod-ca"}}],
            "containers": [{"command": ["--service-account-key-file=/pki/sa.pub", "--password=x1y2z3"]}]}});
        let text = bundled(vec![("pod", Content::Objects(vec![pod]))], Vec::new());
        assert!(text.contains("prod-ca") && text.contains("/pki/sa.pub") && !text.contains("x1y2z3"), "{text}");
    }

    #[test]
    fn what_could_not_be_had_is_told() {
        let missing = vec![("logs of pod p".to_owned(), "not allowed".to_owned())];
        let files = bundle(&BundleInputs { missing, ..Default::default() });
        assert_eq!(files, [("missing.txt".to_owned(), "logs of pod p: not allowed\n".to_owned())]);
    }
}
