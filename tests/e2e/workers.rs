//! Workers: joined over a real ssh, listed, drained in spite of nobody's budget, taken out with their machines.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::support::cluster::management::management_addresses;
use crate::support::cluster::ssh::Way;
use crate::support::command::{Run, start};
use crate::support::processes::CommandLines;
use crate::support::{Host, Kube, Ssh, TestNamespace, management, secrets, wait_until};

const NAME: &str = "workers";
const ROOT: &str = "e2e-workers-1";
const SUDO: &str = "e2e-workers-2";
const OTHER: &str = "e2e-workers-3";

#[test]
fn workers_join_over_ssh_are_drained_and_removed() {
    let sandbox = TestNamespace::new("e2e-workers");
    let (root, sudo) = (Host::add(ROOT, &[]), Host::add(SUDO, &["--version", "1.36"]));
    let other = Host::add(OTHER, &["--without-kubelet"]);
    sandbox.create(NAME, &[]).ok();
    let tenant = sandbox.tenant(NAME);
    let mut ssh = Ssh::new(sandbox.files.path());
    ssh.serve(&root, &Way { user: "root", jump: None, known: true });
    ssh.serve(&sudo, &Way { user: "admin", jump: Some(ROOT), known: true });
    ssh.serve(&other, &Way { user: "root", jump: None, known: false });
    ssh.run(&[SUDO, "sudo -n true"]).ok();

    machines_join_each_with_its_outcome(&sandbox, &ssh, &tenant, [&root, &sudo]);
    a_machine_of_another_cluster_is_left_alone(&sandbox, &ssh, &other);
    list_tells_what_workers_are(&sandbox, &tenant);
    pods_leave_as_their_budgets_allow(&sandbox, &tenant);
    a_worker_is_taken_out_with_its_machine(&sandbox, &ssh, &tenant, &root);
    a_worker_that_is_not_heard_of_is_taken_out_without_a_drain(&sandbox, &tenant, sudo);
}

fn outcomes(run: &Run) -> Vec<(String, String)> {
    let list: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {run}"));
    let items = list["items"].as_array().cloned().unwrap_or_default();
    let text = |item: &Value, key: &str| item[key].as_str().unwrap_or_default().to_owned();
    items.iter().map(|item| (text(item, "host"), text(item, "outcome"))).collect()
}

fn expected(outcomes: [&str; 3]) -> Vec<(String, String)> {
    [ROOT, SUDO, OTHER].iter().zip(outcomes).map(|(host, outcome)| ((*host).to_owned(), outcome.to_owned())).collect()
}

