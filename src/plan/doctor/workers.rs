//! Checks the workers: readiness, version skew, clocks, and exhausted node limits as far as events show them.

use serde_json::Value;

use super::check_graph::{Fact, Finding, HealthCheckName};
use super::facts::{ControlPlaneFacts, TenantClusterFacts};
use crate::plan::lifecycle::pod_status::{list, text};
use crate::plan::workers::node_status::NodeState;

/// A node whose lease lies further in the future than this has a clock that runs ahead.
const AHEAD_SECONDS: i64 = 5;
/// Kubelets renew their lease every ten seconds; a Ready node whose lease is older than this has a clock that lags.
const BEHIND_SECONDS: i64 = 60;
/// The number of entries to list.
const MAX_LISTED: usize = 10;

pub(super) fn check_workers(control_plane: &ControlPlaneFacts) -> Vec<(HealthCheckName, Finding)> {
    let Some(record) = control_plane.record() else { return Vec::new() };
    let nodes = control_plane.tenant(|tenant| &tenant.nodes);
    let states: Fact<Vec<(NodeState, Vec<String>)>> = nodes
        .map(|nodes| nodes.iter().map(|node| (NodeState::of(node, record.spec.version), pressures(node))).collect());
    vec![
        (HealthCheckName::Nodes, Finding::of(&states, |states| check_nodes(states, control_plane))),
        (
            HealthCheckName::VersionSkew,
            Finding::of(&states, |states| check_skew(states, &record.spec.version.to_string(), control_plane)),
        ),
        (HealthCheckName::NodeClocks, check_clocks(control_plane, &states)),
    ]
}

fn pressures(node: &Value) -> Vec<String> {
    list(node, "/status/conditions")
        .filter(|condition| text(condition, "/type").ends_with("Pressure") && condition["status"] == "True")
        .map(|condition| format!("{}: {}", text(condition, "/type"), text(condition, "/message")))
        .collect()
}

fn check_nodes(states: &[(NodeState, Vec<String>)], control_plane: &ControlPlaneFacts) -> Finding {
    if states.is_empty() {
        return Finding::ok(format!("no workers yet: {}", control_plane.kamaji("join", "")));
    }
    let not_ready: Vec<&NodeState> = states.iter().map(|(node, _)| node).filter(|node| !node.ready).collect();
    let count = format!("{} of {} Ready", states.len() - not_ready.len(), states.len());
    if let Some(first) = not_ready.first() {
        let why = |node: &&NodeState| {
            format!("{}: {}", node.name, node.why_not_ready.as_deref().unwrap_or("its kubelet reports no reason"))
        };
        let silent =
            |node: &&&NodeState| node.why_not_ready.as_deref().is_none_or(|why| why.contains("stopped posting"));
        let network = not_ready.iter().any(|node| node.why_not_ready.as_deref().is_some_and(|why| why.contains("cni")));
        let finding = Finding::failed(count).details(not_ready.iter().map(why).take(MAX_LISTED));
        let names: Vec<&str> = not_ready.iter().filter(silent).map(|node| node.name.as_str()).collect();
        if network {
            return finding.remedy("install a pod network (CNI plugin), as in any kubeadm cluster");
        }
        if names.is_empty() {
            let describe = format!("-- kubectl describe node {}", first.name);
            return finding.remedy(control_plane.kamaji("exec", &describe));
        }
        return finding
            .remedy(format!(
                "on {}: sudo systemctl restart kubelet; sudo journalctl -u kubelet -n 50",
                names.join(", ")
            ))
            .remedy(format!(
                "if the machine no longer exists: {}",
                control_plane.kamaji("node remove", first.name.as_str())
            ));
    }
    let pressed: Vec<String> = states
        .iter()
        .flat_map(|(node, pressures)| pressures.iter().map(move |pressure| format!("{}: {pressure}", node.name)))
        .collect();
    if pressed.is_empty() { Finding::ok(count) } else { Finding::warning(count).details(pressed) }
}

