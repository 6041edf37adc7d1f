//! Another version while the control plane serves: nobody's request fails, workers and addons are what they should be,
//! and a version that does not come up is taken back.

use std::time::Duration;

use serde_json::Value;

use crate::support::servers::poller::Poller;
use crate::support::{Identity, Kube, TestNamespace, management, wait_until};

const NAME: &str = "moves";
const OLD: &str = "v1.36.3";
const NEW: &str = "v1.37.2";
/// Of fewer requests none may have met the change.
const ENOUGH: u64 = 2000;
/// The same of changes that are watched.
const CHANGES: u64 = 500;

#[test]
fn an_upgrade_fails_no_request_and_a_failing_version_is_rolled_back() {
    let sandbox = TestNamespace::new("e2e-upgrade");
    let file = sandbox.quickstart();
    let text = std::fs::read_to_string(&file).expect("it was written").replace(NEW, OLD);
    let file = sandbox.file("old.yaml", &text).display().to_string();
    sandbox.run(&["create", NAME, "--kubeadm-config", &file, "--expose", "node-port"]).ok();
    let tenant = sandbox.tenant(NAME);
    tenant.run(&["create", "configmap", "polled", "--from-literal=count=0"]).ok();
    users_change_their_corefile_and_scale_coredns(&tenant);

    let keys = |sandbox: &TestNamespace| {
        [("ca", "ca.crt"), ("sa-certificate", "sa.pub")].map(|(s, k)| sandbox.secret_value(&format!("{NAME}-{s}"), k))
    };
    let before = keys(&sandbox);
    the_plan_says_what_would_be(&sandbox);
    impossible_versions_are_refused(&sandbox);
    a_version_that_does_not_come_up_is_taken_back(&sandbox, &tenant);

    no_request_fails(&sandbox, &tenant);

    assert_eq!(keys(&sandbox), before, "the keys are the same");
    let version: Value = serde_json::from_str(&tenant.text(&["get", "--raw", "/version"])).expect("it is JSON");
    assert_eq!(version["gitVersion"], NEW);
    it_is_what_kubeadm_would_leave(&tenant);
    let again = sandbox.run(&["upgrade", NAME, "--to", NEW]).ok();
    assert!(again.stdout.contains("unchanged"), "{again}");
    let file = sandbox.file("new.yaml", &text.replace(OLD, NEW)).display().to_string();
    let again = sandbox.run(&["create", NAME, "--kubeadm-config", &file, "--expose", "node-port"]).ok();
    assert!(again.stdout.contains("unchanged"), "the old file with the new version asks for nothing: {again}");
    sandbox.run(&["rollback", NAME, "--yes"]).exits(2).says(&["an older minor cannot read"]);
}

/// With two replicas there are up to four API servers at once.
#[test]
fn an_upgrade_of_two_replicas_fails_no_request() {
    let sandbox = TestNamespace::new("e2e-upgrade-two");
    let text = std::fs::read_to_string(sandbox.quickstart()).expect("it was written").replace(NEW, OLD);
    let file = sandbox.file("old.yaml", &text).display().to_string();
    sandbox.run(&["create", NAME, "--kubeadm-config", &file, "--expose", "node-port", "--replicas", "2"]).ok();
    let tenant = sandbox.tenant(NAME);
    tenant.run(&["create", "configmap", "polled", "--from-literal=count=0"]).ok();
    no_request_fails(&sandbox, &tenant);
    assert_eq!(sandbox.run(&["list", "-o", "json"]).json()["items"][0]["version"], NEW);
}

/// Upgrades while a client asks on new connections, on kept ones, and watches.
fn no_request_fails(sandbox: &TestNamespace, tenant: &Kube) {
    let poller = Poller::with_a_watch(&Identity::of(tenant), "/readyz", "polled");
    std::thread::sleep(Duration::from_secs(2));
    let run = sandbox.run(&["upgrade", NAME, "--to", NEW, "--yes"]).ok();
    // Until the old pods have drained.
    management().await_ending_pods(&sandbox.namespace);
    // The watch may begin after the first writes.
    poller.await_answers(ENOUGH, CHANGES + 100);
    let seen = poller.stop();
    println!(
        "upgraded in {:.1} s; {} requests answered, {} failed, {} sent again, the longest took {:?}; {} changes watched, {} \
         ends of the watch",
        run.took.as_secs_f32(),
        seen.answered,
        seen.failures.len(),
        seen.repeated,
        seen.longest,
        seen.watched,
        seen.watch_ends
    );
    assert_eq!(seen.failures, Vec::<String>::new(), "of {} requests", seen.answered);
    assert!(seen.repeated <= 6, "only what meets the very moment of an end is sent again: {seen:?}");
    assert!(seen.watched > CHANGES, "too few changes to count: {seen:?}");
}

