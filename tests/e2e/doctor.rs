//! Links of the chain are broken one after the other; `kamaji doctor` names each, and what it says to do mends it.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::lifecycle::killed::kill;
use crate::support::cluster::kubeconfig::encoded;
use crate::support::cluster::management::kubectl;
use crate::support::command::{Run, start};
use crate::support::faults::proxy::{Request, Timing};
use crate::support::{Host, Identity, Kube, Proxy, TestNamespace, management, read_settled, secrets, wait_until};

const NAME: &str = "sick";
/// The promise is half a minute; a machine that does much else may take longer.
const PROMISE: Duration = Duration::from_secs(45);

/// What doctor told.
struct Told {
    run: Run,
    json: Value,
}

impl Told {
    fn link(&self, name: &str) -> &Value {
        let links = self.json["links"].as_array().expect("a diagnosis has links");
        links.iter().find(|link| link["name"] == name).unwrap_or_else(|| panic!("no link {name}: {}", self.run))
    }

    /// The first thing to do about a link.
    fn remedy(&self, name: &str) -> String {
        let remedy = self.link(name)["remedies"][0].as_str();
        remedy.unwrap_or_else(|| panic!("no remedy for {name}: {}", self.run)).to_owned()
    }

    /// That this is the link to mend, and that the finding says this.
    #[track_caller]
    fn names(&self, name: &str, said: &str) {
        assert_eq!(self.run.code, Some(1), "{}", self.run);
        assert_eq!(self.json["broken"], name, "{}", self.run);
        let link = self.link(name).to_string();
        assert!(link.contains(said), "`{said}` is not said: {link}");
    }

    /// That this link follows from another.
    #[track_caller]
    fn follows(&self, name: &str, from: &str) {
        assert_eq!(self.link(name)["followsFrom"], from, "{name}: {}", self.run);
    }

    /// Which links are worth a look, if nothing is broken.
    fn warned(&self) -> Option<Vec<&str>> {
        let is_healthy = self.run.code == Some(0) && self.json["healthy"] == true;
        let links = self.json["links"].as_array().expect("a diagnosis has links");
        let warned = links.iter().filter(|link| link["state"] == "warning");
        is_healthy.then(|| warned.map(|link| link["name"].as_str().unwrap_or_default()).collect())
    }
}

fn told(run: Run) -> Told {
    let json = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {run}"));
    assert!(run.took < PROMISE, "it took too long: {run}");
    Told { run, json }
}

fn doctor(sandbox: &TestNamespace) -> Told {
    told(sandbox.run(&["doctor", NAME, "-o", "json"]))
}

/// Looks until nothing is broken, and what is worth a look is as expected: a look that was too slow says less than there is.
#[track_caller]
fn await_health(sandbox: &TestNamespace, expected: impl Fn(&[&str]) -> bool) -> Told {
    wait_until("nothing is broken", Duration::from_secs(60), || {
        let told = doctor(sandbox);
        if told.warned().is_some_and(|warned| expected(&warned)) { Ok(told) } else { Err(told.run.to_string()) }
    })
}

/// Pastes a command into a shell that knows kamaji and kubectl, as whom kamaji runs.
fn paste(sandbox: &TestNamespace, line: &str) -> Run {
    let kamaji = sandbox.kamaji(&[]);
    let kubeconfig = kamaji.get_envs().find(|(key, _)| *key == "KUBECONFIG").and_then(|(_, value)| value);
    let program = std::path::Path::new(kamaji.get_program()).parent().expect("a program has a folder").to_owned();
    let tools = kubectl().parent().expect("a program has a folder").to_owned();
    let mut shell = Command::new("bash");
    shell.env_clear().env("HOME", sandbox.files.path()).current_dir(sandbox.files.path());
    shell.env("KUBECONFIG", kubeconfig.expect("kamaji is given a kubeconfig"));
    shell.env("PATH", format!("{}:{}:/usr/bin:/bin", program.display(), tools.display()));
    shell.args(["-ceuo", "pipefail", line]);
    sandbox.note(start(shell, "").finish(Duration::from_secs(330)), false)
}

