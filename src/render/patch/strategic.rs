//! Kubernetes' strategic merge patch, as far as pods, Deployments and `DaemonSets` need it: maps are merged, null
//! removes, and lists of named things are merged by their key. Its directives `$patch`, `$retainKeys` and
//! `$deleteFromPrimitiveList` are followed; `$setElementOrder`, which kubectl writes for itself, is not read.
//!
//! Order and corner cases are those of `k8s.io/apimachinery/pkg/util/strategicpatch` of 1.37; `tests/offline/patches.rs`
//! compares with kubeadm.

use serde_json::{Map, Value};

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";
const ORDER: &str = "$setElementOrder/";

/// Lists that are merged, and the key of their items (`patchMergeKey` of `k8s.io/api`). All others are replaced.
const MERGED_BY: [(&str, &str); 12] = [
    ("containers", "name"),
    ("env", "name"),
    ("ephemeralContainers", "name"),
    ("hostAliases", "ip"),
    ("imagePullSecrets", "name"),
    ("initContainers", "name"),
    ("ports", "containerPort"),
    ("resourceClaims", "name"),
    ("schedulingGates", "name"),
    ("topologySpreadConstraints", "topologyKey"),
    ("volumeDevices", "devicePath"),
    ("volumes", "name"),
];
/// One more: the list of a container, which has no other fields of that name around it.
const MOUNTS: (&str, &str) = ("volumeMounts", "mountPath");

/// Merges `patch` into `original`. `keyed` is false for what has no lists that are merged.
pub(super) fn merge(original: Value, patch: &Value, keyed: bool) -> Result<Value, String> {
    let (Value::Object(original), Value::Object(patch)) = (original, patch) else {
        return Err("a strategic patch is a map".into());
    };
    merge_maps(original, patch, keyed).map(Value::Object)
}

fn merge_maps(
    mut original: Map<String, Value>,
    patch: &Map<String, Value>,
    keyed: bool,
) -> Result<Map<String, Value>, String> {
    match patch.get(PATCH).map(|directive| directive.as_str().unwrap_or_default()) {
        None => {}
        Some("replace") => {
            let mut whole = patch.clone();
            whole.remove(PATCH);
            return Ok(whole);
        }
        Some("delete") => return Ok(Map::new()),
        Some(other) => return Err(format!("`{PATCH}: {other}` is not known here")),
    }
    if let Some(retained) = patch.get(RETAIN_KEYS) {
        let keys = retained.as_array().ok_or_else(|| format!("`{RETAIN_KEYS}` is a list"))?;
        let is_kept = |key: &str| keys.iter().any(|kept| kept == key);
        if let Some(key) = patch.iter().find(|(key, value)| !key.starts_with('$') && !value.is_null() && !is_kept(key))
        {
            return Err(format!("`{}` is not in `{RETAIN_KEYS}`", key.0));
        }
        original.retain(|key, _| is_kept(key));
    }
    for (key, value) in patch.iter().filter(|(key, _)| *key != RETAIN_KEYS) {
        if key.starts_with(ORDER) {
            return Err(format!("`{key}` is not read here"));
        }
        if let Some(list) = key.strip_prefix(DELETE_FROM) {
            let gone = value.as_array().ok_or_else(|| format!("`{key}` is a list"))?;
            if let Some(Value::Array(items)) = original.get_mut(list) {
                items.retain(|item| !gone.contains(item));
            }
            continue;
        }
        if value.is_null() {
            original.remove(key);
            continue;
        }
        let merged = match (original.remove(key), value) {
            (Some(Value::Object(before)), Value::Object(after)) => {
                Some(Value::Object(merge_maps(before, after, keyed)?))
            }
            (Some(Value::Array(before)), Value::Array(after)) => Some(Value::Array(match merge_key(key, keyed) {
                Some(by) => merge_lists(before, after, by, key)?,
                None => after.clone(),
            })),
            (_, after) => plain(after),
        };
        if let Some(merged) = merged {
            original.insert(key.clone(), merged);
        }
    }
    Ok(original)
}

fn merge_key(list: &str, keyed: bool) -> Option<&'static str> {
    let rows = MERGED_BY.iter().chain(std::iter::once(&MOUNTS));
    rows.filter(|_| keyed).find(|(name, _)| *name == list).map(|(_, key)| *key)
}

fn merge_lists(mut items: Vec<Value>, patch: &[Value], by: &str, list: &str) -> Result<Vec<Value>, String> {
    let mut named = Vec::new();
    let mut replace = false;
    for item in patch {
        let fields = item.as_object().ok_or_else(|| format!("`{list}` is a list of maps"))?;
        match fields.get(PATCH).map(|directive| directive.as_str().unwrap_or_default()) {
            None => named.push(fields),
            Some("replace") => replace = true,
            Some("delete") => {
                let key = fields.get(by).ok_or_else(|| format!("an item of `{list}` is removed by its `{by}`"))?;
                items.retain(|item| item.get(by) != Some(key));
            }
            Some(other) => return Err(format!("`{PATCH}: {other}` is not known in a list")),
        }
    }
    if replace {
        return Ok(named.into_iter().map(|fields| Value::Object(fields.clone())).collect());
    }
    let places: Vec<Value> = items.iter().filter_map(|item| item.get(by).cloned()).collect();
    let mut patched: Vec<Value> = Vec::new();
    for fields in named {
        let key = fields.get(by).ok_or_else(|| format!("an item of `{list}` has no `{by}`"))?;
        let own = |item: &Value| item.get(by) == Some(key);
        let before =
            patched.iter().position(own).map(|at| (true, at)).or(items.iter().position(own).map(|at| (false, at)));
        match before {
            Some((true, at)) => {
                let whole = std::mem::take(&mut patched[at]);
                patched[at] = merge(whole, &Value::Object(fields.clone()), true)?;
            }
            Some((false, at)) => patched.push(merge(items.remove(at), &Value::Object(fields.clone()), true)?),
            None => patched.push(Value::Object(fields.clone())),
        }
    }
    Ok(interleave(items, patched, &places, by))
}

