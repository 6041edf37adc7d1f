//! The life of one control plane: made, used by people and workers, looked at, deleted.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::cluster::management::management_addresses;
use crate::support::{Etcd, Host, Kube, TestNamespace, management, run, secrets, wait_until};

const NAME: &str = "life";
const MARKER: &str = "plain-to-read-if-not-encrypted";

#[test]
fn a_control_plane_is_created_used_and_deleted() {
    let sandbox = TestNamespace::new("e2e-life");
    create_reports_on_stdout_and_talks_on_stderr(&sandbox);
    its_pods_run_without_a_restart(&sandbox);
    let tenant = sandbox.tenant(NAME);
    its_administrator_may_do_everything(&tenant);
    it_holds_what_kubeadm_join_reads(&tenant);
    its_secrets_are_encrypted_in_the_datastore(&sandbox, &tenant);
    let endpoint = its_certificate_is_for_its_endpoint(&sandbox);
    tokens_are_made_listed_and_deleted(&sandbox, &tenant);
    kubeconfigs_are_written_for_their_owner_only(&sandbox);

    let worker = Host::add("e2e-life-1", &[]);
    let older = Host::add("e2e-life-2", &["--version", "1.36"]);
    a_worker_joins_with_the_line(&sandbox, &tenant, &worker, &endpoint);
    a_worker_joins_with_the_line(&sandbox, &tenant, &older, &endpoint);
    pods_run_talk_and_are_talked_to(&tenant, &worker);
    list_and_status_say_that_it_is_healthy(&sandbox);
    nothing_confidential_was_said(&sandbox, &tenant);
    delete_leaves_nothing(&sandbox);
}

fn create_reports_on_stdout_and_talks_on_stderr(sandbox: &TestNamespace) {
    let created = sandbox.create(NAME, &[]).ok();
    assert!(
        created.stdout.starts_with(&format!("life is ready: v1.37.2 at {}:", management_addresses()[0])),
        "{created}"
    );
    assert!(created.stdout.contains("kamaji join life -n e2e-life"), "{created}");
    assert!(!created.stdout.contains("Secret"), "talk on stdout: {created}");
    let created = created.says(&["Plan for control plane e2e-life/life:", "Secret e2e-life/life-ca created"]);
    println!("created in {:.1} s", created.took.as_secs_f32());
}

fn its_pods_run_without_a_restart(sandbox: &TestNamespace) {
    let deployment = management().json(&["deployment", "-n", &sandbox.namespace, NAME]);
    assert_eq!(deployment["status"]["readyReplicas"], 1);
    for pod in sandbox.objects("pods") {
        let containers = pod["status"]["containerStatuses"].as_array().expect("containers run");
        assert_eq!(containers.len(), 3);
        assert_eq!(pod["spec"]["automountServiceAccountToken"], false);
    }
    sandbox.no_container_failed();
    let service = management().json(&["service", "-n", &sandbox.namespace, NAME]);
    assert_eq!(service["spec"]["publishNotReadyAddresses"], Value::Null, "from now on only ready pods are led to");
}

fn its_administrator_may_do_everything(tenant: &Kube) {
    tenant.run(&["get", "namespaces"]).ok();
    assert_eq!(tenant.text(&["auth", "can-i", "*", "*", "--all-namespaces"]), "yes");
    let whoami = tenant.text(&["auth", "whoami", "-o", "jsonpath={.status.userInfo}"]);
    assert!(whoami.contains("kubeadm:cluster-admins") && !whoami.contains("system:masters"), "{whoami}");
}

fn it_holds_what_kubeadm_join_reads(tenant: &Kube) {
    for object in [
        "configmap -n kube-public cluster-info",
        "configmap -n kube-system kubeadm-config",
        "configmap -n kube-system kubelet-config",
        "clusterrolebinding kubeadm:cluster-admins",
        "clusterrolebinding kubeadm:kubelet-bootstrap",
        "clusterrolebinding kubeadm:node-autoapprove-bootstrap",
        "clusterrolebinding kubeadm:node-autoapprove-certificate-rotation",
        "clusterrole kubeadm:get-nodes",
        "role -n kube-public kubeadm:bootstrap-signer-clusterinfo",
        "role -n kube-system kubeadm:kubelet-config",
        "role -n kube-system kubeadm:nodes-kubeadm-config",
        "deployment -n kube-system coredns",
        "service -n kube-system kube-dns",
        "daemonset -n kube-system kube-proxy",
    ] {
        let words: Vec<&str> = std::iter::once("get").chain(object.split(' ')).collect();
        tenant.run(&words).ok();
    }
    let kubelet =
        tenant.text(&["get", "configmap", "-n", "kube-system", "kubelet-config", "-o", "jsonpath={.data.kubelet}"]);
    assert!(kubelet.contains("cgroupDriver: cgroupfs"), "the user's KubeletConfiguration is kept: {kubelet}");
}

