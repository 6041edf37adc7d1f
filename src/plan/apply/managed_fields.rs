//! Who set a field, by the API server's own book-keeping (`metadata.managedFields`,
//! <https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management>).

use serde_json::{Map, Value};

use super::field_change::FieldChange;
use crate::model::MANAGER;
use crate::render::Manifest;

/// The manager other than kamaji that set the field at `path` of a live object; the last one to write wins.
#[must_use]
pub(crate) fn other_owner(live: &Value, path: &[String]) -> Option<String> {
    let entries = live.pointer("/metadata/managedFields")?.as_array()?;
    entries
        .iter()
        .filter(|entry| entry["manager"].as_str().is_some_and(|manager| manager != MANAGER))
        .filter(|entry| owns(&entry["fieldsV1"], live, path))
        .max_by_key(|entry| entry["time"].as_str().unwrap_or_default().to_owned())
        .and_then(|entry| entry["manager"].as_str().map(str::to_owned))
}

/// Whether kamaji wrote the object. Of one that has nothing but a name, such as a `ServiceAccount`, no book is kept.
#[must_use]
pub fn is_ours(live: &Value) -> bool {
    let entries = live.pointer("/metadata/managedFields").and_then(Value::as_array);
    entries.is_none_or(|entries| entries.is_empty() || entries.iter().any(|entry| entry["manager"] == MANAGER))
}

/// Who writes into objects as part of Kubernetes itself.
const CONTROLLERS: [&str; 4] = ["kube-controller-manager", "kube-apiserver", "kubelet", "cloud-controller-manager"];
/// What `kubectl rollout restart` leaves behind, which asks for nothing.
const RESTARTED: &str = "f:kubectl.kubernetes.io/restartedAt";

/// What others set in a live object where the wish says nothing: it stays, whoever applies the wish. Metadata is everybody's.
#[must_use]
pub(crate) fn fields_owned_by_others(manifest: &Manifest, live: &Value) -> Vec<FieldChange> {
    let mut left: Vec<FieldChange> = Vec::new();
    let entries = live.pointer("/metadata/managedFields").and_then(Value::as_array);
    for entry in entries.into_iter().flatten() {
        let manager = entry["manager"].as_str().unwrap_or_default();
        if manager == MANAGER || CONTROLLERS.contains(&manager) || entry.get("subresource").is_some() {
            continue;
        }
        let mut fields = entry["fieldsV1"].clone();
        if let Some(map) = fields.as_object_mut() {
            for key in ["f:metadata", "f:status"] {
                map.remove(key);
            }
        }
        strangers(&mut Vec::new(), &fields, live, Some(&manifest.body), &mut |path, value| {
            let mut change = FieldChange::of(path, value, &Value::Null);
            if manifest.is_secret() {
                change.from = Some("(hidden)".to_owned());
            }
            change.by = Some(manager.to_owned());
            if !left.iter().any(|found| found.field == change.field) {
                left.push(change);
            }
        });
    }
    left
}

/// Calls `found` with every part of `live` that the set of fields holds and `manifest` does not.
fn strangers(
    path: &mut Vec<String>,
    fields: &Value,
    live: &Value,
    manifest: Option<&Value>,
    found: &mut dyn FnMut(&[String], &Value),
) {
    for (key, inner) in fields.as_object().into_iter().flatten() {
        let (step, is, asked) = if let Some(name) = key.strip_prefix("f:") {
            (name.to_owned(), live.get(name), manifest.and_then(|manifest| manifest.get(name)))
        } else if key == "." || key == RESTARTED {
            continue;
        } else {
            let position = |list: &Value| list.as_array()?.iter().position(|item| is_key_of(key, item));
            let Some(at) = position(live) else { continue };
            (at.to_string(), live.get(at), manifest.and_then(|manifest| manifest.get(position(manifest)?)))
        };
        // What the server does not have any more, or was not asked to keep, is nobody's.
        let Some(is) = is else { continue };
        path.push(step);
        match asked {
            None if !only_restarted(inner) => found(path, is),
            None => {}
            Some(asked) => strangers(path, inner, is, Some(asked), found),
        }
        path.pop();
    }
}

/// Whether all that is set below is the moment of a restart.
fn only_restarted(fields: &Value) -> bool {
    fields.as_object().is_some_and(|fields| {
        let mut own = fields.iter().filter(|(key, _)| *key != ".").peekable();
        own.peek().is_some() && own.all(|(key, inner)| key == RESTARTED || only_restarted(inner))
    })
}

