//! Checks the tenant's objects: those `kubeadm join` reads, tokens, the Service `default/kubernetes`, webhooks, addons.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::check_graph::{Fact, Finding, HealthCheckName};
use super::facts::ControlPlaneFacts;
use crate::plan::apply::plan::{Action, Change};
use crate::plan::lifecycle::addon_status::{AddonState, addon_states};
use crate::plan::lifecycle::pod_status::{list, text};
use crate::plan::rollout::preflight::tenant::strict_webhooks;
use crate::tenant::TokenFacts;

pub(crate) fn check_tenant(control_plane: &ControlPlaneFacts) -> Vec<(HealthCheckName, Finding)> {
    vec![
        (HealthCheckName::Join, check_changes(control_plane, Part::Join, "all objects that kubeadm join reads exist")),
        (HealthCheckName::Tokens, check_tokens(control_plane)),
        (
            HealthCheckName::KubernetesService,
            check_changes(control_plane, Part::Kubernetes, "default/kubernetes points to the API server"),
        ),
        (HealthCheckName::Webhooks, check_webhooks(control_plane)),
        (HealthCheckName::Addons, check_addons(control_plane)),
    ]
}

/// The check that covers an object in the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Join,
    Kubernetes,
    Addon,
}

fn part(change: &Change) -> Part {
    if change.target.ends_with(" default/kubernetes") {
        return Part::Kubernetes;
    }
    let addon = ["coredns", "kube-dns", "kube-proxy", "node-proxier"].iter().any(|word| change.target.contains(word));
    if addon { Part::Addon } else { Part::Join }
}

/// Missing objects fail the check. Drift is a warning, except in objects that every worker uses at once.
fn check_changes(control_plane: &ControlPlaneFacts, wanted: Part, ok: &str) -> Finding {
    Finding::of(&control_plane.tenant_changes, |all| {
        let changes: Vec<&Change> =
            all.iter().filter(|change| change.action != Action::Unchanged && part(change) == wanted).collect();
        if changes.is_empty() {
            return Finding::ok(ok);
        }
        let name = |change: &&Change| change.target.trim_start_matches("in the cluster: ").to_owned();
        let missing: Vec<String> = changes.iter().filter(|change| change.action == Action::Create).map(name).collect();
        let details = changes.iter().map(|change| super::facts::describe_change(change));
        if !missing.is_empty() {
            return Finding::failed(format!("missing: {}", missing.join(", ")))
                .details(details)
                .remedy(control_plane.recreate.clone());
        }
        let differs: Vec<String> = changes.iter().map(name).collect();
        let text = format!("differs from the spec: {}", differs.join(", "));
        let used_by_workers =
            wanted == Part::Kubernetes || differs.iter().any(|name| name.ends_with("kube-public/cluster-info"));
        let finding = if used_by_workers { Finding::failed(text) } else { Finding::warning(text) };
        finding.details(details).remedy(control_plane.recreate.clone())
    })
}

fn check_tokens(control_plane: &ControlPlaneFacts) -> Finding {
    Finding::of(&control_plane.tenant(|tenant| &tenant.tokens), |all| {
        let signed: Fact<&Vec<String>> = control_plane.tenant(|tenant| &tenant.cluster_info);
        let nodes = control_plane.tenant(|tenant| &tenant.nodes).map_or(0, Vec::len);
        check_token_list(
            all,
            signed.map(Vec::as_slice).ok(),
            nodes,
            control_plane.now,
            &control_plane.kamaji("join", ""),
            control_plane,
        )
    })
}

fn check_token_list(
    all: &[TokenFacts],
    signatures: Option<&[String]>,
    nodes: usize,
    now: Timestamp,
    join: &str,
    control_plane: &ControlPlaneFacts,
) -> Finding {
    let (valid, expired): (Vec<&TokenFacts>, Vec<&TokenFacts>) =
        all.iter().partition(|token| token.expires.is_none_or(|end| end > now));
    let signed = |token: &TokenFacts| {
        let key = format!("jws-kubeconfig-{}", token.id);
        signatures.is_none_or(|keys| keys.contains(&key))
    };
    let unsigned: Vec<String> = valid
        .iter()
        .filter(|token| token.usages.iter().any(|usage| usage == "signing") && !signed(token))
        .map(|token| format!("cluster-info is not signed with token {}", token.id))
        .collect();
    if !unsigned.is_empty() {
        return Finding::failed("workers cannot verify cluster-info: kube-controller-manager has not signed it")
            .details(unsigned)
            .remedy(format!(
                "kubectl logs -n {} deployment/{} -c kube-controller-manager",
                control_plane.namespace, control_plane.name
            ));
    }
    if !expired.is_empty() {
        let lines = expired.iter().map(|token| {
            format!("token {} expired at {}", token.id, token.expires.map(|end| end.to_string()).unwrap_or_default())
        });
        return Finding::warning(format!("{} expired, {} valid", expired.len(), valid.len()))
            .details(lines)
            .remedy(join);
    }
    match (valid.len(), nodes) {
        (0, 0) => Finding::warning("no bootstrap token is valid and no worker has joined").remedy(join),
        (0, _) => Finding::ok(format!("none is valid; create one for the next worker: {join}")),
        (valid, _) => Finding::ok(format!("{valid} valid; cluster-info is signed with them")),
    }
}

