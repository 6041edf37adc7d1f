//! A namespace of a test, and kamaji in it. Everything it makes goes when the test ends, also when it fails.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::cluster::clients::KubeClient;
use super::cluster::management::{Kube, management, sources};
use super::command::{Run, Running, start};
use super::{Identity, Proxy, Slot, etcd, read_settled, wait_until};

/// How long one run of kamaji may take.
const LIMIT: Duration = Duration::from_secs(330);
/// Kinds that the cluster's controllers remove by and by when their Service is gone.
const FOLLOW_SERVICES: [&str; 2] = ["EndpointSlice/", "Endpoints/"];
/// The `ServiceAccount` as which kamaji runs.
const RUNNER: &str = "runner";
/// A run of kamaji, and whether its stdout was asked to hold secrets.
#[derive(Debug, Clone)]
pub(crate) struct RecordedRun {
    /// The run.
    pub(crate) run: Run,
    /// Whether it was asked for secrets.
    pub(crate) asked: bool,
}

/// A namespace of a test that has its turn.
#[derive(Debug)]
pub(crate) struct TestNamespace {
    /// Its name.
    pub(crate) namespace: String,
    /// A folder for files; also the home of kamaji.
    pub(crate) files: tempfile::TempDir,
    /// As whom kamaji runs.
    kubeconfig: PathBuf,
    said: Mutex<Vec<RecordedRun>>,
    turn: Slot,
}

impl TestNamespace {
    /// Makes a namespace with Pod Security `restricted`, when it is the test's turn and there is a datastore. kamaji has
    /// exactly the rights there that `kamaji rbac` prints.
    #[track_caller]
    pub(crate) fn new(namespace: &str) -> Self {
        let turn = Slot::take();
        crate::lifecycle::first_use::datastore_is_made_once_however_often_it_is_killed();
        let mut sandbox = Self::with_namespace(namespace, turn);
        sandbox.kubeconfig =
            sandbox.with_the_rights_of(&["rbac", "--service-account", &format!("{namespace}:{RUNNER}")]);
        sandbox
    }

