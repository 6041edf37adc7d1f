//! Other settings while the control plane serves: nobody's request fails, what was asked for is what there is, and what
//! does not work is taken back, also when kamaji is killed on the way.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::lifecycle::killed::kill;
use crate::support::faults::proxy::{Request, Timing};
use crate::support::servers::poller::Poller;
use crate::support::{Identity, Kube, Proxy, TestNamespace, management, run, wait_until};

const NAME: &str = "changes";
const SAN: &str = "api.example.com";
const ARGUMENT: &str = "kube-apiserver:audit-log-maxage=60";

#[test]
fn settings_change_without_downtime_and_a_failing_change_is_rolled_back() {
    let sandbox = TestNamespace::new("e2e-update");
    sandbox.create(NAME, &[]).ok();
    let tenant = sandbox.tenant(NAME);
    nothing_is_written_where_nothing_changes_or_may_change(&sandbox);
    a_name_and_an_argument_fail_no_request(&sandbox, &tenant);
    documents_of_nodes_reach_the_cluster(&sandbox, &tenant);
    an_addon_goes_and_comes_back(&sandbox, &tenant);
    a_bad_argument_is_taken_back_with_its_cause(&sandbox, &tenant);
    the_history_tells_and_the_last_change_is_taken_back(&sandbox);
    nobody_loses_workers(&sandbox, &tenant);
}

fn edited(sandbox: &TestNamespace, more: &str) -> String {
    let text = std::fs::read_to_string(sandbox.quickstart()).expect("it was just written");
    let text = text.replace("kubernetesVersion:", &format!("{more}kubernetesVersion:"));
    sandbox.file("edited.yaml", &text).display().to_string()
}

fn writes(proxy: &Proxy) -> Vec<String> {
    proxy.requests().iter().filter(|request| request.writes()).map(ToString::to_string).collect()
}

fn nothing_is_written_where_nothing_changes_or_may_change(sandbox: &TestNamespace) {
    sandbox.run(&["update", "nobody", "--cert-san", SAN, "--yes"]).exits(3).says(&["kamaji create nobody"]);
    let proxy = Proxy::start(&Identity::of(&management()));
    let before = sandbox.everything_settled();
    let file = sandbox.quickstart();
    for words in [
        &["update", NAME][..],
        &["update", NAME, "--kubeadm-config", &file],
        &["update", NAME, "--addon", "kube-proxy=on"],
    ] {
        let run = sandbox.run_through(&proxy, words).ok();
        assert!(run.stdout.starts_with("changes: unchanged, v1.37.2 at "), "{run}");
    }
    let text = std::fs::read_to_string(&file).expect("it was just written");
    let other = text
        .replace("10.244.0.0/16", "10.245.0.0/16")
        .replace("kubernetesVersion: v1.37.2", "kubernetesVersion: v1.36.3\nencryptionAlgorithm: RSA-2048")
        .replace("serviceSubnet: 10.96.0.0/12", "serviceSubnet: 10.97.0.0/16\n  dnsDomain: other.local");
    let other = sandbox.file("other.yaml", &other).display().to_string();
    let immutable = ["update", NAME, "--kubeadm-config", &other, "--datastore", "other", "--cert-san", SAN, "--yes"];
    let fields = [
        "kubernetesVersion",
        "kamaji upgrade",
        "networking.serviceSubnet",
        "networking.podSubnet",
        "networking.dnsDomain",
        "encryptionAlgorithm",
        "--datastore",
    ];
    sandbox.run_through(&proxy, &immutable).exits(4).says(&fields);
    sandbox.run_through(&proxy, &["update", NAME, "--cert-san", SAN]).exits(8).says(&["--yes"]);
    sandbox.run_through(&proxy, &["update", NAME, "--cert-san", SAN, "--dry-run"]).ok();
    sandbox.run_through(&proxy, &["update", NAME, "--extra-arg", "kube-apiserver:etcd-servers=x", "--yes"]).exits(2);
    sandbox.run_through(&proxy, &["update", NAME, "--cert-san", "absent.example.com-", "--yes"]).exits(2);
    assert!(proxy.requests().len() > 40, "too few requests to count");
    assert_eq!(writes(&proxy), Vec::<String>::new());
    assert_eq!(sandbox.everything(), before);
}

