//! Removes the fields that an apply conflict names from a manifest, so that a user who changed settings of an addon
//! keeps them and still gets the rest.

use serde_json::Value;

use crate::render::Manifest;

/// The manifest without the fields that the conflict names; `None` if it names no field of the manifest.
///
/// The server reports `Apply failed with 1 conflict: conflict with "kubectl" using v1: .spec.replicas`, or several
/// fields, each on its own line after `- `.
#[must_use]
pub fn without_conflicting_fields(manifest: &Manifest, conflict: &str) -> Option<Manifest> {
    let mut rest = manifest.clone();
    let lines = conflict.lines().filter_map(|line| line.strip_prefix("- "));
    let paths: Vec<&str> = match lines.collect::<Vec<_>>() {
        none if none.is_empty() => vec![conflict.rsplit_once(": .").map(|(_, path)| path)?],
        paths => paths.into_iter().filter_map(|path| path.strip_prefix('.')).collect(),
    };
    let mut removed = false;
    for path in paths {
        removed |= remove(&mut rest.body, path.trim_end());
    }
    removed.then_some(rest)
}

/// Removes the field at a path such as `spec.template.spec.containers[name="coredns"].image`. A key may contain dots
/// (`data.config.conf`), so the path is matched against the keys of the object.
fn remove(value: &mut Value, path: &str) -> bool {
    match value {
        Value::Object(fields) => {
            let mut ends: Vec<usize> = path.match_indices(['.', '[']).map(|(at, _)| at).chain([path.len()]).collect();
            ends.reverse();
            for end in ends {
                let (key, rest) = path.split_at(end);
                if rest.is_empty() && fields.remove(key).is_some() {
                    return true;
                }
                let rest = rest.strip_prefix('.').unwrap_or(rest);
                if fields.get_mut(key).is_some_and(|child| remove(child, rest)) {
                    return true;
                }
            }
            false
        }
        Value::Array(items) => {
            let Some((keys, rest)) = path.strip_prefix('[').and_then(|path| path.split_once(']')) else { return false };
            let Some(at) = items.iter().position(|item| is_named(item, keys)) else { return false };
            if let Some(rest) = rest.strip_prefix('.') {
                return remove(&mut items[at], rest);
            }
            items.remove(at);
            true
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Whether a list item has the given keys, such as `name="coredns"` or `containerPort=53,protocol="UDP"`.
fn is_named(item: &Value, keys: &str) -> bool {
    keys.split(',').all(|pair| {
        let Some((key, value)) = pair.split_once('=') else { return false };
        serde_json::from_str::<Value>(value).is_ok_and(|value| item[key] == value)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::render::{ObjectRef, Write};

    fn manifest(body: Value) -> Manifest {
        let object = ObjectRef {
            api_version: "apps/v1".into(),
            kind: "Deployment".into(),
            namespace: Some("kube-system".into()),
            name: "coredns".into(),
        };
        Manifest { object, body, write: Write::ApplyUnlessEdited }
    }

    fn coredns() -> Manifest {
        let ports = json!([{"containerPort": 53, "protocol": "UDP", "name": "dns"}, {"containerPort": 53, "protocol": "TCP", "name": "dns-tcp"}]);
        manifest(json!({"spec": {"replicas": 2, "template": {"spec": {"containers": [
            {"name": "coredns", "image": "coredns:v1", "ports": ports, "resources": {"limits": {"memory": "170Mi"}}}]}}}}))
    }

    #[test]
    fn a_user_who_scaled_an_addon_keeps_the_replicas_and_gets_the_rest() {
        let one = "Apply failed with 1 conflict: conflict with \"kubectl\" using apps/v1: .spec.replicas";
        let rest = without_conflicting_fields(&coredns(), one).unwrap().body;
        assert_eq!(rest["spec"].get("replicas"), None);
        assert_eq!(rest["spec"]["template"], coredns().body["spec"]["template"]);
    }

    #[test]
    fn list_items_are_found_by_their_keys() {
        let many = "Apply failed with 3 conflicts: conflicts with \"kubectl-set\" using apps/v1:\n\
                    - .spec.template.spec.containers[name=\"coredns\"].resources.limits.memory\n\
                    - .spec.template.spec.containers[name=\"coredns\"].ports[containerPort=53,protocol=\"TCP\"].name\n\
                    conflicts with \"scaler\":\n- .spec.replicas";
        let mut wanted = coredns().body;
        wanted["spec"].as_object_mut().unwrap().remove("replicas");
        let container = &mut wanted["spec"]["template"]["spec"]["containers"][0];
        container["resources"]["limits"].as_object_mut().unwrap().remove("memory");
        container["ports"][1].as_object_mut().unwrap().remove("name");
        assert_eq!(without_conflicting_fields(&coredns(), many).unwrap().body, wanted);
    }

    #[test]
    fn a_key_may_contain_dots() {
        let config = manifest(json!({"data": {"config.conf": "a", "kubeconfig.conf": "b"}}));
        let conflict = "Apply failed with 1 conflict: conflict with \"kubectl-edit\" using v1: .data.config.conf";
        assert_eq!(
            without_conflicting_fields(&config, conflict).unwrap().body,
            json!({"data": {"kubeconfig.conf": "b"}})
        );
    }

    #[test]
    fn an_unknown_message_changes_nothing() {
        for strange in [
            "",
            "conflict",
            "Apply failed with 1 conflict: conflict with \"x\": .spec.nothing",
            "a\n- spec",
            "x: .spec.template[",
        ] {
            assert_eq!(without_conflicting_fields(&coredns(), strange).map(|rest| rest.body), None, "{strange}");
        }
    }
}