fn check_skew(states: &[(NodeState, Vec<String>)], version: &str, control_plane: &ControlPlaneFacts) -> Finding {
    let wrong: Vec<String> = states
        .iter()
        .filter(|(node, _)| !node.skew.is_allowed())
        .map(|(node, _)| format!("{}: kubelet {} ({})", node.name, node.kubelet, node.skew))
        .collect();
    if wrong.is_empty() {
        return Finding::ok(format!("every kubelet version is supported with {version}"));
    }
    Finding::warning(format!("{} kubelets outside the version skew of {version}", wrong.len())).details(wrong).remedy(
        format!(
            "upgrade these kubelets, or see which upgrades the control plane allows: {}",
            control_plane.kamaji("upgrade plan", "")
        ),
    )
}

fn check_clocks(control_plane: &ControlPlaneFacts, states: &Fact<Vec<(NodeState, Vec<String>)>>) -> Finding {
    let leases = control_plane.tenant(|tenant| &tenant.leases);
    let api_server = control_plane.tenant(|tenant| &tenant.api_server);
    Finding::of(&leases, |leases| {
        let ahead = api_server.as_ref().ok().and_then(|api_server| api_server.ahead);
        let (Some(ahead), Ok(states)) = (ahead, states) else {
            return Finding::unknown("the API server reported no time");
        };
        let ready: Vec<&str> =
            states.iter().filter(|(node, _)| node.ready).map(|(node, _)| node.name.as_str()).collect();
        let server_now = control_plane.now.as_second() - ahead;
        check_lease_times(leases, &ready, server_now)
    })
}

/// Checks Ready nodes only: other nodes do not renew their lease, whatever their clock says.
fn check_lease_times(leases: &[Value], ready: &[&str], server_now: i64) -> Finding {
    let mut checked = 0;
    let mut wrong = Vec::new();
    for lease in leases {
        let name = text(lease, "/metadata/name");
        let renewed: Option<jiff::Timestamp> = text(lease, "/spec/renewTime").parse().ok();
        let Some(renewed) = renewed.filter(|_| ready.contains(&name)) else { continue };
        checked += 1;
        let off = renewed.as_second() - server_now;
        if off > AHEAD_SECONDS {
            wrong.push(format!("{name}: at least {off} s ahead"));
        } else if off < -BEHIND_SECONDS {
            wrong.push(format!("{name}: about {} s behind", -off));
        }
    }
    if wrong.is_empty() {
        return Finding::ok(format!("{checked} in step with the API server, judging by their leases"));
    }
    Finding::warning(format!("{} of {checked} out of step with the API server", wrong.len()))
        .details(wrong)
        .remedy("on these machines: timedatectl set-ntp true")
}

/// Messages that show exhausted files or inotify watches. The limits themselves can only be read on the nodes.
const EXHAUSTED: [&str; 4] = ["too many open files", "inotify", "file descriptors", "no space left on device"];

pub(super) fn check_limits(events: &Fact<Vec<Value>>, tenant: Option<&Fact<TenantClusterFacts>>) -> Finding {
    let tenant_events = tenant.and_then(|tenant| tenant.as_ref().ok()).and_then(|tenant| tenant.events.as_ref().ok());
    Finding::of(events, |events| {
        let messages = exhausted(events, "")
            .chain(tenant_events.into_iter().flat_map(|events| exhausted(events, "in the cluster: ")));
        let messages: Vec<String> = messages.take(MAX_LISTED).collect();
        check_exhausted(messages)
    })
}

fn check_exhausted(messages: Vec<String>) -> Finding {
    if messages.is_empty() {
        return Finding::ok(
            "no event reports exhausted files or inotify watches; the limits can only be read on the nodes",
        );
    }
    Finding::warning("a node ran out of open files, inotify watches or disk space").details(messages).remedy(
        "on that node: sudo sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=8192 \
         fs.file-max=2097152; df -h",
    )
}

