//! An upgrade that is killed at any step says where it stands, and is finished or taken back; workers and their pods do not
//! notice an upgrade, nor the way back by a snapshot.

use std::time::Duration;

use serde_json::{Value, json};

use crate::lifecycle::killed::kill;
use crate::support::faults::proxy::{Request, Timing};
use crate::support::servers::poller::Poller;
use crate::support::{Host, Identity, Kube, Proxy, TestNamespace, management, wait_until};

const NAME: &str = "halfway";
const OLD: &str = "v1.36.3";
const NEW: &str = "v1.37.2";

/// A control plane of the old version.
fn create_old(sandbox: &TestNamespace) -> Kube {
    let file = sandbox.quickstart();
    let text = std::fs::read_to_string(&file).expect("it was written").replace(NEW, OLD);
    let file = sandbox.file("old.yaml", &text).display().to_string();
    sandbox.run(&["create", NAME, "--kubeadm-config", &file, "--expose", "node-port"]).ok();
    let tenant = sandbox.tenant(NAME);
    tenant.run(&["create", "configmap", "polled", "--from-literal=count=0"]).ok();
    tenant
}

#[test]
fn a_killed_upgrade_reports_its_state_and_converges_to_one_version() {
    let sandbox = TestNamespace::new("e2e-interrupted");
    let tenant = create_old(&sandbox);
    let before = keys(&sandbox);
    what_is_in_the_way_is_said_before_anything_is_changed(&sandbox);

    let proxy = Proxy::start(&Identity::of(&management()));
    // On a busy machine new pods take their time; it is not what this is about.
    let upgrade = ["upgrade", NAME, "--to", NEW, "--yes", "--timeout", "20m"];
    let poller = Poller::start(&Identity::of(&tenant), "/readyz", "/api/v1/namespaces/default/configmaps/polled");

    let record = |request: &Request| request.method == "PUT" && request.path.contains("/configmaps/");
    let deployment =
        |request: &Request| request.writes() && request.method == "PATCH" && request.path.contains("/deployments/");
    println!("killed at {}", kill(&sandbox, &proxy, &upgrade, Timing::After, record).1);
    it_stands_at(&sandbox, "upgrade v1.36.3 -> v1.37.2 interrupted: replacing pods");
    nothing_else_may_change_it(&sandbox);
    sandbox.run(&["rollback", NAME, "--yes"]).ok();
    it_has_alone(&sandbox, &tenant, OLD);
    // Who does not know that it was finished runs it again.
    let again = sandbox.run(&["rollback", NAME, "--yes"]).ok().says(&["taken back already"]);
    assert!(again.stdout.contains("unchanged"), "{again}");

    println!("killed at {}", kill(&sandbox, &proxy, &upgrade, Timing::After, deployment).1);
    it_stands_at(&sandbox, "upgrade v1.36.3 -> v1.37.2 interrupted: replacing pods");
    sandbox.run(&["rollback", NAME, "--yes"]).ok();
    it_has_alone(&sandbox, &tenant, OLD);

    println!("killed at {}", kill(&sandbox, &proxy, &upgrade, Timing::Before, deployment).1);
    println!("killed at {}", kill(&sandbox, &proxy, &upgrade, Timing::After, deployment).1);
    // The record says `replacing pods` already, so that the next time it is written is when the new pods serve.
    println!("killed at {}", kill(&sandbox, &proxy, &upgrade, Timing::After, record).1);
    it_stands_at(&sandbox, "upgrade v1.36.3 -> v1.37.2 interrupted: writing the cluster's own objects");
    println!("killed at {}", kill(&sandbox, &proxy, &upgrade, Timing::Before, record).1);
    it_stands_at(&sandbox, "upgrade v1.36.3 -> v1.37.2 interrupted: writing the cluster's own objects");
    // Of the whole step, not of what is left of it.
    sandbox.run(&upgrade).ok().says(&["no way back but a snapshot"]);
    it_has_alone(&sandbox, &tenant, NEW);
    let history = sandbox.run(&["history", NAME, "-o", "json"]).json();
    let kinds = history["items"].as_array().expect("items").iter().map(|item| item["kind"].as_str());
    assert_eq!(kinds.collect::<Vec<_>>(), [Some("change"), Some("rolledBack"), Some("rolledBack")], "{history:#}");

    // Until the old pods have drained.
    std::thread::sleep(Duration::from_secs(12));
    let seen = poller.stop();
    println!("{} requests answered, {} failed, {} sent again", seen.answered, seen.failures.len(), seen.repeated);
    assert_eq!(seen.failures, Vec::<String>::new(), "of {} requests", seen.answered);
    assert!(seen.answered > 500, "too few requests to count: {seen:?}");
    assert_eq!(keys(&sandbox), before, "the keys are the same");
    let again = sandbox.run(&["upgrade", NAME, "--to", NEW]).ok();
    assert!(again.stdout.contains("unchanged"), "{again}");
    assert!(!sandbox.everything().contains_key(&format!("Lease/{NAME}-lock")), "the lock stays");
}

