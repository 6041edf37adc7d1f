//! What is left of a wish when others took some of its fields: who changed an addon's settings keeps them, and gets the
//! rest. Pure; which fields are taken says the server's refusal.

use serde_json::Value;

use crate::render::Manifest;

/// The wish without the fields that a conflict names; `None` when it names none that the wish has.
///
/// The server writes `Apply failed with 1 conflict: conflict with "kubectl" using v1: .spec.replicas`, or several fields
/// each on a line of its own after `- `.
#[must_use]
pub fn without_conflicting_fields(manifest: &Manifest, conflict: &str) -> Option<Manifest> {
    let mut rest = manifest.clone();
    let lines = conflict.lines().filter_map(|line| line.strip_prefix("- "));
    let paths: Vec<&str> = match lines.collect::<Vec<_>>() {
        none if none.is_empty() => vec![conflict.rsplit_once(": .").map(|(_, path)| path)?],
        paths => paths.into_iter().filter_map(|path| path.strip_prefix('.')).collect(),
    };
    let mut given = false;
    for path in paths {
        given |= remove(&mut rest.body, path.trim_end());
    }
    given.then_some(rest)
}

/// Removes what a path such as `spec.template.spec.containers[name="coredns"].image` leads to. A key may have dots in it
/// (`data.config.conf`), so that the object says where a key ends.
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

/// Whether an item of a list has the keys `name="coredns"`, or `containerPort=53,protocol="UDP"`.
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
        Manifest { object, body, write: Write::ApplyUnlessTaken }
    }

    fn coredns() -> Manifest {
        let ports = json!([{"containerPort": 53, "protocol": "UDP", "name": "dns"}, {"containerPort": 53, "protocol": "TCP", "name": "dns-tcp"}]);
        manifest(json!({"spec": {"replicas": 2, "template": {"spec": {"containers": [
            {"name": "coredns", "image": "coredns:v1", "ports": ports, "resources": {"limits": {"memory": "170Mi"}}}]}}}}))
    }

    #[test]
    fn who_scaled_an_addon_keeps_the_number_and_gets_the_rest() {
        let one = "Apply failed with 1 conflict: conflict with \"kubectl\" using apps/v1: .spec.replicas";
        let rest = without_conflicting_fields(&coredns(), one).unwrap().body;
        assert_eq!(rest["spec"].get("replicas"), None);
        assert_eq!(rest["spec"]["template"], coredns().body["spec"]["template"]);
    }

    #[test]
    fn fields_in_lists_are_found_by_the_keys_of_their_items() {
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
    fn a_key_with_a_dot_is_one_key() {
        let config = manifest(json!({"data": {"config.conf": "a", "kubeconfig.conf": "b"}}));
        let conflict = "Apply failed with 1 conflict: conflict with \"kubectl-edit\" using v1: .data.config.conf";
        assert_eq!(
            without_conflicting_fields(&config, conflict).unwrap().body,
            json!({"data": {"kubeconfig.conf": "b"}})
        );
    }

    #[test]
    fn what_cannot_be_understood_is_left_alone() {
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
