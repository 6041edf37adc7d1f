//! Decides which pods a drain evicts, keeps or refuses, by the rules of kubectl drain.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::render::ObjectRef;

/// What the user agreed to lose.
#[derive(Debug, Clone, Copy, Default)]
pub struct Consent {
    /// Pods without a controller.
    pub bare_pods: bool,
    /// Data in `emptyDir` volumes.
    pub local_data: bool,
}

/// A reference to a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodRef {
    /// The pod.
    pub object: ObjectRef,
    /// Its UID, because a new pod can have the same name.
    pub uid: String,
}

/// The effect of a drain on the pods of a worker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DrainPlan {
    /// Pods to evict and wait for.
    pub evict: Vec<PodRef>,
    /// Pods that stay, with the reason.
    pub keep: Vec<(PodRef, &'static str)>,
    /// Pods that would be lost, and the flag that allows it.
    pub refused: Vec<Refused>,
}

/// A pod that is not evicted without consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The pod.
    pub pod: PodRef,
    /// What would be lost.
    pub why: &'static str,
    /// The flag that allows it.
    pub flag: &'static str,
}

/// Decides for the pods of one worker. `daemon_sets` are namespace and name of the existing `DaemonSets`.
#[must_use]
pub fn decide_drain(pods: &[Value], daemon_sets: &BTreeSet<(String, String)>, consent: Consent) -> DrainPlan {
    let mut plan = DrainPlan::default();
    for pod in pods {
        let reference = pod_ref(pod);
        let phase = text(pod, "/status/phase");
        if pod.pointer("/metadata/annotations/kubernetes.io~1config.mirror").is_some() {
            plan.keep.push((reference, "static pod"));
            continue;
        }
        if matches!(phase, "Succeeded" | "Failed") || pod.pointer("/metadata/deletionTimestamp").is_some() {
            plan.evict.push(reference);
            continue;
        }
        let controller = list(pod, "/metadata/ownerReferences").find(|owner| owner["controller"] == true);
        let is_lost = match controller {
            None => true,
            Some(owner) if owner["kind"] == "DaemonSet" => {
                let key = (text(pod, "/metadata/namespace").to_owned(), text(owner, "/name").to_owned());
                if daemon_sets.contains(&key) {
                    plan.keep.push((reference, "managed by a DaemonSet"));
                    continue;
                }
                true
            }
            Some(_) => false,
        };
        let local = list(pod, "/spec/volumes").any(|volume| volume.get("emptyDir").is_some());
        let losses = [
            (is_lost && !consent.bare_pods, "has no controller that would recreate it", "--force"),
            (local && !consent.local_data, "has data in an emptyDir, which would be lost", "--delete-emptydir-data"),
        ];
        let refused = losses.into_iter().filter(|(applies, ..)| *applies);
        let refused: Vec<Refused> =
            refused.map(|(_, why, flag)| Refused { pod: reference.clone(), why, flag }).collect();
        if refused.is_empty() {
            plan.evict.push(reference);
        }
        plan.refused.extend(refused);
    }
    plan
}

/// The reference of a pod.
#[must_use]
pub fn pod_ref(pod: &Value) -> PodRef {
    PodRef {
        object: ObjectRef {
            api_version: "v1".into(),
            kind: "Pod".into(),
            namespace: Some(text(pod, "/metadata/namespace").to_owned()),
            name: text(pod, "/metadata/name").to_owned(),
        },
        uid: text(pod, "/metadata/uid").to_owned(),
    }
}

/// The budgets that block the eviction of a pod. `budgets` are all budgets of its namespace.
#[must_use]
pub fn blocking_budgets(pod: &Value, budgets: &[Value]) -> Vec<String> {
    let number = |budget: &Value, key: &str| {
        budget.pointer(&format!("/status/{key}")).and_then(Value::as_i64).unwrap_or_default()
    };
    let blocking = budgets.iter().filter(|budget| {
        budget.pointer("/metadata/namespace") == pod.pointer("/metadata/namespace")
            && selects(&budget["spec"]["selector"], &pod["metadata"]["labels"])
            && number(budget, "disruptionsAllowed") == 0
    });
    blocking
        .map(|budget| {
            let (healthy, needed) = (number(budget, "currentHealthy"), number(budget, "desiredHealthy"));
            format!(
                "PodDisruptionBudget {} allows no disruption ({healthy} of {needed} required pods are healthy)",
                text(budget, "/metadata/name")
            )
        })
        .collect()
}

