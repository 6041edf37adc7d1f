//! Whether all rights are there, asked once before anything is written, so that missing ones are told together.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cluster::{Connection, Refusal};
use crate::error::{Fault, Kind};
use crate::model::{CONTROL_PLANES, Namespace, Right};
use crate::render::ObjectRef;

/// After how long a refusal is believed.
const SECOND_LOOK: Duration = Duration::from_millis(100);

/// Refuses with every missing right in the namespace, if one is missing.
pub(crate) async fn require_rights(connection: &Connection, namespace: &Namespace) -> Result<(), Fault> {
    let missing = missing_rights(connection, namespace, CONTROL_PLANES).await?;
    if missing.is_empty() {
        return Ok(());
    }
    let text = format!("rights are missing in namespace `{namespace}`:\n  - {}", missing.join("\n  - "));
    Err(Fault::new(Kind::Failed, text)
        .hint(format!("an administrator can give them: kamaji rbac -n {namespace} --user USER | kubectl apply -f -")))
}

/// What made a read before a change fail: every missing right in the namespace, if it may be one.
pub async fn with_missing_rights(connection: &Connection, namespace: &Namespace, fault: Fault) -> Fault {
    if fault.kind() != Kind::Failed {
        return fault;
    }
    require_rights(connection, namespace).await.err().unwrap_or(fault)
}

/// Which rights are missing in the namespace, one line for each resource.
pub(crate) async fn missing_rights(
    connection: &Connection,
    namespace: &Namespace,
    rights: &[Right],
) -> Result<Vec<String>, Refusal> {
    let rules = match review(connection, "SelfSubjectRulesReview", json!({"namespace": namespace})).await {
        Ok(status) => status,
        // A server that does not tell is asked by doing.
        Err(Refusal::Forbidden { .. } | Refusal::NotFound { .. } | Refusal::Refused { .. }) => return Ok(Vec::new()),
        Err(refusal) => return Err(refusal),
    };
    let mut missing = Vec::new();
    for right in rights {
        let mut verbs = Vec::new();
        for verb in right.verbs {
            // The list of rules may be incomplete; a single question is answered by all authorizers.
            if !allows(&rules, right, verb) && !is_allowed(connection, namespace, right, verb).await? {
                verbs.push(*verb);
            }
        }
        if !verbs.is_empty() {
            missing.push(format!("{} {}", verbs.join(", "), right.resource_text()));
        }
    }
    Ok(missing)
}

/// What may be read; `None` where the right is missing. Asked for a second time before that is believed: something is decided
/// from it, and an API server may hear of a right that was just given a moment later than its neighbour.
pub(crate) async fn if_allowed<T>(ask: impl AsyncFn() -> Result<T, Refusal>) -> Result<Option<T>, Refusal> {
    match ask().await {
        Err(Refusal::Forbidden { .. }) => tokio::time::sleep(SECOND_LOOK).await,
        answer => return answer.map(Some),
    }
    match ask().await {
        Err(Refusal::Forbidden { .. }) => Ok(None),
        answer => answer.map(Some),
    }
}

async fn review(connection: &Connection, kind: &str, spec: Value) -> Result<Value, Refusal> {
    let object = ObjectRef {
        api_version: "authorization.k8s.io/v1".into(),
        kind: kind.into(),
        namespace: None,
        name: String::new(),
    };
    let body = json!({"apiVersion": object.api_version, "kind": kind, "metadata": {}, "spec": spec});
    Ok(connection.ask(&object, &body).await?["status"].take())
}

async fn is_allowed(
    connection: &Connection,
    namespace: &Namespace,
    right: &Right,
    verb: &str,
) -> Result<bool, Refusal> {
    let (resource, subresource) = right.resource.split_once('/').unwrap_or((right.resource, ""));
    // No name is every name.
    let names = if right.names.is_empty() { &[""] } else { right.names };
    for name in names {
        let attributes = json!({
            "namespace": namespace, "verb": verb, "group": right.group, "resource": resource, "subresource": subresource,
            "name": name,
        });
        let status = review(connection, "SelfSubjectAccessReview", json!({"resourceAttributes": attributes})).await?;
        if status["allowed"] != Value::Bool(true) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether one of the rules gives the right, for objects of every name where it names none.
fn allows(status: &Value, right: &Right, verb: &str) -> bool {
    let rules = status["resourceRules"].as_array();
    rules.into_iter().flatten().any(|rule| {
        let has = |key: &str, wanted: &str| {
            rule[key].as_array().is_some_and(|values| values.iter().any(|value| value == "*" || value == wanted))
        };
        let named = rule["resourceNames"].as_array().is_some_and(|names| !names.is_empty());
        let covers = !named || (!right.names.is_empty() && right.names.iter().all(|name| has("resourceNames", name)));
        covers && has("verbs", verb) && has("apiGroups", right.group) && has("resources", right.resource)
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_rule_for_named_objects_is_not_a_right_to_all() {
        let right = Right { group: "apps", resource: "deployments", verbs: &["get"], names: &[] };
        let rules = |rule: Value| json!({"resourceRules": [rule]});
        assert!(allows(&rules(json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]})), &right, "get"));
        assert!(allows(
            &rules(json!({"verbs": ["get"], "apiGroups": ["apps"], "resources": ["deployments"]})),
            &right,
            "get"
        ));
        assert!(!allows(
            &rules(json!({"verbs": ["get"], "apiGroups": [""], "resources": ["deployments"]})),
            &right,
            "get"
        ));
        let named =
            json!({"verbs": ["get"], "apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": ["a"]});
        assert!(!allows(&rules(named.clone()), &right, "get"));
        assert!(allows(&rules(named.clone()), &Right { names: &["a"], ..right }, "get"));
        assert!(!allows(&rules(named), &Right { names: &["a", "b"], ..right }, "get"));
    }

    #[tokio::test]
    async fn a_missing_right_is_believed_the_second_time() {
        let refusal = || Refusal::Forbidden { what: "list nodes".into(), message: "not now".into() };
        for (refused, found, asked) in [(0, Some(7), 1), (1, Some(7), 2), (2, None, 2)] {
            let times = Cell::new(0);
            let ask = async || {
                times.set(times.get() + 1);
                if times.get() > refused { Ok(7) } else { Err(refusal()) }
            };
            assert_eq!(if_allowed(ask).await.unwrap(), found);
            assert_eq!(times.get(), asked);
        }
    }
}
