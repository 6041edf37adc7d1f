//! `kamaji update` where no server answers: what is wrong with flags and files is told first.

use crate::program::Place;

fn told(place: &Place, words: &[&str], code: i32, said: &str) {
    let ran = place.run(&[&["update", "prod"], words].concat());
    assert_eq!(ran.code, code, "{words:?}: {}", ran.stderr);
    assert!(ran.stdout.is_empty() && ran.stderr.contains(said), "`{said}` is not in: {}", ran.stderr);
}

#[test]
fn flags_that_say_nothing_possible_are_refused() {
    let place = Place::new();
    for (words, said) in [
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
        told(&place, &words, 2, said);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_told_before_a_server_is_asked() {
    let place = Place::new();
    place.file("bad.yaml", "kind: [");
    place.file("good.yaml", "kind: ClusterConfiguration\n");
    told(&place, &["--kubeadm-config", "gone.yaml"], 2, "gone.yaml");
    told(&place, &["--kubeadm-config", "bad.yaml"], 2, "bad.yaml:");
    told(&place, &["--file", "/etc/a.yaml=gone"], 2, "/etc/a.yaml");
    told(&place, &["--kubeadm-config", "good.yaml"], 2, "kubeconfig");
}