/// Whether a label selector of policy/v1 matches. An empty selector matches everything, a missing one nothing.
fn selects(selector: &Value, labels: &Value) -> bool {
    if selector.is_null() {
        return false;
    }
    let equal = selector["matchLabels"].as_object().into_iter().flatten().all(|(key, value)| labels[key] == *value);
    let fits = |expression: &Value| {
        let value = &labels[text(expression, "/key")];
        let listed = expression["values"].as_array().is_some_and(|values| values.contains(value));
        match text(expression, "/operator") {
            "In" => listed,
            "NotIn" => !listed,
            "Exists" => !value.is_null(),
            "DoesNotExist" => value.is_null(),
            _ => false,
        }
    };
    equal && list(selector, "/matchExpressions").all(fits)
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, more: &Value) -> Value {
        let mut pod =
            json!({"metadata": {"namespace": "default", "name": name, "uid": name}, "spec": {}, "status": {}});
        for (pointer, value) in more.as_object().unwrap() {
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            pod.pointer_mut(parent).unwrap()[key] = value.clone();
        }
        pod
    }

    fn owner(kind: &str, name: &str) -> Value {
        json!([{"kind": kind, "name": name, "controller": true}])
    }

    fn decided(pods: &[Value], consent: Consent) -> (Vec<String>, Vec<String>, Vec<String>) {
        let sets = BTreeSet::from([("default".to_owned(), "proxy".to_owned())]);
        let plan = decide_drain(pods, &sets, consent);
        let name = |pod: &PodRef| pod.object.name.clone();
        (
            plan.evict.iter().map(name).collect(),
            plan.keep.iter().map(|(pod, _)| name(pod)).collect(),
            plan.refused.iter().map(|refused| format!("{} {}", refused.pod.object.name, refused.flag)).collect(),
        )
    }

    fn all() -> Vec<Value> {
        let empty_dir = json!([{"name": "d", "emptyDir": {}}]);
        vec![
            pod("web", &json!({"/metadata/ownerReferences": owner("ReplicaSet", "web")})),
            pod(
                "proxy",
                &json!({"/metadata/ownerReferences": owner("DaemonSet", "proxy"), "/spec/volumes": empty_dir}),
            ),
            pod("left", &json!({"/metadata/ownerReferences": owner("DaemonSet", "gone")})),
            pod("static", &json!({"/metadata/annotations": {"kubernetes.io/config.mirror": "x"}})),
            pod("bare", &json!({"/spec/volumes": empty_dir})),
            pod("cache", &json!({"/metadata/ownerReferences": owner("Job", "j"), "/spec/volumes": empty_dir})),
            pod("done", &json!({"/status/phase": "Succeeded", "/spec/volumes": empty_dir})),
            pod("going", &json!({"/metadata/deletionTimestamp": "2027-06-01T12:00:00Z"})),
        ]
    }

    #[test]
    fn pods_that_would_be_lost_are_refused_and_pods_of_daemon_sets_stay() {
        let (evict, keep, refused) = decided(&all(), Consent::default());
        assert_eq!(evict, ["web", "done", "going"]);
        assert_eq!(keep, ["proxy", "static"]);
        assert_eq!(
            refused,
            ["left --force", "bare --force", "bare --delete-emptydir-data", "cache --delete-emptydir-data"]
        );
    }

    #[test]
    fn with_consent_all_pods_but_those_of_daemon_sets_and_static_pods_are_evicted() {
        let (evict, keep, refused) = decided(&all(), Consent { bare_pods: true, local_data: true });
        assert_eq!(evict, ["web", "left", "bare", "cache", "done", "going"]);
        assert_eq!(keep, ["proxy", "static"]);
        assert!(refused.is_empty());
    }

    #[test]
    fn a_budget_blocks_the_pods_that_it_selects() {
        let budget = |selector: Value, allowed: u64| {
            json!({"metadata": {"namespace": "default", "name": "b"}, "spec": {"selector": selector},
                "status": {"disruptionsAllowed": allowed, "currentHealthy": 1, "desiredHealthy": 1}})
        };
        let web = pod("web", &json!({"/metadata/labels": {"app": "web"}}));
        let expression = |operator: &str, values: Value| json!({"matchExpressions": [{"key": "app", "operator": operator, "values": values}]});
        for (selector, hits) in [
            (json!({"matchLabels": {"app": "web"}}), true),
            (json!({"matchLabels": {"app": "db"}}), false),
            (json!({}), true),
            (Value::Null, false),
            (expression("In", json!(["web"])), true),
            (expression("NotIn", json!(["web"])), false),
            (expression("Exists", Value::Null), true),
            (expression("DoesNotExist", Value::Null), false),
        ] {
            assert_eq!(blocking_budgets(&web, &[budget(selector.clone(), 0)]).len(), usize::from(hits), "{selector}");
            assert!(blocking_budgets(&web, &[budget(selector, 1)]).is_empty());
        }
        assert_eq!(
            blocking_budgets(&web, &[budget(json!({}), 0)]),
            ["PodDisruptionBudget b allows no disruption (1 of 1 required pods are healthy)"]
        );
    }
}