/// What openssl says of the names in the certificate that is served at the endpoint.
fn served_names(sandbox: &TestNamespace) -> String {
    let listed = sandbox.run(&["list", "-o", "json"]).json();
    let endpoint = listed["items"][0]["endpoint"].as_str().expect("it has one").to_owned();
    let mut show = Command::new("openssl");
    show.args(["s_client", "-connect", &endpoint]);
    let shown = run(show).stdout;
    let mut names = Command::new("openssl");
    names.args(["x509", "-noout", "-ext", "subjectAltName", "-in"]).arg(sandbox.file("served.crt", &shown));
    run(names).text()
}

fn command_of(sandbox: &TestNamespace, container: &str) -> Vec<String> {
    let deployment = management().json(&["deployment", "-n", &sandbox.namespace, NAME]);
    let containers = deployment["spec"]["template"]["spec"]["containers"].as_array().cloned().unwrap_or_default();
    let found = containers.iter().find(|found| found["name"] == container).expect("it has the container");
    let words = found["command"].as_array().expect("it has a command").iter();
    words.map(|word| word.as_str().unwrap_or_default().to_owned()).collect()
}

fn a_name_and_an_argument_fail_no_request(sandbox: &TestNamespace, tenant: &Kube) {
    tenant.run(&["create", "configmap", "polled", "--from-literal=count=0"]).ok();
    let poller = Poller::with_a_watch(&Identity::of(tenant), "/readyz", "polled");
    std::thread::sleep(Duration::from_secs(2));
    let run = sandbox.run(&["update", NAME, "--cert-san", SAN, "--extra-arg", ARGUMENT, "--yes", "-o", "json"]).ok();
    std::thread::sleep(Duration::from_secs(12));
    let seen = poller.stop();
    println!("updated in {:.1} s; {} answered, {:?}", run.took.as_secs_f32(), seen.answered, seen);
    assert_eq!(seen.failures, Vec::<String>::new(), "of {} requests", seen.answered);
    assert!(seen.answered > 300, "too few requests to count: {seen:?}");
    run.clone().says(&["certSANs", "api.example.com", "replaces its pods, new ones first", "audit-log-maxage=60"]);
    let outcome = run.json();
    assert_eq!((&outcome["kind"], &outcome["changed"]), (&json!("Update"), &json!(true)));
    let fields: Vec<&Value> =
        outcome["settings"].as_array().expect("a list").iter().map(|change| &change["field"]).collect();
    assert_eq!(fields, ["apiServer.extraArgs.audit-log-maxage", "certSANs"]);

    assert!(served_names(sandbox).contains(&format!("DNS:{SAN}")));
    assert!(command_of(sandbox, "kube-apiserver").contains(&"--audit-log-maxage=60".to_owned()));
    let kept = tenant.text(&[
        "get",
        "cm",
        "-n",
        "kube-system",
        "kubeadm-config",
        "-o",
        "jsonpath={.data.ClusterConfiguration}",
    ]);
    assert!(kept.contains(SAN) && kept.contains("audit-log-maxage"), "{kept}");
    // A file that says the same asks for nothing.
    let file = edited(
        sandbox,
        "apiServer:\n  certSANs: [api.example.com]\n  extraArgs: [{name: audit-log-maxage, value: '60'}]\n",
    );
    let same = sandbox.run(&["create", NAME, "--kubeadm-config", &file, "--expose", "node-port"]).ok();
    assert!(same.stdout.contains("unchanged"), "{same}");
}

/// Files that hold one document each: what they do not have stays.
fn documents_of_nodes_reach_the_cluster(sandbox: &TestNamespace, tenant: &Kube) {
    let kubelet =
        "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\ncgroupDriver: cgroupfs\nmaxPods: 42\n";
    let kubelet = sandbox.file("kubelet.yaml", kubelet).display().to_string();
    let plan = sandbox.run(&["update", NAME, "--kubeadm-config", &kubelet, "--dry-run"]).ok();
    let told = ["data.kubelet.maxPods: (none) -> 42", "kubeadm upgrade node"];
    assert!(told.iter().all(|part| plan.stdout.contains(part)), "{plan}");
    assert!(!plan.stdout.contains("replaces its pods"), "no pod of the control plane reads it: {plan}");
    let pods = stay(sandbox);
    sandbox.run(&["update", NAME, "--kubeadm-config", &kubelet, "--yes"]).ok();
    assert_eq!(stay(sandbox), pods);
    let proxy =
        "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nconntrack: {maxPerCore: 12345}\n";
    let proxy = sandbox.file("proxy.yaml", proxy).display().to_string();
    sandbox
        .run(&["update", NAME, "--kubeadm-config", &proxy, "--yes"])
        .ok()
        .says(&["rollout restart daemonset kube-proxy"]);
    let data = |name: &str| tenant.text(&["get", "cm", "-n", "kube-system", name, "-o", "jsonpath={.data}"]);
    assert!(data("kubelet-config").contains("maxPods: 42"), "{}", data("kubelet-config"));
    assert!(data("kube-proxy").contains("maxPerCore: 12345"), "{}", data("kube-proxy"));
    assert!(served_names(sandbox).contains(SAN), "what the files do not say stays");
}

