//! Whether applying a wish would change nothing, told from the live object alone: kamaji manages exactly the fields of the
//! wish, by the API server's own book-keeping, and each has the wished value. Where that cannot be told, the answer is no,
//! and the server is asked (a dry run); it is never yes by guessing.
//!
//! The form of `fieldsV1`: `f:NAME` is a field, `k:{…}` an item of a list by its keys, `v:…` an item of a set, `.` the thing
//! itself, `{}` a value as a whole (<https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management>).

use serde_json::{Map, Value};

use crate::model::MANAGER;

/// Whether a server-side apply of `manifest` by kamaji leaves `live` as it is.
#[must_use]
pub fn apply_is_noop(manifest: &Value, live: &Value) -> bool {
    let Some(fields) = applied_fields(manifest, live) else { return false };
    let (Some(mut manifest), Some(live)) = (manifest.as_object().cloned(), live.as_object()) else { return false };
    // The server does not count what says which object it is.
    manifest.remove("apiVersion");
    manifest.remove("kind");
    if let Some(metadata) = manifest.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("name");
        metadata.remove("namespace");
        if metadata.is_empty() {
            manifest.remove("metadata");
        }
    }
    same_fields(&manifest, live, fields)
}

/// The fields that kamaji applied, in the API version of the wish.
fn applied_fields<'a>(manifest: &Value, live: &'a Value) -> Option<&'a Map<String, Value>> {
    live.pointer("/metadata/managedFields")?.as_array()?.iter().find_map(|entry| {
        let ours = entry["manager"] == MANAGER
            && entry["operation"] == "Apply"
            && entry["apiVersion"] == manifest["apiVersion"]
            && entry.get("subresource").is_none();
        ours.then(|| entry["fieldsV1"].as_object())?
    })
}

/// Whether value and ownership agree. A value that is owned as a whole must be the same as a whole.
fn same(manifest: &Value, live: &Value, fields: &Value) -> bool {
    let Some(fields) = fields.as_object() else { return false };
    if fields.keys().all(|key| key == ".") {
        return manifest == live;
    }
    match (manifest, live) {
        (Value::Object(manifest), Value::Object(live)) => same_fields(manifest, live, fields),
        (Value::Array(manifest), Value::Array(live)) => same_items(manifest, live, fields),
        _ => false,
    }
}

fn same_fields(manifest: &Map<String, Value>, live: &Map<String, Value>, fields: &Map<String, Value>) -> bool {
    fields.keys().filter(|key| *key != ".").count() == manifest.len()
        && manifest.iter().all(|(name, value)| {
            let owned = fields.get(&format!("f:{name}"));
            live.get(name).zip(owned).is_some_and(|(live, fields)| same(value, live, fields))
        })
}

