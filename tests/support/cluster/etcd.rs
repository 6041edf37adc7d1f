//! The shared etcd as etcdctl sees it: through kubectl's port-forward, with the certificate of root or of a tenant.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::cluster::kubeconfig::decoded;
use crate::support::cluster::management::{Kube, etcdctl, management};
use crate::support::command::{Run, start};

/// The namespace of datastores.
pub(crate) const NAMESPACE: &str = "kamaji-system";
const POD: &str = "pod/etcd-default-0";

/// etcdctl with one certificate.
#[derive(Debug)]
pub(crate) struct Etcd {
    forward: Forward,
    files: tempfile::TempDir,
}

impl Etcd {
    /// As root.
    #[track_caller]
    pub(crate) fn root() -> Self {
        let secret = management().json(&["secret", "-n", NAMESPACE, "etcd-default-root-client-certificate"]);
        Self::with(&secret, ["ca.crt", "tls.crt", "tls.key"])
    }

    /// As a control plane: with what its API server uses.
    #[track_caller]
    pub(crate) fn tenant(namespace: &str, name: &str) -> Self {
        let secret = management().json(&["secret", "-n", namespace, &format!("{name}-datastore-certificate")]);
        Self::with(&secret, ["ca.crt", "server.crt", "server.key"])
    }

    #[track_caller]
    fn with(secret: &Value, keys: [&str; 3]) -> Self {
        let files = tempfile::tempdir().expect("a temporary folder can be made");
        for (key, file) in keys.into_iter().zip(["ca.crt", "tls.crt", "tls.key"]) {
            let text = secret["data"][key].as_str().unwrap_or_else(|| panic!("the Secret has no {key}"));
            std::fs::write(files.path().join(file), decoded(text)).expect("a temporary folder takes files");
        }
        Self { forward: Forward::open(&management()), files }
    }

    /// Runs etcdctl.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, "")
    }

    /// Runs etcdctl with something on its stdin.
    #[track_caller]
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Run {
        let mut command = Command::new(etcdctl());
        let file = |name: &str| self.files.path().join(name);
        command.env_clear().arg("--endpoints").arg(self.address());
        command
            .arg("--cacert")
            .arg(file("ca.crt"))
            .arg("--cert")
            .arg(file("tls.crt"))
            .arg("--key")
            .arg(file("tls.key"));
        command.args(["--dial-timeout=30s", "--command-timeout=60s"]).args(arguments);
        start(command, input).finish(Duration::from_secs(90))
    }

    /// All users or roles.
    #[track_caller]
    pub(crate) fn names(&self, what: &str) -> Vec<String> {
        self.run(&[what, "list"]).text().lines().map(str::to_owned).collect()
    }

    /// How many keys a prefix has.
    #[track_caller]
    pub(crate) fn count(&self, prefix: &str) -> u64 {
        let text = self.run(&["get", "--prefix", prefix, "--count-only", "--write-out=fields"]).text();
        let count = text.lines().find_map(|line| line.strip_prefix("\"Count\" : ")?.trim().parse().ok());
        count.unwrap_or_else(|| panic!("etcdctl told no count: {text}"))
    }

    /// All keys of a prefix.
    #[track_caller]
    pub(crate) fn keys(&self, prefix: &str) -> Vec<String> {
        let text = self.run(&["get", "--prefix", prefix, "--keys-only"]).text();
        text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    /// Where it is reached from here.
    pub(crate) fn address(&self) -> String {
        format!("https://127.0.0.1:{}", self.forward.port)
    }

    /// Where the certificate lies.
    pub(crate) fn folder(&self) -> &Path {
        self.files.path()
    }
}

/// A running `kubectl port-forward`.
#[derive(Debug)]
struct Forward {
    child: Child,
    port: u16,
}

impl Forward {
    #[track_caller]
    fn open(kube: &Kube) -> Self {
        let mut command = kube.command(&["port-forward", "-n", NAMESPACE, "--address", "127.0.0.1", POD, ":2379"]);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("kubectl runs");
        let mut line = String::new();
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        lines.read_line(&mut line).expect("kubectl writes text");
        // `Forwarding from 127.0.0.1:40123 -> 2379`
        let port = line.split("127.0.0.1:").nth(1).and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        let port = port.unwrap_or_else(|| panic!("no port-forward to {POD}: kubectl said {line:?}"));
        // Read on, or kubectl ends when it writes its next line.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Self { child, port }
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