fn exhausted<'a>(events: &'a [Value], place: &'static str) -> impl Iterator<Item = String> + 'a {
    events.iter().filter_map(move |event| {
        let message = text(event, "/message");
        let lower = message.to_ascii_lowercase();
        EXHAUSTED.iter().any(|words| lower.contains(words)).then(|| {
            let (kind, name) = (text(event, "/involvedObject/kind"), text(event, "/involvedObject/name"));
            format!("{place}{kind} {name}: {message}")
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::check_graph::HealthCheckState;
    use super::super::tests::facts;
    use super::*;
    use crate::model::KubeVersion;

    fn node(name: &str, status: &str, message: &str, kubelet: &str) -> (NodeState, Vec<String>) {
        let node = json!({"metadata": {"name": name}, "status": {"nodeInfo": {"kubeletVersion": kubelet}, "conditions": [
            {"type": "Ready", "status": status, "reason": "r", "message": message, "lastTransitionTime": "t"}]}});
        (NodeState::of(&node, KubeVersion::parse("v1.37.2").unwrap()), pressures(&node))
    }

    #[test]
    fn a_worker_that_is_not_ready_comes_with_reason_and_remedy() {
        let control_plane = facts();
        let well = || node("w-1", "True", "", "v1.37.2");
        assert_eq!(check_nodes(&[well()], &control_plane).state, HealthCheckState::Ok);
        assert_eq!(check_nodes(&[], &control_plane).state, HealthCheckState::Ok);
        let silent = check_nodes(
            &[well(), node("w-2", "Unknown", "Kubelet stopped posting node status.", "v1.37.2")],
            &control_plane,
        );
        assert_eq!((silent.state, silent.text.as_str()), (HealthCheckState::Failed, "1 of 2 Ready"));
        assert!(silent.remedies[0].starts_with("on w-2: sudo systemctl restart kubelet"), "{silent:?}");
        assert_eq!(silent.remedies[1], "if the machine no longer exists: kamaji node remove prod -n team-a w-2");
        let network = check_nodes(&[node("w-2", "False", "cni plugin not initialized", "v1.37.2")], &control_plane);
        assert!(network.remedies[0].contains("pod network"), "{network:?}");
        let other = check_nodes(&[node("w-2", "False", "PLEG is not healthy", "v1.37.2")], &control_plane);
        assert_eq!(other.remedies, ["kamaji exec prod -n team-a -- kubectl describe node w-2"]);
    }

    #[test]
    fn kubelets_outside_the_version_skew_are_a_warning() {
        let control_plane = facts();
        assert_eq!(
            check_skew(&[node("w", "True", "", "v1.34.1")], "v1.37.2", &control_plane).state,
            HealthCheckState::Ok
        );
        for kubelet in ["v1.33.1", "v1.38.0"] {
            let finding = check_skew(&[node("w", "True", "", kubelet)], "v1.37.2", &control_plane);
            assert_eq!((finding.state, finding.details.len()), (HealthCheckState::Warning, 1));
        }
    }

    #[test]
    fn lease_times_reveal_clocks_that_are_off() {
        let lease = |name: &str, at: &str| json!({"metadata": {"name": name}, "spec": {"renewTime": at}});
        let now = "2027-06-01T12:00:00Z".parse::<jiff::Timestamp>().unwrap().as_second();
        let of = |at: &str, ready: &[&str]| check_lease_times(&[lease("w", at)], ready, now).state;
        assert_eq!(of("2027-06-01T11:59:55.123456Z", &["w"]), HealthCheckState::Ok);
        assert_eq!(of("2027-06-01T12:00:30.000000Z", &["w"]), HealthCheckState::Warning);
        assert_eq!(of("2027-06-01T11:58:00.000000Z", &["w"]), HealthCheckState::Warning);
        assert_eq!(
            of("2027-06-01T11:00:00.000000Z", &[]),
            HealthCheckState::Ok,
            "a node that is not Ready does not renew"
        );
    }

    #[test]
    fn exhausted_node_limits_are_found_in_events() {
        let event = |message: &str| json!({"message": message, "involvedObject": {"kind": "Pod", "name": "p"}});
        let of = |message: &str| check_limits(&Ok(vec![event(message)]), None).state;
        assert_eq!(of("failed to create watcher: too many open files"), HealthCheckState::Warning);
        assert_eq!(of("Error: inotify_add_watch failed"), HealthCheckState::Warning);
        assert_eq!(of("Started container"), HealthCheckState::Ok);
    }
}
