//! Checks that the control plane's pods run and are ready, and finds out why they are not.

use jiff::Timestamp;
use serde_json::Value;

use super::check_graph::Finding;
use super::facts::ControlPlaneFacts;
use crate::model::ObjectNames;
use crate::plan::apply::plan::Action;
use crate::plan::lifecycle::pod_status::{list, pod_failure_causes, pod_summary, text, warnings};

/// Report containers that terminated within this time, even if they run again.
const RECENT_SECONDS: i64 = 3600;

/// Why a pod does not run, grouped by remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PodProblem {
    /// The image cannot be pulled.
    Image,
    /// A container keeps crashing.
    Crash,
    /// A container cannot be created.
    Container,
    /// The scheduler found no node.
    Unscheduled,
}

pub(super) fn check_pods(control_plane: &ControlPlaneFacts) -> Finding {
    Finding::of(&control_plane.pods, |pods| {
        let Some(record) = control_plane.record() else {
            return Finding::unknown("the record is missing, so the desired number of pods is unknown");
        };
        let deployment = match &control_plane.live {
            Err(_) => Deployment::Unavailable,
            Ok(live) => match live.named("Deployment", &ObjectNames(&control_plane.name).deployment()) {
                None => Deployment::Missing,
                Some(deployment) => Deployment::Found(deployment),
            },
        };
        let events = control_plane.events.as_deref().unwrap_or_default();
        check_pods_of_deployment(control_plane, u64::from(record.spec.replicas), deployment, pods, events)
    })
}

/// The observed Deployment.
#[derive(Debug, Clone, Copy)]
enum Deployment<'a> {
    Unavailable,
    Missing,
    Found(&'a Value),
}

fn check_pods_of_deployment(
    control_plane: &ControlPlaneFacts,
    wanted: u64,
    deployment: Deployment<'_>,
    pods: &[Value],
    events: &[Value],
) -> Finding {
    let remaining: Vec<Value> =
        pods.iter().filter(|pod| pod.pointer("/metadata/deletionTimestamp").is_none()).cloned().collect();
    let ready = remaining.iter().filter(|pod| pod_summary(pod).1).count();
    let count = format!("{ready} of {wanted} ready");
    if matches!(deployment, Deployment::Missing) {
        return Finding::failed(format!("{count}: the Deployment does not exist"))
            .remedy(control_plane.recreate.clone());
    }
    if wanted == 0 {
        return Finding::warning("scaled to zero: no pod runs and the API server is unavailable")
            .remedy(control_plane.kamaji("scale", "--replicas 1"));
    }
    let current = match deployment {
        Deployment::Found(deployment) => deployment.pointer("/spec/replicas").and_then(Value::as_u64),
        Deployment::Unavailable | Deployment::Missing => None,
    };
    if let Some(current) = current.filter(|current| *current < wanted) {
        return Finding::failed(format!("{count}: the Deployment was scaled to {current} outside of kamaji"))
            .details(drift(control_plane))
            .remedy(control_plane.recreate.clone());
    }
    let failing: Vec<(PodProblem, &Value, String)> =
        remaining.iter().filter_map(|pod| problem(pod).map(|(problem, name)| (problem, pod, name))).collect();
    let enough = u64::try_from(ready).is_ok_and(|ready| ready >= wanted);
    if let Some((problem, pod, container)) = failing.first() {
        let text = if enough { format!("{count}, but a new pod does not start") } else { count };
        let failing_pods: Vec<Value> = failing.iter().map(|(_, pod, _)| (*pod).clone()).collect();
        return Finding::failed(text)
            .details(pod_failure_causes(&failing_pods, events))
            .details(drift(control_plane))
            .remedies(remedies(control_plane, *problem, pod, container));
    }
    if !enough {
        let warnings = warnings(events, "ReplicaSet", control_plane.name.as_str());
        let causes = if remaining.is_empty() { warnings.collect() } else { Vec::new() };
        return Finding::failed(count).details(pod_failure_causes(&remaining, events)).details(causes).remedy(format!(
            "kubectl describe pods -n {} -l kamaji.clastix.io/name={}",
            control_plane.namespace, control_plane.name
        ));
    }
    let (memory, ended) = recently_ended(&remaining, control_plane.now);
    if !memory.is_empty() {
        return Finding::warning(format!("{count}; containers were OOM-killed within the last hour"))
            .details(memory)
            .remedy("raise the memory limits: run the create command with a larger --size");
    }
    if !ended.is_empty() {
        return Finding::warning(format!("{count}; containers terminated within the last hour")).details(ended);
    }
    Finding::ok(count)
}