/// Whether the set of fields holds the path, or something below it.
fn owns(fields: &Value, value: &Value, path: &[String]) -> bool {
    let Some(fields) = fields.as_object() else { return false };
    let Some((step, rest)) = path.split_first() else { return true };
    if let Some(inner) = fields.get(&format!("f:{step}")) {
        let below = value.get(step).unwrap_or(&Value::Null);
        // An atomic value, such as a list without keys, is owned as a whole.
        return inner.as_object().is_some_and(Map::is_empty) || owns(inner, below, rest);
    }
    let Some(item) = step.parse::<usize>().ok().and_then(|index| value.get(index)) else { return false };
    fields.iter().any(|(key, inner)| is_key_of(key, item) && owns(inner, item, rest))
}

/// Whether `k:{"name":"kube-apiserver"}` or `v:"a"` means this item of a list.
fn is_key_of(key: &str, item: &Value) -> bool {
    if let Some(value) = key.strip_prefix("v:") {
        return serde_json::from_str::<Value>(value).is_ok_and(|value| value == *item);
    }
    let Some(keys) = key.strip_prefix("k:").and_then(|keys| serde_json::from_str::<Map<String, Value>>(keys).ok())
    else {
        return false;
    };
    keys.iter().all(|(name, value)| item.get(name) == Some(value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(text: &str) -> Vec<String> {
        text.split('.').map(str::to_owned).collect()
    }

    #[test]
    fn the_manager_that_changed_a_field_of_a_list_is_found_by_the_lists_keys() {
        let live = json!({
            "metadata": {"managedFields": [
                {"manager": "kamaji", "time": "1", "fieldsV1": {"f:spec": {"f:containers": {"k:{\"name\":\"a\"}": {"f:image": {}}}}}},
                {"manager": "kubectl-edit", "time": "2", "fieldsV1": {"f:spec": {"f:containers": {"k:{\"name\":\"b\"}": {"f:image": {}}}}}},
            ]},
            "spec": {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}]},
        });
        assert_eq!(other_owner(&live, &path("spec.containers.1.image")).as_deref(), Some("kubectl-edit"));
        assert_eq!(other_owner(&live, &path("spec.containers.0.image")), None);
    }

    #[test]
    fn what_others_added_is_told_and_what_the_wish_names_is_not() {
        let object = crate::render::ObjectRef {
            api_version: "apps/v1".into(),
            kind: "Deployment".into(),
            namespace: None,
            name: "a".into(),
        };
        let body = json!({"spec": {"replicas": 1, "template": {"containers": [{"name": "a", "image": "1"}]}}});
        let manifest = Manifest { object, body, write: crate::render::Write::Apply };
        let set = json!({
            "f:metadata": {"f:annotations": {"f:note": {}}},
            "f:spec": {"f:replicas": {}, "f:paused": {}, "f:template": {
                "f:metadata": {"f:annotations": {".": {}, "f:kubectl.kubernetes.io/restartedAt": {}}},
                "f:containers": {"k:{\"name\":\"a\"}": {"f:image": {}, "f:env": {".": {}, "k:{\"name\":\"FOO\"}": {".": {}}}},
                                 "k:{\"name\":\"b\"}": {".": {}, "f:image": {}}}}},
        });
        let live = json!({
            "metadata": {"managedFields": [{"manager": "anna", "fieldsV1": set}, {"manager": "kubelet", "fieldsV1": {"f:spec": {"f:x": {}}}}]},
            "spec": {"replicas": 3, "x": 1, "template": {
                "metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}},
                "containers": [{"name": "a", "image": "2", "env": [{"name": "FOO", "value": "bar"}]}, {"name": "b", "image": "3"}]}},
        });
        let told: Vec<String> = fields_owned_by_others(&manifest, &live).into_iter().map(|left| left.field).collect();
        assert_eq!(told, ["spec.template.containers.0.env", "spec.template.containers.1"]);
    }

    #[test]
    fn a_list_without_keys_is_owned_as_a_whole() {
        let live = json!({
            "metadata": {"managedFields": [
                {"manager": "kubectl-patch", "time": "1", "fieldsV1": {"f:spec": {"f:command": {}}}}]},
            "spec": {"command": ["a", "b"]},
        });
        assert_eq!(other_owner(&live, &path("spec.command.1")).as_deref(), Some("kubectl-patch"));
    }
}