fn check_webhooks(control_plane: &ControlPlaneFacts) -> Finding {
    Finding::of(&control_plane.tenant(|tenant| &tenant.webhooks), |configurations| {
        let slices = control_plane.tenant(|tenant| &tenant.slices);
        check_webhook_backends(configurations, slices.map(Vec::as_slice).ok(), control_plane)
    })
}

fn check_webhook_backends(
    configurations: &[Value],
    slices: Option<&[Value]>,
    control_plane: &ControlPlaneFacts,
) -> Finding {
    let strict = strict_webhooks(configurations);
    if strict.is_empty() {
        return Finding::ok("no webhook applies to pods in kube-system");
    }
    let Some(slices) = slices else {
        return Finding::unknown(format!(
            "{} apply to pods in kube-system; their backends could not be read",
            strict.len()
        ));
    };
    let served: BTreeSet<(String, String)> = slices.iter().filter(|slice| has_ready(slice)).map(backs).collect();
    let silent: Vec<String> = strict
        .iter()
        .filter_map(|webhook| {
            let service = webhook.service.as_ref().filter(|service| !served.contains(*service))?;
            Some(format!("{}: Service {}/{} has no ready endpoint", webhook.name, service.0, service.1))
        })
        .collect();
    if silent.is_empty() {
        return Finding::ok(format!("{} apply to pods in kube-system, each with a ready backend", strict.len()));
    }
    let namespaces: BTreeSet<&str> = strict
        .iter()
        .filter_map(|webhook| webhook.service.as_ref())
        .filter(|service| !served.contains(*service))
        .map(|service| service.0.as_str())
        .collect();
    Finding::failed("webhooks without a ready backend block pods, including those in kube-system")
        .details(silent)
        .remedies(
            namespaces
                .iter()
                .map(|namespace| control_plane.kamaji("exec", &format!("-- kubectl get pods -n {namespace}"))),
        )
        .remedy("start the webhook's backend, or exclude kube-system with a namespaceSelector")
}

fn has_ready(slice: &Value) -> bool {
    // `ready` defaults to true (discovery/v1).
    list(slice, "/endpoints").any(|endpoint| endpoint.pointer("/conditions/ready") != Some(&Value::Bool(false)))
}

fn backs(slice: &Value) -> (String, String) {
    let service = text(slice, "/metadata/labels/kubernetes.io~1service-name");
    (text(slice, "/metadata/namespace").to_owned(), service.to_owned())
}

fn check_addons(control_plane: &ControlPlaneFacts) -> Finding {
    let objects = check_changes(control_plane, Part::Addon, "");
    let coredns = control_plane.tenant(|tenant| &tenant.coredns);
    let kube_proxy = control_plane.tenant(|tenant| &tenant.kube_proxy);
    let pods = coredns.and_then(|coredns| kube_proxy.map(|kube_proxy| (coredns, kube_proxy)));
    Finding::of(&pods, |(coredns, kube_proxy)| {
        let Some(record) = control_plane.record() else { return Finding::unknown("the record is missing") };
        let nodes = control_plane.tenant(|tenant| &tenant.nodes).map_or(0, Vec::len);
        let states = addon_states(&record.spec, coredns, kube_proxy);
        let pods = check_addon_states(&states, nodes, control_plane);
        // Report missing and drifted objects when the pods show no problem.
        if pods.state == super::check_graph::HealthCheckState::Ok
            && objects.state != super::check_graph::HealthCheckState::Ok
        {
            objects
        } else {
            pods
        }
    })
}

