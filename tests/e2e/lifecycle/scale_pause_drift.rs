//! The days after: pods that come and go, a pause, drift by other hands.

use crate::support::{TestNamespace, management};

const NAME: &str = "daily";

#[test]
fn a_control_plane_scales_to_zero_and_back_is_paused_and_reports_drift() {
    let sandbox = TestNamespace::new("e2e-days");
    sandbox.create(NAME, &[]).ok();
    sandbox.tenant(NAME).run(&["create", "configmap", "kept", "--from-literal=a=1"]).ok();
    let file = sandbox.quickstart();
    let create = ["create", NAME, "--kubeadm-config", &file, "--expose", "node-port"];

    sandbox.run(&["scale", NAME, "--replicas", "0"]).exits(8).says(&["--yes"]);
    sandbox.run(&["scale", NAME, "--replicas", "0", "--yes"]).ok();
    assert!(sandbox.objects("pods").is_empty(), "nothing runs");
    assert_eq!(sandbox.run(&["list", "-o", "json"]).json()["items"][0]["status"], "Asleep");
    let asleep = sandbox.run(&create).ok();
    assert!(asleep.stdout.contains("unchanged"), "a file that says nothing of pods does not wake it: {asleep}");
    sandbox.run(&["scale", NAME, "--replicas", "1"]).ok();
    sandbox.tenant_that_answers(NAME).run(&["get", "configmap", "kept"]).ok();

    sandbox.run(&["pause", NAME, "--reason", "moving house"]).ok();
    sandbox.run(&["scale", NAME, "--replicas", "2"]).exits(4).says(&["moving house", "kamaji resume"]);
    sandbox.run(&["delete", NAME, "--yes"]).exits(4).says(&["moving house"]);
    sandbox.run(&[&create[..], &["--replicas", "2", "--yes"]].concat()).exits(4).says(&["moving house"]);
    sandbox.run(&create).ok();
    sandbox.run(&["resume", NAME]).ok();

    sandbox.run(&["diff", NAME]).ok();
    let deployment = management();
    let set = ["set", "env", "deployment", NAME, "-n", &sandbox.namespace, "-c", "kube-scheduler", "FOO=bar"];
    deployment.run(&[&set[..], &["--field-manager=somebody"]].concat()).ok();
    deployment
        .run(&[
            "label",
            &format!("service/{NAME}"),
            &format!("configmap/{NAME}-kubeadmconfig"),
            "-n",
            &sandbox.namespace,
            "kamaji.clastix.io/component=mine",
            "--overwrite",
            "--field-manager=anna",
        ])
        .ok();
    let diff = sandbox.run(&["diff", NAME]).exits(10);
    assert!(diff.stdout.contains("set by anna") && diff.stdout.contains("set by somebody"), "{diff}");
    let changed = diff.stdout.lines().filter(|line| line.starts_with("  ~ "));
    assert_eq!(changed.count(), 2, "Service and ConfigMap: {diff}");
    assert!(!diff.stdout.contains("apiVersion"), "only what was changed is told: {diff}");
    sandbox.run(&[&create[..], &["--yes"]].concat()).ok();
    let left = sandbox.run(&["diff", NAME]).exits(10);
    assert!(
        !left.stdout.contains("anna") && left.stdout.contains("FOO"),
        "what somebody added stays, and is told: {left}"
    );
    deployment.run(&[&set[..6], &["-c", "kube-scheduler", "FOO-", "--field-manager=somebody"]].concat()).ok();

    let tenant = sandbox.tenant(NAME);
    tenant.run(&["scale", "deployment", "-n", "kube-system", "coredns", "--replicas=3"]).ok();
    tenant.run(&["delete", "configmap", "-n", "kube-system", "kubelet-config"]).ok();
    let diff = sandbox.run(&["diff", NAME]).exits(10);
    let told =
        ["+ in the cluster: ConfigMap kube-system/kubelet-config", "! in the cluster: Deployment kube-system/coredns"];
    assert!(told.iter().all(|line| diff.stdout.contains(line)), "{diff}");
    sandbox.run(&["update", NAME, "--yes"]).ok();
    tenant.run(&["get", "configmap", "-n", "kube-system", "kubelet-config"]).ok();
    tenant.run(&["scale", "deployment", "-n", "kube-system", "coredns", "--replicas=2"]).ok();
    sandbox.run(&["diff", NAME]).ok();
}
