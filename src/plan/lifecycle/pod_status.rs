//! Why pods are not ready, read from what Kubernetes says about them.

use serde_json::Value;

/// One line per reason, the most telling first. `pods` and `events` as the API server returned them.
#[must_use]
pub fn causes_of_pods(pods: &[Value], events: &[Value]) -> Vec<String> {
    let mut causes: Vec<String> = Vec::new();
    for pod in pods {
        let name = text(pod, "/metadata/name");
        for (container, cause) in container_causes(pod) {
            causes.push(format!("pod {name}, container {container}: {cause}"));
        }
        for condition in list(pod, "/status/conditions") {
            if text(condition, "/type") == "PodScheduled" && text(condition, "/status") == "False" {
                causes.push(format!("pod {name} is not scheduled: {}", text(condition, "/message")));
            }
        }
        let unbegun = list(pod, "/status/containerStatuses").next().is_none();
        if unbegun || causes.is_empty() {
            causes.extend(warnings(events, "Pod", name).map(|message| format!("pod {name}: {message}")));
        }
    }
    if pods.is_empty() {
        causes.push("no pod exists yet".into());
    }
    causes.dedup();
    causes
}

/// The latest warnings about what makes pods: quota, admission.
pub(crate) fn warnings<'a>(
    events: &'a [Value],
    kind: &'a str,
    name_prefix: &'a str,
) -> impl Iterator<Item = String> + 'a {
    let mut seen: Vec<String> = Vec::new();
    events
        .iter()
        .rev()
        .filter(move |event| {
            text(event, "/type") == "Warning"
                && text(event, "/involvedObject/kind") == kind
                && text(event, "/involvedObject/name").starts_with(name_prefix)
        })
        .filter_map(move |event| {
            let line = format!("{}: {}", text(event, "/reason"), text(event, "/message").trim());
            (!seen.contains(&line)).then(|| {
                seen.push(line.clone());
                line
            })
        })
        .take(2)
}

fn container_causes(pod: &Value) -> Vec<(String, String)> {
    let mut causes = Vec::new();
    for status in list(pod, "/status/initContainerStatuses").chain(list(pod, "/status/containerStatuses")) {
        let name = text(status, "/name").to_owned();
        let waiting = text(status, "/state/waiting/reason");
        let message = text(status, "/state/waiting/message");
        let last = text(status, "/lastState/terminated/message");
        let exit =
            status.pointer("/lastState/terminated/exitCode").or_else(|| status.pointer("/state/terminated/exitCode"));
        match waiting {
            "" => {
                let reason = text(status, "/state/terminated/reason");
                if !reason.is_empty() {
                    let said = text(status, "/state/terminated/message");
                    causes.push((name, format!("ended ({reason}, exit code {}){}", number(exit), tail(said))));
                } else if status.pointer("/ready") == Some(&Value::Bool(false)) && restarts(status) > 0 {
                    let (count, exit) = (restarts(status), number(exit));
                    causes.push((name, format!("runs again (exit code {exit}, {count} restarts){}", tail(last))));
                } else if status.pointer("/ready") == Some(&Value::Bool(false)) {
                    let started = status.pointer("/started") == Some(&Value::Bool(true));
                    causes.push((name, if started { "started, not ready yet" } else { "starting" }.to_owned()));
                }
            }
            "ContainerCreating" | "PodInitializing" => causes.push((name, "being created".to_owned())),
            "CrashLoopBackOff" => {
                causes.push((
                    name,
                    format!("crashes (exit code {}, {} restarts){}", number(exit), restarts(status), tail(last)),
                ));
            }
            "ErrImagePull" | "ImagePullBackOff" if message.contains("authorization") => {
                let remedy = "its registry wants a password: name a Secret that has it with --image-pull-secret";
                causes.push((name, format!("{waiting}: {message} ({remedy})")));
            }
            other => causes.push((name, format!("{other}: {message}"))),
        }
    }
    // What is broken comes before what is merely young.
    causes.sort_by_key(|(_, cause)| matches!(cause.as_str(), "starting" | "being created" | "started, not ready yet"));
    causes
}

fn restarts(status: &Value) -> u64 {
    status.pointer("/restartCount").and_then(Value::as_u64).unwrap_or(0)
}

fn number(value: Option<&Value>) -> String {
    value.map_or_else(|| "unknown".to_owned(), ToString::to_string)
}

