//! Which pods of a Deployment are those it is changing to, and whether there is hope for them.

use serde_json::Value;

const REVISION: &str = "deployment.kubernetes.io/revision";

/// The pods of the Deployment's newest template; none while its controller has not seen it yet.
#[must_use]
pub fn newest_pods(deployment: Option<&Value>, sets: &[Value], pods: &[Value]) -> Vec<Value> {
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

/// Whether a container crashes again and again, or has no image.
#[must_use]
pub fn is_broken(pod: &Value) -> bool {
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
        let again = status["restartCount"].as_u64().unwrap_or(0) >= 2 && status["ready"] != Value::Bool(true);
        REASONS.contains(&reason) || again
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_that_crashed_twice_is_broken_also_while_it_tries_again() {
        let pod = |count: u32, ready: bool| json!({"status": {"containerStatuses": [{"restartCount": count, "ready": ready, "state": {"running": {}}}]}});
        assert!(is_broken(&pod(2, false)));
        assert!(!is_broken(&pod(1, false)));
        assert!(!is_broken(&pod(5, true)));
    }

    #[test]
    fn the_newest_pods_are_those_of_the_set_with_the_deployments_revision() {
        let owned = |uid: &str, by: &str, revision: &str| json!({"metadata": {"uid": uid, "ownerReferences": [{"uid": by}], "annotations": {REVISION: revision}}});
        let deployment = |observed: u64| json!({"metadata": {"uid": "d", "generation": 2, "annotations": {REVISION: "2"}}, "status": {"observedGeneration": observed}});
        let sets = [owned("old", "d", "1"), owned("new", "d", "2"), owned("other", "x", "2")];
        let pods = [owned("1", "old", ""), owned("2", "new", ""), owned("3", "other", "")];
        let newest = |observed| newest_pods(Some(&deployment(observed)), &sets, &pods);
        assert_eq!(newest(2), [pods[1].clone()]);
        assert_eq!(newest(1), Vec::<Value>::new());
    }
}