fn machines_join_each_with_its_outcome(sandbox: &TestNamespace, ssh: &Ssh, tenant: &Kube, hosts: [&Host; 2]) {
    let config = ssh.config();
    let join = |more: &[&str]| {
        let words =
            ["join", NAME, "--ssh-config", &config, "--host", ROOT, "--host", SUDO, "--host", OTHER, "-o", "json"];
        sandbox.run(&[&words, more].concat())
    };
    let tokens = || tenant.text(&["get", "secrets", "-n", "kube-system", "-o", "name"]);
    let before = tokens();
    let dry = join(&["--dry-run"]).exits(7).says(&["1 of 3 machines cannot join", "dry run"]);
    assert_eq!(outcomes(&dry), expected(["WouldJoin", "WouldJoin", "Failed"]));
    assert_eq!(tokens(), before, "a dry run makes no token");

    // The tokens of the cluster, while they live: the one that is made here is deleted at the end.
    let lines = CommandLines::watch();
    let seen = std::thread::scope(|scope| {
        let joining = scope.spawn(|| join(&["--parallel", "2"]));
        let mut tokens = Vec::new();
        while !joining.is_finished() {
            let listed = tenant.run(&["get", "secrets", "-n", "kube-system", "-o", "json"]);
            let list: Value = serde_json::from_str(&listed.stdout).unwrap_or_default();
            tokens.extend(list["items"].as_array().into_iter().flatten().flat_map(secrets::of_secret));
            std::thread::sleep(Duration::from_millis(100));
        }
        (joining.join().expect("it does not panic"), tokens)
    });
    let lines = lines.stop();
    let (joined, tokens_seen) = seen;
    println!("two machines joined over ssh in {:.1} s", joined.took.as_secs_f32());
    let joined = joined.exits(7).says(&["1 of 3 machines did not join"]);
    assert_eq!(outcomes(&joined), expected(["Joined", "Joined", "Failed"]));
    assert!(joined.stdout.contains("Host key verification failed"), "{joined}");
    assert!(lines.iter().any(|line| line.contains("kubeadm join")), "the watch would see a token on the machines");
    assert!(lines.iter().any(|line| line.starts_with("ssh -F")), "the watch would see a token here");
    let token = tokens_seen.iter().find(|hidden| hidden.what.ends_with("/token-secret"));
    assert!(token.is_some(), "a token was seen to search for");
    for hidden in &tokens_seen {
        let found = lines.iter().find(|line| hidden.is_in(line));
        assert!(found.is_none(), "{} is in a command line", hidden.what);
    }
    assert_eq!(tokens(), before, "the token is gone");
    for host in hosts {
        wait_until("the worker is Ready", Duration::from_secs(90), || {
            let look = tenant.run(&["wait", "--for=condition=Ready", &format!("node/{}", host.name()), "--timeout=5s"]);
            if look.code == Some(0) { Ok(()) } else { Err(look.to_string()) }
        });
        let left = host.run(&["sh", "-c", "grep -l kubeadm.k8s.io /tmp/tmp.* 2>/dev/null"]);
        assert_eq!(left.stdout, "", "no file with the token stays on the machine");
    }
    let again = join(&[]).exits(7);
    assert_eq!(outcomes(&again), expected(["AlreadyJoined", "AlreadyJoined", "Failed"]));
    assert!(again.stdout.contains(&format!("\"node\": \"{SUDO}\"")), "it says which node it is: {again}");
}

/// Of the management cluster, as it happens: the file of its administrator is put where a kubelet's would be.
fn a_machine_of_another_cluster_is_left_alone(sandbox: &TestNamespace, ssh: &Ssh, host: &Host) {
    let known = sandbox.files.path().join("ssh/known");
    let key =
        fs::read_to_string(sandbox.files.path().join(format!("ssh/{OTHER}-host.pub"))).expect("the server has one");
    let lines = fs::read_to_string(&known).expect("it was written");
    let others: String =
        lines.lines().filter(|line| !line.starts_with(OTHER)).map(|line| format!("{line}\n")).collect();
    fs::write(&known, format!("{others}{OTHER} {key}")).expect("it can be written");
    let admin = management().kubeconfig().display().to_string();
    host.run(&["cp", &admin, "/etc/kubernetes/kubelet.conf"]).ok();
    let config = ssh.config();
    let join = sandbox.run(&["join", NAME, "--ssh-config", &config, "--host", OTHER]).exits(1);
    let [address, _] = management_addresses();
    assert!(join.stdout.contains(&format!("it is in another cluster (https://{address}:6443)")), "{join}");
    let remove = ["node", "remove", NAME, ROOT, "--host", OTHER, "--ssh-config", &config, "--yes"];
    sandbox.run(&remove).exits(4).says(&["is in another cluster", "nothing was changed"]);
    host.run(&["test", "-e", "/etc/kubernetes/kubelet.conf"]).ok();
    host.run(&["rm", "/etc/kubernetes/kubelet.conf"]).ok();
}

fn list_tells_what_workers_are(sandbox: &TestNamespace, tenant: &Kube) {
    let items = sandbox.workers_that_answer(NAME);
    assert_eq!(items.iter().map(|item| &item["name"]).collect::<Vec<_>>(), [ROOT, SUDO]);
    for item in &items {
        let node = tenant.json(&["node", item["name"].as_str().expect("a node has a name")]);
        let info = &node["status"]["nodeInfo"];
        assert_eq!(item["kubeletVersion"], info["kubeletVersion"]);
        assert_eq!(item["containerRuntime"], info["containerRuntimeVersion"]);
        assert_eq!(item["osImage"], info["osImage"]);
        assert_eq!((&item["ready"], &item["schedulable"]), (&Value::Bool(true), &Value::Bool(true)));
        assert_eq!(item["certificateRotates"], true, "{item:#}");
        let end: jiff::Timestamp = item["certificateEnds"].as_str().and_then(|end| end.parse().ok()).expect("it ends");
        let days = (end.as_second() - jiff::Timestamp::now().as_second()) / 86400;
        assert!((300..=366).contains(&days), "a kubelet's certificate is signed for a year: {days}");
    }
    assert_eq!((&items[0]["minorsOlder"], &items[1]["minorsOlder"]), (&Value::from(0), &Value::from(1)));
    let shown = sandbox.run(&["node", "ls", NAME, "-o", "wide"]).ok();
    assert!(shown.stdout.contains("1 older") && shown.stdout.contains("containerd://"), "{shown}");
    assert_eq!(sandbox.run(&["node", "list", NAME, "-o", "name"]).text(), format!("node/{ROOT}\nnode/{SUDO}"));
}