fn keys(sandbox: &TestNamespace) -> Vec<Value> {
    let names =
        ["ca", "front-proxy-ca-certificate", "sa-certificate", "encryption-config"].map(|s| format!("{NAME}-{s}"));
    let secrets = sandbox.objects("secrets");
    let of = |name: &String| secrets.iter().find(|secret| secret["metadata"]["name"] == *name);
    names.iter().map(|name| of(name).unwrap_or_else(|| panic!("no Secret {name}"))["data"].clone()).collect()
}

fn what_is_in_the_way_is_said_before_anything_is_changed(sandbox: &TestNamespace) {
    let kube = management();
    let namespace = ["-n", &sandbox.namespace];
    let before = sandbox.everything_settled();
    let run = |words: &[&str]| kube.run(&[words, &namespace[..]].concat()).ok();
    let refused = |check: &str, words: &[&str]| {
        // The quota's numbers come a moment later.
        wait_until("the check sees it", Duration::from_secs(30), || {
            let plan = sandbox.run(&["upgrade", "plan", NAME, "-o", "json"]).json();
            let checks = plan["items"][0]["checks"].as_array().cloned().unwrap_or_default();
            let blocked = checks.iter().any(|found| found["name"] == check && found["verdict"] == "blocked");
            if blocked { Ok(()) } else { Err(format!("{checks:#?}")) }
        });
        sandbox.run(&["upgrade", NAME, "--to", NEW, "--yes"]).exits(1).says(words);
        sandbox.run(&["upgrade", "plan", NAME, "--to", NEW]).exits(1);
    };
    run(&["create", "quota", "tight", "--hard=pods=1,requests.cpu=10"]);
    refused("quota", &["tight: pods 1 of 1 used, 1 more needed", "--skip-check quota"]);
    run(&["delete", "quota", "tight"]);
    let range = "{apiVersion: v1, kind: LimitRange, metadata: {name: small}, spec: {limits: [{type: Container, max: {memory: 16Mi}}]}}";
    crate::support::command::start(kube.command(&["create", "-n", &sandbox.namespace, "-f", "-"]), range)
        .finish(Duration::from_secs(30))
        .ok();
    refused("limit-ranges", &["small: container kube-apiserver", "--skip-check limit-ranges"]);
    run(&["delete", "limitrange", "small"]);
    let mut after = sandbox.everything();
    after.retain(|name, _| before.contains_key(name));
    assert_eq!(after, before, "nothing was changed");
}

fn it_stands_at(sandbox: &TestNamespace, state: &str) {
    let status = sandbox.run(&["status", NAME, "-o", "json"]).json();
    let unfinished = &status["unfinished"];
    assert_eq!((&unfinished["state"], &unfinished["interrupted"]), (&json!(state), &json!(true)), "{status:#}");
    assert_eq!(status["healthy"], false);
    let shown = sandbox.run(&["status", NAME]).ok();
    assert!(shown.stdout.contains(state) && shown.stdout.contains("kamaji rollback halfway"), "{shown}");
    let list = sandbox.run(&["list"]).ok();
    assert!(list.stdout.contains(&format!("{}/{NAME}: {state}", sandbox.namespace)), "{list}");
    assert!(list.stdout.contains(&format!("kamaji upgrade {NAME} -n {} --to {NEW}", sandbox.namespace)), "{list}");
}

fn nothing_else_may_change_it(sandbox: &TestNamespace) {
    let finish = ["is not finished", "kamaji upgrade halfway", "kamaji rollback halfway"];
    sandbox.run(&["scale", NAME, "--replicas", "2"]).exits(4).says(&finish);
    sandbox.run(&["upgrade", NAME, "--to", "v1.36.99", "--yes"]).exits(4).says(&finish);
    let file = sandbox.files.path().join("old.yaml").display().to_string();
    sandbox.run(&["create", NAME, "--kubeadm-config", &file, "--expose", "node-port"]).exits(4).says(&finish);
}

