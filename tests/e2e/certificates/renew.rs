//! Certificates and keys over the years: looked at, renewed when all have expired or while everybody is asking.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::faults::proxy::Timing;
use crate::support::servers::poller::Poller;
use crate::support::{Identity, Proxy, TestNamespace, management, run, wait_until};

const NAME: &str = "aging";

/// Each certificate and kubeconfig that can be renewed, with its Secret and key there.
const LEAVES: [(&str, &str, &str); 8] = [
    ("apiserver", "api-server-certificate", "apiserver.crt"),
    ("apiserver-kubelet-client", "api-server-kubelet-client-certificate", "apiserver-kubelet-client.crt"),
    ("front-proxy-client", "front-proxy-client-certificate", "front-proxy-client.crt"),
    ("datastore-client", "datastore-certificate", "server.crt"),
    ("admin.conf", "admin-kubeconfig", "admin.conf"),
    ("super-admin.conf", "admin-kubeconfig", "super-admin.conf"),
    ("controller-manager.conf", "controller-manager-kubeconfig", "controller-manager.conf"),
    ("scheduler.conf", "scheduler-kubeconfig", "scheduler.conf"),
];

/// The quickstart's file with certificates that live so long.
fn file(sandbox: &TestNamespace, lives: &str) -> String {
    let text = std::fs::read_to_string(sandbox.quickstart()).expect("it was just written");
    let text = text.replacen(
        "kind: ClusterConfiguration\n",
        &format!("kind: ClusterConfiguration\ncertificateValidityPeriod: {lives}\n"),
        1,
    );
    assert!(text.contains(lives), "the example is a ClusterConfiguration: {text}");
    sandbox.file(&format!("{lives}.yaml"), &text).display().to_string()
}

/// The certificate of a leaf, PEM, also out of a kubeconfig.
fn certificate(sandbox: &TestNamespace, secret: &str, key: &str) -> String {
    let text = sandbox.secret_value(&format!("{NAME}-{secret}"), key);
    match text.lines().find_map(|line| line.trim().strip_prefix("client-certificate-data: ")) {
        Some(data) => crate::support::cluster::kubeconfig::decoded(data.trim_matches('"')),
        None => text,
    }
}

fn certificates(sandbox: &TestNamespace) -> Vec<String> {
    LEAVES.iter().map(|(_, secret, key)| certificate(sandbox, secret, key)).collect()
}

/// Whether openssl says that it has not ended.
fn lives(sandbox: &TestNamespace, pem: &str) -> bool {
    let mut openssl = Command::new("openssl");
    openssl.args(["x509", "-noout", "-checkend", "0", "-in"]).arg(sandbox.file("look.crt", pem));
    run(openssl).code == Some(0)
}

/// How long openssl says that it lives on.
fn left(sandbox: &TestNamespace, pem: &str) -> Duration {
    let mut openssl = Command::new("openssl");
    openssl.args(["x509", "-noout", "-enddate", "-dateopt", "iso_8601", "-in"]).arg(sandbox.file("look.crt", pem));
    let end = run(openssl).text().trim_start_matches("notAfter=").replace(' ', "T");
    let end: jiff::Timestamp = end.parse().expect("openssl prints a time");
    end.duration_since(jiff::Timestamp::now()).try_into().unwrap_or_default()
}

/// The states that `certs check` tells, by name.
fn states(sandbox: &TestNamespace, words: &[&str], code: i32) -> Vec<(String, String)> {
    let check = sandbox.run(&[&["certs", "check", NAME, "-o", "json"], words].concat()).exits(code);
    let check: Value = serde_json::from_str(&check.stdout).expect("it is JSON");
    let items = check["items"][0]["certificates"].as_array().cloned().unwrap_or_default();
    let text = |item: &Value, key: &str| item[key].as_str().unwrap_or_default().to_owned();
    items.iter().map(|item| (text(item, "name"), text(item, "state"))).collect()
}