#[test]
fn doctor_names_each_fault_and_its_remedy_fixes_it() {
    let sandbox = TestNamespace::new("e2e-doctor");
    sandbox.run(&["doctor", NAME]).exits(3).says(&["there is no control plane `sick`"]);
    sandbox.create(NAME, &[]).ok();
    await_health(&sandbox, |warned| warned == ["tokens"]);

    it_only_reads(&sandbox);
    tokens_that_ended_are_told(&sandbox);
    a_pause_is_told(&sandbox);
    a_secret_that_is_gone_comes_back(&sandbox);
    a_service_that_is_gone_comes_back(&sandbox);
    admin_conf_with_another_authority_is_made_anew(&sandbox);
    what_a_worker_reads_comes_back(&sandbox);
    pods_that_cannot_start_are_put_right(&sandbox);
    pods_that_somebody_scaled_away_come_back(&sandbox);
    one_that_sleeps_is_woken(&sandbox);
    half_of_it_hangs(&sandbox);
    a_bundle_of_one_that_is_well(&sandbox);
    a_bundle_of_one_that_is_broken(&sandbox);
    nothing_confidential_was_said(&sandbox);
}

/// By the requests that reach the management cluster, and by what is in the tenant.
fn it_only_reads(sandbox: &TestNamespace) {
    let proxy = Proxy::start(&Identity::of(&management()));
    let versions = || -> BTreeMap<String, String> {
        let kinds = "secrets,configmaps,services,endpointslices,deployments,daemonsets,clusterroles,clusterrolebindings,roles,rolebindings";
        let text =
            |item: &Value, pointer: &str| item.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let items = sandbox.tenant(NAME).items(&[kinds, "-A"]);
        items
            .iter()
            .map(|item| {
                let name = format!(
                    "{} {}/{}",
                    text(item, "/kind"),
                    text(item, "/metadata/namespace"),
                    text(item, "/metadata/name")
                );
                (name, text(item, "/metadata/resourceVersion"))
            })
            .collect()
    };
    let (here, there) = (sandbox.everything_settled(), read_settled("the tenant", versions));
    wait_until("nothing is broken", Duration::from_secs(60), || {
        let told = told(sandbox.run_through(&proxy, &["doctor", NAME, "-o", "json"]));
        if told.warned().is_some() { Ok(()) } else { Err(told.run.to_string()) }
    });
    told(sandbox.run_through(&proxy, &["doctor", "-o", "json"]));
    let writes: Vec<String> = proxy.requests().iter().filter(|r| r.writes()).map(ToString::to_string).collect();
    assert!(writes.is_empty(), "it wrote: {writes:#?}");
    assert!(proxy.requests().len() > 30, "the proxy saw what it did");
    assert_eq!(sandbox.everything(), here);
    assert_eq!(versions(), there);
}

fn tokens_that_ended_are_told(sandbox: &TestNamespace) {
    let join = doctor(sandbox).remedy("tokens");
    let line = paste(sandbox, &join).text();
    assert!(line.starts_with("kubeadm join "), "{line}");
    wait_until("the token is signed with", Duration::from_secs(60), || {
        let told = doctor(sandbox);
        if told.link("tokens")["state"] == "ok" { Ok(()) } else { Err(told.run.to_string()) }
    });
    let tenant = sandbox.tenant(NAME);
    let secrets = tenant.text(&["get", "secrets", "-n", "kube-system", "-o", "name"]);
    let token =
        secrets.lines().find(|name| name.contains("bootstrap-token-")).expect("the line made a token").to_owned();
    let patch = json!({"data": {"expiration": encoded("2020-01-01T00:00:00Z")}}).to_string();
    tenant.run(&["patch", "-n", "kube-system", &token, "-p", &patch]).ok();
    // kube-controller-manager may have removed it already: then there is none.
    let told = await_health(sandbox, |warned| warned == ["tokens"]);
    assert_eq!(told.remedy("tokens"), format!("kamaji join {NAME} -n {}", sandbox.namespace));
}

fn a_pause_is_told(sandbox: &TestNamespace) {
    sandbox.run(&["pause", NAME, "--reason", "moving house"]).ok();
    let told = await_health(sandbox, |warned| warned.contains(&"record"));
    assert!(told.link("record")["finding"].as_str().is_some_and(|said| said.contains("moving house")), "{}", told.run);
    let remedy = told.remedy("record");
    let (_, command) = remedy.split_once(": ").expect("the command is behind a colon");
    paste(sandbox, command).ok();
    await_health(sandbox, |warned| !warned.contains(&"record"));
}

