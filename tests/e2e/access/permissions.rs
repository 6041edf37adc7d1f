//! What kamaji may do: exactly what `kamaji rbac` prints. Every other test runs with those rights too.

use crate::support::command::start;
use crate::support::{TestNamespace, management};

#[test]
fn missing_permissions_are_reported_together_before_any_write() {
    let sandbox = TestNamespace::new("e2e-rights");
    sandbox.create("rich", &[]).ok();
    let before = sandbox.everything_settled();
    let kube = management();
    // Everything but writing Secrets and PodDisruptionBudgets.
    let role = kube.json(&["role", "kamaji", "-n", &sandbox.namespace]);
    let mut rules = role["rules"].as_array().cloned().expect("a Role has rules");
    rules.retain(|rule| rule["resources"][0] != "secrets" && rule["resources"][0] != "poddisruptionbudgets");
    rules.push(serde_json::json!({"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}));
    let patch = serde_json::json!([{"op": "replace", "path": "/rules", "value": rules}]).to_string();
    kube.run(&["patch", "role", "kamaji", "-n", &sandbox.namespace, "--type=json", "-p", &patch]).ok();
    kube.await_right(&sandbox.runner(), &["create", "secrets", "-n", &sandbox.namespace], "no");

    let all = [
        "create, delete, patch secrets",
        "create, delete, get, list, patch poddisruptionbudgets.policy",
        "kamaji rbac -n e2e-rights",
    ];
    sandbox.create("poor", &[]).exits(1).says(&all);
    for verb in VERBS {
        sandbox.run(verb).exits(1).says(&all);
    }
    // Also where the record cannot be read.
    rules.retain(|rule| rule["resources"][0] != "configmaps");
    let patch = serde_json::json!([{"op": "replace", "path": "/rules", "value": rules}]).to_string();
    kube.run(&["patch", "role", "kamaji", "-n", &sandbox.namespace, "--type=json", "-p", &patch]).ok();
    kube.await_right(&sandbox.runner(), &["get", "configmaps", "-n", &sandbox.namespace], "no");
    for verb in VERBS {
        sandbox.run(verb).exits(1).says(&[&all[..], &["create, delete, get, list, patch, update configmaps"]].concat());
    }
    assert_eq!(sandbox.everything(), before, "something was written");
}

/// What changes a control plane.
const VERBS: [&[&str]; 7] = [
    &["update", "rich", "--replicas", "2", "--yes"],
    &["upgrade", "rich", "--to", "v1.37.99", "--yes"],
    &["scale", "rich", "--replicas", "2"],
    &["certs", "renew", "rich", "--yes"],
    &["certs", "rotate-sa-key", "rich", "--phase", "trust", "--yes"],
    &["pause", "rich"],
    &["delete", "rich", "--yes"],
];

#[test]
fn a_viewer_sees_the_fleet_and_no_secret() {
    let sandbox = TestNamespace::new("e2e-viewer");
    let kube = management();
    let roles = sandbox.run(&["rbac", "--viewer", "--user", "e2e-viewer"]).text();
    start(kube.command(&["apply", "-f", "-"]), &roles).finish(std::time::Duration::from_secs(30)).ok();
    kube.await_right("e2e-viewer", &["list", "configmaps", "-A"], "yes");
    let may =
        |verb: &str, what: &str| kube.run(&["auth", "can-i", verb, what, "-A", "--as", "e2e-viewer"]).code == Some(0);
    assert!(may("list", "configmaps") && may("list", "deployments.apps"));
    assert!(!may("get", "secrets") && !may("list", "secrets") && !may("create", "configmaps"));
}
