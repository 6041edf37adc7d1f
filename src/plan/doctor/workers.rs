//! Workers: Ready, of a version that goes with the API server's, with a clock that goes; and limits of nodes, as far as
//! events tell of them.

use serde_json::Value;

use super::check_graph::{Fact, Finding, LinkName};
use super::facts::{ControlPlaneFacts, Inside};
use crate::plan::lifecycle::pod_status::{list, text};
use crate::plan::workers::node_status::NodeState;

/// A lease that is from the future by more than this has a clock behind it that is ahead.
const AHEAD_SECONDS: i64 = 5;
/// Kubelets renew every ten seconds; one that is Ready and seems to be this late has a clock that is behind.
const BEHIND_SECONDS: i64 = 60;
/// How many of many are told.
const TOLD: usize = 10;

pub(super) fn judge(control_plane: &ControlPlaneFacts) -> Vec<(LinkName, Finding)> {
    let Some(record) = control_plane.record() else { return Vec::new() };
    let seen = control_plane.inside(|inside| &inside.nodes);
    let states: Fact<Vec<(NodeState, Vec<String>)>> = seen
        .map(|nodes| nodes.iter().map(|node| (NodeState::of(node, record.spec.version), pressures(node))).collect());
    vec![
        (LinkName::Nodes, Finding::of(&states, |states| nodes(states, control_plane))),
        (
            LinkName::VersionSkew,
            Finding::of(&states, |states| skew(states, &record.spec.version.to_string(), control_plane)),
        ),
        (LinkName::NodeClocks, clocks(control_plane, &states)),
    ]
}

fn pressures(node: &Value) -> Vec<String> {
    list(node, "/status/conditions")
        .filter(|condition| text(condition, "/type").ends_with("Pressure") && condition["status"] == "True")
        .map(|condition| format!("{}: {}", text(condition, "/type"), text(condition, "/message")))
        .collect()
}

