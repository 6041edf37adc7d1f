//! The pods: there, ready, not crashing; and what keeps them from it.

use jiff::Timestamp;
use serde_json::Value;

use super::check_graph::Finding;
use super::facts::ControlPlaneFacts;
use crate::model::ObjectNames;
use crate::plan::apply::plan::Action;
use crate::plan::lifecycle::pod_status::{causes_of_pods, list, pod_summary, text, warnings};

/// Containers that ended within this time are told, also when they run again.
const RECENT_SECONDS: i64 = 3600;

/// What keeps a pod from running, by what helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PodProblem {
    /// Its image cannot be had.
    Image,
    /// A container ends again and again.
    Crash,
    /// A container cannot be made.
    Container,
    /// No node takes it.
    Unscheduled,
}

pub(super) fn judge(control_plane: &ControlPlaneFacts) -> Finding {
    Finding::of(&control_plane.pods, |pods| {
        let Some(record) = control_plane.record() else {
            return Finding::unknown("how many there should be is not known without a record");
        };
        let deployment = match &control_plane.live {
            Err(_) => Deployment::Unavailable,
            Ok(live) => match live.named("Deployment", &ObjectNames(&control_plane.name).deployment()) {
                None => Deployment::Missing,
                Some(deployment) => Deployment::There(deployment),
            },
        };
        let events = control_plane.events.as_deref().unwrap_or_default();
        judge_pods(control_plane, u64::from(record.spec.replicas), deployment, pods, events)
    })
}

/// What was seen of the Deployment.
#[derive(Debug, Clone, Copy)]
enum Deployment<'a> {
    Unavailable,
    Missing,
    There(&'a Value),
}

fn judge_pods(
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
        return Finding::broken(format!("{count}: the Deployment does not exist"))
            .remedy(control_plane.recreate.clone());
    }
    if wanted == 0 {
        return Finding::warning("it sleeps: no pod runs, and nobody can use it")
            .remedy(control_plane.kamaji("scale", "--replicas 1"));
    }
    let asked = match deployment {
        Deployment::There(deployment) => deployment.pointer("/spec/replicas").and_then(Value::as_u64),
        Deployment::Unavailable | Deployment::Missing => None,
    };
    if let Some(asked) = asked.filter(|asked| *asked < wanted) {
        return Finding::broken(format!("{count}: somebody scaled the Deployment to {asked}"))
            .details(drift(control_plane))
            .remedy(control_plane.recreate.clone());
    }
    let troubles: Vec<(PodProblem, &Value, String)> =
        remaining.iter().filter_map(|pod| problem(pod).map(|(problem, name)| (problem, pod, name))).collect();
    let enough = u64::try_from(ready).is_ok_and(|ready| ready >= wanted);
    if let Some((problem, pod, container)) = troubles.first() {
        let said = if enough { format!("{count}, but a new pod does not start") } else { count };
        let sick: Vec<Value> = troubles.iter().map(|(_, pod, _)| (*pod).clone()).collect();
        return Finding::broken(said)
            .details(causes_of_pods(&sick, events))
            .details(drift(control_plane))
            .remedies(remedies(control_plane, *problem, pod, container));
    }
    if !enough {
        let made = warnings(events, "ReplicaSet", control_plane.name.as_str());
        let causes = if remaining.is_empty() { made.collect() } else { Vec::new() };
        return Finding::broken(count).details(causes_of_pods(&remaining, events)).details(causes).remedy(format!(
            "kubectl describe pods -n {} -l kamaji.clastix.io/name={}",
            control_plane.namespace, control_plane.name
        ));
    }
    let (memory, ended) = recently_ended(&remaining, control_plane.now);
    if !memory.is_empty() {
        return Finding::warning(format!("{count}; some ran out of memory"))
            .details(memory)
            .remedy("give it more: the create command with a larger --size");
    }
    if !ended.is_empty() {
        return Finding::warning(format!("{count}; some ended within the last hour")).details(ended);
    }
    Finding::ok(count)
}