fn check_addon_states(states: &[AddonState], nodes: usize, control_plane: &ControlPlaneFacts) -> Finding {
    if states.is_empty() {
        return Finding::ok("kamaji manages none");
    }
    let describe = |state: &AddonState| match state.ready {
        Some((ready, wanted)) => format!("{} {ready} of {wanted} ready", state.name),
        None => format!("{} is missing", state.name),
    };
    let all = states.iter().map(describe).collect::<Vec<_>>().join(", ");
    if states.iter().any(|state| state.ready.is_none()) {
        return Finding::failed(all).remedy(control_plane.recreate.clone());
    }
    // Without a worker CoreDNS cannot run; that is expected.
    if nodes == 0 || states.iter().all(AddonState::is_ready) {
        return Finding::ok(all);
    }
    Finding::failed(all).remedy(control_plane.kamaji("exec", "-- kubectl get pods -n kube-system -o wide"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::check_graph::HealthCheckState;
    use super::super::tests::{facts, now};
    use super::*;

    fn with_changes(changes: Vec<Change>) -> ControlPlaneFacts {
        ControlPlaneFacts { tenant_changes: Ok(changes), ..facts() }
    }

    #[test]
    fn each_tenant_object_is_covered_by_one_check() {
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
    fn missing_tenant_objects_fail_and_drift_is_a_warning_unless_workers_use_the_object() {
        let of = |what: &str, action, part| {
            let finding = check_changes(&with_changes(vec![Change::of(what, action, "")]), part, "well");
            (finding.state, finding.remedies)
        };
        let again = || vec!["recreate".to_owned()];
        let kubeadm = "in the cluster: ConfigMap kube-system/kubeadm-config";
        assert_eq!(of(kubeadm, Action::Create, Part::Join), (HealthCheckState::Failed, again()));
        assert_eq!(of(kubeadm, Action::Update, Part::Join), (HealthCheckState::Warning, again()));
        assert_eq!(of(kubeadm, Action::Update, Part::Kubernetes).0, HealthCheckState::Ok);
        let info = "in the cluster: ConfigMap kube-public/cluster-info";
        assert_eq!(of(info, Action::Update, Part::Join), (HealthCheckState::Failed, again()));
        let slice = "in the cluster: EndpointSlice default/kubernetes";
        assert_eq!(of(slice, Action::Update, Part::Kubernetes), (HealthCheckState::Failed, again()));
    }

    #[test]
    fn tokens_must_be_valid_and_sign_cluster_info() {
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
            check_token_list(all, Some(&keys), nodes, now(), "join", &control_plane)
        };
        let alive = token("abcdef", None);
        assert_eq!(of(std::slice::from_ref(&alive), &["jws-kubeconfig-abcdef"], 0).state, HealthCheckState::Ok);
        let unsigned = of(&[alive], &["kubeconfig"], 0);
        assert!(unsigned.state == HealthCheckState::Failed && unsigned.remedies[0].contains("kube-controller-manager"));
        let ended = of(&[token("abcdef", Some("2027-06-01T11:00:00Z"))], &[], 3);
        assert_eq!((ended.state, ended.remedies), (HealthCheckState::Warning, vec!["join".to_owned()]));
        assert_eq!(of(&[], &[], 3).state, HealthCheckState::Ok);
        let none = of(&[], &[], 0);
        assert_eq!((none.state, none.remedies), (HealthCheckState::Warning, vec!["join".to_owned()]));
    }

    #[test]
    fn a_webhook_without_a_ready_backend_fails() {
        let control_plane = facts();
        let configuration = json!({"metadata": {"name": "policy"}, "webhooks": [{
            "name": "check.example.com", "failurePolicy": "Fail",
            "clientConfig": {"service": {"namespace": "policy", "name": "webhook"}},
            "rules": [{"operations": ["*"], "resources": ["pods"], "apiGroups": [""]}]}]});
        let slice = |ready: bool| {
            json!({"metadata": {"namespace": "policy", "labels": {"kubernetes.io/service-name": "webhook"}},
                "endpoints": [{"conditions": {"ready": ready}}]})
        };
        let of = |slices: Option<&[Value]>| {
            check_webhook_backends(std::slice::from_ref(&configuration), slices, &control_plane)
        };
        assert_eq!(of(Some(&[slice(true)])).state, HealthCheckState::Ok);
        assert_eq!(of(None).state, HealthCheckState::Unknown);
        for slices in [&[][..], &[slice(false)][..]] {
            let finding = of(Some(slices));
            assert_eq!(finding.state, HealthCheckState::Failed);
            assert!(finding.details[0].contains("check.example.com of policy"), "{finding:?}");
            assert_eq!(finding.remedies[0], "kamaji exec prod -n team-a -- kubectl get pods -n policy");
        }
        assert_eq!(check_webhook_backends(&[], Some(&[]), &control_plane).state, HealthCheckState::Ok);
    }

    #[test]
    fn addons_without_a_worker_are_not_a_failure() {
        let control_plane = facts();
        let state = |ready| vec![AddonState { name: "coredns", ready }];
        assert_eq!(check_addon_states(&state(Some((0, 2))), 0, &control_plane).state, HealthCheckState::Ok);
        assert_eq!(check_addon_states(&state(Some((0, 2))), 1, &control_plane).state, HealthCheckState::Failed);
        assert_eq!(check_addon_states(&state(Some((2, 2))), 1, &control_plane).state, HealthCheckState::Ok);
        assert_eq!(check_addon_states(&state(None), 0, &control_plane).remedies, ["recreate"]);
    }
}