/// Every pod, the answer of the API server, and what is recorded are of one version.
fn it_has_alone(sandbox: &TestNamespace, tenant: &Kube, version: &str) {
    let images = |sandbox: &TestNamespace| -> Vec<String> {
        let pods = sandbox.objects("pods");
        let containers = pods.iter().flat_map(|pod| pod["spec"]["containers"].as_array().cloned().unwrap_or_default());
        containers.map(|container| container["image"].as_str().unwrap_or_default().to_owned()).collect()
    };
    wait_until("pods of one version alone", Duration::from_secs(90), || {
        let images = images(sandbox);
        if images.len() == 3 && images.iter().all(|image| image.ends_with(version)) {
            Ok(())
        } else {
            Err(format!("{images:?}"))
        }
    });
    let answer: Value = serde_json::from_str(&tenant.text(&["get", "--raw", "/version"])).expect("it is JSON");
    assert_eq!(answer["gitVersion"], version);
    let list = sandbox.run(&["list", "-o", "json"]).json();
    let item = &list["items"][0];
    assert_eq!((&item["version"], &item["status"]), (&json!(version), &json!("Ready")), "{list:#}");
    assert_eq!(item["unfinished"], Value::Null);
    let config =
        ["get", "configmap", "-n", "kube-system", "kubeadm-config", "-o", "jsonpath={.data.ClusterConfiguration}"];
    assert!(tenant.text(&config).contains(&format!("kubernetesVersion: {version}")));
}

const WORKLOAD: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: web, image: 'kamaji.test/tools:1', command: [sleep, '36000']}]
";

#[test]
fn workers_and_their_pods_survive_an_upgrade_and_its_rollback() {
    let sandbox = TestNamespace::new("e2e-upgrade-worker");
    let tenant = create_old(&sandbox);
    let worker = Host::add("e2e-upgrade-w1", &["--version", "1.36"]);
    let join = sandbox.run_for_secrets(&["join", NAME]).text();
    worker.run(&join.split_whitespace().collect::<Vec<_>>()).ok();
    tenant.await_service_account("default");
    tenant.create(WORKLOAD);
    tenant.run(&["rollout", "status", "deployment/web", "--timeout=180s"]).ok();
    tenant.run(&["rollout", "status", "-n", "kube-system", "deployment/coredns", "--timeout=180s"]).ok();
    people_change_what_kubeadm_would_keep(&tenant);

    let plan = sandbox.run(&["upgrade", "plan", NAME, "-o", "json"]).json();
    let by_hand = &plan["items"][0]["byHand"][0];
    assert_eq!((&by_hand["node"], &by_hand["kubelet"]), (&json!(worker.name()), &json!(OLD)), "{plan:#}");
    assert!(plan["items"][0]["wayBack"].as_str().is_some_and(|text| text.contains("no way back but a snapshot")));
    let before = pods(&tenant);
    let node = node(&tenant, worker.name());
    let file = sandbox.files.path().join("before.snapshot").display().to_string();
    let upgrade = ["upgrade", NAME, "--to", NEW, "--snapshot", &file];
    let dry = sandbox.run(&[&upgrade[..], &["--dry-run"]].concat()).ok();
    assert!(dry.stderr.contains("data is saved in") && !std::path::Path::new(&file).exists(), "{dry}");
    let run = sandbox.run(&[&upgrade[..], &["--yes", "--timeout", "5m"]].concat()).ok().says(&[
        "the data is saved in",
        "Kubelets stay as they are. 1 of another version",
        "upgrade plan halfway",
    ]);
    println!("snapshot and upgrade in {:.1} s", run.took.as_secs_f32());
    let header = std::fs::read_to_string(&file).expect("it was written");
    assert!(header.lines().next().is_some_and(|line| line.contains("\"version\":\"v1.36.3\"")));
    // Longer than a node may be silent before it counts as lost, and than kube-proxy takes to be replaced.
    std::thread::sleep(Duration::from_secs(60));
    assert_eq!(pods(&tenant), before, "the same pods, not restarted");
    assert_eq!(self::node(&tenant, worker.name()), node, "it was Ready all the time");
    tenant.run(&["rollout", "status", "-n", "kube-system", "daemonset/kube-proxy", "--timeout=180s"]).ok();
    what_people_changed_is_there(&tenant, NEW);

    let left = sandbox.run(&["upgrade", "plan", NAME]).ok();
    assert!(left.stdout.contains("kubeadm upgrade node") && left.stdout.contains(worker.name()), "{left}");
    the_commands_for_kubelets_are_right(&worker, &tenant);

    tenant.run(&["create", "configmap", "since"]).ok();
    sandbox
        .run(&["rollback", NAME, "--yes"])
        .exits(2)
        .says(&["kamaji restore halfway -n e2e-upgrade-worker --from FILE"]);
    let back = sandbox.run(&["restore", NAME, "--from", &file, "--yes"]).ok();
    println!("back in {:.1} s", back.took.as_secs_f32());
    it_has_alone(&sandbox, &tenant, OLD);
    tenant.run(&["get", "configmap", "since"]).exits(1);
    wait_until("the worker is heard of again", Duration::from_secs(120), || {
        let look = tenant.run(&["wait", "--for=condition=Ready", &format!("node/{}", worker.name()), "--timeout=5s"]);
        if look.code == Some(0) { Ok(()) } else { Err(look.to_string()) }
    });
    tenant.run(&["rollout", "status", "deployment/web", "--timeout=180s"]).ok();
    assert_eq!(pods(&tenant), before, "the same pods, not restarted");
    what_people_changed_is_there(&tenant, OLD);
    let again = sandbox.run(&["upgrade", NAME, "--to", NEW, "--snapshot", &file, "--yes"]).ok();
    assert!(again.stdout.contains("has v1.37.2"), "it can be upgraded once more: {again}");
}

