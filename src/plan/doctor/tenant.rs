//! Inside the tenant: what `kubeadm join` reads, tokens, the Service `default/kubernetes`, webhooks, addons.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::check_graph::{Fact, Finding, LinkName};
use super::facts::ControlPlaneFacts;
use crate::plan::apply::plan::{Action, Change};
use crate::plan::lifecycle::addon_status::{AddonState, addon_states};
use crate::plan::lifecycle::pod_status::{list, text};
use crate::plan::rollout::preflight::tenant::strict_webhooks;
use crate::tenant::TokenFacts;

pub(crate) fn judge(control_plane: &ControlPlaneFacts) -> Vec<(LinkName, Finding)> {
    vec![
        (LinkName::Join, changes(control_plane, Part::Join, "all that kubeadm join reads is there")),
        (LinkName::Tokens, judge_tokens(control_plane)),
        (
            LinkName::KubernetesService,
            changes(control_plane, Part::Kubernetes, "default/kubernetes leads to the API server"),
        ),
        (LinkName::Webhooks, webhooks(control_plane)),
        (LinkName::Addons, judge_addons(control_plane)),
    ]
}

/// To which link an object inside the tenant belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Join,
    Kubernetes,
    Addon,
}

fn part(change: &Change) -> Part {
    if change.what.ends_with(" default/kubernetes") {
        return Part::Kubernetes;
    }
    let addon = ["coredns", "kube-dns", "kube-proxy", "node-proxier"].iter().any(|word| change.what.contains(word));
    if addon { Part::Addon } else { Part::Join }
}

/// What is missing breaks; what differs is somebody's choice, but for what every worker believes at once.
fn changes(control_plane: &ControlPlaneFacts, wanted: Part, well: &str) -> Finding {
    Finding::of(&control_plane.changes_inside, |all| {
        let changes: Vec<&Change> =
            all.iter().filter(|change| change.action != Action::Unchanged && part(change) == wanted).collect();
        if changes.is_empty() {
            return Finding::ok(well);
        }
        let name = |change: &&Change| change.what.trim_start_matches("in the cluster: ").to_owned();
        let missing: Vec<String> = changes.iter().filter(|change| change.action == Action::Create).map(name).collect();
        let details = changes.iter().map(|change| super::facts::told(change));
        if !missing.is_empty() {
            return Finding::broken(format!("missing: {}", missing.join(", ")))
                .details(details)
                .remedy(control_plane.recreate.clone());
        }
        let differs: Vec<String> = changes.iter().map(name).collect();
        let text = format!("differs from what was asked for: {}", differs.join(", "));
        let believed =
            wanted == Part::Kubernetes || differs.iter().any(|name| name.ends_with("kube-public/cluster-info"));
        let finding = if believed { Finding::broken(text) } else { Finding::warning(text) };
        finding.details(details).remedy(control_plane.recreate.clone())
    })
}

fn judge_tokens(control_plane: &ControlPlaneFacts) -> Finding {
    Finding::of(&control_plane.inside(|inside| &inside.tokens), |all| {
        let signed: Fact<&Vec<String>> = control_plane.inside(|inside| &inside.cluster_info);
        let nodes = control_plane.inside(|inside| &inside.nodes).map_or(0, Vec::len);
        tokens(
            all,
            signed.map(Vec::as_slice).ok(),
            nodes,
            control_plane.now,
            &control_plane.kamaji("join", ""),
            control_plane,
        )
    })
}

fn tokens(
    all: &[TokenFacts],
    signatures: Option<&[String]>,
    nodes: usize,
    now: Timestamp,
    join: &str,
    control_plane: &ControlPlaneFacts,
) -> Finding {
    let (alive, ended): (Vec<&TokenFacts>, Vec<&TokenFacts>) =
        all.iter().partition(|token| token.expires.is_none_or(|end| end > now));
    let signed = |token: &TokenFacts| {
        let key = format!("jws-kubeconfig-{}", token.id);
        signatures.is_none_or(|keys| keys.contains(&key))
    };
    let unsigned: Vec<String> = alive
        .iter()
        .filter(|token| token.usages.iter().any(|usage| usage == "signing") && !signed(token))
        .map(|token| format!("cluster-info is not signed with token {}", token.id))
        .collect();
    if !unsigned.is_empty() {
        return Finding::broken("a worker could not trust what it reads: kube-controller-manager has not signed it")
            .details(unsigned)
            .remedy(format!(
                "kubectl logs -n {} deployment/{} -c kube-controller-manager",
                control_plane.namespace, control_plane.name
            ));
    }
    if !ended.is_empty() {
        let told = ended.iter().map(|token| {
            format!("token {} ended at {}", token.id, token.expires.map(|end| end.to_string()).unwrap_or_default())
        });
        return Finding::warning(format!("{} ended, {} alive", ended.len(), alive.len())).details(told).remedy(join);
    }
    match (alive.len(), nodes) {
        (0, 0) => Finding::warning("no bootstrap token is alive, and no worker has joined").remedy(join),
        (0, _) => Finding::ok(format!("none is alive; the next worker gets one: {join}")),
        (alive, _) => Finding::ok(format!("{alive} alive, and cluster-info is signed with them")),
    }
}