const PODS: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: web, image: 'kamaji.test/tools:1', command: [sleep, '3600']}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web-budget}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
---
apiVersion: v1
kind: Pod
metadata: {name: bare}
spec:
  nodeName: e2e-workers-1
  terminationGracePeriodSeconds: 30
  containers: [{name: it, image: 'kamaji.test/tools:1', command: [sh, -c, 'trap \"\" TERM; sleep 3600'], volumeMounts: [{name: d, mountPath: /d}]}]
  volumes: [{name: d, emptyDir: {}}]
";

fn pods_leave_as_their_budgets_allow(sandbox: &TestNamespace, tenant: &Kube) {
    tenant.await_service_account("default");
    // The web pod must begin on the first worker.
    tenant.run(&["cordon", SUDO]).ok();
    tenant.create(PODS);
    // `kubectl wait` waits for the pods that are there.
    tenant.run(&["rollout", "status", "deployment/web", "--timeout=90s"]).ok();
    tenant.run(&["wait", "--for=condition=Ready", "pod", "--all", "--timeout=90s"]).ok();
    sandbox.run(&["node", "uncordon", NAME, SUDO]).ok();
    wait_until("the budget counts its pod", Duration::from_secs(30), || {
        let healthy = tenant.text(&["get", "pdb", "web-budget", "-o", "jsonpath={.status.currentHealthy}"]);
        if healthy == "1" { Ok(()) } else { Err(healthy) }
    });
    let cordoned = || tenant.text(&["get", "node", ROOT, "-o", "jsonpath={.spec.unschedulable}"]);
    let drain = |more: &[&str]| sandbox.run(&[&["node", "drain", NAME, ROOT], more].concat());

    sandbox.run(&["node", "drain", NAME, ROOT, "nobody"]).exits(3).says(&["`nobody`", "nothing was changed"]);
    drain(&[]).exits(8).says(&["default/bare", "--force", "nothing was changed"]);
    drain(&["--force"]).exits(8).says(&["emptyDir", "--delete-emptydir-data"]);
    let flags = ["--force", "--delete-emptydir-data"];
    let dry = drain(&[&flags[..], &["--dry-run"]].concat()).ok();
    assert!(dry.stdout.contains("PodDisruptionBudget web-budget allows no disruption, 1/1 needed"), "{dry}");
    assert!(dry.stdout.contains("DaemonSet"), "kube-proxy stays: {dry}");
    assert_eq!(cordoned(), "", "refusals and dry runs change nothing");
    assert_eq!(tenant.items(&["pods"]).len(), 2);

    // A pod that ignores its end is given one second instead of its thirty.
    let blocked = drain(&[&flags[..], &["--timeout", "30s", "--grace-period", "1"]].concat()).exits(6);
    let cause = "pod default/web-";
    assert!(blocked.stdout.contains(cause) && blocked.stdout.contains("PodDisruptionBudget web-budget"), "{blocked}");
    assert!(blocked.stderr.contains("PodDisruptionBudget web-budget"), "the wait told the cause: {blocked}");
    assert!(blocked.took.as_secs() < 45, "--timeout is kept: {blocked}");
    assert_eq!(cordoned(), "true");
    let pods = tenant.items(&["pods"]);
    assert_eq!(pods.len(), 1, "the bare pod left, the other was not touched: {pods:#?}");
    assert_eq!(pods[0]["spec"]["nodeName"], ROOT);

    // A second replica elsewhere makes room for the first to leave.
    let waiting = start(sandbox.kamaji(&["node", "drain", NAME, ROOT, "--timeout", "90s"]), "");
    tenant.run(&["scale", "deployment", "web", "--replicas=2"]).ok();
    let drained = sandbox.note(waiting.finish(Duration::from_secs(120)), false).ok();
    assert!(drained.stdout.starts_with(&format!("{ROOT}: drained")), "{drained}");
    println!("drained after the budget allowed it in {:.1} s", drained.took.as_secs_f32());
    let of_web = |pod: &Value| pod["spec"]["nodeName"] == ROOT && pod["metadata"]["deletionTimestamp"].is_null();
    assert!(!tenant.items(&["pods"]).iter().any(of_web), "no pod of users is there");
    let system = tenant.items(&["pods", "-n", "kube-system", "--field-selector", &format!("spec.nodeName={ROOT}")]);
    assert!(system.iter().all(|pod| pod["metadata"]["ownerReferences"][0]["kind"] == "DaemonSet"), "only those stay");
    assert!(!system.is_empty());
    let list = sandbox.run(&["node", "list", NAME]).ok();
    assert!(list.stdout.contains("Ready,SchedulingDisabled"), "{list}");
    sandbox.run(&["node", "uncordon", NAME, ROOT]).ok();
    assert_eq!(cordoned(), "");
    tenant.run(&["delete", "deployment/web", "pdb/web-budget", "--wait=false"]).ok();
}

