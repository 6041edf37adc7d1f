//! Who set a field, by the API server's own book-keeping (`metadata.managedFields`,
//! <https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management>).

use serde_json::{Map, Value};

use crate::model::MANAGER;

/// The manager other than kamaji that set the field at `path` of a live object; the last one to write wins.
#[must_use]
pub(super) fn other_owner(live: &Value, path: &[String]) -> Option<String> {
    let entries = live.pointer("/metadata/managedFields")?.as_array()?;
    entries
        .iter()
        .filter(|entry| entry["manager"].as_str().is_some_and(|manager| manager != MANAGER))
        .filter(|entry| owns(&entry["fieldsV1"], live, path))
        .max_by_key(|entry| entry["time"].as_str().unwrap_or_default().to_owned())
        .and_then(|entry| entry["manager"].as_str().map(str::to_owned))
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
    fn a_list_without_keys_is_owned_as_a_whole() {
        let live = json!({
            "metadata": {"managedFields": [
                {"manager": "kubectl-patch", "time": "1", "fieldsV1": {"f:spec": {"f:command": {}}}}]},
            "spec": {"command": ["a", "b"]},
        });
        assert_eq!(other_owner(&live, &path("spec.command.1")).as_deref(), Some("kubectl-patch"));
    }
}