/// What the patch names keeps the order of the patch, the rest its own; between the two, the order in which they were
/// decides, and what is new comes first.
fn interleave(rest: Vec<Value>, patched: Vec<Value>, places: &[Value], by: &str) -> Vec<Value> {
    let place = |item: &Value| places.iter().position(|key| item.get(by) == Some(key));
    let (mut rest, mut patched) = (rest.into_iter().peekable(), patched.into_iter().peekable());
    let mut all = Vec::new();
    loop {
        let rest_first = match (rest.peek(), patched.peek()) {
            (None, None) => return all,
            (None, Some(_)) => false,
            (Some(_), None) => true,
            (Some(one), Some(other)) => place(one).zip(place(other)).is_some_and(|(one, other)| one < other),
        };
        all.extend(if rest_first { rest.next() } else { patched.next() });
    }
}

/// The patch's value where there is nothing to merge it with: without nulls and directives.
fn plain(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Object(fields) if fields.get(PATCH).is_some_and(|directive| directive == "delete") => None,
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(key, _)| !key.starts_with('$'));
            Some(Value::Object(kept.filter_map(|(key, value)| Some((key.clone(), plain(value)?))).collect()))
        }
        Value::Array(items) => Some(Value::Array(items.iter().filter_map(plain).collect())),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(value.clone()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(original: Value, patch: &Value) -> Value {
        merge(original, patch, true).unwrap()
    }

    #[test]
    fn maps_are_merged_and_null_removes() {
        let original = json!({"a": {"b": 1, "c": 2}, "d": [1, 2]});
        assert_eq!(
            merged(original, &json!({"a": {"b": null, "x": {"y": null, "z": 1}}, "d": [3]})),
            json!({"a": {"c": 2, "x": {"z": 1}}, "d": [3]})
        );
    }

    #[test]
    fn lists_are_merged_by_their_key() {
        let original = json!({"containers": [{"name": "a", "env": [{"name": "X", "value": "1"}], "command": ["a"]}, {"name": "b"}]});
        let patch = json!({"containers": [{"name": "a", "env": [{"name": "Y", "value": "2"}], "command": ["b"]}]});
        let expected = json!({"containers": [
            {"name": "a", "env": [{"name": "Y", "value": "2"}, {"name": "X", "value": "1"}], "command": ["b"]}, {"name": "b"}]});
        assert_eq!(merged(original, &patch), expected);
    }

    #[test]
    fn items_are_removed_and_lists_replaced_when_the_patch_says_so() {
        let original = || json!({"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "secret": {"x": 1}}]});
        let removed = merged(original(), &json!({"volumes": [{"name": "a", "$patch": "delete"}]}));
        assert_eq!(removed, json!({"volumes": [{"name": "b", "secret": {"x": 1}}]}));
        let replaced = merged(original(), &json!({"volumes": [{"$patch": "replace"}, {"name": "c"}]}));
        assert_eq!(replaced, json!({"volumes": [{"name": "c"}]}));
        let retained = merged(
            original(),
            &json!({"volumes": [{"name": "b", "emptyDir": {}, "$retainKeys": ["name", "emptyDir"]}]}),
        );
        assert_eq!(retained, json!({"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "emptyDir": {}}]}));
        assert_eq!(
            merged(json!({"a": {"b": 1}}), &json!({"a": {"$patch": "replace", "c": 2}})),
            json!({"a": {"c": 2}})
        );
        assert_eq!(
            merged(json!({"f": ["x", "y"]}), &json!({"$deleteFromPrimitiveList/f": ["x"]})),
            json!({"f": ["y"]})
        );
    }

    #[test]
    fn what_cannot_be_followed_is_refused() {
        let original = || json!({"containers": [{"name": "a"}]});
        for patch in [
            json!({"containers": [{"image": "x"}]}),
            json!({"containers": [{"$patch": "delete"}]}),
            json!({"containers": ["a"]}),
            json!({"$patch": "burn"}),
            json!({"$setElementOrder/containers": []}),
            json!({"$retainKeys": ["a"], "b": 1}),
        ] {
            assert!(merge(original(), &patch, true).is_err(), "{patch}");
        }
    }

    #[test]
    fn without_keys_every_list_is_replaced() {
        let merged = merge(json!({"env": [{"name": "a"}]}), &json!({"env": [{"name": "b"}]}), false).unwrap();
        assert_eq!(merged, json!({"env": [{"name": "b"}]}));
    }
}