fn webhooks(control_plane: &ControlPlaneFacts) -> Finding {
    Finding::of(&control_plane.inside(|inside| &inside.webhooks), |configurations| {
        let slices = control_plane.inside(|inside| &inside.slices);
        judge_webhooks(configurations, slices.map(Vec::as_slice).ok(), control_plane)
    })
}

fn judge_webhooks(configurations: &[Value], slices: Option<&[Value]>, control_plane: &ControlPlaneFacts) -> Finding {
    let strict = strict_webhooks(configurations);
    if strict.is_empty() {
        return Finding::ok("none that pods in kube-system would have to pass");
    }
    let Some(slices) = slices else {
        return Finding::unknown(format!("{} that must agree; who answers for them was not seen", strict.len()));
    };
    let served: BTreeSet<(String, String)> = slices.iter().filter(|slice| has_ready(slice)).map(backs).collect();
    let silent: Vec<String> = strict
        .iter()
        .filter_map(|webhook| {
            let service = webhook.service.as_ref().filter(|service| !served.contains(*service))?;
            Some(format!("{}: nobody is ready behind Service {}/{}", webhook.name, service.0, service.1))
        })
        .collect();
    if silent.is_empty() {
        return Finding::ok(format!("{} that must agree to pods in kube-system, each with a server", strict.len()));
    }
    let namespaces: BTreeSet<&str> = strict
        .iter()
        .filter_map(|webhook| webhook.service.as_ref())
        .filter(|service| !served.contains(*service))
        .map(|service| service.0.as_str())
        .collect();
    Finding::broken("webhooks whose server is away block pods, also those of kube-system")
        .details(silent)
        .remedies(
            namespaces
                .iter()
                .map(|namespace| control_plane.kamaji("exec", &format!("-- kubectl get pods -n {namespace}"))),
        )
        .remedy("let its server run; or let the webhook leave out kube-system (namespaceSelector)")
}

fn has_ready(slice: &Value) -> bool {
    // Ready unless it says otherwise (discovery/v1).
    list(slice, "/endpoints").any(|endpoint| endpoint.pointer("/conditions/ready") != Some(&Value::Bool(false)))
}

fn backs(slice: &Value) -> (String, String) {
    let service = text(slice, "/metadata/labels/kubernetes.io~1service-name");
    (text(slice, "/metadata/namespace").to_owned(), service.to_owned())
}

fn judge_addons(control_plane: &ControlPlaneFacts) -> Finding {
    let objects = changes(control_plane, Part::Addon, "");
    let coredns = control_plane.inside(|inside| &inside.coredns);
    let kube_proxy = control_plane.inside(|inside| &inside.kube_proxy);
    let pods = coredns.and_then(|coredns| kube_proxy.map(|kube_proxy| (coredns, kube_proxy)));
    Finding::of(&pods, |(coredns, kube_proxy)| {
        let Some(record) = control_plane.record() else { return Finding::unknown("none is known without a record") };
        let nodes = control_plane.inside(|inside| &inside.nodes).map_or(0, Vec::len);
        let states = addon_states(&record.spec, coredns, kube_proxy);
        let pods = addons(&states, nodes, control_plane);
        // What is missing, and what others changed, is told where the pods tell nothing.
        if pods.state == super::check_graph::LinkState::Ok && objects.state != super::check_graph::LinkState::Ok {
            objects
        } else {
            pods
        }
    })
}

