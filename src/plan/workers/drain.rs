//! Which pods leave a worker, which stay, and which would be lost for good. As kubectl drain decides it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::render::ObjectRef;

/// What may be lost.
#[derive(Debug, Clone, Copy, Default)]
pub struct Consent {
    /// Pods that nobody makes again.
    pub bare_pods: bool,
    /// What is in an `emptyDir`.
    pub local_data: bool,
}

/// A pod on a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodOn {
    /// Which one.
    pub object: ObjectRef,
    /// Which one exactly: a pod of the same name elsewhere is another one.
    pub uid: String,
}

/// What draining a worker means for its pods.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DrainPlan {
    /// They are evicted, and waited for.
    pub leave: Vec<PodOn>,
    /// They stay, and why.
    pub stay: Vec<(PodOn, &'static str)>,
    /// They would be lost without the consent that the flag gives.
    pub refused: Vec<Refused>,
}

/// A pod that is not moved without consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The pod.
    pub pod: PodOn,
    /// What would be lost.
    pub why: &'static str,
    /// The flag that agrees to it.
    pub flag: &'static str,
}

/// Decides for the pods of one worker. `daemon_sets` are `(namespace, name)` of those that exist.
#[must_use]
pub fn decide_drain(pods: &[Value], daemon_sets: &BTreeSet<(String, String)>, consent: Consent) -> DrainPlan {
    let mut plan = DrainPlan::default();
    for pod in pods {
        let on = pod_on(pod);
        let phase = text(pod, "/status/phase");
        if pod.pointer("/metadata/annotations/kubernetes.io~1config.mirror").is_some() {
            plan.stay.push((on, "a static pod: its kubelet runs it from a file"));
            continue;
        }
        if matches!(phase, "Succeeded" | "Failed") || pod.pointer("/metadata/deletionTimestamp").is_some() {
            plan.leave.push(on);
            continue;
        }
        let controller = list(pod, "/metadata/ownerReferences").find(|owner| owner["controller"] == true);
        let is_lost = match controller {
            None => true,
            Some(owner) if owner["kind"] == "DaemonSet" => {
                let key = (text(pod, "/metadata/namespace").to_owned(), text(owner, "/name").to_owned());
                if daemon_sets.contains(&key) {
                    plan.stay.push((on, "of a DaemonSet, which would make it again at once"));
                    continue;
                }
                true
            }
            Some(_) => false,
        };
        let local = list(pod, "/spec/volumes").any(|volume| volume.get("emptyDir").is_some());
        let losses = [
            (is_lost && !consent.bare_pods, "has no controller that would make it again", "--force"),
            (local && !consent.local_data, "keeps data in an emptyDir, which would be lost", "--delete-emptydir-data"),
        ];
        let refused = losses.into_iter().filter(|(applies, ..)| *applies);
        let refused: Vec<Refused> = refused.map(|(_, why, flag)| Refused { pod: on.clone(), why, flag }).collect();
        if refused.is_empty() {
            plan.leave.push(on);
        }
        plan.refused.extend(refused);
    }
    plan
}

/// The pod as one to be moved.
#[must_use]
pub fn pod_on(pod: &Value) -> PodOn {
    PodOn {
        object: ObjectRef {
            api_version: "v1".into(),
            kind: "Pod".into(),
            namespace: Some(text(pod, "/metadata/namespace").to_owned()),
            name: text(pod, "/metadata/name").to_owned(),
        },
        uid: text(pod, "/metadata/uid").to_owned(),
    }
}

/// Why budgets forbid the eviction of a pod, as far as they tell; `budgets` are all of its namespace.
#[must_use]
pub fn budgets_in_the_way(pod: &Value, budgets: &[Value]) -> Vec<String> {
    let number = |budget: &Value, key: &str| {
        budget.pointer(&format!("/status/{key}")).and_then(Value::as_i64).unwrap_or_default()
    };
    let in_the_way = budgets.iter().filter(|budget| {
        budget.pointer("/metadata/namespace") == pod.pointer("/metadata/namespace")
            && selects(&budget["spec"]["selector"], &pod["metadata"]["labels"])
            && number(budget, "disruptionsAllowed") == 0
    });
    in_the_way
        .map(|budget| {
            let (healthy, needed) = (number(budget, "currentHealthy"), number(budget, "desiredHealthy"));
            format!(
                "PodDisruptionBudget {} allows no disruption, {healthy}/{needed} needed pods are healthy",
                text(budget, "/metadata/name")
            )
        })
        .collect()
}

/// Whether a label selector of policy/v1 selects; an empty one selects everything, a missing one nothing.
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
        let name = |pod: &PodOn| pod.object.name.clone();
        (
            plan.leave.iter().map(name).collect(),
            plan.stay.iter().map(|(pod, _)| name(pod)).collect(),
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
    fn what_would_be_lost_is_refused_and_what_comes_again_stays() {
        let (leave, stay, refused) = decided(&all(), Consent::default());
        assert_eq!(leave, ["web", "done", "going"]);
        assert_eq!(stay, ["proxy", "static"]);
        assert_eq!(
            refused,
            ["left --force", "bare --force", "bare --delete-emptydir-data", "cache --delete-emptydir-data"]
        );
    }

    #[test]
    fn with_consent_everything_leaves_but_what_comes_again() {
        let (leave, stay, refused) = decided(&all(), Consent { bare_pods: true, local_data: true });
        assert_eq!(leave, ["web", "left", "bare", "cache", "done", "going"]);
        assert_eq!(stay, ["proxy", "static"]);
        assert!(refused.is_empty());
    }

    #[test]
    fn a_budget_is_in_the_way_of_the_pods_that_it_selects() {
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
            assert_eq!(budgets_in_the_way(&web, &[budget(selector.clone(), 0)]).len(), usize::from(hits), "{selector}");
            assert!(budgets_in_the_way(&web, &[budget(selector, 1)]).is_empty());
        }
        assert_eq!(
            budgets_in_the_way(&web, &[budget(json!({}), 0)]),
            ["PodDisruptionBudget b allows no disruption, 1/1 needed pods are healthy"]
        );
    }
}