fn a_secret_that_is_gone_comes_back(sandbox: &TestNamespace) {
    management().run(&["delete", "secret", "-n", &sandbox.namespace, "sick-scheduler-kubeconfig"]).ok();
    let told = doctor(sandbox);
    told.names("objects", "Secret e2e-doctor/sick-scheduler-kubeconfig");
    paste(sandbox, &told.remedy("objects")).ok();
    await_health(sandbox, |_| true);
}

fn a_service_that_is_gone_comes_back(sandbox: &TestNamespace) {
    management().run(&["delete", "service", "-n", &sandbox.namespace, NAME]).ok();
    // Until kube-proxy has taken the Service out of its rules, the endpoint answers, and this is what is told.
    let told = wait_until("the endpoint answers no more", Duration::from_secs(60), || {
        let told = doctor(sandbox);
        told.names("service", "the Service does not exist");
        if told.link("endpoint")["state"] == "ok" { Err(told.run.to_string()) } else { Ok(told) }
    });
    told.follows("endpoint", "service");
    paste(sandbox, &told.remedy("service")).ok();
    wait_until("the endpoint answers again", Duration::from_secs(60), || {
        let told = doctor(sandbox);
        if told.link("endpoint")["state"] == "ok" { Ok(()) } else { Err(told.run.to_string()) }
    });
}

fn admin_conf_with_another_authority_is_made_anew(sandbox: &TestNamespace) {
    let secret = "sick-admin-kubeconfig";
    let text = sandbox.secret_value(secret, "admin.conf");
    let own = encoded(&sandbox.secret_value("sick-ca", "ca.crt"));
    assert!(text.contains(&own));
    let wrong = text.replace(&own, &encoded(&Identity::of(&management()).ca));
    let patch = json!({"data": {"admin.conf": encoded(&wrong)}}).to_string();
    management().run(&["patch", "secret", "-n", &sandbox.namespace, secret, "-p", &patch]).ok();
    let told = doctor(sandbox);
    told.names("admin-conf", "another certificate authority");
    paste(sandbox, &told.remedy("admin-conf")).ok();
    await_health(sandbox, |_| true);
    sandbox.tenant(NAME).run(&["get", "namespaces"]).ok();
}

fn what_a_worker_reads_comes_back(sandbox: &TestNamespace) {
    sandbox.tenant(NAME).run(&["delete", "configmap", "-n", "kube-system", "kubelet-config"]).ok();
    sandbox.tenant(NAME).run(&["delete", "endpointslice", "-n", "default", "kubernetes"]).ok();
    let told = doctor(sandbox);
    told.names("join", "ConfigMap kube-system/kubelet-config");
    assert_eq!(told.link("kubernetes-service")["state"], "broken", "{}", told.run);
    paste(sandbox, &told.remedy("join")).ok();
    await_health(sandbox, |_| true);
}

fn pods_that_cannot_start_are_put_right(sandbox: &TestNamespace) {
    let kube = management();
    let image = "kube-scheduler=registry.k8s.io/kube-scheduler:v1.37.2-nowhere";
    let set = ["set", "image", "-n", &sandbox.namespace, "deployment/sick", image, "--field-manager=somebody"];
    kube.run(&set).ok();
    let told = wait_until("the image is not found, and it is told who wanted it", Duration::from_secs(90), || {
        let told = doctor(sandbox);
        let all = told.run.stdout.contains("ImagePull") && told.link("pods").to_string().contains("set by somebody");
        if all { Ok(told) } else { Err(told.run.to_string()) }
    });
    told.names("pods", "a new pod does not start");
    paste(sandbox, &told.remedy("pods")).ok();
    await_health(sandbox, |_| true);
}

fn pods_that_somebody_scaled_away_come_back(sandbox: &TestNamespace) {
    management().run(&["scale", "-n", &sandbox.namespace, "deployment/sick", "--replicas=0"]).ok();
    wait_until("no pod runs", Duration::from_secs(90), || {
        let pods = sandbox.objects("pods");
        if pods.is_empty() { Ok(()) } else { Err(format!("{} pods", pods.len())) }
    });
    let told = doctor(sandbox);
    told.names("pods", "somebody scaled the Deployment to 0");
    for link in ["api-server", "endpoint", "admin-conf", "nodes", "addons"] {
        told.follows(link, "pods");
    }
    paste(sandbox, &told.remedy("pods")).ok();
    await_health(sandbox, |_| true);
}