fn a_worker_is_taken_out_with_its_machine(sandbox: &TestNamespace, ssh: &Ssh, tenant: &Kube, host: &Host) {
    let config = ssh.config();
    let remove = |more: &[&str]| {
        sandbox.run(&[&["node", "remove", NAME, ROOT, "--host", ROOT, "--ssh-config", &config], more].concat())
    };
    sandbox
        .run(&["node", "remove", NAME, ROOT, "--host", SUDO, "--ssh-config", &config, "--yes"])
        .exits(2)
        .says(&[&format!("is node `{SUDO}`"), "nothing was changed"]);
    remove(&["--dry-run"]).ok().says(&[&format!("- Node {ROOT}"), "kubeadm reset"]);
    remove(&[]).exits(8).says(&["--yes", &format!("- Node {ROOT}")]);
    tenant.run(&["get", "node", ROOT]).ok();
    let removed = remove(&["--yes"]).ok();
    println!("drained, reset and removed in {:.1} s", removed.took.as_secs_f32());
    tenant.run(&["get", "node", ROOT]).exits(1);
    tenant.run(&["get", "lease", "-n", "kube-node-lease", ROOT]).exits(1);
    let requests = tenant.items(&["certificatesigningrequests"]);
    let of_root = |request: &Value| request["spec"]["username"] == format!("system:node:{ROOT}");
    assert!(!requests.iter().any(of_root), "no request of its is left");
    assert_eq!(requests.len(), 1, "that of the other worker stays: {requests:#?}");
    host.run(&["test", "-e", "/etc/kubernetes/kubelet.conf"]).exits(1);
    remove(&["--yes"]).exits(2).says(&["is in no cluster"]);
    sandbox.run(&["node", "remove", NAME, ROOT, "--yes"]).exits(3);
}

fn a_worker_that_is_not_heard_of_is_taken_out_without_a_drain(sandbox: &TestNamespace, tenant: &Kube, host: Host) {
    // What the control plane writes itself when it has not heard of a kubelet for 40 s.
    drop(host);
    let condition = "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"Unknown\",\"reason\":\"NodeStatusUnknown\",\
        \"message\":\"Kubelet stopped posting node status.\"}]}}";
    tenant.run(&["patch", "node", SUDO, "--subresource=status", "-p", condition]).ok();
    let list = sandbox.run(&["node", "list", NAME]).ok();
    assert!(list.stdout.contains(&format!("{SUDO} is not ready: NodeStatusUnknown")), "{list}");
    let removed = sandbox.run(&["node", "remove", NAME, SUDO, "--yes"]).ok();
    let removed = removed.says(&["is not drained: it is not ready"]);
    assert!(removed.stdout.contains("its machine was not touched"), "{removed}");
    assert!(sandbox.run(&["node", "list", NAME]).text().starts_with("no workers yet"));
}