fn an_addon_goes_and_comes_back(sandbox: &TestNamespace, tenant: &Kube) {
    let proxy =
        |tenant: &Kube| tenant.run(&["get", "daemonset,configmap,serviceaccount", "-n", "kube-system", "kube-proxy"]);
    sandbox
        .run(&["update", NAME, "--addon", "kube-proxy=off", "--yes"])
        .ok()
        .says(&["- in the cluster: DaemonSet kube-system/kube-proxy"]);
    let gone = proxy(tenant);
    assert_eq!(gone.stderr.matches("NotFound").count(), 3, "{gone}");
    tenant.run(&["get", "deployment", "-n", "kube-system", "coredns"]).ok();
    sandbox.run(&["diff", NAME]).ok();
    sandbox.run(&["update", NAME, "--addon", "kube-proxy=on", "--yes"]).ok();
    proxy(tenant).ok();
}

fn stay(sandbox: &TestNamespace) -> Vec<String> {
    let all = sandbox.objects("pods");
    let stay = all.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    stay.map(|pod| pod["metadata"]["uid"].to_string()).collect()
}

fn a_bad_argument_is_taken_back_with_its_cause(sandbox: &TestNamespace, tenant: &Kube) {
    let pods = stay(sandbox);
    let bad = [
        ("kube-apiserver:no-such-flag=1", "no-such-flag"),
        ("kube-controller-manager:feature-gates=NoSuchGate=true", "NoSuchGate"),
    ];
    for (argument, cause) in bad {
        let poller = Poller::start(&Identity::of(tenant), "/readyz", "/readyz");
        let run = sandbox.run(&["update", NAME, "--extra-arg", argument, "--yes"]).exits(1);
        let seen = poller.stop();
        run.clone().says(&["did not become ready with the new settings", "served all the time", cause]);
        assert_eq!(seen.failures, Vec::<String>::new(), "of {} requests: {run}", seen.answered);
        wait_until("the old pods alone are there", Duration::from_secs(60), || {
            let now = stay(sandbox);
            if now == pods { Ok(()) } else { Err(format!("{now:?}")) }
        });
    }
    let missing = ["update", NAME, "--image-repository", "registry.example.invalid", "--timeout", "20s", "--yes"];
    sandbox.run(&missing).exits(1).says(&["mage", "served all the time"]);
    // A pipeline that rolls back what failed does not take back the change before it.
    let back = sandbox.run(&["rollback", NAME, "--yes"]).ok().says(&["taken back already"]);
    assert!(back.stdout.contains("unchanged"), "{back}");
    sandbox.run(&["diff", NAME]).ok();
    assert_eq!(sandbox.run(&["status", NAME, "-o", "json"]).json()["update"], Value::Null);
}

fn the_history_tells_and_the_last_change_is_taken_back(sandbox: &TestNamespace) {
    let history = sandbox.run(&["history", NAME, "-o", "json"]).json();
    let items = history["items"].as_array().expect("a list");
    let of_kind = |kind: &str| -> Vec<&Value> { items.iter().filter(|item| item["kind"] == kind).collect() };
    let what: Vec<String> = of_kind("change").iter().map(|item| item["what"].to_string()).collect();
    assert_eq!(what.len(), 5, "what was taken back is no change: {history:#}");
    assert_eq!(of_kind("rolledBack").len(), 3, "{history:#}");
    assert!(what[4].contains("certSANs: + api.example.com") && what[4].contains("audit-log-maxage: + 60"), "{what:?}");
    assert!(what[0].contains("kube-proxy") && history["items"][0]["by"] != "", "{history:#}");
    sandbox
        .run(&[
            "update",
            NAME,
            "--extra-arg",
            "kube-apiserver:audit-log-maxage-",
            "--cert-san",
            "api.example.com-",
            "--yes",
        ])
        .ok();
    wait_until("the certificate is without the name", Duration::from_secs(60), || {
        let names = served_names(sandbox);
        if names.contains(SAN) { Err(names) } else { Ok(()) }
    });
    sandbox.run(&["rollback", NAME]).exits(8);
    sandbox.run(&["rollback", NAME, "--yes"]).ok();
    assert!(command_of(sandbox, "kube-apiserver").contains(&"--audit-log-maxage=60".to_owned()));
    wait_until("the certificate has the name again", Duration::from_secs(60), || {
        let names = served_names(sandbox);
        if names.contains(SAN) { Ok(()) } else { Err(names) }
    });
    // Who runs it again does not want to go forward.
    let again = sandbox.run(&["rollback", NAME, "--yes"]).ok();
    assert!(again.stdout.contains("unchanged"), "{again}");
    assert!(command_of(sandbox, "kube-apiserver").contains(&"--audit-log-maxage=60".to_owned()));
    let shown = sandbox.run(&["history", NAME]).ok().stdout;
    assert!(shown.contains("rollback: "), "{shown}");
    assert!(shown.contains("created") && shown.lines().count() > 7, "{shown}");
}