fn one_that_sleeps_is_woken(sandbox: &TestNamespace) {
    sandbox.run(&["scale", NAME, "--replicas", "0", "--yes"]).ok();
    let told = await_health(sandbox, |warned| warned.contains(&"pods"));
    assert_eq!(told.remedy("pods"), format!("kamaji scale {NAME} -n {} --replicas 1", sandbox.namespace));
    paste(sandbox, &told.remedy("pods")).ok();
    await_health(sandbox, |_| true);
}

fn half_of_it_hangs(sandbox: &TestNamespace) {
    let proxy = Proxy::start(&Identity::of(&management()));
    proxy.silence(|request| {
        ["/secrets", "/pods", "/events", "/resourcequotas", "selfsubject"]
            .iter()
            .any(|part| request.path.contains(part))
    });
    let told = told(sandbox.run_through(&proxy, &["doctor", NAME, "-o", "json"]));
    println!("with half of it hanging: {:.1} s", told.run.took.as_secs_f32());
    told.names("rights", "no answer within");
    assert_eq!(told.link("record")["state"], "ok", "what does not hang is seen: {}", told.run);
    assert!(told.run.took < PROMISE);
}

/// The entries of a bundle, in order, by tar.
fn opened(sandbox: &TestNamespace, file: &str) -> Vec<(String, String)> {
    let path = sandbox.files.path().join(file).display().to_string();
    let tar = |arguments: &[&str]| {
        let mut tar = Command::new("tar");
        tar.args(arguments);
        start(tar, "").finish(Duration::from_secs(30)).ok().stdout
    };
    let names = tar(&["-tzf", &path]);
    let file = |name: &str| {
        let (folder, rest) = name.split_once('/').expect("every file is in the folder");
        assert!(folder.starts_with(&format!("kamaji-support-{}-{NAME}-", sandbox.namespace)), "{folder}");
        (rest.to_owned(), tar(&["-xzOf", &path, name]))
    };
    names.lines().map(file).collect()
}

/// Every value of every Secret, as it is and in base64; what names a control plane in its datastore is no secret.
fn values_of(secrets: &[Value]) -> Vec<(String, String)> {
    let public = ["DB_USER", "DB_SCHEMA", "DB_CONNECTION_STRING", "token-id", "description", "auth-extra-groups"];
    let mut values = Vec::new();
    for secret in secrets {
        let name = secret["metadata"]["name"].as_str().unwrap_or_default();
        for (key, value) in secret["data"].as_object().into_iter().flatten() {
            let encoded = value.as_str().unwrap_or_default();
            if encoded.len() < 12 || public.contains(&key.as_str()) || key.starts_with("usage-") {
                continue;
            }
            values.push((format!("{name}/{key} in base64"), encoded.to_owned()));
            values.push((
                format!("{name}/{key}"),
                crate::support::cluster::kubeconfig::decoded(encoded).trim().to_owned(),
            ));
        }
    }
    values
}

