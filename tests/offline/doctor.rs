//! Tests `kamaji doctor` without a reachable cluster: it reports the failed check in time and exits with 1.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::Value;

use crate::program::{RunResult, Sandbox};

fn kubeconfig_of(server: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters:\n- name: c\n  cluster: {{server: \"{server}\"}}\n\
         contexts:\n- name: c\n  context: {{cluster: c, user: u, namespace: team-a}}\n\
         users:\n- name: u\n  user: {{token: secret-token}}\n"
    )
}

fn doctor(server: &str, more: &[&str]) -> RunResult {
    let place = Sandbox::new();
    place.file("config", &kubeconfig_of(server));
    place.run(&[&["doctor", "--kubeconfig", "config"], more].concat())
}

#[test]
fn a_missing_kubeconfig_is_the_root_cause() {
    for arguments in [&["doctor"][..], &["doctor", "prod"][..]] {
        let ran = Sandbox::new().run(arguments);
        assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains("Root cause: kubeconfig"), "{}", ran.stdout);
        assert!(ran.stdout.contains("fix: name the management cluster: --kubeconfig FILE"), "{}", ran.stdout);
    }
}

#[test]
fn an_unreachable_server_is_the_root_cause_of_all_later_failures() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ran = doctor(&format!("https://{free}"), &["prod", "-o", "json"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&report["kind"], &report["rootCause"], &report["namespace"]),
        (&Value::from("Diagnosis"), &Value::from("management-api"), &Value::from("team-a"))
    );
    let checks = report["checks"].as_array().unwrap();
    let caused = checks.iter().filter(|check| check["causedBy"] == "management-api").count();
    assert!(caused >= 3, "{report:#}");
    assert!(!ran.stdout.contains("secret-token"));
}

#[test]
fn a_server_that_never_answers_times_out_quickly() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let ran = doctor(&format!("http://{}", silent.local_addr().unwrap()), &["prod"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stdout.contains("no answer within 5 s"), "{}", ran.stdout);
    assert!(ran.took < Duration::from_secs(20), "{:?}", ran.took);
}
