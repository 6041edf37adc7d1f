//! Settings of the pods against a real cluster: limits that hold, images from a registry with a password, settings that
//! change, and what is refused before anything is written.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::support::cluster::registry::Registry;
use crate::support::servers::poller::Poller;
use crate::support::{Identity, TestNamespace, management, wait_until};

/// Lists of 2 MB, asked for while the poller runs.
const OBJECTS: usize = 250;
/// Fewer requests are no load.
const ENOUGH: u64 = 200;

#[test]
fn a_small_control_plane_serves_within_its_limits_and_rolls_out_settings_pod_by_pod() {
    let sandbox = TestNamespace::new("e2e-pods");
    what_is_missing_is_told_before_anything_is_written(&sandbox);
    sandbox.create("small", &["--size", "small"]).ok();
    let tenant = sandbox.tenant("small");
    let padding = "x".repeat(8000);
    let objects: String = (0..OBJECTS)
        .map(|n| {
            format!(
                "---\n{{apiVersion: v1, kind: ConfigMap, metadata: {{name: load-{n}}}, data: {{text: {padding}}}}}\n"
            )
        })
        .collect();
    tenant.create(&objects);
    let poller = Poller::start(&Identity::of(&tenant), "/readyz", "/api/v1/namespaces/default/configmaps");
    std::thread::sleep(Duration::from_secs(20));
    poller.await_answers(ENOUGH, 0);
    let seen = poller.stop();
    println!("{} answers, the longest took {:?}", seen.answered, seen.longest);
    assert_eq!(seen.failures, Vec::<String>::new());
    nothing_was_killed(&sandbox);

    let settings = ["--requests", "kube-scheduler=cpu=20m", "--node-selector", "kubernetes.io/os=linux", "--yes"];
    let changed = sandbox.create("small", &settings).ok().says(&["replaces its pods"]);
    assert!(changed.stderr.contains("nodeSelector"), "the plan names what changes: {changed}");
    let pod = only_pod(&sandbox);
    assert_eq!(pod["spec"]["nodeSelector"]["kubernetes.io/os"], "linux");
    assert_eq!(pod["spec"]["containers"][2]["resources"]["requests"]["cpu"], "20m");
    let again = sandbox.create("small", &settings).ok();
    assert!(again.stdout.contains("unchanged"), "{again}");
}

fn what_is_missing_is_told_before_anything_is_written(sandbox: &TestNamespace) {
    let before = sandbox.everything();
    let cases: [(&[&str], i32, &str); 4] = [
        (&["--image-pull-secret", "nobody-made-it"], 3, "kubectl create secret docker-registry nobody-made-it"),
        (&["--priority-class", "nobody-made-it"], 3, "PriorityClass nobody-made-it does not exist"),
        (&["--priority-class", "system-node-critical"], 2, "--allow-system-priority"),
        (
            &["--limits", "kube-apiserver=memory=1Gi", "--requests", "kube-apiserver=memory=2Gi"],
            2,
            "never more than the limit",
        ),
    ];
    for (flags, code, words) in cases {
        sandbox.create("small", flags).exits(code).says(&[words]);
    }
    management().create(&format!(
        "{{apiVersion: v1, kind: Secret, metadata: {{name: plain, namespace: {}}}}}",
        sandbox.namespace
    ));
    sandbox.create("small", &["--image-pull-secret", "plain"]).exits(2).says(&["is of type Opaque"]);
    management().run(&["delete", "secret", "plain", "-n", &sandbox.namespace]).ok();
    let document = "apiVersion: kamaji.clastix.io/v1alpha1\nkind: TenantControlPlane\nmetadata: {name: small}\nspec:\n  \
                    kubernetes: {version: v1.37.2}\n  controlPlane: {deployment: {affinity: {nodeAffinity: \
                    {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: {matchExpressions: \
                    [{key: a, operator: Near}]}}]}}}}\n";
    let file = sandbox.file("tenant.yaml", document).display().to_string();
    sandbox.run(&["create", "small", "-f", &file]).exits(1).says(&["not a valid selector operator"]);
    assert_eq!(sandbox.everything(), before, "nothing was written");
}

fn pods_that_stay(sandbox: &TestNamespace) -> Vec<Value> {
    let mut pods = sandbox.objects("pods");
    pods.retain(|pod| pod.pointer("/metadata/deletionTimestamp").is_none());
    pods
}

#[track_caller]
fn only_pod(sandbox: &TestNamespace) -> Value {
    let mut pods = pods_that_stay(sandbox);
    assert_eq!(pods.len(), 1, "{pods:#?}");
    pods.remove(0)
}

fn nothing_was_killed(sandbox: &TestNamespace) {
    sandbox.no_container_failed();
    let pod = only_pod(sandbox);
    for status in pod["status"]["containerStatuses"].as_array().expect("containers run") {
        assert_eq!(status["ready"], true, "{status}");
    }
    for container in pod["spec"]["containers"].as_array().expect("there are containers") {
        assert!(container["resources"]["limits"]["memory"].is_string(), "{container}");
    }
}

#[test]
fn images_are_pulled_with_a_pull_secret_and_without_one_the_cause_is_reported() {
    let sandbox = TestNamespace::new("e2e-registry");
    let registry = Registry::start();
    let text = std::fs::read_to_string(sandbox.quickstart()).expect("it was just written");
    let mirrored = format!("imageRepository: {}/mirror\nkubernetesVersion:", registry.host);
    let file = sandbox.file("mirrored.yaml", &text.replace("kubernetesVersion:", &mirrored)).display().to_string();
    let create = ["create", "mirrored", "--kubeadm-config", &file, "--expose", "node-port"];

    sandbox.run(&[&create[..], &["--wait=false"]].concat()).ok();
    wait_until("the registry to refuse the kubelet", Duration::from_secs(60), || {
        let pods = pods_that_stay(&sandbox);
        let [pod] = pods.as_slice() else { return Err(format!("{} pods", pods.len())) };
        let states = pod["status"]["containerStatuses"].to_string();
        if states.contains("ImagePullBackOff") { Ok(()) } else { Err(states) }
    });
    let refused = sandbox.run(&[&create[..], &["--timeout", "8s"]].concat()).exits(6);
    let refused = refused.says(&[
        "container kube-apiserver: ",
        "ImagePullBackOff",
        "authorization failed",
        "--image-pull-secret",
    ]);
    assert!(!refused.stderr.contains("crashes"), "{refused}");

    management().create(&registry.pull_secret(&sandbox.namespace, "mirror"));
    sandbox.run(&[&create[..], &["--image-pull-secret", "mirror"]].concat()).ok();
    let pod = only_pod(&sandbox);
    let images: BTreeMap<&str, &str> = pod["status"]["containerStatuses"]
        .as_array()
        .expect("containers run")
        .iter()
        .map(|status| (status["name"].as_str().unwrap_or_default(), status["image"].as_str().unwrap_or_default()))
        .collect();
    assert!(images.len() == 3 && images.values().all(|image| image.starts_with(&registry.host)), "{images:?}");
    sandbox.tenant("mirrored").run(&["get", "namespaces"]).ok();
}