/// A node that joined knows the endpoint by its address.
fn nobody_loses_workers(sandbox: &TestNamespace, tenant: &Kube) {
    tenant.create("{apiVersion: v1, kind: Node, metadata: {name: joined}}");
    let before = sandbox.everything_settled();
    let refused = sandbox.run(&["update", NAME, "--expose", "cluster-ip", "--yes"]).exits(4);
    refused.says(&["its worker would be lost", "node port would go"]);
    assert_eq!(sandbox.everything(), before);
    tenant.run(&["delete", "node", "joined"]).ok();
    sandbox.run(&["update", NAME, "--expose", "cluster-ip", "--dry-run"]).ok();
}

#[test]
fn a_killed_update_is_reported_and_completed_or_rolled_back() {
    let sandbox = TestNamespace::new("e2e-update-kill");
    sandbox.create(NAME, &[]).ok();
    let proxy = Proxy::start(&Identity::of(&management()));
    let wanted = |value: usize| {
        let argument = format!("kube-apiserver:audit-log-maxage={value}");
        ["update", NAME, "--cert-san", &format!("k{value}.example.com"), "--extra-arg", &argument, "--yes"]
            .map(str::to_owned)
    };
    let first = wanted(40);
    sandbox.run_through(&proxy, &first.each_ref().map(String::as_str)).ok();
    let requests = proxy.requests();
    let (begun, last) = (
        requests.iter().position(Request::writes).unwrap_or(0) + 1,
        requests.iter().rposition(Request::writes).unwrap_or(0) + 1,
    );
    println!("{} requests, the first write is {begun}, the last {last}", requests.len());
    let kills = std::env::var("KAMAJI_TEST_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    for index in 0..kills {
        let at = begun + (index * 2 + 1) * (last - begun) / (kills * 2);
        let moment = if index % 2 == 0 { Timing::After } else { Timing::Before };
        let value = 50 + index;
        let wanted = wanted(value);
        let words = wanted.each_ref().map(String::as_str);
        let (_, harmed) = kill(&sandbox, &proxy, &words, moment, move |request| request.number == at);
        let status = sandbox.run(&["status", NAME, "-o", "json"]).json();
        println!("killed at {at} {moment:?}: {harmed}; then {}", status["update"]);
        let back = index % 2 == 1 && status["update"] != Value::Null;
        if status["update"] != Value::Null {
            let shown = sandbox.run(&["status", NAME]).ok().stdout;
            assert!(shown.contains("a change of settings is not finished"), "{shown}");
            sandbox.run(&["scale", NAME, "--replicas", "2"]).exits(4).says(&["kamaji rollback"]);
        }
        let finished = if back { sandbox.run(&["rollback", NAME, "--yes"]).ok() } else { sandbox.run(&words).ok() };
        let argument = format!("--audit-log-maxage={value}");
        assert_eq!(
            command_of(&sandbox, "kube-apiserver").contains(&argument),
            !back,
            "killed at {at} {moment:?}: {finished}"
        );
        sandbox.run(&["diff", NAME]).ok();
        assert_eq!(sandbox.run(&["status", NAME, "-o", "json"]).json()["update"], Value::Null);
        if !back {
            let again = sandbox.run(&words).ok();
            assert!(again.stdout.contains("unchanged"), "killed at {at} {moment:?}: {again}");
        }
    }
}
