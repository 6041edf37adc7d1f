//! kamaji on a machine that reaches nothing but the management cluster's API server.

use std::net::TcpListener;
use std::time::Duration;

use crate::support::cluster::management::{machine, management_addresses};
use crate::support::{ClosingProxy, Host, TestNamespace, management, wait_until};

#[test]
fn kamaji_works_where_only_the_management_api_is_reachable() {
    let sandbox = TestNamespace::new("e2e-laptop");
    let laptop = Host::add("e2e-laptop", &["--without-kubelet"]);
    let [address, _] = management_addresses();
    laptop.restrict(&[&format!("{address}:6443")]);
    let file = sandbox.quickstart();
    let kubeconfig = format!("KUBECONFIG={}", management().kubeconfig().display());
    let home = format!("HOME={}", sandbox.files.path().display());
    let kamaji = |words: &[&str], asked: bool| {
        let line = [&["env", "-i", &kubeconfig, &home, env!("CARGO_BIN_EXE_kamaji"), "-n", &sandbox.namespace], words]
            .concat();
        sandbox.note(laptop.run(&line), asked)
    };
    let created = kamaji(&["create", "remote", "--kubeadm-config", &file, "--expose", "node-port"], false).ok();
    assert!(created.stdout.starts_with("remote is ready"), "{created}");
    let created = created.says(&["does not answer from here"]);
    println!("created through the management API in {:.1} s", created.took.as_secs_f32());
    let endpoint =
        sandbox.run(&["list", "-o", "json"]).json()["items"][0]["endpoint"].as_str().unwrap_or_default().to_owned();
    let (address, port) = endpoint.split_once(':').expect("an endpoint has a port");
    let direct = laptop.run(&["bash", "-c", &format!("timeout 3 bash -c '</dev/tcp/{address}/{port}'")]);
    assert_ne!(direct.code, Some(0), "the endpoint itself is out of reach: {direct}");

    let again = kamaji(&["create", "remote", "--kubeadm-config", &file, "--expose", "node-port"], false).ok();
    assert!(again.stdout.contains("unchanged"), "{again}");
    wait_until("status says healthy", Duration::from_secs(60), || {
        let status = kamaji(&["status", "remote", "-o", "json"], false).json();
        if status["healthy"] == true { Ok(()) } else { Err(format!("{status:#}")) }
    });
    let join = kamaji(&["join", "remote"], true).ok();
    assert!(join.stdout.starts_with(&format!("kubeadm join {endpoint} --token ")), "{join}");
    assert_eq!(join.stdout.lines().count(), 1, "{join}");
    let words: Vec<&str> = join.stdout.split_whitespace().collect();
    let worker = Host::add("e2e-laptop-w", &[]);
    worker.run(&words).ok();
    kamaji(&["delete", "remote", "--yes"], false).ok();
    sandbox.nothing_is_left();
}

/// As when its Service has just been removed, and kube-proxy follows.
#[test]
fn an_endpoint_lost_during_a_request_is_bypassed() {
    let sandbox = TestNamespace::new("e2e-gone");
    let free = TcpListener::bind((machine(), 0)).and_then(|listener| listener.local_addr());
    let endpoint = free.expect("a port is free").to_string();
    sandbox.create("gone", &["--endpoint", &endpoint]).ok().says(&["does not answer from here"]);
    let service = &sandbox.objects("services")[0];
    let server = format!("{}:{}", management_addresses()[0], service["spec"]["ports"][0]["nodePort"]);
    let gate = ClosingProxy::open(&endpoint, &server);
    sandbox.tenant_that_answers("gone");

    // The first connection sees whether somebody listens, the second whether it is the API server.
    gate.close_after(2);
    let before = sandbox.everything_settled();
    let seen = sandbox.create("gone", &["--endpoint", &endpoint, "--replicas", "2", "--dry-run"]).ok();
    assert!(gate.is_closed(), "{seen}");
    assert!(seen.stdout.contains("replicas") && !format!("{seen}").contains("looked at later"), "{seen}");
    assert_eq!(sandbox.everything(), before);
}
