//! `kamaji doctor` where no cluster answers: it says so as a link, within its time, and ends with 1.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::Value;

use crate::program::{Place, Ran};

fn kubeconfig_of(server: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters:\n- name: c\n  cluster: {{server: \"{server}\"}}\n\
         contexts:\n- name: c\n  context: {{cluster: c, user: u, namespace: team-a}}\n\
         users:\n- name: u\n  user: {{token: secret-token}}\n"
    )
}

fn doctor(server: &str, more: &[&str]) -> Ran {
    let place = Place::new();
    place.file("config", &kubeconfig_of(server));
    place.run(&[&["doctor", "--kubeconfig", "config"], more].concat())
}

#[test]
fn without_a_kubeconfig_that_is_the_broken_link() {
    for arguments in [&["doctor"][..], &["doctor", "prod"][..]] {
        let ran = Place::new().run(arguments);
        assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains("The first broken link is kubeconfig"), "{}", ran.stdout);
        assert!(ran.stdout.contains("to do: name the management cluster: --kubeconfig FILE"), "{}", ran.stdout);
    }
}

#[test]
fn a_server_that_is_away_is_the_broken_link_and_the_rest_follows() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ran = doctor(&format!("https://{free}"), &["prod", "-o", "json"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&told["kind"], &told["broken"], &told["namespace"]),
        (&Value::from("Diagnosis"), &Value::from("management-api"), &Value::from("team-a"))
    );
    let links = told["links"].as_array().unwrap();
    let follows = links.iter().filter(|link| link["followsFrom"] == "management-api").count();
    assert!(follows >= 3, "{told:#}");
    assert!(!ran.stdout.contains("secret-token"));
}

#[test]
fn a_server_that_never_answers_costs_little_time() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let ran = doctor(&format!("http://{}", silent.local_addr().unwrap()), &["prod"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stdout.contains("no answer within 5 s"), "{}", ran.stdout);
    assert!(ran.took < Duration::from_secs(20), "{:?}", ran.took);
}