/// Whether a pod is failing.
pub(super) fn any_pod_failing(control_plane: &ControlPlaneFacts) -> bool {
    control_plane.pods.as_ref().is_ok_and(|pods| pods.iter().any(|pod| problem(pod).is_some()))
}

fn problem(pod: &Value) -> Option<(PodProblem, String)> {
    let containers = list(pod, "/status/initContainerStatuses").chain(list(pod, "/status/containerStatuses"));
    for status in containers {
        let name = text(status, "/name").to_owned();
        let failed = status.pointer("/state/terminated/exitCode").and_then(Value::as_i64).is_some_and(|code| code != 0);
        let restarted = status["restartCount"].as_u64().unwrap_or(0) > 0 && status["ready"] == Value::Bool(false);
        let problem = match text(status, "/state/waiting/reason") {
            "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" => PodProblem::Image,
            "CrashLoopBackOff" => PodProblem::Crash,
            "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => PodProblem::Container,
            _ if failed || restarted => PodProblem::Crash,
            _ => continue,
        };
        return Some((problem, name));
    }
    let unscheduled = list(pod, "/status/conditions")
        .any(|condition| condition["type"] == "PodScheduled" && condition["status"] == "False");
    unscheduled.then(|| (PodProblem::Unscheduled, String::new()))
}

fn remedies(control_plane: &ControlPlaneFacts, problem: PodProblem, pod: &Value, container: &str) -> Vec<String> {
    let (namespace, pod) = (&control_plane.namespace, text(pod, "/metadata/name"));
    let mut remedies = Vec::new();
    if !drift(control_plane).is_empty() {
        remedies.push(control_plane.recreate.clone());
    }
    remedies.push(match problem {
        PodProblem::Image | PodProblem::Container => format!("kubectl describe pod -n {namespace} {pod}"),
        PodProblem::Crash => format!("kubectl logs -n {namespace} {pod} -c {container} --previous"),
        PodProblem::Unscheduled => format!("kubectl describe pod -n {namespace} {pod}; kubectl describe nodes"),
    });
    remedies
}

/// Drift of the Deployment.
fn drift(control_plane: &ControlPlaneFacts) -> Vec<String> {
    let what = format!("Deployment {}/{}", control_plane.namespace, ObjectNames(&control_plane.name).deployment());
    let changes = control_plane.changes.as_deref().unwrap_or_default().iter();
    changes
        .filter(|change| change.target == what && change.action != Action::Unchanged)
        .map(super::facts::describe_change)
        .collect()
}