fn same_items(manifest: &[Value], live: &[Value], fields: &Map<String, Value>) -> bool {
    let owned: Vec<(&String, &Value)> = fields.iter().filter(|(key, _)| *key != ".").collect();
    owned.len() == manifest.len()
        && manifest.iter().all(|item| {
            owned.iter().any(|(key, fields)| {
                if let Some(value) = key.strip_prefix("v:") {
                    return live.contains(item)
                        && serde_json::from_str::<Value>(value).is_ok_and(|value| value == *item);
                }
                let keys =
                    key.strip_prefix("k:").and_then(|keys| serde_json::from_str::<Map<String, Value>>(keys).ok());
                let Some(keys) = keys else { return false };
                // A key that the wish leaves out, such as a port's protocol, has its default.
                let wished = keys.iter().all(|(name, value)| item.get(name).is_none_or(|wished| wished == value));
                let found = live.iter().find(|live| keys.iter().all(|(name, value)| live.get(name) == Some(value)));
                wished && found.is_some_and(|live| same(item, live, fields))
            })
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A wish with a list by keys, one as a whole, a map as a whole and a set; and what the server made of it.
    fn manifest() -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "a", "namespace": "b", "labels": {"x": "1"}, "finalizers": ["f"]},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": {"x": "1"}},
                "template": {"spec": {
                    "containers": [{"name": "c", "args": ["--one", "--two"], "ports": [{"containerPort": 1}]}],
                    "volumes": [{"name": "v", "emptyDir": {}}],
                }},
            },
        })
    }

    fn live() -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {
                "name": "a", "namespace": "b", "uid": "u", "labels": {"x": "1", "other": "2"}, "finalizers": ["f", "g"],
                "managedFields": [
                    {"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "apps/v1", "subresource": "status",
                     "fieldsV1": {"f:status": {}}},
                    {"manager": "kamaji", "operation": "Apply", "apiVersion": "apps/v1", "fieldsV1": {
                        "f:metadata": {"f:labels": {"f:x": {}}, "f:finalizers": {"v:\"f\"": {}}},
                        "f:spec": {
                            "f:replicas": {}, "f:selector": {},
                            "f:template": {"f:spec": {
                                "f:containers": {"k:{\"name\":\"c\"}": {
                                    ".": {}, "f:name": {}, "f:args": {},
                                    "f:ports": {"k:{\"containerPort\":1,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
                                }},
                                "f:volumes": {"k:{\"name\":\"v\"}": {".": {}, "f:name": {}, "f:emptyDir": {}}},
                            }},
                        },
                    }},
                ],
            },
            "spec": {
                "replicas": 1, "revisionHistoryLimit": 10,
                "selector": {"matchLabels": {"x": "1"}},
                "template": {"spec": {
                    "containers": [{"name": "c", "args": ["--one", "--two"], "imagePullPolicy": "Always",
                                    "ports": [{"containerPort": 1, "protocol": "TCP"}]}],
                    "volumes": [{"name": "v", "emptyDir": {}}],
                }},
            },
        })
    }

    #[test]
    fn what_the_server_adds_by_itself_and_others_added_is_no_change() {
        assert!(apply_is_noop(&manifest(), &live()));
    }

    #[test]
    fn every_other_value_is_asked_about() {
        for (pointer, value) in [
            ("/spec/replicas", json!(2)),
            ("/spec/selector/matchLabels/x", json!("2")),
            ("/spec/template/spec/containers/0/args/1", json!("--three")),
            ("/spec/template/spec/containers/0/name", json!("d")),
            ("/spec/template/spec/containers/0/ports/0/containerPort", json!(2)),
            ("/spec/template/spec/volumes/0/emptyDir", json!({"medium": "Memory"})),
            ("/metadata/labels/x", json!("2")),
            ("/metadata/finalizers/0", json!("h")),
        ] {
            let mut changed = live();
            *changed.pointer_mut(pointer).unwrap() = value.clone();
            assert!(!apply_is_noop(&manifest(), &changed), "others changed {pointer}");
            let mut wished = manifest();
            *wished.pointer_mut(pointer).unwrap() = value;
            assert!(!apply_is_noop(&wished, &live()), "{pointer} is wished otherwise");
        }
    }

    #[test]
    fn a_field_more_or_less_is_asked_about() {
        let mut more = manifest();
        more["spec"]["paused"] = json!(true);
        assert!(!apply_is_noop(&more, &live()));
        // The default that the server set is not ours yet.
        let mut more = manifest();
        more["spec"]["revisionHistoryLimit"] = json!(10);
        assert!(!apply_is_noop(&more, &live()));
        let mut less = manifest();
        less["spec"].as_object_mut().unwrap().remove("replicas");
        assert!(!apply_is_noop(&less, &live()), "the server would take it away");
        let mut less = manifest();
        less["spec"]["template"]["spec"]["volumes"] = json!([]);
        assert!(!apply_is_noop(&less, &live()));
    }

    #[test]
    fn only_what_kamaji_applied_in_this_version_counts() {
        for (key, value) in
            [("manager", "kubectl"), ("operation", "Update"), ("apiVersion", "apps/v1beta1"), ("subresource", "scale")]
        {
            let mut live = live();
            live["metadata"]["managedFields"][1][key] = json!(value);
            assert!(!apply_is_noop(&manifest(), &live), "{key} is {value}");
        }
        assert!(!apply_is_noop(&manifest(), &json!({})));
    }
}