    /// Gives a `ServiceAccount` of the namespace what `kamaji rbac` prints, and makes a kubeconfig for it.
    #[track_caller]
    fn with_the_rights_of(&self, rbac: &[&str]) -> PathBuf {
        let kube = management();
        let roles = self.run(rbac).text();
        {
            /// Some of them are in the datastores' namespace and for all: kubectl fails where two make the same one.
            static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
            let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
            start(kube.command(&["apply", "-f", "-"]), &roles).finish(LIMIT).ok();
        }
        kube.run(&["create", "serviceaccount", RUNNER, "-n", &self.namespace]).ok();
        // One by each of its bindings.
        for right in [
            &["create", "secrets", "-n", &self.namespace][..],
            &["get", "secrets", "-n", etcd::NAMESPACE],
            &["list", "nodes"],
        ] {
            kube.await_right(&self.runner(), right, "yes");
        }
        let token = kube.text(&["create", "token", RUNNER, "-n", &self.namespace, "--duration=4h"]);
        let Identity { server, ca, .. } = Identity::of(&kube);
        let config = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": RUNNER,
            "clusters": [{"name": RUNNER, "cluster": {
                "server": format!("https://{server}"), "certificate-authority-data": super::cluster::kubeconfig::encoded(&ca)}}],
            "users": [{"name": RUNNER, "user": {"token": token}}],
            "contexts": [{"name": RUNNER, "context": {"cluster": RUNNER, "user": RUNNER}}],
        });
        self.file("runner.conf", &config.to_string())
    }

    /// Whom the management cluster takes kamaji for.
    pub(crate) fn runner(&self) -> String {
        format!("system:serviceaccount:{}:{RUNNER}", self.namespace)
    }

    /// Makes a namespace, where kamaji is administrator, whether or not there is a datastore.
    #[track_caller]
    pub(crate) fn at_once(namespace: &str) -> Self {
        Self::with_namespace(namespace, Slot::take())
    }

    /// A namespace that the test makes itself.
    #[track_caller]
    pub(crate) fn without_namespace(namespace: &str) -> Self {
        let turn = Slot::take();
        crate::lifecycle::first_use::datastore_is_made_once_however_often_it_is_killed();
        Self::reserve(namespace, turn)
    }

    #[track_caller]
    fn with_namespace(namespace: &str, turn: Slot) -> Self {
        let sandbox = Self::reserve(namespace, turn);
        let kube = management();
        kube.create(&format!(
            "{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}, labels: \
             {{pod-security.kubernetes.io/enforce: restricted}}}}}}"
        ));
        kube.await_service_account(namespace);
        sandbox
    }

    /// What an earlier run left in the namespace goes first.
    fn reserve(namespace: &str, turn: Slot) -> Self {
        let kube = management();
        let sandbox = Self {
            namespace: namespace.to_owned(),
            files: tempfile::tempdir().expect("a temporary folder can be made"),
            kubeconfig: kube.kubeconfig().to_owned(),
            said: Mutex::default(),
            turn,
        };
        if kube.run(&["get", "namespace", namespace]).code == Some(0) {
            sandbox.clear("--wait");
        }
        sandbox
    }

    /// Waits for long, and lets other tests run meanwhile.
    pub(crate) fn idle<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.turn.idle(wait)
    }

    /// A command line of kamaji in this namespace, with nothing of the caller's environment.
    pub(crate) fn kamaji(&self, arguments: &[&str]) -> Command {
        self.kamaji_by(&self.kubeconfig, arguments)
    }

    /// The same with another kubeconfig.
    pub(crate) fn kamaji_by(&self, kubeconfig: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kamaji"));
        command.env_clear().env("HOME", self.files.path()).env("KUBECONFIG", kubeconfig).current_dir(self.files.path());
        command.args(["--namespace", &self.namespace]).args(arguments);
        command
    }

    /// Runs kamaji.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.note(start(self.kamaji(arguments), "").finish(LIMIT), false)
    }

    /// Runs kamaji with all rights in all namespaces, to have something confidential of a fleet.
    #[track_caller]
    pub(crate) fn run_as_administrator(&self, arguments: &[&str]) -> Run {
        let command = self.kamaji_by(management().kubeconfig(), arguments);
        self.note(start(command, "").finish(LIMIT), true)
    }

    /// Runs kamaji to have something confidential.
    #[track_caller]
    pub(crate) fn run_for_secrets(&self, arguments: &[&str]) -> Run {
        self.note(start(self.kamaji(arguments), "").finish(LIMIT), true)
    }

    /// Runs kamaji through a proxy.
    #[track_caller]
    pub(crate) fn run_through(&self, proxy: &Proxy, arguments: &[&str]) -> Run {
        self.note(self.start_through(proxy, arguments).finish(LIMIT), false)
    }

    /// Starts kamaji.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        start(self.kamaji(arguments), "")
    }

    /// Starts kamaji with its way through a proxy.
    pub(crate) fn start_through(&self, proxy: &Proxy, arguments: &[&str]) -> Running {
        start(self.kamaji_by(&proxy.kubeconfig(), arguments), "")
    }

    /// Keeps what a run said.
    pub(crate) fn note(&self, run: Run, asked: bool) -> Run {
        assert!(!run.stderr.contains("panicked at"), "a panic: {run}");
        self.said.lock().unwrap_or_else(PoisonError::into_inner).push(RecordedRun { run: run.clone(), asked });
        run
    }

    /// All that kamaji said so far.
    pub(crate) fn said(&self) -> Vec<RecordedRun> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes a file, and says where it is.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.files.path().join(name);
        std::fs::write(&path, text).expect("a temporary folder takes files");
        path
    }

    /// The quickstart's kubeadm file.
    pub(crate) fn quickstart(&self) -> String {
        let text =
            std::fs::read_to_string(sources().join("examples/quickstart/kubeadm.yaml")).expect("the example is there");
        self.file("kubeadm.yaml", &text).display().to_string()
    }

    /// `kamaji create NAME` with the quickstart's file and a node port.
    #[track_caller]
    pub(crate) fn create(&self, name: &str, more: &[&str]) -> Run {
        let file = self.quickstart();
        self.run(&[&["create", name, "--kubeadm-config", &file, "--expose", "node-port"], more].concat())
    }

    /// The words of a `create` whose pods find no node, so that it costs next to nothing.
    pub(crate) fn parked(&self, name: &str) -> Vec<String> {
        let file = self.quickstart();
        let words = ["create", name, "--kubeadm-config", &file, "--expose", "node-port", "--wait=false"];
        let nowhere = ["--node-selector", "kamaji.test/nowhere=true"];
        words.into_iter().chain(nowhere).map(str::to_owned).collect()
    }

    /// The same with another file.
    #[track_caller]
    pub(crate) fn create_with(&self, name: &str, file: &str) -> Run {
        self.run(&["create", name, "--kubeadm-config", file, "--expose", "node-port"])
    }

    /// kubectl in a control plane, as its administrator, with the kubeconfig that the management cluster holds, once
    /// somebody listens where that leads: kamaji itself may have gone through the management cluster.
    #[track_caller]
    pub(crate) fn tenant(&self, name: &str) -> Kube {
        let text = self.secret_value(&format!("{name}-admin-kubeconfig"), "admin.conf");
        let tenant = Kube::with(&self.file(&format!("{name}.conf"), &text));
        let server = Identity::of(&tenant).server;
        wait_until("somebody listens at the endpoint", Duration::from_secs(60), || {
            TcpStream::connect(&server).map(drop).map_err(|why| format!("{server}: {why}"))
        });
        tenant
    }

    /// The same, once it answers.
    #[track_caller]
    pub(crate) fn tenant_that_answers(&self, name: &str) -> Kube {
        let tenant = self.tenant(name);
        wait_until("the API server answers at its endpoint", Duration::from_secs(60), || {
            let look = tenant.run(&["get", "--raw", "/readyz"]);
            if look.code == Some(0) { Ok(()) } else { Err(look.to_string()) }
        });
        tenant
    }

    /// A value of a Secret.
    #[track_caller]
    pub(crate) fn secret_value(&self, secret: &str, key: &str) -> String {
        let body = management().json(&["secret", "-n", &self.namespace, secret]);
        let value = body["data"][key].as_str().unwrap_or_else(|| panic!("Secret {secret} has no {key}"));
        super::cluster::kubeconfig::decoded(value)
    }

    /// The name of a control plane's user, role and prefix in the datastore.
    #[track_caller]
    pub(crate) fn id(&self, name: &str) -> String {
        self.secret_value(&format!("{name}-datastore-config"), "DB_USER")
    }

    /// Objects of the namespace of these kinds, for example `secrets,configmaps`.
    #[track_caller]
    pub(crate) fn objects(&self, kinds: &str) -> Vec<Value> {
        management().items(&[kinds, "-n", &self.namespace])
    }

    /// The workers, by `kamaji node list`, once every kubelet was heard: each has three seconds to answer.
    #[track_caller]
    pub(crate) fn workers_that_answer(&self, name: &str) -> Vec<Value> {
        wait_until("every kubelet tells of its certificate", Duration::from_secs(60), || {
            let list = self.run(&["node", "list", name, "-o", "json"]).json();
            let workers = list["items"].as_array().cloned().unwrap_or_default();
            let told = |key: &str| workers.iter().all(|worker| !worker[key].is_null());
            if told("certificateRotates") && told("certificateEnds") { Ok(workers) } else { Err(format!("{list:#}")) }
        })
    }

    /// What kamaji could have made in the namespace: every object of every kind that can be listed, but not what
    /// Kubernetes puts into each namespace, and not the reports of events.
    #[track_caller]
    pub(crate) fn everything(&self) -> BTreeMap<String, String> {
        let version = |item: &Value| item["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
        self.every_object().into_iter().map(|(name, item)| (name, version(&item))).collect()
    }

    /// The same, once it stays as it is: what has just been made is written to for a while, and pods that end are quiet
    /// for longer than that before they go.
    #[track_caller]
    pub(crate) fn everything_settled(&self) -> BTreeMap<String, String> {
        management().await_ending_pods(&self.namespace);
        read_settled("the namespace", || self.everything())
    }

    /// Everything, whole, by kind and name.
    #[track_caller]
    pub(crate) fn every_object(&self) -> BTreeMap<String, Value> {
        self.every_object_but(&[])
    }

    /// The same without those of some resources, which are named as `kubectl api-resources -o name` names them.
    #[track_caller]
    pub(crate) fn every_object_but(&self, passed_over: &[&str]) -> BTreeMap<String, Value> {
        // Reports of events come and go.
        let passed_over: Vec<&str> = passed_over.iter().copied().chain(["events", "events.events.k8s.io"]).collect();
        let text = |item: &Value, key: &str| item.pointer(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let named = |item: Value| (format!("{}/{}", text(&item, "/kind"), text(&item, "/metadata/name")), item);
        let own = ["ConfigMap/kube-root-ca.crt", "ServiceAccount/default", "ServiceAccount/runner", "Role/kamaji"];
        let binding = format!("RoleBinding/kamaji-{}", self.namespace);
        let all = KubeClient::management().objects(&self.namespace, &passed_over).into_iter().map(named);
        all.filter(|(name, _)| !own.contains(&name.as_str()) && *name != binding).collect()
    }

    /// No container was started anew. Controller manager and scheduler may have been, once: they end by themselves when an
    /// API server is too slow for their leases, and say so.
    #[track_caller]
    pub(crate) fn no_container_failed(&self) {
        for pod in self.objects("pods") {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            let statuses = pod["status"]["containerStatuses"].as_array().expect("containers run");
            for status in statuses.iter().filter(|status| status["restartCount"] != 0) {
                let container = status["name"].as_str().unwrap_or_default();
                assert!(container != "kube-apiserver" && status["restartCount"] == 1, "{name}: {status:#}");
                let said = management().text(&["logs", "-n", &self.namespace, name, "-c", container, "--previous"]);
                let lost = said.to_lowercase().contains("leaderelection lost");
                assert!(lost, "{name}: {status:#}, after it said\n{said}");
            }
        }
    }

    /// Nothing that kamaji made is left.
    #[track_caller]
    pub(crate) fn nothing_is_left(&self) {
        self.nothing_is_left_where(|_| true);
    }

    /// Nothing is left of what is called so. What the cluster's controllers remove is waited for, all else is gone already.
    #[track_caller]
    pub(crate) fn nothing_is_left_where(&self, namespaced_name: impl Fn(&str) -> bool) {
        let left = || -> Vec<String> { self.everything().into_keys().filter(|name| namespaced_name(name)).collect() };
        let follows = |name: &str| FOLLOW_SERVICES.iter().any(|kind| name.starts_with(kind));
        let (following, own): (Vec<String>, Vec<String>) = left().into_iter().partition(|name| follows(name));
        assert_eq!(own, Vec::<String>::new(), "it is left, and {following:?}");
        wait_until("what follows Services is gone", Duration::from_secs(60), || {
            let left = left();
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
        });
    }

    /// Deletes every control plane in the namespace, then the namespace.
    fn clear(&self, wait: &str) {
        let kube = management();
        let list = start(self.kamaji(&["list", "-o", "name"]), "").finish(LIMIT);
        for name in list.stdout.lines().filter_map(|line| line.strip_prefix("controlplane/")) {
            let deleted = start(self.kamaji(&["delete", name, "--yes"]), "").finish(LIMIT);
            if deleted.code != Some(0) {
                println!("left behind in the datastore: {deleted}");
            }
        }
        let binding = format!("kamaji-{}", self.namespace);
        drop(kube.run(&["delete", "clusterrolebinding", &binding, "--ignore-not-found"]));
        drop(kube.run(&["delete", "rolebinding", "-n", etcd::NAMESPACE, &binding, "--ignore-not-found"]));
        drop(kube.run(&["delete", "namespace", &self.namespace, wait, "--timeout=120s"]));
    }

    /// What helps to find out why a test failed.
    fn tell(&self) {
        let kube = management();
        for arguments in [&["get", "all", "-o", "wide"][..], &["get", "events", "--sort-by=.lastTimestamp"][..]] {
            println!("{}", kube.run(&[arguments, &["-n", &self.namespace]].concat()));
        }
        if let Some(last) = self.said().last() {
            println!("the last that kamaji said: {}", last.run);
        }
    }
}

impl Drop for TestNamespace {
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        let cleaning = || {
            if failed {
                self.tell();
            }
            // The next test need not wait for what ends by itself.
            self.turn.end(failed);
            self.clear("--wait=false");
        };
        // On a thread of its own, because a panic in here would end the whole run.
        if std::thread::scope(|scope| scope.spawn(cleaning).join()).is_err() {
            eprintln!("namespace {} could not be cleaned", self.namespace);
        }
    }
}