fn a_bundle_of_one_that_is_well(sandbox: &TestNamespace) {
    use std::os::unix::fs::PermissionsExt as _;
    let line = sandbox.run_for_secrets(&["join", NAME]).text();
    let token =
        line.split_whitespace().find(|word| word.len() == 23 && word.contains('.')).expect("it has a token").to_owned();
    let report = sandbox.run(&["support-bundle", NAME, "well.tar.gz", "-o", "json"]).json();
    assert_eq!(report["missing"], json!([]), "{report:#}");
    let mode =
        std::fs::metadata(sandbox.files.path().join("well.tar.gz")).expect("it was written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let entries = opened(sandbox, "well.tar.gz");
    assert_eq!(entries[0].0, "diagnosis.txt");
    assert!(entries[0].1.contains("nothing is broken"), "{}", entries[0].1);
    let pod = sandbox.objects("pods")[0]["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    for wanted in [
        "objects/Deployment-sick.yaml",
        "objects/ConfigMap-sick-record.yaml",
        "objects/Secret-sick-ca.yaml",
        &format!("logs/{pod}/kube-apiserver.log"),
        "events.yaml",
        "datastore/pods.yaml",
        "cluster/nodes.yaml",
        "cluster/pods.yaml",
        "cluster/leases.yaml",
    ] {
        let entry =
            entries.iter().find(|(name, _)| name == wanted).unwrap_or_else(|| panic!("no {wanted} in {report:#}"));
        assert!(!entry.1.is_empty() || wanted == "cluster/nodes.yaml", "{wanted} is empty");
    }
    no_secret_is_in(sandbox, &entries);
    let told = entries.iter().find(|(_, text)| text.contains(&token));
    assert!(told.is_none(), "a bootstrap token is in {told:?}");
}

fn a_bundle_of_one_that_is_broken(sandbox: &TestNamespace) {
    management().run(&["scale", "-n", &sandbox.namespace, "deployment/sick", "--replicas=0"]).ok();
    wait_until("no pod runs", Duration::from_secs(90), || {
        let pods = sandbox.objects("pods");
        if pods.is_empty() { Ok(()) } else { Err(format!("{} pods", pods.len())) }
    });
    let run = sandbox.run(&["support-bundle", NAME, "broken.tar.gz"]).ok();
    assert!(run.stdout.contains("could not be had: everything in the cluster itself"), "{run}");
    let entries = opened(sandbox, "broken.tar.gz");
    assert!(entries[0].1.contains("The first broken link is pods"), "{}", entries[0].1);
    let missing = entries.iter().find(|(name, _)| name == "missing.txt").expect("what is missing is told");
    assert!(missing.1.contains("everything in the cluster itself"), "{}", missing.1);
    no_secret_is_in(sandbox, &entries);
    let remedy = doctor(sandbox).remedy("pods");
    paste(sandbox, &remedy).ok();
}

fn no_secret_is_in(sandbox: &TestNamespace, entries: &[(String, String)]) {
    let own = sandbox.objects("secrets");
    let hidden: Vec<_> = own.iter().flat_map(secrets::of_secret).collect();
    let values = values_of(&own);
    assert!(hidden.len() > 10 && values.len() > 20, "there are secrets to search for");
    for (name, text) in entries {
        for hidden in &hidden {
            assert!(!hidden.is_in(text), "{} is in {name}", hidden.what);
        }
        for (what, value) in &values {
            assert!(!text.contains(value.as_str()), "{what} is in {name}");
        }
    }
}

fn nothing_confidential_was_said(sandbox: &TestNamespace) {
    let own = sandbox.objects("secrets");
    let inside = sandbox.tenant(NAME).items(&["secrets", "-n", "kube-system"]);
    let hidden: Vec<_> = own.iter().chain(&inside).flat_map(secrets::of_secret).collect();
    assert!(hidden.len() > 10, "there are secrets to search for");
    for said in sandbox.said().iter().filter(|said| said.run.line.contains(" doctor")) {
        for hidden in &hidden {
            let seen = hidden.is_in(&said.run.stdout) || hidden.is_in(&said.run.stderr);
            assert!(!seen, "{} was said by {}", hidden.what, said.run.line);
        }
    }
}

#[test]
fn doctor_names_an_interrupted_create_and_the_remedy_completes_it() {
    let sandbox = TestNamespace::new("e2e-doctor-cut");
    let proxy = Proxy::start(&Identity::of(&management()));
    let file = sandbox.quickstart();
    let create = ["create", NAME, "--kubeadm-config", &file, "--expose", "node-port"];
    let deployment = |request: &Request| request.method == "PATCH" && request.path.contains("/deployments/sick");
    kill(&sandbox, &proxy, &create, Timing::Before, deployment);
    let told = doctor(&sandbox);
    told.names("record", "its creation was interrupted");
    told.follows("pods", "record");
    paste(&sandbox, &told.remedy("record")).ok();
    await_health(&sandbox, |warned| warned == ["tokens"]);

    let deleting = |request: &Request| request.method == "DELETE" && request.path.contains("/deployments/sick");
    kill(&sandbox, &proxy, &["delete", NAME, "--yes"], Timing::After, deleting);
    let told = doctor(&sandbox);
    told.names("record", "its deletion was interrupted");
    paste(&sandbox, &told.remedy("record")).ok();
    sandbox.run(&["doctor", NAME]).exits(3);
}

#[test]
fn doctor_names_an_unreachable_datastore_and_not_what_depends_on_it() {
    const AWAY: &str = "e2eaway";
    let sandbox = TestNamespace::new("e2e-doctor-away");
    let kube = management();
    let secret = format!("datastore-{AWAY}");
    kube.run(&["delete", "secret", "-n", "kamaji-system", &secret, "--ignore-not-found"]).ok();
    let mut body = kube.json(&["secret", "-n", "kamaji-system", "datastore-default"]);
    body["metadata"] = json!({"name": secret, "namespace": "kamaji-system"});
    // Nobody listens there.
    body["data"]["endpoints"] = json!(encoded("127.0.0.1:2"));
    start(kube.command(&["create", "-f", "-"]), &body.to_string()).finish(Duration::from_secs(60)).ok();
    let created = sandbox.create(NAME, &["--datastore", AWAY, "--timeout", "20s"]);
    let told = doctor(&sandbox);
    // Also when the control plane is gone, nothing of this test stays.
    kube.run(&["delete", "secret", "-n", "kamaji-system", &secret]).ok();
    assert_eq!(created.code, Some(6), "{created}");
    told.names("datastore", AWAY);
    told.follows("record", "datastore");
    let gone = doctor(&sandbox);
    gone.names("datastore", "does not exist");
}

#[test]
fn doctor_names_a_worker_whose_kubelet_stopped() {
    let sandbox = TestNamespace::new("e2e-doctor-worker");
    let host = Host::add("e2e-doctor-1", &[]);
    sandbox.create(NAME, &[]).ok();
    let tenant = sandbox.tenant(NAME);
    let line = sandbox.run_for_secrets(&["join", NAME]).text();
    let words: Vec<&str> = line.split_whitespace().collect();
    host.run(&words).ok();
    wait_until("the worker and what runs there are well", Duration::from_secs(180), || {
        let told = doctor(&sandbox);
        let all = told.warned() == Some(vec![]) && told.link("nodes")["finding"] == "1 of 1 Ready";
        if all { Ok(()) } else { Err(told.run.to_string()) }
    });

    a_webhook_without_a_server_is_named(&sandbox, &tenant);
    host.run(&["systemctl", "stop", "kubelet"]).ok();
    // What the control plane writes itself when it has not heard of a kubelet for 40 s.
    let told = wait_until("the worker is missed", Duration::from_secs(150), || {
        let told = doctor(&sandbox);
        if told.json["broken"] == "nodes" { Ok(told) } else { Err(told.run.to_string()) }
    });
    told.names("nodes", "e2e-doctor-1");
    assert!(told.remedy("nodes").starts_with("on e2e-doctor-1: sudo systemctl restart kubelet"), "{}", told.run);
    told.run.clone().exits(1);
    let text = sandbox.run(&["doctor", NAME]).exits(1);
    assert!(text.stdout.contains("The first broken link is nodes: 0 of 1 Ready"), "{text}");
    host.run(&["systemctl", "start", "kubelet"]).ok();
    wait_until("the worker is back", Duration::from_secs(120), || {
        let told = doctor(&sandbox);
        if told.run.code == Some(0) { Ok(()) } else { Err(told.run.to_string()) }
    });
}

fn a_webhook_without_a_server_is_named(sandbox: &TestNamespace, tenant: &Kube) {
    tenant.create(
        "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: nobody}\n\
         webhooks:\n- name: nobody.example.com\n  failurePolicy: Fail\n  sideEffects: None\n  admissionReviewVersions: [v1]\n  \
         clientConfig: {service: {namespace: policy, name: nobody}}\n  \
         rules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]\n",
    );
    let told = doctor(sandbox);
    told.names("webhooks", "nobody is ready behind Service policy/nobody");
    tenant.run(&["delete", "validatingwebhookconfiguration", "nobody"]).ok();
}

#[test]
fn doctor_without_a_name_checks_what_is_shared() {
    let sandbox = TestNamespace::at_once("e2e-doctor-shared");
    // Who is in the datastore, by etcdctl: an orphan of ours is found.
    let root = crate::support::Etcd::root();
    let orphan = "0".repeat(31) + "e";
    root.run(&["role", "add", &orphan]);
    root.run(&["put", &format!("/{orphan}/a"), "b"]).ok();
    let orphan_told =
        [format!("{orphan} belongs to no control plane; 1 keys"), format!("etcdctl role delete {orphan}")];
    // What others do meanwhile can be worse, and then it is told instead.
    wait_until("what is shared is well, but for the orphan", Duration::from_secs(120), || {
        let told = told(sandbox.run_as_administrator(&["doctor", "-o", "json"]));
        if told.link("management-api")["state"] != "ok" {
            return Err(told.run.to_string());
        }
        let (datastore, tenancies) =
            (told.link("datastore")["finding"].to_string(), told.link("tenancies").to_string());
        let all = datastore.contains("default: etcd 3.") && orphan_told.iter().all(|said| tenancies.contains(said));
        if all { Ok(()) } else { Err(told.run.to_string()) }
    });
    root.run(&["role", "delete", &orphan]).ok();
    root.run(&["del", "--prefix", &format!("/{orphan}/")]).ok();
}
