//! Finds the pods of a Deployment's current revision, and whether they are failing.

use serde_json::Value;

const REVISION: &str = "deployment.kubernetes.io/revision";

/// The pods of the Deployment's current revision; none until the controller has observed the change.
#[must_use]
pub fn current_pods(deployment: Option<&Value>, sets: &[Value], pods: &[Value]) -> Vec<Value> {
    let Some(deployment) = deployment else { return Vec::new() };
    let number = |pointer: &str| deployment.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    if number("/status/observedGeneration") < number("/metadata/generation") {
        return Vec::new();
    }
    let revision = |object: &Value| object.pointer("/metadata/annotations")?.get(REVISION)?.as_str().map(str::to_owned);
    let owned_by = |object: &Value, owner: &Value| {
        let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        owners.is_some_and(|owners| owners.iter().any(|found| found["uid"] == owner["metadata"]["uid"]))
    };
    let newest = sets
        .iter()
        .find(|set| owned_by(set, deployment) && revision(set).is_some() && revision(set) == revision(deployment));
    let Some(newest) = newest else { return Vec::new() };
    pods.iter().filter(|pod| owned_by(pod, newest)).cloned().collect()
}

/// Whether a container crashes repeatedly or cannot be started.
#[must_use]
pub fn is_failing(pod: &Value) -> bool {
    const REASONS: &[&str] = &[
        "CrashLoopBackOff",
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
    ];
    let statuses = pod.pointer("/status/containerStatuses").and_then(Value::as_array).cloned().unwrap_or_default();
    statuses.iter().any(|status| {
        let reason = status.pointer("/state/waiting/reason").and_then(Value::as_str).unwrap_or_default();
        let crash_looping = status["restartCount"].as_u64().unwrap_or(0) >= 2 && status["ready"] != Value::Bool(true);
        REASONS.contains(&reason) || crash_looping
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_that_crashed_twice_is_failing_even_while_it_restarts() {
        let pod = |count: u32, ready: bool| json!({"status": {"containerStatuses": [{"restartCount": count, "ready": ready, "state": {"running": {}}}]}});
        assert!(is_failing(&pod(2, false)));
        assert!(!is_failing(&pod(1, false)));
        assert!(!is_failing(&pod(5, true)));
    }

    #[test]
    fn the_current_pods_belong_to_the_replica_set_with_the_revision_of_the_deployment() {
        let owned = |uid: &str, by: &str, revision: &str| json!({"metadata": {"uid": uid, "ownerReferences": [{"uid": by}], "annotations": {REVISION: revision}}});
        let deployment = |observed: u64| json!({"metadata": {"uid": "d", "generation": 2, "annotations": {REVISION: "2"}}, "status": {"observedGeneration": observed}});
        let sets = [owned("old", "d", "1"), owned("new", "d", "2"), owned("other", "x", "2")];
        let pods = [owned("1", "old", ""), owned("2", "new", ""), owned("3", "other", "")];
        let current = |observed| current_pods(Some(&deployment(observed)), &sets, &pods);
        assert_eq!(current(2), [pods[1].clone()]);
        assert_eq!(current(1), Vec::<Value>::new());
    }
}