/// Name, identity and restarts of each pod of the workload.
fn pods(tenant: &Kube) -> Vec<(Value, Value, Value)> {
    let pods = tenant.items(&["pods", "-l", "app=web"]);
    let of = |pod: &Value| {
        (
            pod["metadata"]["name"].clone(),
            pod["metadata"]["uid"].clone(),
            pod["status"]["containerStatuses"][0]["restartCount"].clone(),
        )
    };
    pods.iter().map(of).collect()
}

/// Whether the worker is Ready, and since when.
fn node(tenant: &Kube, name: &str) -> (Value, Value) {
    let node = tenant.json(&["node", name]);
    let conditions = node["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let ready = conditions.into_iter().find(|condition| condition["type"] == "Ready").unwrap_or_default();
    assert_eq!(ready["status"], "True", "{ready:#}");
    (ready["status"].clone(), ready["lastTransitionTime"].clone())
}

/// Settings that are in `ConfigMaps`, which `kubeadm upgrade apply` reads and writes back, and `CoreDNS`'s resources.
fn people_change_what_kubeadm_would_keep(tenant: &Kube) {
    let edit = |map: &str, key: &str, from: &str, to: &str| {
        let map = tenant.json(&["configmap", "-n", "kube-system", map]);
        let text = map["data"][key].as_str().expect("it has it");
        assert!(text.contains(from), "{text}");
        let name = map["metadata"]["name"].as_str().expect("it has a name");
        let patch = json!({"data": {key: text.replacen(from, to, 1)}}).to_string();
        tenant.run(&["patch", "configmap", "-n", "kube-system", name, "-p", &patch]).ok();
    };
    edit("kube-proxy", "config.conf", "kind:", "metricsBindAddress: 127.0.0.1:12249\nkind:");
    edit("kubelet-config", "kubelet", "kind:", "maxPods: 77\nkind:");
    let resources = ["set", "resources", "deployment/coredns", "-n", "kube-system", "--limits=memory=201Mi"];
    tenant.run(&resources).ok();
    tenant.run(&["rollout", "status", "-n", "kube-system", "deployment/coredns", "--timeout=180s"]).ok();
}

fn what_people_changed_is_there(tenant: &Kube, version: &str) {
    let jsonpath = |words: &[&str], path: &str| {
        tenant.text(&[&["get", "-n", "kube-system"], words, &["-o", &format!("jsonpath={path}")]].concat())
    };
    assert!(jsonpath(&["configmap", "kube-proxy"], "{.data.config\\.conf}").contains("127.0.0.1:12249"));
    assert!(jsonpath(&["configmap", "kubelet-config"], "{.data.kubelet}").contains("maxPods: 77"));
    let container = "{.spec.template.spec.containers[0]";
    assert_eq!(jsonpath(&["deployment", "coredns"], &format!("{container}.resources.limits.memory}}")), "201Mi");
    let coredns = if version == NEW { "coredns:v1.14.6" } else { "coredns:v1.14.2" };
    let image = jsonpath(&["deployment", "coredns"], &format!("{container}.image}}"));
    assert!(image.ends_with(coredns), "who changed its memory still gets its new image: {image}");
    assert!(jsonpath(&["daemonset", "kube-proxy"], &format!("{container}.image}}")).ends_with(version));
}

/// What `upgrade plan` says is done on the worker: the new minor's kubeadm writes what the kubelet reads.
fn the_commands_for_kubelets_are_right(worker: &Host, tenant: &Kube) {
    let kubeadm = crate::support::cluster::management::kubeadm();
    let config = "/var/lib/kubelet/config.yaml";
    // What kubeadm thinks of the machine that all hosts here share is not what this is about.
    let command = [&kubeadm.display().to_string(), "upgrade", "node", "--ignore-preflight-errors=all"];
    let upgraded = worker.run(&command).ok();
    assert!(upgraded.stdout.contains("upgraded"), "{upgraded}");
    let written = worker.run(&["cat", config]).text();
    assert!(written.contains("maxPods: 77"), "from the kubelet-config that people changed: {written}");
    tenant.run(&["get", "node", worker.name()]).ok();
}