/// The last lines of a container's log, as Kubernetes keeps them in the termination message. What is said twice is told
/// once, and of a long line both ends: Go's logs have the reason at the end.
fn tail(log: &str) -> String {
    const SHOWN: usize = 3;
    let mut lines: Vec<String> = Vec::new();
    for line in log.lines().rev().map(|line| both_ends(line.trim())).filter(|line| !line.is_empty()) {
        if lines.len() < SHOWN && !lines.iter().any(|said| without_numbers(said) == without_numbers(&line)) {
            lines.push(line);
        }
    }
    lines.reverse();
    if lines.is_empty() { String::new() } else { format!("; its last log lines:\n    {}", lines.join("\n    ")) }
}

fn both_ends(line: &str) -> String {
    const HEAD: usize = 120;
    const TAIL: usize = 280;
    let length = line.chars().count();
    if length <= HEAD + TAIL {
        return line.to_owned();
    }
    let head: String = line.chars().take(HEAD).collect();
    let tail: String = line.chars().skip(length - TAIL).collect();
    format!("{head} [...] {tail}")
}

/// Lines of two connections or two moments differ in numbers only.
fn without_numbers(line: &str) -> String {
    line.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// A word for a pod in a list: `Running 3/3`, `CrashLoopBackOff 2/3`.
#[must_use]
pub fn pod_summary(pod: &Value) -> (String, bool) {
    let statuses: Vec<&Value> = list(pod, "/status/containerStatuses").collect();
    let ready = statuses.iter().filter(|status| status["ready"] == Value::Bool(true)).count();
    let total = list(pod, "/spec/containers").count();
    let phase = if pod.pointer("/metadata/deletionTimestamp").is_some() {
        "Terminating".to_owned()
    } else {
        statuses
            .iter()
            .find_map(|status| status.pointer("/state/waiting/reason").and_then(Value::as_str))
            .unwrap_or_else(|| text(pod, "/status/phase"))
            .to_owned()
    };
    (format!("{phase} {ready}/{total}"), ready == total && total > 0)
}

pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_crashing_container_is_told_with_its_last_log_lines() {
        let pod = json!({"metadata": {"name": "p"}, "status": {"containerStatuses": [
            {"name": "kube-scheduler", "ready": false, "started": false, "state": {"running": {}}},
            {"name": "kube-apiserver", "ready": false, "restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
             "lastState": {"terminated": {"exitCode": 1, "message": "a\nError: unknown flag: --bogus\n"}}},
        ]}});
        let causes = causes_of_pods(&[pod], &[]);
        assert!(causes[0].contains("kube-apiserver: crashes (exit code 1, 2 restarts)"), "{causes:?}");
        assert!(causes[0].contains("unknown flag: --bogus"));
    }

    #[test]
    fn of_a_long_log_line_the_reason_at_its_end_is_told_once() {
        let line =
            |n: u32| format!("W{n} [Channel #{n}] failed {} desc = dial tcp: connection refused", "x".repeat(600));
        let text = tail(&format!("{}\n{}\n", line(1), line(2)));
        assert_eq!(text.matches("connection refused").count(), 1, "{text}");
        assert!(text.len() < 500, "{text}");
    }

    #[test]
    fn a_registry_that_wants_a_password_is_told_with_the_flag_that_gives_it() {
        let pod = |message: &str| {
            json!({"metadata": {"name": "p"}, "status": {"containerStatuses": [{"name": "kube-apiserver", "ready": false,
                "state": {"waiting": {"reason": "ImagePullBackOff", "message": message}}}]}})
        };
        let refused = causes_of_pods(&[pod("authorization failed: no basic auth credentials")], &[]);
        assert!(refused[0].contains("no basic auth") && refused[0].contains("--image-pull-secret"), "{refused:?}");
        let missing = causes_of_pods(&[pod("not found")], &[]);
        assert_eq!(missing, ["pod p, container kube-apiserver: ImagePullBackOff: not found"]);
    }

    #[test]
    fn an_unscheduled_pod_says_why() {
        let pod = json!({"metadata": {"name": "p"}, "status": {"conditions": [
            {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available: 1 Insufficient cpu."}]}});
        assert_eq!(
            causes_of_pods(&[pod], &[]),
            ["pod p is not scheduled: 0/1 nodes are available: 1 Insufficient cpu."]
        );
    }
}
