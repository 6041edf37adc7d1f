//! The days after: pods that come and go, a pause, drift by other hands.

use crate::support::{TestNamespace, management};

const NAME: &str = "daily";

#[test]
fn a_control_plane_scales_to_zero_and_back_is_paused_and_reports_drift() {
    let test = TestNamespace::new("e2e-days");
    test.create(NAME, &[]).ok();
    test.tenant(NAME).run(&["create", "configmap", "kept", "--from-literal=a=1"]).ok();
    let file = test.quickstart();
    let create = ["create", NAME, "--kubeadm-config", &file, "--expose", "node-port"];

    test.run(&["scale", NAME, "--replicas", "0"]).exits(8).says(&["--yes"]);
    test.run(&["scale", NAME, "--replicas", "0", "--yes"]).ok();
    assert!(test.objects("pods").is_empty(), "nothing runs");
    assert_eq!(test.run(&["list", "-o", "json"]).json()["items"][0]["status"], "Asleep");
    let asleep = test.run(&create).ok();
    assert!(asleep.stdout.contains("unchanged"), "a file that says nothing of pods does not wake it: {asleep}");
    test.run(&["scale", NAME, "--replicas", "1"]).ok();
    test.tenant_that_answers(NAME).run(&["get", "configmap", "kept"]).ok();

    test.run(&["pause", NAME, "--reason", "moving house"]).ok();
    test.run(&["scale", NAME, "--replicas", "2"]).exits(4).says(&["moving house", "kamaji resume"]);
    test.run(&["delete", NAME, "--yes"]).exits(4).says(&["moving house"]);
    test.run(&[&create[..], &["--replicas", "2", "--yes"]].concat()).exits(4).says(&["moving house"]);
    test.run(&create).ok();
    test.run(&["resume", NAME]).ok();

    test.run(&["diff", NAME]).ok();
    let deployment = management();
    let set = ["set", "env", "deployment", NAME, "-n", &test.namespace, "-c", "kube-scheduler", "FOO=bar"];
    deployment.run(&[&set[..], &["--field-manager=somebody"]].concat()).ok();
    deployment
        .run(&[
            "label",
            &format!("service/{NAME}"),
            &format!("configmap/{NAME}-kubeadmconfig"),
            "-n",
            &test.namespace,
            "kamaji.clastix.io/component=mine",
            "--overwrite",
            "--field-manager=anna",
        ])
        .ok();
    let diff = test.run(&["diff", NAME]).exits(10);
    assert!(diff.stdout.contains("set by anna") && diff.stdout.contains("set by somebody"), "{diff}");
    let changed = diff.stdout.lines().filter(|line| line.starts_with("  ~ "));
    assert_eq!(changed.count(), 2, "Service and ConfigMap: {diff}");
    assert!(!diff.stdout.contains("apiVersion"), "only what was changed is told: {diff}");
    test.run(&[&create[..], &["--yes"]].concat()).ok();
    let left = test.run(&["diff", NAME]).exits(10);
    assert!(
        !left.stdout.contains("anna") && left.stdout.contains("FOO"),
        "what somebody added stays, and is told: {left}"
    );
    deployment.run(&[&set[..6], &["-c", "kube-scheduler", "FOO-", "--field-manager=somebody"]].concat()).ok();

    let tenant = test.tenant(NAME);
    tenant.run(&["scale", "deployment", "-n", "kube-system", "coredns", "--replicas=3"]).ok();
    tenant.run(&["delete", "configmap", "-n", "kube-system", "kubelet-config"]).ok();
    let diff = test.run(&["diff", NAME]).exits(10);
    let told =
        ["+ in the cluster: ConfigMap kube-system/kubelet-config", "! in the cluster: Deployment kube-system/coredns"];
    assert!(told.iter().all(|line| diff.stdout.contains(line)), "{diff}");
    test.run(&["update", NAME, "--yes"]).ok();
    tenant.run(&["get", "configmap", "-n", "kube-system", "kubelet-config"]).ok();
    tenant.run(&["scale", "deployment", "-n", "kube-system", "coredns", "--replicas=2"]).ok();
    test.run(&["diff", NAME]).ok();
}
