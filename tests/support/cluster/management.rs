//! The test cluster: where it is, its programs, kubectl against it or against a tenant.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::command::{self, Run, run};

/// How the test cluster is started.
const REMEDY: &str = "start it: tests/cluster/up";

/// The folder of the sources.
pub(crate) fn sources() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The folder of the running cluster.
pub(crate) fn state() -> PathBuf {
    let state = variable("KAMAJI_TEST_STATE").unwrap_or_else(|| "/var/lib/kamaji-test-cluster".into());
    assert!(state.join("admin.conf").exists(), "the test cluster is not up ({}): {REMEDY}", state.display());
    state
}

/// The value of a line `NAME=value` of `tests/cluster/versions`.
fn version(name: &str) -> String {
    let file =
        std::fs::read_to_string(sources().join("tests/cluster/versions")).expect("tests/cluster/versions is a file");
    let value = file.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')?.split_whitespace().next());
    value.unwrap_or_else(|| panic!("tests/cluster/versions has no {name}")).to_owned()
}

/// A program of the parts the test cluster is made of.
fn program(part: &str, version: &str, name: &str) -> PathBuf {
    let home = variable("HOME").expect("HOME or KAMAJI_TEST_CACHE says where the parts are");
    let cache = variable("KAMAJI_TEST_CACHE").unwrap_or_else(|| home.join(".cache/kamaji-test-cluster"));
    let folders = [variable("KAMAJI_TEST_BINARIES"), Some(cache)];
    let found =
        folders.into_iter().flatten().map(|f| f.join(format!("{part}-{version}")).join(name)).find(|p| p.exists());
    found.unwrap_or_else(|| panic!("{name} of {part} {version} is not there: {REMEDY}"))
}

/// kubectl.
pub(crate) fn kubectl() -> PathBuf {
    program("kubernetes", &version("KUBERNETES_VERSION"), "kubectl")
}

/// kubeadm.
pub(crate) fn kubeadm() -> PathBuf {
    program("kubernetes", &version("KUBERNETES_VERSION"), "kubeadm")
}

/// kube-apiserver.
pub(crate) fn kube_apiserver() -> PathBuf {
    program("kubernetes", &version("KUBERNETES_VERSION"), "kube-apiserver")
}

/// etcd.
pub(crate) fn etcd() -> PathBuf {
    program("etcd", &version("ETCD_VERSION"), "etcd")
}

/// etcdctl.
pub(crate) fn etcdctl() -> PathBuf {
    program("etcd", &version("ETCD_VERSION"), "etcdctl")
}

/// The number in the addresses of the test cluster.
fn subnet() -> String {
    variable("KAMAJI_TEST_SUBNET").map_or_else(|| "89".to_owned(), |subnet| subnet.display().to_string())
}

/// Where hosts of the test cluster find the machine.
pub(crate) fn machine() -> String {
    format!("10.{}.0.1", subnet())
}

/// The management host's addresses: IPv4, IPv6.
pub(crate) fn management_addresses() -> [String; 2] {
    let subnet = subnet();
    [format!("10.{subnet}.0.2"), format!("fd{subnet}::2")]
}

/// A page of the documentation with the addresses of this cluster in place of those of the default one.
pub(crate) fn with_addresses(page: &str) -> String {
    page.replace("10.89.0.", &format!("10.{}.0.", subnet()))
}

/// A script of `tests/cluster`.
pub(crate) fn script(name: &str) -> Command {
    Command::new(sources().join("tests/cluster").join(name))
}

/// kubectl with a kubeconfig.
#[derive(Debug, Clone)]
pub(crate) struct Kube {
    kubeconfig: PathBuf,
}

/// kubectl against the management cluster, as administrator.
pub(crate) fn management() -> Kube {
    Kube { kubeconfig: state().join("admin.conf") }
}

impl Kube {
    /// kubectl with this kubeconfig.
    pub(crate) fn with(kubeconfig: &Path) -> Self {
        Self { kubeconfig: kubeconfig.to_owned() }
    }

    /// The kubeconfig.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A command line of kubectl, not yet run.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(kubectl());
        // A run is over before there is memory to collect.
        command.env("GOGC", "1000").arg("--kubeconfig").arg(&self.kubeconfig).args(arguments);
        command
    }

    /// Runs kubectl.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        run(self.command(arguments))
    }

    /// What kubectl prints.
    #[track_caller]
    pub(crate) fn text(&self, arguments: &[&str]) -> String {
        self.run(arguments).text()
    }

    /// `kubectl get … -o json`.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[&["get", "-o", "json"], arguments].concat()).json()
    }

    /// The items of `kubectl get … -o json`.
    #[track_caller]
    pub(crate) fn items(&self, arguments: &[&str]) -> Vec<Value> {
        self.json(arguments)["items"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until a namespace takes pods: that is when its `ServiceAccount` is there.
    #[track_caller]
    pub(crate) fn await_service_account(&self, namespace: &str) {
        crate::support::wait_until("the namespace's ServiceAccount", Duration::from_secs(30), || {
            let look = self.run(&["get", "serviceaccount", "default", "-n", namespace]);
            if look.code == Some(0) { Ok(()) } else { Err(look.to_string()) }
        });
    }

    /// Waits until it is answered `yes` or `no` whether somebody may do something: that follows Roles a moment later.
    #[track_caller]
    pub(crate) fn await_right(&self, who: &str, right: &[&str], answer: &str) {
        let what = format!("`{answer}` to whether {who} may {}", right.join(" "));
        crate::support::wait_until(&what, Duration::from_secs(60), || {
            let asked = self.run(&[&["auth", "can-i", "--as", who], right].concat());
            if asked.stdout.starts_with(answer) { Ok(()) } else { Err(asked.to_string()) }
        });
    }

    /// Waits until the pods of a namespace that are ending are gone.
    #[track_caller]
    pub(crate) fn await_ending_pods(&self, namespace: &str) {
        crate::support::wait_until("pods that are ending are gone", Duration::from_secs(120), || {
            let pods = self.items(&["pods", "-n", namespace]);
            let ending = pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_string()).count();
            if ending == 0 { Ok(()) } else { Err(format!("{ending} pods are ending")) }
        });
    }

    /// Waits until this is in the output of a pod, which may be there a moment after the pod is Ready.
    #[track_caller]
    pub(crate) fn await_output(&self, pod: &str, text: &str) {
        crate::support::wait_until(&format!("`{text}` in the output of pod {pod}"), Duration::from_secs(60), || {
            let read = self.run(&["logs", pod]);
            if read.code == Some(0) && read.stdout.contains(text) { Ok(()) } else { Err(read.to_string()) }
        });
    }

    /// Creates objects from text.
    #[track_caller]
    pub(crate) fn create(&self, yaml: &str) {
        command::start(self.command(&["create", "-f", "-"]), yaml).finish(Duration::from_secs(60)).ok();
    }
}
