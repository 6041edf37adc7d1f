//! A management cluster without IPv6: what it cannot give is refused before anything is written.
//!
//! It is an API server and an etcd with nothing behind them, because the test cluster has both families.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::cluster::management::{etcd, kube_apiserver, sources};
use crate::support::{Kube, Slot, run, wait_until};

/// A program that ends with the test.
struct Running(Child);

impl Running {
    fn has_ended(&mut self) -> bool {
        self.0.try_wait().expect("a child of ours can be waited for").is_some()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn start(program: &Path, arguments: &[String]) -> Running {
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    Running(command.spawn().expect("it is a program"))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it listens").port()
}

/// An API server that gives Services IPv4 addresses only, with a namespace `team-a`, and kubectl for it. `None` when one of
/// the programs ended, as it does when somebody else took its port meanwhile.
fn ipv4_only(folder: &Path) -> Option<(Kube, [Running; 2])> {
    std::fs::create_dir(folder).expect("a temporary folder takes folders");
    let file = |name: &str| folder.join(name).display().to_string();
    let [client, peer, port] = [free_port(), free_port(), free_port()];
    let store = format!("http://127.0.0.1:{client}");
    let data = format!("--data-dir={}", file("etcd"));
    let peers = format!("http://127.0.0.1:{peer}");
    let etcd = start(
        &etcd(),
        &[
            data,
            format!("--listen-client-urls={store}"),
            format!("--advertise-client-urls={store}"),
            format!("--listen-peer-urls={peers}"),
            format!("--initial-advertise-peer-urls={peers}"),
            format!("--initial-cluster=default={peers}"),
        ],
    );
    let mut key = Command::new("openssl");
    key.args(["genrsa", "-out", &file("sa.key"), "2048"]);
    run(key).ok();
    std::fs::write(file("tokens.csv"), "only-for-this-test,admin,1,system:masters\n").expect("the folder takes files");
    let server = start(
        &kube_apiserver(),
        &[
            format!("--etcd-servers={store}"),
            "--bind-address=127.0.0.1".into(),
            format!("--secure-port={port}"),
            "--advertise-address=192.0.2.1".into(),
            "--service-cluster-ip-range=10.96.0.0/16".into(),
            "--service-account-issuer=https://kubernetes.default.svc".into(),
            format!("--service-account-key-file={}", file("sa.key")),
            format!("--service-account-signing-key-file={}", file("sa.key")),
            format!("--cert-dir={}", file("certificates")),
            "--authorization-mode=RBAC".into(),
            format!("--token-auth-file={}", file("tokens.csv")),
        ],
    );
    let text = format!(
        "{{apiVersion: v1, kind: Config, current-context: a, contexts: [{{name: a, context: {{cluster: a, user: a}}}}], \
         clusters: [{{name: a, cluster: {{server: 'https://127.0.0.1:{port}', insecure-skip-tls-verify: true}}}}], \
         users: [{{name: a, user: {{token: only-for-this-test}}}}]}}"
    );
    std::fs::write(file("config"), text).expect("the folder takes files");
    let kube = Kube::with(&folder.join("config"));
    let mut running = [server, etcd];
    let takes_objects = wait_until("the API server takes objects", Duration::from_secs(60), || {
        if running.iter_mut().any(Running::has_ended) {
            return Ok(false);
        }
        let made = kube.run(&["create", "namespace", "team-a"]);
        // It may have been made while nobody heard of it.
        let is_there = made.code == Some(0) || kube.run(&["get", "namespace", "team-a"]).code == Some(0);
        if is_there { Ok(true) } else { Err(made.to_string()) }
    });
    takes_objects.then_some((kube, running))
}

#[test]
fn ipv6_is_refused_where_the_management_cluster_has_none() {
    let _turn = Slot::take();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let served = ["first", "second", "third"].iter().find_map(|attempt| ipv4_only(&folder.path().join(attempt)));
    let (kube, _running) = served.expect("one of them has its ports for itself");
    kube.create(
        "{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: local, annotations: \
         {storageclass.kubernetes.io/is-default-class: 'true'}}, provisioner: kubernetes.io/no-provisioner}",
    );
    let create = |example: &str, more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kamaji"));
        command.env_clear().env("HOME", folder.path()).env("KUBECONFIG", kube.kubeconfig());
        command.args(["create", "prod", "-n", "team-a", "--yes", "--kubeadm-config"]);
        command.arg(sources().join("examples").join(example).join("kubeadm.yaml")).args(more);
        run(command)
    };
    let refused = create("ipv6", &["--expose", "load-balancer"]).exits(2);
    let refused = refused.says(&["networking.serviceSubnet is fd00:10:96::/112", "have no IPv6 addresses"]);
    refused.says(&["hint: write an IPv4 range first"]);
    assert_eq!(kube.text(&["get", "services,secrets,configmaps,serviceaccounts", "-n", "team-a", "-o", "name"]), "");
    assert!(!kube.text(&["get", "namespaces", "-o", "name"]).contains("kamaji-system"), "no datastore was begun");
    create("dual-stack", &["--dry-run"]).ok();
}
