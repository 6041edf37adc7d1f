//! The checks of the CIS Kubernetes Benchmark 1.12 for control planes, on the flags that are rendered. All hold but the
//! deviations that are named at the end, each with its reason.

use std::collections::BTreeMap;

use kamaji::render::policy;
use serde_json::Value;

use crate::control_plane::{MINIMAL, Plane, spec};
use crate::examples;

const API_SERVER: &str = "kube-apiserver";
const CONTROLLER_MANAGER: &str = "kube-controller-manager";
const SCHEDULER: &str = "kube-scheduler";

/// What a check asks of one flag.
enum Rule {
    /// It is not there.
    Absent,
    /// It is there, whatever its value.
    Set,
    /// It has this value.
    Is(&'static str),
    /// It is not there, or has another value.
    IsNot(&'static str),
    /// One of its comma-separated values.
    Has(&'static str),
    /// None of its comma-separated values.
    HasNot(&'static str),
    /// A number that is at least this.
    AtLeast(u64),
    /// Only suites with forward secrecy and authenticated encryption.
    StrongSuites,
}

use Rule::{Absent, AtLeast, Has, HasNot, Is, IsNot, Set, StrongSuites};

const CHECKS: &[(&str, &str, &str, Rule)] = &[
    ("1.2.1", API_SERVER, "authentication-config", Set),
    ("1.2.2", API_SERVER, "token-auth-file", Absent),
    ("1.2.3", API_SERVER, "enable-admission-plugins", Has("DenyServiceExternalIPs")),
    ("1.2.4", API_SERVER, "kubelet-client-certificate", Set),
    ("1.2.4", API_SERVER, "kubelet-client-key", Set),
    ("1.2.5", API_SERVER, "kubelet-certificate-authority", Set),
    ("1.2.6", API_SERVER, "authorization-mode", HasNot("AlwaysAllow")),
    ("1.2.7", API_SERVER, "authorization-mode", Has("Node")),
    ("1.2.8", API_SERVER, "authorization-mode", Has("RBAC")),
    ("1.2.10", API_SERVER, "enable-admission-plugins", HasNot("AlwaysAdmit")),
    ("1.2.12", API_SERVER, "disable-admission-plugins", HasNot("ServiceAccount")),
    ("1.2.13", API_SERVER, "disable-admission-plugins", HasNot("NamespaceLifecycle")),
    ("1.2.14", API_SERVER, "enable-admission-plugins", Has("NodeRestriction")),
    ("1.2.15", API_SERVER, "profiling", Is("false")),
    ("1.2.16", API_SERVER, "audit-log-path", Set),
    ("1.2.17", API_SERVER, "audit-log-maxage", AtLeast(30)),
    ("1.2.18", API_SERVER, "audit-log-maxbackup", AtLeast(10)),
    ("1.2.19", API_SERVER, "audit-log-maxsize", AtLeast(100)),
    ("1.2.21", API_SERVER, "service-account-lookup", IsNot("false")),
    ("1.2.22", API_SERVER, "service-account-key-file", Set),
    ("1.2.23", API_SERVER, "etcd-certfile", Set),
    ("1.2.23", API_SERVER, "etcd-keyfile", Set),
    ("1.2.24", API_SERVER, "tls-cert-file", Set),
    ("1.2.24", API_SERVER, "tls-private-key-file", Set),
    ("1.2.25", API_SERVER, "client-ca-file", Set),
    ("1.2.26", API_SERVER, "etcd-cafile", Set),
    ("1.2.27", API_SERVER, "encryption-provider-config", Set),
    ("1.2.29", API_SERVER, "tls-cipher-suites", StrongSuites),
    ("1.2.30", API_SERVER, "service-account-extend-token-expiration", Is("false")),
    ("1.3.1", CONTROLLER_MANAGER, "terminated-pod-gc-threshold", AtLeast(1)),
    ("1.3.2", CONTROLLER_MANAGER, "profiling", Is("false")),
    ("1.3.3", CONTROLLER_MANAGER, "use-service-account-credentials", Is("true")),
    ("1.3.4", CONTROLLER_MANAGER, "service-account-private-key-file", Set),
    ("1.3.5", CONTROLLER_MANAGER, "root-ca-file", Set),
    ("1.3.6", CONTROLLER_MANAGER, "feature-gates", HasNot("RotateKubeletServerCertificate=false")),
    ("1.3.7", CONTROLLER_MANAGER, "bind-address", Is("127.0.0.1")),
    ("1.4.1", SCHEDULER, "profiling", Is("false")),
    ("1.4.2", SCHEDULER, "bind-address", Is("127.0.0.1")),
    ("3.2.1", API_SERVER, "audit-policy-file", Set),
];

/// What is not as the benchmark asks.
const DEVIATIONS: &[(&str, &str)] = &[
    ("1.2.5", "kubelets serve self-signed certificates unless serverTLSBootstrap is on"),
    ("1.3.7", "the kubelet probes the pod's address, and a probe of another host is forbidden by Pod Security"),
    ("1.4.2", "as 1.3.7"),
];

fn holds(rule: &Rule, value: Option<&str>) -> bool {
    let parts = || value.unwrap_or_default().split(',');
    match rule {
        Absent => value.is_none(),
        Set => value.is_some_and(|value| !value.is_empty()),
        Is(wanted) => value == Some(wanted),
        IsNot(bad) => value != Some(bad),
        Has(wanted) => parts().any(|part| part == *wanted),
        HasNot(bad) => parts().all(|part| part != *bad),
        AtLeast(least) => value.and_then(|value| value.parse::<u64>().ok()).is_some_and(|number| number >= *least),
        StrongSuites => parts().all(|suite| {
            suite.starts_with("TLS_ECDHE_") && (suite.contains("_GCM_SHA") || suite.contains("_CHACHA20_POLY1305_"))
        }),
    }
}

/// The flags of each container; the last of several counts.
fn flags(pod: &Value) -> BTreeMap<String, BTreeMap<String, String>> {
    let containers = pod["spec"]["containers"].as_array().unwrap();
    let of = |container: &Value| {
        let command = container["command"].as_array().unwrap();
        let flags = command.iter().filter_map(|flag| flag.as_str()?.strip_prefix("--")?.split_once('='));
        flags.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    containers.iter().map(|container| (container["name"].as_str().unwrap().to_owned(), of(container))).collect()
}

fn failing(pod: &Value) -> Vec<&'static str> {
    let flags = flags(pod);
    let failed = |(_, container, flag, rule): &&(&str, &str, &str, Rule)| {
        !holds(rule, flags[*container].get(*flag).map(String::as_str))
    };
    CHECKS.iter().filter(failed).map(|(check, ..)| *check).collect()
}

#[test]
fn all_checks_hold_but_the_named_deviations() {
    let deviations: Vec<&str> = DEVIATIONS.iter().map(|(check, _)| *check).collect();
    for example in examples::all() {
        let mut expected = deviations.clone();
        if example.name == "extra-args-oidc" {
            // kube-apiserver takes either these flags or the file that closes anonymous requests.
            expected.insert(0, "1.2.1");
        }
        assert_eq!(failing(example.pod()), expected, "{}", example.name);
    }
}

#[test]
fn only_health_and_discovery_are_open_to_anonymous_requests() {
    let spec = spec(MINIMAL);
    let open = policy::authentication(spec.version).unwrap()["anonymous"]["conditions"].clone();
    let paths: Vec<&str> =
        open.as_array().unwrap().iter().map(|condition| condition["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/livez", "/readyz", "/healthz", "/api/v1/namespaces/kube-public/configmaps/cluster-info"]);
}

/// CIS 1.2.28.
#[test]
fn secrets_are_written_with_an_authenticated_cipher_before_anything_else() {
    use secrecy::ExposeSecret as _;
    let config: Value =
        serde_json::from_str(policy::encryption(&[policy::EncryptionKey::first(&[7; 32])]).expose_secret()).unwrap();
    assert_eq!(config["resources"][0]["resources"][0], "secrets");
    assert!(config["resources"][0]["providers"][0].get("secretbox").is_some(), "the first provider writes");
}

/// CIS 3.2.2.
#[test]
fn the_audit_policy_never_keeps_the_content_of_secrets() {
    let policy = policy::audit_policy();
    let rules = policy["rules"].as_array().unwrap();
    let about_secrets = rules.iter().filter(|rule| rule.to_string().contains("\"secrets\""));
    assert!(about_secrets.clone().count() > 0);
    for rule in about_secrets {
        assert_eq!(rule["level"], "Metadata", "{rule}");
    }
    let catch_all = rules.last().unwrap();
    assert_eq!(catch_all, &serde_json::json!({"level": "Metadata"}), "what no rule names is audited without content");
}

#[test]
fn a_users_flag_wins_over_the_default_and_is_there_once() {
    let text = format!("{MINIMAL}apiServer:\n  extraArgs:\n  - name: audit-log-maxage\n    value: \"60\"\n");
    let desired = Plane::new(spec(&text)).desire().unwrap();
    let deployment = desired.write.into_iter().find(|manifest| manifest.object.kind == "Deployment").unwrap();
    let command = deployment.body["spec"]["template"]["spec"]["containers"][0]["command"].clone();
    let given: Vec<&Value> =
        command.as_array().unwrap().iter().filter(|flag| flag.to_string().contains("audit-log-maxage")).collect();
    assert_eq!(given, ["--audit-log-maxage=60"]);
}