#[test]
fn expired_certificates_are_renewed_and_a_renewal_fails_no_request() {
    let sandbox = TestNamespace::new("e2e-certs");
    let short = file(&sandbox, "4m");
    sandbox.create_with(NAME, &short).ok();
    what_ends_soon_is_told(&sandbox);
    all_have_expired_and_are_made_anew(&sandbox);
    let long = file(&sandbox, "8760h");
    sandbox.run(&["create", NAME, "--kubeadm-config", &long, "--expose", "node-port", "--yes"]).ok();
    sandbox.run(&["certs", "renew", NAME, "--yes"]).ok();
    all_is_well(&sandbox);
    a_renewal_fails_no_request(&sandbox);
    an_administrators_kubeconfig_alone_replaces_no_pod(&sandbox);
    a_renewal_that_is_killed_is_finished(&sandbox);
    a_fleet_with_a_broken_member_is_told(&sandbox);
}

fn all_is_well(sandbox: &TestNamespace) {
    let fine = |(name, state): &(String, String)| state == if name == "kubelets" { "Elsewhere" } else { "Ok" };
    let told = states(sandbox, &[], 0);
    assert!(told.len() > 10 && told.iter().all(fine), "{told:?}");
}

fn what_ends_soon_is_told(sandbox: &TestNamespace) {
    let told = states(sandbox, &[], 10);
    for (name, ..) in LEAVES {
        assert!(told.contains(&(name.to_owned(), "EndsSoon".to_owned())), "{name} in {told:?}");
    }
    assert!(
        told.contains(&("ca".to_owned(), "Ok".to_owned()))
            && told.contains(&("encryption-key".to_owned(), "Ok".to_owned()))
    );
    let table = sandbox.run(&["certs", "check", NAME]).exits(10);
    assert!(table.stdout.contains("CN=kubernetes-super-admin, O=system:masters"), "{table}");
    sandbox.run(&["certs", "check", "nobody"]).exits(3);
}

fn all_have_expired_and_are_made_anew(sandbox: &TestNamespace) {
    let longest = certificates(sandbox).iter().map(|pem| left(sandbox, pem)).max().expect("there are certificates");
    assert!(longest < Duration::from_secs(300), "{longest:?}");
    sandbox.idle(|| std::thread::sleep(longest));
    wait_until("all certificates have expired", Duration::from_secs(30), || {
        let alive = certificates(sandbox).iter().filter(|pem| lives(sandbox, pem)).count();
        if alive == 0 { Ok(()) } else { Err(format!("{alive} are valid")) }
    });
    let told = states(sandbox, &[], 10);
    assert!(told.contains(&("apiserver".to_owned(), "Ended".to_owned())), "{told:?}");
    sandbox.tenant(NAME).run(&["get", "namespaces"]).exits(1);

    let authority = sandbox.secret_value(&format!("{NAME}-ca"), "ca.crt");
    let before = certificates(sandbox);
    sandbox.run(&["certs", "renew", NAME]).exits(8).says(&["--yes", "apiserver"]);
    let dry = sandbox.run(&["certs", "renew", NAME, "--dry-run"]).ok();
    assert!(dry.stdout.contains("certificate apiserver: expired on") && dry.stdout.contains("notAfter"), "{dry}");
    assert!(dry.stdout.contains("replaces its pods, new ones first"), "{dry}");
    assert_eq!(certificates(sandbox), before, "nothing was changed");
    let renewed = sandbox.run(&["certs", "renew", NAME, "--yes"]).ok();
    println!("an expired set was renewed in {:.1} s", renewed.took.as_secs_f32());
    assert!(certificates(sandbox).iter().all(|pem| lives(sandbox, pem)));
    assert_eq!(sandbox.secret_value(&format!("{NAME}-ca"), "ca.crt"), authority, "the authority stays");
    wait_until("the cluster can be used again", Duration::from_secs(30), || {
        let look = sandbox.tenant(NAME).run(&["create", "configmap", "works", "--from-literal=a=1"]);
        if look.code == Some(0) { Ok(()) } else { Err(look.to_string()) }
    });
}