fn addons(states: &[AddonState], nodes: usize, control_plane: &ControlPlaneFacts) -> Finding {
    if states.is_empty() {
        return Finding::ok("none is kamaji's");
    }
    let told = |state: &AddonState| match state.ready {
        Some((ready, wanted)) => format!("{} {ready} of {wanted} ready", state.name),
        None => format!("{} is missing", state.name),
    };
    let all = states.iter().map(told).collect::<Vec<_>>().join(", ");
    if states.iter().any(|state| state.ready.is_none()) {
        return Finding::broken(all).remedy(control_plane.recreate.clone());
    }
    // Without a worker CoreDNS cannot run, and that is nobody's fault.
    if nodes == 0 || states.iter().all(AddonState::is_ready) {
        return Finding::ok(all);
    }
    Finding::broken(all).remedy(control_plane.kamaji("exec", "-- kubectl get pods -n kube-system -o wide"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::check_graph::LinkState;
    use super::super::tests::{facts, now};
    use super::*;

    fn with_changes(changes: Vec<Change>) -> ControlPlaneFacts {
        ControlPlaneFacts { changes_inside: Ok(changes), ..facts() }
    }

    #[test]
    fn each_object_inside_belongs_to_its_link() {
        for (what, wanted) in [
            ("in the cluster: ConfigMap kube-public/cluster-info", Part::Join),
            ("in the cluster: ClusterRoleBinding kubeadm:kubelet-bootstrap", Part::Join),
            ("in the cluster: EndpointSlice default/kubernetes", Part::Kubernetes),
            ("in the cluster: DaemonSet kube-system/kube-proxy", Part::Addon),
            ("in the cluster: Service kube-system/kube-dns", Part::Addon),
        ] {
            assert_eq!(part(&Change::of(what, Action::Update, "")), wanted, "{what}");
        }
    }

    #[test]
    fn what_is_missing_inside_breaks_and_what_differs_is_a_warning_unless_workers_believe_it() {
        let of = |what: &str, action, part| {
            let finding = changes(&with_changes(vec![Change::of(what, action, "")]), part, "well");
            (finding.state, finding.remedies)
        };
        let again = || vec!["recreate".to_owned()];
        let kubeadm = "in the cluster: ConfigMap kube-system/kubeadm-config";
        assert_eq!(of(kubeadm, Action::Create, Part::Join), (LinkState::Broken, again()));
        assert_eq!(of(kubeadm, Action::Update, Part::Join), (LinkState::Warning, again()));
        assert_eq!(of(kubeadm, Action::Update, Part::Kubernetes).0, LinkState::Ok);
        let info = "in the cluster: ConfigMap kube-public/cluster-info";
        assert_eq!(of(info, Action::Update, Part::Join), (LinkState::Broken, again()));
        let slice = "in the cluster: EndpointSlice default/kubernetes";
        assert_eq!(of(slice, Action::Update, Part::Kubernetes), (LinkState::Broken, again()));
    }

    #[test]
    fn tokens_must_live_and_be_signed_with() {
        let token = |id: &str, end: Option<&str>| TokenFacts {
            id: id.into(),
            expires: end.map(|end| end.parse().unwrap()),
            usages: vec!["authentication".into(), "signing".into()],
            groups: Vec::new(),
            description: String::new(),
        };
        let control_plane = facts();
        let of = |all: &[TokenFacts], keys: &[&str], nodes| {
            let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            tokens(all, Some(&keys), nodes, now(), "join", &control_plane)
        };
        let alive = token("abcdef", None);
        assert_eq!(of(std::slice::from_ref(&alive), &["jws-kubeconfig-abcdef"], 0).state, LinkState::Ok);
        let unsigned = of(&[alive], &["kubeconfig"], 0);
        assert!(unsigned.state == LinkState::Broken && unsigned.remedies[0].contains("kube-controller-manager"));
        let ended = of(&[token("abcdef", Some("2027-06-01T11:00:00Z"))], &[], 3);
        assert_eq!((ended.state, ended.remedies), (LinkState::Warning, vec!["join".to_owned()]));
        assert_eq!(of(&[], &[], 3).state, LinkState::Ok);
        let none = of(&[], &[], 0);
        assert_eq!((none.state, none.remedies), (LinkState::Warning, vec!["join".to_owned()]));
    }

    #[test]
    fn a_webhook_without_a_server_blocks() {
        let control_plane = facts();
        let configuration = json!({"metadata": {"name": "policy"}, "webhooks": [{
            "name": "check.example.com", "failurePolicy": "Fail",
            "clientConfig": {"service": {"namespace": "policy", "name": "webhook"}},
            "rules": [{"operations": ["*"], "resources": ["pods"], "apiGroups": [""]}]}]});
        let slice = |ready: bool| {
            json!({"metadata": {"namespace": "policy", "labels": {"kubernetes.io/service-name": "webhook"}},
                "endpoints": [{"conditions": {"ready": ready}}]})
        };
        let of =
            |slices: Option<&[Value]>| judge_webhooks(std::slice::from_ref(&configuration), slices, &control_plane);
        assert_eq!(of(Some(&[slice(true)])).state, LinkState::Ok);
        assert_eq!(of(None).state, LinkState::Unknown);
        for slices in [&[][..], &[slice(false)][..]] {
            let finding = of(Some(slices));
            assert_eq!(finding.state, LinkState::Broken);
            assert!(finding.details[0].contains("check.example.com of policy"), "{finding:?}");
            assert_eq!(finding.remedies[0], "kamaji exec prod -n team-a -- kubectl get pods -n policy");
        }
        assert_eq!(judge_webhooks(&[], Some(&[]), &control_plane).state, LinkState::Ok);
    }

    #[test]
    fn addons_that_have_nowhere_to_run_are_no_disease() {
        let control_plane = facts();
        let state = |ready| vec![AddonState { name: "coredns", ready }];
        assert_eq!(addons(&state(Some((0, 2))), 0, &control_plane).state, LinkState::Ok);
        assert_eq!(addons(&state(Some((0, 2))), 1, &control_plane).state, LinkState::Broken);
        assert_eq!(addons(&state(Some((2, 2))), 1, &control_plane).state, LinkState::Ok);
        assert_eq!(addons(&state(None), 0, &control_plane).remedies, ["recreate"]);
    }
}
