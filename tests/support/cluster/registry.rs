//! A registry with a password that the management cluster's containerd pulls from: the images of the test cluster under
//! another name. It ends when the test does, and what was pulled from it goes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use crate::support::cluster::management::{machine, script, sources};
use crate::support::command::{Run, run};

const USER: &str = "robot";
const PASSWORD: &str = "not-to-be-seen-anywhere";

/// A registry that serves.
#[derive(Debug)]
pub(crate) struct Registry {
    server: Child,
    /// `10.89.0.1:PORT`.
    pub(crate) host: String,
}

impl Registry {
    /// Starts it, and tells containerd that it speaks plain HTTP.
    #[track_caller]
    pub(crate) fn start() -> Self {
        let mut find = Command::new("bash");
        find.args(["-c", "source tests/cluster/lib.sh && part_folder images"]).current_dir(sources());
        let images = run(find).text();
        let machine = machine();
        let mut command = Command::new("python3");
        command.arg(sources().join("tests/cluster/registry.py")).args(["--address", &machine, "--images", &images]);
        let mut server = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3 is there");
        let mut stdin = server.stdin.take().expect("stdin is a pipe");
        writeln!(stdin, "{USER}:{PASSWORD}").expect("the registry reads its password");
        let mut port = String::new();
        let mut stdout = BufReader::new(server.stdout.take().expect("stdout is a pipe"));
        stdout.read_line(&mut port).expect("the registry says its port");
        let registry = Self { server, host: format!("{machine}:{}", port.trim()) };
        let (host, folder) = (&registry.host, registry.folder());
        on_management(&format!("mkdir -p {folder} && echo 'server = \"http://{host}\"' >{folder}/hosts.toml")).ok();
        registry
    }

    /// A Secret with which kubelets pull from it, as YAML.
    pub(crate) fn pull_secret(&self, namespace: &str, name: &str) -> String {
        let auths = serde_json::json!({"auths": {&self.host: {"username": USER, "password": PASSWORD}}}).to_string();
        serde_json::json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
            "metadata": {"name": name, "namespace": namespace}, "stringData": {".dockerconfigjson": auths},
        })
        .to_string()
    }

    fn folder(&self) -> String {
        format!("/etc/containerd/certs.d/{}", self.host)
    }
}

fn on_management(line: &str) -> Run {
    let mut command = script("run");
    command.args(["mgmt", "bash", "-c", line]);
    run(command)
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended, and a panic here would hide the one that ended the test.
        drop(self.server.kill());
        drop(self.server.wait());
        let (host, folder) = (&self.host, self.folder());
        let images = format!("ctr -n k8s.io images ls -q | grep '^{host}/' | xargs -r ctr -n k8s.io images rm");
        drop(on_management(&format!("rm -rf {folder}; {images}")));
    }
}