/// Whether a pod cannot run as things are.
pub(super) fn are_in_trouble(control_plane: &ControlPlaneFacts) -> bool {
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

/// Where the Deployment differs from what was asked for.
fn drift(control_plane: &ControlPlaneFacts) -> Vec<String> {
    let what = format!("Deployment {}/{}", control_plane.namespace, ObjectNames(&control_plane.name).deployment());
    let changes = control_plane.changes.as_deref().unwrap_or_default().iter();
    changes.filter(|change| change.what == what && change.action != Action::Unchanged).map(super::facts::told).collect()
}

/// Containers that ended a while ago: for want of memory, and for other reasons.
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

    use super::super::check_graph::LinkState;
    use super::super::tests::facts;
    use super::*;
    use crate::plan::apply::plan::Change;

    fn pod(status: &Value) -> Value {
        json!({"metadata": {"name": "prod-1"}, "spec": {"containers": [{}]}, "status": status})
    }

    fn well() -> Value {
        pod(&json!({"containerStatuses": [{"name": "kube-apiserver", "ready": true, "started": true}]}))
    }

    fn waiting(reason: &str) -> Value {
        pod(&json!({"containerStatuses": [{"name": "kube-apiserver", "ready": false,
            "state": {"waiting": {"reason": reason, "message": "m"}}}]}))
    }

    fn of(control_plane: &ControlPlaneFacts, wanted: u64, pods: &[Value]) -> Finding {
        judge_pods(control_plane, wanted, Deployment::There(&json!({"spec": {"replicas": wanted}})), pods, &[])
    }

    #[test]
    fn each_trouble_has_its_remedy() {
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
            assert_eq!((finding.state, finding.remedies), (LinkState::Broken, vec![remedy.to_owned()]));
            assert_eq!(finding.text, "0 of 1 ready");
        }
        assert_eq!(of(&control_plane, 1, &[well()]).state, LinkState::Ok);
    }

    #[test]
    fn a_pod_that_cannot_start_beside_one_that_serves_is_put_right_by_what_was_asked_for() {
        let mut control_plane = facts();
        control_plane.changes = Ok(vec![Change::of("Deployment team-a/prod", Action::Update, "")]);
        let finding = of(&control_plane, 1, &[well(), waiting("ErrImagePull")]);
        assert_eq!((finding.state, finding.remedies[0].as_str()), (LinkState::Broken, "recreate"));
        assert!(finding.text.contains("1 of 1 ready, but a new pod does not start"), "{finding:?}");
    }

    #[test]
    fn pods_that_nobody_asked_for_any_more_are_told_by_why() {
        let control_plane = facts();
        let asleep = judge_pods(&control_plane, 0, Deployment::There(&json!({"spec": {"replicas": 0}})), &[], &[]);
        assert_eq!(asleep.state, LinkState::Warning);
        assert_eq!(asleep.remedies, ["kamaji scale prod -n team-a --replicas 1"]);
        let scaled = judge_pods(&control_plane, 1, Deployment::There(&json!({"spec": {"replicas": 0}})), &[], &[]);
        assert!(scaled.state == LinkState::Broken && scaled.text.contains("scaled the Deployment to 0"), "{scaled:?}");
        let gone = judge_pods(&control_plane, 1, Deployment::Missing, &[], &[]);
        assert_eq!((gone.state, gone.remedies), (LinkState::Broken, vec!["recreate".to_owned()]));
        let refused = json!({"type": "Warning", "reason": "FailedCreate", "message": "exceeded quota",
            "involvedObject": {"kind": "ReplicaSet", "name": "prod-5d"}});
        let none = judge_pods(&control_plane, 1, Deployment::There(&json!({"spec": {"replicas": 1}})), &[], &[refused]);
        assert!(none.details.iter().any(|line| line.contains("exceeded quota")), "{none:?}");
    }

    #[test]
    fn memory_that_ran_out_is_a_warning_for_an_hour() {
        let control_plane = facts();
        let ended = |at: &str, reason: &str| {
            pod(&json!({"containerStatuses": [{"name": "kube-apiserver", "ready": true, "restartCount": 1,
                "lastState": {"terminated": {"reason": reason, "finishedAt": at}}}]}))
        };
        let recent = of(&control_plane, 1, &[ended("2027-06-01T11:30:00Z", "OOMKilled")]);
        assert!(recent.state == LinkState::Warning && recent.text.contains("memory"), "{recent:?}");
        assert_eq!(of(&control_plane, 1, &[ended("2027-06-01T11:30:00Z", "Error")]).state, LinkState::Warning);
        assert_eq!(of(&control_plane, 1, &[ended("2027-06-01T09:00:00Z", "OOMKilled")]).state, LinkState::Ok);
    }
}