fn its_secrets_are_encrypted_in_the_datastore(sandbox: &TestNamespace, tenant: &Kube) {
    tenant.run(&["create", "secret", "generic", "hidden", &format!("--from-literal=value={MARKER}")]).ok();
    let root = Etcd::root();
    let key = format!("/{}/secrets/default/hidden", sandbox.id(NAME));
    let stored = root.run(&["get", &key, "--print-value-only"]).ok();
    assert!(stored.stdout.starts_with("k8s:enc:secretbox:v1:"), "{stored}");
    assert!(!stored.stdout.contains(MARKER));
    tenant.run(&["create", "configmap", "open", &format!("--from-literal=value={MARKER}")]).ok();
    let open = root.run(&["get", &format!("/{}/configmaps/default/open", sandbox.id(NAME)), "--print-value-only"]).ok();
    assert!(open.stdout.contains(MARKER), "the comparison would find a plain text");
}

fn its_certificate_is_for_its_endpoint(sandbox: &TestNamespace) -> String {
    let endpoint =
        sandbox.run(&["list", "-o", "json"]).json()["items"][0]["endpoint"].as_str().expect("it has one").to_owned();
    let ca = sandbox.file("ca.crt", &sandbox.secret_value("life-ca", "ca.crt"));
    let [address, _] = management_addresses();
    let mut show = Command::new("openssl");
    show.args(["s_client", "-connect", &endpoint, "-verify_return_error", "-verify_ip", &address, "-CAfile"]).arg(&ca);
    let shown = run(show).ok();
    assert!(shown.stdout.contains("Verify return code: 0 (ok)"), "{shown}");
    let certificate = sandbox.file("served.crt", &shown.stdout);
    let mut names = Command::new("openssl");
    names.args(["x509", "-noout", "-ext", "subjectAltName", "-in"]).arg(&certificate);
    let names = run(names).text();
    let own = format!("IP Address:{address}");
    for name in [own.as_str(), "IP Address:10.96.0.1", "DNS:kubernetes.default.svc.cluster.local", "DNS:life"] {
        assert!(names.contains(name), "no {name} in {names}");
    }
    endpoint
}

fn tokens_are_made_listed_and_deleted(sandbox: &TestNamespace, tenant: &Kube) {
    let token =
        sandbox.run_for_secrets(&["token", "create", NAME, "--ttl", "10m", "--description", "for a test"]).text();
    let (id, _) = token.split_once('.').expect("a token has a dot");
    let listed = sandbox.run(&["token", "list", NAME, "-o", "json"]).json();
    let item = listed["items"].as_array().and_then(|items| items.iter().find(|item| item["id"] == id)).cloned();
    assert_eq!(item.expect("the token is listed")["description"], "for a test");
    let secret = format!("bootstrap-token-{id}");
    tenant.run(&["get", "secret", "-n", "kube-system", &secret]).ok();
    sandbox.run(&["token", "delete", NAME, id]).ok();
    tenant.run(&["get", "secret", "-n", "kube-system", &secret]).exits(1);
    sandbox.run(&["token", "delete", NAME, id]).exits(3);
}