fn a_renewal_fails_no_request(sandbox: &TestNamespace) {
    let tenant = sandbox.tenant(NAME);
    tenant.run(&["create", "configmap", "polled", "--from-literal=count=0"]).ok();
    let before = certificates(sandbox);
    let poller = Poller::with_a_watch(&Identity::of(&tenant), "/readyz", "polled");
    std::thread::sleep(Duration::from_secs(2));
    let run = sandbox.run(&["certs", "renew", NAME, "--yes"]).ok();
    // Until the old pod has drained.
    std::thread::sleep(Duration::from_secs(12));
    let seen = poller.stop();
    println!("renewed in {:.1} s; {} requests answered", run.took.as_secs_f32(), seen.answered);
    assert_eq!(seen.failures, Vec::<String>::new(), "of {} requests", seen.answered);
    assert!(seen.answered > 300, "too few requests to count: {seen:?}");
    for ((name, ..), (old, new)) in LEAVES.iter().zip(before.iter().zip(certificates(sandbox))) {
        assert_ne!(*old, new, "{name} is new");
    }
    let endpoint = Identity::of(&tenant).server;
    let mut show = Command::new("sh");
    show.args(["-c", &format!("openssl s_client -connect {endpoint} </dev/null 2>/dev/null | openssl x509")]);
    assert_eq!(run_text(show), certificate(sandbox, "api-server-certificate", "apiserver.crt").trim(), "it is served");
    // Files that a kubeconfig of before was copied from go on until they end.
    tenant.run(&["get", "namespaces"]).ok();
}

fn run_text(command: Command) -> String {
    run(command).text()
}

fn pods(sandbox: &TestNamespace) -> Vec<String> {
    let name = |pod: &Value| pod["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let alive = |pod: &&Value| pod["metadata"]["deletionTimestamp"].is_null();
    sandbox.objects("pods").iter().filter(alive).map(name).collect()
}

fn an_administrators_kubeconfig_alone_replaces_no_pod(sandbox: &TestNamespace) {
    let (pods_before, before) = (pods(sandbox), certificates(sandbox));
    let renewed = sandbox.run(&["certs", "renew", NAME, "--only", "admin.conf", "--yes", "-o", "json"]).json();
    assert_eq!(renewed["items"][0]["renewed"], serde_json::json!(["admin.conf"]));
    let after = certificates(sandbox);
    let new: Vec<&str> = (0..8).filter(|n| before[*n] != after[*n]).map(|n| LEAVES[n].0).collect();
    assert_eq!(new, ["admin.conf"]);
    assert_eq!(pods(sandbox), pods_before);
    let unchanged = sandbox.run(&["certs", "renew", NAME, "--within", "30d", "--yes"]).ok();
    assert!(unchanged.stdout.contains("unchanged"), "{unchanged}");
}

/// Killed after the first Secret was written, and before the Deployment: its pods would read some new files.
fn a_renewal_that_is_killed_is_finished(sandbox: &TestNamespace) {
    let proxy = Proxy::start(&Identity::of(&management()));
    let words = ["certs", "renew", NAME, "--yes"];
    for last in ["/secrets/aging-admin-kubeconfig", "/deployments/aging"] {
        let like = move |request: &crate::support::faults::proxy::Request| {
            request.method == "PATCH" && request.path.contains(last) && !request.path.contains("dryRun")
        };
        let (_, harmed) = crate::lifecycle::killed::kill(sandbox, &proxy, &words, Timing::Before, like);
        println!("killed before {harmed}");
        sandbox.run(&["certs", "renew", NAME, "--within", "30d", "--yes"]).ok();
        sandbox.run(&["diff", NAME]).ok();
        all_is_well(sandbox);
        sandbox.tenant(NAME).run(&["get", "namespaces"]).ok();
    }
}

fn a_fleet_with_a_broken_member_is_told(sandbox: &TestNamespace) {
    management().create(&format!(
        "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: broken-record, namespace: {}, labels: \
         {{kamaji.clastix.io/component: record, kamaji.clastix.io/name: broken}}}}, data: {{record.json: '{{'}}}}",
        sandbox.namespace
    ));
    let check = sandbox.run(&["certs", "check"]).exits(7).says(&["1 of 2 control planes could not be looked at"]);
    assert!(check.stdout.contains("e2e-certs/broken\n  could not be looked at"), "{check}");
    assert!(check.stdout.contains("e2e-certs/aging\n"), "{check}");
    sandbox.run(&["certs", "check", "-l", "nobody=has-this"]).exits(3);
    management().run(&["delete", "configmap", "broken-record", "-n", &sandbox.namespace]).ok();
}
