//! `kamaji update` without a server: invalid flags and files are reported first.

use crate::program::Sandbox;

fn fails(place: &Sandbox, arguments: &[&str], code: i32, message: &str) {
    let ran = place.run(&[&["update", "prod"], arguments].concat());
    assert_eq!(ran.code, code, "{arguments:?}: {}", ran.stderr);
    assert!(ran.stdout.is_empty() && ran.stderr.contains(message), "`{message}` is not in: {}", ran.stderr);
}

#[test]
fn invalid_flags_are_refused() {
    let place = Sandbox::new();
    for (arguments, message) in [
        (["--cert-san", "a b"], "subject alternative name"),
        (["--cert-san", "-"], "subject alternative name"),
        (["--extra-arg", "audit-log-maxage=60"], "COMPONENT:NAME=VALUE"),
        (["--extra-arg", "kube-proxy:v=4"], "kube-apiserver"),
        (["--extra-arg", "kube-apiserver:v"], "COMPONENT:NAME-"),
        (["--addon", "kube-proxy"], "kube-proxy=off"),
        (["--addon", "coredns=maybe"], "coredns=on"),
        (["--replicas", "0"], "1..=50"),
        (["--reset", "version"], "node-selector"),
        (["--endpoint", "127.0.0.1"], "workers must be able to connect"),
        (["--label", "a"], "KEY=VALUE"),
    ] {
        fails(&place, &arguments, 2, message);
    }
}

#[test]
fn unreadable_files_are_reported_before_the_server_is_contacted() {
    let place = Sandbox::new();
    place.file("bad.yaml", "kind: [");
    place.file("good.yaml", "kind: ClusterConfiguration\n");
    fails(&place, &["--kubeadm-config", "gone.yaml"], 2, "gone.yaml");
    fails(&place, &["--kubeadm-config", "bad.yaml"], 2, "bad.yaml:");
    fails(&place, &["--file", "/etc/a.yaml=gone"], 2, "/etc/a.yaml");
    fails(&place, &["--kubeadm-config", "good.yaml"], 2, "kubeconfig");
}