fn kubeconfigs_are_written_for_their_owner_only(sandbox: &TestNamespace) {
    let path = sandbox.files.path().join("admin.conf");
    let written = sandbox.run(&["kubeconfig", NAME, "--file", &path.display().to_string()]).ok();
    assert_eq!(written.stdout, "", "the path is talk");
    assert_eq!(fs::metadata(&path).expect("it is written").permissions().mode() & 0o777, 0o600);
    Kube::with(&path).run(&["get", "namespaces"]).ok();

    let printed = sandbox.run_for_secrets(&["kubeconfig", NAME]).ok();
    assert_eq!(printed.stdout, fs::read_to_string(&path).expect("it is readable"));

    // A name that is no file, a disk that is full, a reader that has seen enough.
    let pipe = sandbox.files.path().join("pipe");
    let mut make = Command::new("mkfifo");
    make.arg(&pipe);
    run(make).ok();
    sandbox.run(&["kubeconfig", NAME, "--file", &pipe.display().to_string()]).exits(2);
    assert!(fs::metadata(&pipe).expect("it is still there").file_type().is_fifo(), "a pipe is not replaced by a file");
    let to = |target: &str| {
        let mut shell = Command::new("bash");
        let kamaji = format!("'{}' kubeconfig {NAME} -n '{}'", env!("CARGO_BIN_EXE_kamaji"), sandbox.namespace);
        shell.env("KUBECONFIG", management().kubeconfig()).args([
            "-o",
            "pipefail",
            "-c",
            &format!("{kamaji} {target}"),
        ]);
        run(shell)
    };
    assert_ne!(to("> /dev/full").code, Some(0), "what was not written is not reported as written");
    to("| head -1").ok();

    let mine = sandbox.file(
        "mine.conf",
        "apiVersion: v1\nkind: Config\ncurrent-context: mine\nclusters:\n- {name: mine, cluster: {server: 'https://127.0.0.1:1'}}\n\
         users:\n- {name: mine, user: {token: abc}}\ncontexts:\n- {name: mine, context: {cluster: mine, user: mine}}\n",
    );
    let merged = Kube::with(&mine);
    for _ in 0..2 {
        let mut merge = sandbox.kamaji_by(&mine, &["kubeconfig", NAME, "--merge", "--kubeconfig"]);
        merge.arg(management().kubeconfig());
        sandbox.note(run(merge), false).ok();
        assert_eq!(merged.text(&["config", "get-contexts", "-o", "name"]), "kamaji-e2e-life-life\nmine");
        assert_eq!(merged.text(&["config", "current-context"]), "mine");
        assert_eq!(
            merged.text(&["config", "view", "--raw", "-o", "jsonpath={.users[?(@.name=='mine')].user.token}"]),
            "abc"
        );
    }
    assert_eq!(fs::metadata(&mine).expect("it is written").permissions().mode() & 0o777, 0o600);
    merged.run(&["--context", "kamaji-e2e-life-life", "get", "namespaces"]).ok();
}

fn a_worker_joins_with_the_line(sandbox: &TestNamespace, tenant: &Kube, worker: &Host, endpoint: &str) {
    let join = sandbox.run_for_secrets(&["join", NAME]).ok();
    assert_eq!(join.stdout.lines().count(), 1, "{join}");
    assert!(join.stdout.starts_with(&format!("kubeadm join {endpoint} --token ")), "{join}");
    let words: Vec<&str> = join.stdout.split_whitespace().collect();
    let joined = worker.run(&words).ok();
    println!("{} joined in {:.1} s", worker.name(), joined.took.as_secs_f32());
    wait_until("the worker is Ready", Duration::from_secs(90), || {
        let node = tenant.run(&["get", "node", worker.name(), "-o", "json"]);
        let ready = serde_json::from_str::<Value>(&node.stdout).is_ok_and(|node| {
            let conditions = node["status"]["conditions"].as_array().cloned().unwrap_or_default();
            conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
        });
        if ready { Ok(()) } else { Err(node.to_string()) }
    });
}

fn pods_run_talk_and_are_talked_to(tenant: &Kube, worker: &Host) {
    let pod = format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: tools}}, spec: {{nodeName: {}, containers: [{{name: tools, \
         image: 'kamaji.test/tools:1', command: [sh, -c, 'echo hello from the pod; sleep 3600']}}]}}}}",
        worker.name()
    );
    tenant.await_service_account("default");
    tenant.create(&pod);
    tenant.run(&["wait", "--for=condition=Ready", "pod/tools", "--timeout=90s"]).ok();
    tenant.await_output("tools", "hello from the pod");
    assert_eq!(tenant.text(&["exec", "tools", "--", "echo", "run in the pod"]), "run in the pod");

    tenant.run(&["rollout", "status", "-n", "kube-system", "daemonset/kube-proxy", "--timeout=90s"]).ok();
    tenant.run(&["rollout", "status", "-n", "kube-system", "deployment/coredns", "--timeout=90s"]).ok();
    let inside = |words: &[&str]| tenant.run(&[&["exec", "tools", "--"], words].concat());
    wait_until("the pod finds a Service by its name", Duration::from_secs(60), || {
        let looked = inside(&["timeout", "5", "nslookup", "kubernetes.default.svc.cluster.local"]);
        if looked.stdout.contains("10.96.0.1") { Ok(()) } else { Err(looked.to_string()) }
    });
    wait_until("the pod reaches the API server by its Service", Duration::from_secs(60), || {
        let reached = inside(&["sh", "-c", "timeout 5 nc kubernetes.default.svc 443 </dev/null && echo reached"]);
        if reached.stdout.contains("reached") { Ok(()) } else { Err(reached.to_string()) }
    });
}