fn nodes(states: &[(NodeState, Vec<String>)], control_plane: &ControlPlaneFacts) -> Finding {
    if states.is_empty() {
        return Finding::ok(format!("no workers yet: {}", control_plane.kamaji("join", "")));
    }
    let sick: Vec<&NodeState> = states.iter().map(|(node, _)| node).filter(|node| !node.ready).collect();
    let count = format!("{} of {} Ready", states.len() - sick.len(), states.len());
    if let Some(first) = sick.first() {
        let why = |node: &&NodeState| {
            format!("{}: {}", node.name, node.why_not_ready.as_deref().unwrap_or("its kubelet does not say why"))
        };
        let silent =
            |node: &&&NodeState| node.why_not_ready.as_deref().is_none_or(|why| why.contains("stopped posting"));
        let network = sick.iter().any(|node| node.why_not_ready.as_deref().is_some_and(|why| why.contains("cni")));
        let finding = Finding::broken(count).details(sick.iter().map(why).take(TOLD));
        let names: Vec<&str> = sick.iter().filter(silent).map(|node| node.name.as_str()).collect();
        if network {
            return finding.remedy("install a pod network, as in any kubeadm cluster");
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
            .remedy(format!("if it is gone for good: {}", control_plane.kamaji("node remove", first.name.as_str())));
    }
    let pressed: Vec<String> = states
        .iter()
        .flat_map(|(node, pressures)| pressures.iter().map(move |pressure| format!("{}: {pressure}", node.name)))
        .collect();
    if pressed.is_empty() { Finding::ok(count) } else { Finding::warning(count).details(pressed) }
}

fn skew(states: &[(NodeState, Vec<String>)], version: &str, control_plane: &ControlPlaneFacts) -> Finding {
    let wrong: Vec<String> = states
        .iter()
        .filter(|(node, _)| !node.skew.is_allowed())
        .map(|(node, _)| format!("{}: kubelet {} ({})", node.name, node.kubelet, node.skew))
        .collect();
    if wrong.is_empty() {
        return Finding::ok(format!("every kubelet goes with {version}"));
    }
    Finding::warning(format!("{} kubelets that do not go with {version}", wrong.len())).details(wrong).remedy(format!(
        "upgrade these kubelets; or see how the control plane goes up: {}",
        control_plane.kamaji("upgrade plan", "")
    ))
}

fn clocks(control_plane: &ControlPlaneFacts, states: &Fact<Vec<(NodeState, Vec<String>)>>) -> Finding {
    let leases = control_plane.inside(|inside| &inside.leases);
    let greeting = control_plane.inside(|inside| &inside.greeting);
    Finding::of(&leases, |leases| {
        let ahead = greeting.as_ref().ok().and_then(|greeting| greeting.ahead);
        let (Some(ahead), Ok(states)) = (ahead, states) else {
            return Finding::unknown("the server's time is not known");
        };
        let ready: Vec<&str> =
            states.iter().filter(|(node, _)| node.ready).map(|(node, _)| node.name.as_str()).collect();
        let server_now = control_plane.now.as_second() - ahead;
        judge_clocks(leases, &ready, server_now)
    })
}

/// Only of nodes that are Ready: the others do not renew, whatever their clock says.
fn judge_clocks(leases: &[Value], ready: &[&str], server_now: i64) -> Finding {
    let mut seen = 0;
    let mut wrong = Vec::new();
    for lease in leases {
        let name = text(lease, "/metadata/name");
        let renewed: Option<jiff::Timestamp> = text(lease, "/spec/renewTime").parse().ok();
        let Some(renewed) = renewed.filter(|_| ready.contains(&name)) else { continue };
        seen += 1;
        let off = renewed.as_second() - server_now;
        if off > AHEAD_SECONDS {
            wrong.push(format!("{name}: at least {off} s ahead"));
        } else if off < -BEHIND_SECONDS {
            wrong.push(format!("{name}: about {} s behind", -off));
        }
    }
    if wrong.is_empty() {
        return Finding::ok(format!("{seen} go with the server's, as far as their leases tell"));
    }
    Finding::warning(format!("{} of {seen} do not go with the server's", wrong.len()))
        .details(wrong)
        .remedy("on these machines: timedatectl set-ntp true")
}

/// What is said where files or inotify watches ran out. The limits themselves are known on the nodes only.
const EXHAUSTED: [&str; 4] = ["too many open files", "inotify", "file descriptors", "no space left on device"];

pub(super) fn limits(events: &Fact<Vec<Value>>, inside: Option<&Fact<Inside>>) -> Finding {
    let there = inside.and_then(|inside| inside.as_ref().ok()).and_then(|inside| inside.events.as_ref().ok());
    Finding::of(events, |events| {
        let said =
            exhausted(events, "").chain(there.into_iter().flat_map(|events| exhausted(events, "in the cluster: ")));
        let said: Vec<String> = said.take(TOLD).collect();
        judge_limits(said)
    })
}

fn judge_limits(said: Vec<String>) -> Finding {
    if said.is_empty() {
        return Finding::ok(
            "no event tells of files or inotify watches that ran out; the limits are known on nodes only",
        );
    }
    Finding::warning("a node ran out of files, watches or space").details(said).remedy(
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

    use super::super::check_graph::LinkState;
    use super::super::tests::facts;
    use super::*;
    use crate::model::KubeVersion;

    fn node(name: &str, status: &str, message: &str, kubelet: &str) -> (NodeState, Vec<String>) {
        let node = json!({"metadata": {"name": name}, "status": {"nodeInfo": {"kubeletVersion": kubelet}, "conditions": [
            {"type": "Ready", "status": status, "reason": "r", "message": message, "lastTransitionTime": "t"}]}});
        (NodeState::of(&node, KubeVersion::parse("v1.37.2").unwrap()), pressures(&node))
    }

    #[test]
    fn a_worker_that_is_not_ready_says_why_and_what_to_do() {
        let control_plane = facts();
        let well = || node("w-1", "True", "", "v1.37.2");
        assert_eq!(nodes(&[well()], &control_plane).state, LinkState::Ok);
        assert_eq!(nodes(&[], &control_plane).state, LinkState::Ok);
        let silent =
            nodes(&[well(), node("w-2", "Unknown", "Kubelet stopped posting node status.", "v1.37.2")], &control_plane);
        assert_eq!((silent.state, silent.text.as_str()), (LinkState::Broken, "1 of 2 Ready"));
        assert!(silent.remedies[0].starts_with("on w-2: sudo systemctl restart kubelet"), "{silent:?}");
        assert_eq!(silent.remedies[1], "if it is gone for good: kamaji node remove prod -n team-a w-2");
        let network = nodes(&[node("w-2", "False", "cni plugin not initialized", "v1.37.2")], &control_plane);
        assert!(network.remedies[0].contains("pod network"), "{network:?}");
        let other = nodes(&[node("w-2", "False", "PLEG is not healthy", "v1.37.2")], &control_plane);
        assert_eq!(other.remedies, ["kamaji exec prod -n team-a -- kubectl describe node w-2"]);
    }

    #[test]
    fn kubelets_that_do_not_go_with_the_api_server_are_told() {
        let control_plane = facts();
        assert_eq!(skew(&[node("w", "True", "", "v1.34.1")], "v1.37.2", &control_plane).state, LinkState::Ok);
        for kubelet in ["v1.33.1", "v1.38.0"] {
            let finding = skew(&[node("w", "True", "", kubelet)], "v1.37.2", &control_plane);
            assert_eq!((finding.state, finding.details.len()), (LinkState::Warning, 1));
        }
    }

    #[test]
    fn leases_tell_which_clock_does_not_go() {
        let lease = |name: &str, at: &str| json!({"metadata": {"name": name}, "spec": {"renewTime": at}});
        let now = "2027-06-01T12:00:00Z".parse::<jiff::Timestamp>().unwrap().as_second();
        let of = |at: &str, ready: &[&str]| judge_clocks(&[lease("w", at)], ready, now).state;
        assert_eq!(of("2027-06-01T11:59:55.123456Z", &["w"]), LinkState::Ok);
        assert_eq!(of("2027-06-01T12:00:30.000000Z", &["w"]), LinkState::Warning);
        assert_eq!(of("2027-06-01T11:58:00.000000Z", &["w"]), LinkState::Warning);
        assert_eq!(of("2027-06-01T11:00:00.000000Z", &[]), LinkState::Ok, "it is not Ready, so it does not renew");
    }

    #[test]
    fn what_ran_out_on_a_node_is_found_in_events() {
        let event = |message: &str| json!({"message": message, "involvedObject": {"kind": "Pod", "name": "p"}});
        let of = |message: &str| limits(&Ok(vec![event(message)]), None).state;
        assert_eq!(of("failed to create watcher: too many open files"), LinkState::Warning);
        assert_eq!(of("Error: inotify_add_watch failed"), LinkState::Warning);
        assert_eq!(of("Started container"), LinkState::Ok);
    }
}