/// Containers that terminated recently: OOM-killed ones, and all others.
fn recently_ended(pods: &[Value], now: Timestamp) -> (Vec<String>, Vec<String>) {
    let (mut memory, mut others) = (Vec::new(), Vec::new());
    for pod in pods {
        for status in list(pod, "/status/containerStatuses") {
            let Some(last) = status.pointer("/lastState/terminated") else { continue };
            let ended: Option<Timestamp> = text(last, "/finishedAt").parse().ok();
            if ended.is_none_or(|ended| now.as_second() - ended.as_second() > RECENT_SECONDS) {
                continue;
            }
            let (pod, container, reason) = (text(pod, "/metadata/name"), text(status, "/name"), text(last, "/reason"));
            let restarts = status["restartCount"].as_u64().unwrap_or(0);
            let line = format!("pod {pod}, container {container}: {reason}, {restarts} restarts");
            if reason == "OOMKilled" { memory.push(line) } else { others.push(line) }
        }
    }
    (memory, others)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::check_graph::HealthCheckState;
    use super::super::tests::facts;
    use super::*;
    use crate::plan::apply::plan::Change;

    fn pod(status: &Value) -> Value {
        json!({"metadata": {"name": "prod-1"}, "spec": {"containers": [{}]}, "status": status})
    }

    fn ready_pod() -> Value {
        pod(&json!({"containerStatuses": [{"name": "kube-apiserver", "ready": true, "started": true}]}))
    }

    fn waiting(reason: &str) -> Value {
        pod(&json!({"containerStatuses": [{"name": "kube-apiserver", "ready": false,
            "state": {"waiting": {"reason": reason, "message": "m"}}}]}))
    }

    fn of(control_plane: &ControlPlaneFacts, wanted: u64, pods: &[Value]) -> Finding {
        check_pods_of_deployment(
            control_plane,
            wanted,
            Deployment::Found(&json!({"spec": {"replicas": wanted}})),
            pods,
            &[],
        )
    }

    #[test]
    fn each_pod_problem_has_its_own_remedy() {
        let control_plane = facts();
        for (pod, remedy) in [
            (waiting("ImagePullBackOff"), "kubectl describe pod -n team-a prod-1"),
            (waiting("CrashLoopBackOff"), "kubectl logs -n team-a prod-1 -c kube-apiserver --previous"),
            (waiting("CreateContainerConfigError"), "kubectl describe pod -n team-a prod-1"),
            (
                pod(&json!({"conditions": [{"type": "PodScheduled", "status": "False", "message": "no cpu"}]})),
                "kubectl describe pod -n team-a prod-1; kubectl describe nodes",
            ),
        ] {
            let finding = of(&control_plane, 1, &[pod]);
            assert_eq!((finding.state, finding.remedies), (HealthCheckState::Failed, vec![remedy.to_owned()]));
            assert_eq!(finding.text, "0 of 1 ready");
        }
        assert_eq!(of(&control_plane, 1, &[ready_pod()]).state, HealthCheckState::Ok);
    }

    #[test]
    fn a_failing_new_pod_beside_a_ready_one_is_fixed_by_reapplying_the_spec() {
        let mut control_plane = facts();
        control_plane.changes = Ok(vec![Change::of("Deployment team-a/prod", Action::Update, "")]);
        let finding = of(&control_plane, 1, &[ready_pod(), waiting("ErrImagePull")]);
        assert_eq!((finding.state, finding.remedies[0].as_str()), (HealthCheckState::Failed, "recreate"));
        assert!(finding.text.contains("1 of 1 ready, but a new pod does not start"), "{finding:?}");
    }

    #[test]
    fn missing_pods_are_explained_by_scaling_a_missing_deployment_or_a_quota() {
        let control_plane = facts();
        let asleep =
            check_pods_of_deployment(&control_plane, 0, Deployment::Found(&json!({"spec": {"replicas": 0}})), &[], &[]);
        assert_eq!(asleep.state, HealthCheckState::Warning);
        assert_eq!(asleep.remedies, ["kamaji scale prod -n team-a --replicas 1"]);
        let scaled =
            check_pods_of_deployment(&control_plane, 1, Deployment::Found(&json!({"spec": {"replicas": 0}})), &[], &[]);
        assert!(
            scaled.state == HealthCheckState::Failed && scaled.text.contains("the Deployment was scaled to 0"),
            "{scaled:?}"
        );
        let gone = check_pods_of_deployment(&control_plane, 1, Deployment::Missing, &[], &[]);
        assert_eq!((gone.state, gone.remedies), (HealthCheckState::Failed, vec!["recreate".to_owned()]));
        let refused = json!({"type": "Warning", "reason": "FailedCreate", "message": "exceeded quota",
            "involvedObject": {"kind": "ReplicaSet", "name": "prod-5d"}});
        let none = check_pods_of_deployment(
            &control_plane,
            1,
            Deployment::Found(&json!({"spec": {"replicas": 1}})),
            &[],
            &[refused],
        );
        assert!(none.details.iter().any(|line| line.contains("exceeded quota")), "{none:?}");
    }

    #[test]
    fn an_oom_kill_is_a_warning_for_one_hour() {
        let control_plane = facts();
        let ended = |at: &str, reason: &str| {
            pod(&json!({"containerStatuses": [{"name": "kube-apiserver", "ready": true, "restartCount": 1,
                "lastState": {"terminated": {"reason": reason, "finishedAt": at}}}]}))
        };
        let recent = of(&control_plane, 1, &[ended("2027-06-01T11:30:00Z", "OOMKilled")]);
        assert!(recent.state == HealthCheckState::Warning && recent.text.contains("OOM-killed"), "{recent:?}");
        assert_eq!(of(&control_plane, 1, &[ended("2027-06-01T11:30:00Z", "Error")]).state, HealthCheckState::Warning);
        assert_eq!(of(&control_plane, 1, &[ended("2027-06-01T09:00:00Z", "OOMKilled")]).state, HealthCheckState::Ok);
    }
}