fn list_and_status_say_that_it_is_healthy(sandbox: &TestNamespace) {
    let list = sandbox.run(&["list", "-o", "json"]).json();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{list}");
    assert_eq!(list["items"][0]["name"], NAME);
    wait_until("status says healthy", Duration::from_secs(60), || {
        let status = sandbox.run(&["status", NAME, "-o", "json"]).json();
        let all =
            status["sections"].as_array().is_some_and(|sections| sections.iter().all(|section| section["ok"] == true));
        if status["healthy"] == true && all { Ok(()) } else { Err(format!("{status:#}")) }
    });
    let shown = sandbox.run(&["status", NAME]).ok();
    assert!(
        shown.stdout.contains("e2e-life-1") && shown.stdout.contains("e2e-life-2"),
        "the workers are in it: {shown}"
    );
    sandbox.run(&["status", "nobody"]).exits(3);
}

/// Every private key, token and key of encryption there is, against everything that was said so far.
fn nothing_confidential_was_said(sandbox: &TestNamespace, tenant: &Kube) {
    let file = sandbox.quickstart();
    for words in [
        &["status", NAME, "-vv"][..],
        &["list", "-o", "yaml", "-vv"],
        &["token", "list", NAME, "-o", "yaml", "-vv"],
        &[
            "create",
            NAME,
            "--kubeadm-config",
            &file,
            "--expose",
            "node-port",
            "--replicas",
            "2",
            "--dry-run",
            "-o",
            "yaml",
            "-vv",
        ],
        &["create", NAME, "--kubeadm-config", &file, "--expose", "node-port", "-vv"],
        &["render", NAME, "--kubeadm-config", &file, "--endpoint", "192.0.2.1:6443", "-vv"],
        &["delete", NAME, "--dry-run", "-vv"],
    ] {
        sandbox.run(words).ok();
    }
    let mut hidden: Vec<secrets::Hidden> = sandbox.objects("secrets").iter().flat_map(secrets::of_secret).collect();
    let kinds: Vec<String> = hidden.iter().map(|hidden| hidden.what.clone()).collect();
    for kind in [
        "life-ca/ca.key",
        "life-sa-certificate/sa.key",
        "life-encryption-config/encryption.yaml",
        "life-admin-kubeconfig/admin.conf",
    ] {
        assert!(kinds.iter().any(|what| what == kind), "the search would not find {kind}: {kinds:?}");
    }
    let tokens = tenant.items(&["secrets", "-n", "kube-system"]);
    hidden.extend(tokens.iter().flat_map(secrets::of_secret));
    assert!(hidden.iter().any(|hidden| hidden.what.ends_with("/token-secret")), "the tokens of the workers are in it");
    hidden.extend(management().items(&["secrets", "-n", "kamaji-system"]).iter().flat_map(secrets::of_secret));

    let said = sandbox.said();
    assert!(said.len() > 15, "there is something to search");
    for hidden in &hidden {
        for said in &said {
            assert!(!hidden.is_in(&said.run.stderr), "{} is on stderr of `{}`", hidden.what, said.run.line);
            assert!(
                said.asked || !hidden.is_in(&said.run.stdout),
                "{} is on stdout of `{}`",
                hidden.what,
                said.run.line
            );
        }
    }
}

fn delete_leaves_nothing(sandbox: &TestNamespace) {
    let id = sandbox.id(NAME);
    sandbox.run(&["delete", NAME]).exits(8).says(&["--yes"]);
    assert!(sandbox.everything().contains_key("Deployment/life"), "nothing was deleted without consent");
    let deleted = sandbox.run(&["delete", NAME, "--yes"]).ok();
    println!("deleted in {:.1} s", deleted.took.as_secs_f32());
    sandbox.nothing_is_left();
    let root = Etcd::root();
    assert!(!root.names("user").contains(&id) && !root.names("role").contains(&id));
    assert_eq!(root.count(&format!("/{id}/")), 0);
    let again = sandbox.run(&["delete", NAME, "--yes"]).ok();
    assert!(again.stdout.contains("nothing to delete"), "{again}");
    sandbox.run(&["list"]).ok();
}
