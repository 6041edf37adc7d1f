//! Running the same command again changes nothing; another wish is refused, or asked about.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::support::cluster::management::management_addresses;
use crate::support::{Identity, Proxy, TestNamespace, management, wait_until};

const NAME: &str = "again";

#[test]
fn a_second_create_changes_nothing_and_a_changed_spec_is_refused_or_confirmed() {
    let sandbox = TestNamespace::new("e2e-again");
    sandbox.create(NAME, &[]).ok();
    the_same_command_writes_nothing(&sandbox);
    values_that_cannot_change_are_refused(&sandbox);
    more_replicas_need_consent(&sandbox);
    what_is_missing_is_made_again_and_a_lost_authority_is_not(&sandbox);
}

fn restarts(sandbox: &TestNamespace) -> BTreeMap<String, u64> {
    let mut restarts = BTreeMap::new();
    for pod in sandbox.objects("pods") {
        let statuses = pod["status"]["containerStatuses"].as_array().cloned().unwrap_or_default();
        let sum = statuses.iter().filter_map(|status| status["restartCount"].as_u64()).sum();
        restarts.insert(pod["metadata"]["name"].as_str().unwrap_or_default().to_owned(), sum);
    }
    restarts
}

fn the_same_command_writes_nothing(sandbox: &TestNamespace) {
    let proxy = Proxy::start(&Identity::of(&management()));
    let file = sandbox.quickstart();
    let (before, pods) = (sandbox.everything_settled(), restarts(sandbox));
    let same = ["create", NAME, "--kubeadm-config", &file, "--expose", "node-port"];
    let again = sandbox.run_through(&proxy, &same).ok();
    assert!(
        again.stdout.starts_with(&format!("again: unchanged, v1.37.2 at {}:", management_addresses()[0])),
        "{again}"
    );
    let requests = proxy.requests();
    let read = |what: &str| requests.iter().any(|request| request.method == "GET" && request.path.contains(what));
    assert!(read("/deployments/again") && read("/secrets?"), "it looked: {requests:#?}");
    assert!(!read("/secrets/again-ca"), "what is on the list of Secrets is not read again: {requests:#?}");
    assert!(!requests.iter().any(|request| request.path.contains("dryRun")), "book-keeping settles it: {requests:#?}");
    let writes: Vec<String> = requests.iter().filter(|request| request.writes()).map(ToString::to_string).collect();
    assert_eq!(writes, Vec::<String>::new(), "an unchanged control plane is not written to");
    assert_eq!(sandbox.everything(), before, "no resourceVersion changes");
    assert_eq!(restarts(sandbox), pods, "no pod is new, no container restarts");

    // What others only look at writes nothing either.
    proxy.reset();
    for words in [&["status", NAME][..], &["list"], &["kubeconfig", NAME], &["delete", NAME, "--dry-run"]] {
        sandbox.note(sandbox.start_through(&proxy, words).finish(Duration::from_secs(60)), true).ok();
    }
    let writes: Vec<String> =
        proxy.requests().iter().filter(|request| request.writes()).map(ToString::to_string).collect();
    assert_eq!(writes, Vec::<String>::new());
    assert_eq!(sandbox.everything(), before);
}

fn values_that_cannot_change_are_refused(sandbox: &TestNamespace) {
    let text = std::fs::read_to_string(sandbox.quickstart()).expect("it was just written");
    let before = sandbox.everything();
    let cases = [
        ("10.96.0.0/12", "10.100.0.0/16", "networking.serviceSubnet"),
        ("10.244.0.0/16", "10.245.0.0/16", "networking.podSubnet"),
        ("v1.37.2", "v1.36.3", "kubernetesVersion"),
        (
            "serviceSubnet: 10.96.0.0/12",
            "serviceSubnet: 10.96.0.0/12\n  dnsDomain: other.local",
            "networking.dnsDomain",
        ),
    ];
    for (from, to, field) in cases {
        let file = sandbox.file("other.yaml", &text.replace(from, to)).display().to_string();
        let refused = sandbox.run(&["create", NAME, "--kubeadm-config", &file, "--expose", "node-port", "--yes"]);
        refused.exits(4).says(&[field, "cannot change"]);
    }
    assert_eq!(sandbox.everything(), before, "a refusal changes nothing");
}

fn more_replicas_need_consent(sandbox: &TestNamespace) {
    let before = sandbox.everything_settled();
    sandbox.create(NAME, &["--replicas", "2"]).exits(8).says(&["--yes"]);
    assert_eq!(sandbox.everything(), before, "without consent nothing changes");
    sandbox.create(NAME, &["--replicas", "2", "--yes"]).ok();
    let deployment = management().json(&["deployment", "-n", &sandbox.namespace, NAME]);
    assert_eq!(deployment["status"]["readyReplicas"], 2);
    wait_until("the budget counts the pods", Duration::from_secs(30), || {
        let status = &sandbox.objects("poddisruptionbudgets")[0]["status"];
        if status["expectedPods"] == 2 { Ok(()) } else { Err(status.to_string()) }
    });
    sandbox.no_container_failed();
    sandbox.create(NAME, &["--replicas", "2"]).ok();
    sandbox.create(NAME, &[]).ok();
    assert_eq!(sandbox.objects("poddisruptionbudgets").len(), 1, "who says nothing of pods keeps their number");
    sandbox.create(NAME, &["--replicas", "1", "--yes"]).ok();
    assert_eq!(sandbox.objects("poddisruptionbudgets"), Vec::<Value>::new(), "one pod has no budget");
}

/// K10: a created object that somebody deletes comes back; a lost authority is never replaced by a new one.
fn what_is_missing_is_made_again_and_a_lost_authority_is_not(sandbox: &TestNamespace) {
    let kube = management();
    let delete = |what: &[&str]| kube.run(&[&["delete", "-n", &sandbox.namespace], what].concat()).ok();
    let authority = sandbox.secret_value("again-ca", "ca.crt");
    delete(&["secret/again-scheduler-kubeconfig", "configmap/again-apiserver-policies", "service/again"]);
    let file = sandbox.quickstart();
    sandbox.run(&["create", NAME, "--kubeadm-config", &file, "--expose", "node-port", "--yes"]).ok();
    assert_eq!(sandbox.secret_value("again-ca", "ca.crt"), authority);
    sandbox.tenant_that_answers(NAME).run(&["get", "namespaces"]).ok();

    let label = |value: &str| {
        kube.run(&[
            "label",
            "-n",
            &sandbox.namespace,
            "secret/again-ca",
            &format!("app.kubernetes.io/managed-by{value}"),
        ])
        .ok();
    };
    label("-");
    let before = sandbox.everything_settled();
    sandbox.run(&["certs", "check", NAME]).ok();
    sandbox.create(NAME, &["--yes"]).exits(4).says(&["again-ca", "other hands"]);
    assert_eq!(sandbox.everything(), before, "a Secret without its label is not a lost one");
    label("=kamaji");
    sandbox.create(NAME, &["--yes"]).ok();
    assert_eq!(sandbox.secret_value("again-ca", "ca.crt"), authority);

    delete(&["secret/again-ca"]);
    let refused = sandbox.create(NAME, &["--yes"]);
    assert!(refused.code.is_some_and(|code| code != 0), "no new authority for old data: {refused}");
    assert!(refused.stderr.contains("again-ca"), "it says what is lost: {refused}");
    assert!(!sandbox.everything().contains_key("Secret/again-ca"));
}