fn users_change_their_corefile_and_scale_coredns(tenant: &Kube) {
    let corefile =
        tenant.text(&["get", "configmap", "-n", "kube-system", "coredns", "-o", "jsonpath={.data.Corefile}"]);
    let patch = serde_json::json!({"data": {"Corefile": format!("# mine\n{corefile}")}}).to_string();
    tenant.run(&["patch", "configmap", "-n", "kube-system", "coredns", "-p", &patch]).ok();
    tenant.run(&["scale", "deployment", "-n", "kube-system", "coredns", "--replicas=3"]).ok();
}

fn the_plan_says_what_would_be(sandbox: &TestNamespace) {
    let plan = sandbox.run(&["upgrade", "plan", NAME, "-o", "json"]).json();
    let item = &plan["items"][0];
    assert_eq!(item["version"], OLD, "{plan:#}");
    assert_eq!(item["canGoTo"], serde_json::json!([NEW]));
    assert!(
        item["checks"].as_array().is_some_and(|checks| checks.iter().all(|check| check["verdict"] == "ok")),
        "{plan:#}"
    );
    let shown = sandbox.run(&["upgrade", "plan", NAME]).ok();
    assert!(shown.stdout.contains("kube-apiserver") && shown.stdout.contains("coredns"), "{shown}");
    let dry = sandbox.run(&["upgrade", NAME, "--to", NEW, "--dry-run"]).ok();
    assert!(dry.stdout.contains("kube-apiserver:v1.36.3") && dry.stdout.contains("kube-apiserver:v1.37.2"), "{dry}");
    sandbox.run(&["upgrade", NAME, "--to", NEW]).exits(8).says(&["--yes"]);
}

fn impossible_versions_are_refused(sandbox: &TestNamespace) {
    sandbox.run(&["upgrade", NAME, "--to", "v1.38.0", "--yes"]).exits(2).says(&["v1.30 to v1.37"]);
    sandbox.run(&["upgrade", NAME, "--to", "v1.35.1", "--yes"]).exits(2).says(&["cannot go back"]);
    sandbox.run(&["upgrade", NAME, "--to", "v1.36.1", "--yes"]).exits(2).says(&["--allow-patch-downgrade"]);
    sandbox.run(&["upgrade", NAME, "--to", "latest", "--yes"]).exits(2);
    sandbox.run(&["upgrade", "nobody", "--to", NEW, "--yes"]).exits(3);
}

/// An image that nobody has: the old version serves all the time, and is what there is afterwards.
fn a_version_that_does_not_come_up_is_taken_back(sandbox: &TestNamespace, tenant: &Kube) {
    let pods = |sandbox: &TestNamespace| -> Vec<String> {
        sandbox
            .objects("pods")
            .iter()
            .map(|pod| pod["metadata"]["name"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let before = pods(sandbox);
    let run = sandbox.run(&["upgrade", NAME, "--to", "v1.36.99", "--yes", "--timeout", "15s"]).exits(1);
    run.clone().says(&["v1.36.99", "it has v1.36.3 again"]);
    assert!(run.stderr.contains("Image") || run.stderr.contains("image"), "the cause is told: {run}");
    wait_until("the old pods alone are there", Duration::from_secs(60), || {
        let now = pods(sandbox);
        if now == before { Ok(()) } else { Err(format!("{now:?}")) }
    });
    tenant.run(&["get", "namespaces"]).ok();
    let list = sandbox.run(&["list", "-o", "json"]).json();
    assert_eq!(list["items"][0]["version"], OLD);
    let _ = management();
}

fn it_is_what_kubeadm_would_leave(tenant: &Kube) {
    let jsonpath = |words: &[&str], path: &str| {
        tenant.text(&[&["get", "-n", "kube-system"], words, &["-o", &format!("jsonpath={path}")]].concat())
    };
    let cluster = jsonpath(&["configmap", "kubeadm-config"], "{.data.ClusterConfiguration}");
    assert!(cluster.contains(&format!("kubernetesVersion: {NEW}")), "{cluster}");
    let images = "{.spec.template.spec.containers[0].image}";
    assert!(jsonpath(&["daemonset", "kube-proxy"], images).ends_with(&format!("kube-proxy:{NEW}")));
    assert!(jsonpath(&["deployment", "coredns"], images).ends_with("coredns:v1.14.6"));
    assert_eq!(jsonpath(&["deployment", "coredns"], "{.spec.replicas}"), "3", "who scaled it keeps the number");
    assert!(jsonpath(&["configmap", "coredns"], "{.data.Corefile}").starts_with("# mine"), "the user's Corefile stays");
}
