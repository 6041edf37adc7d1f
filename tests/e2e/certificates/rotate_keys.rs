//! Keys are changed for new ones while the control plane serves: phase by phase, back again, and killed in between.

use std::time::Duration;

use serde_json::Value;

use crate::support::faults::proxy::{Request, Timing};
use crate::support::servers::poller::Poller;
use crate::support::{Etcd, Identity, Kube, Proxy, TestNamespace, kubeconfig, management, wait_until};

const NAME: &str = "keys";
const SA: &str = "rotate-sa-key";
const ENCRYPTION: &str = "rotate-encryption-key";

/// What is left of a change of keys.
fn left(sandbox: &TestNamespace) -> Vec<String> {
    sandbox.everything().into_keys().filter(|name| name.contains("rotation")).collect()
}

fn go(sandbox: &TestNamespace, verb: &str, how: &[&str]) -> crate::support::command::Run {
    let run = sandbox.run(&[&["certs", verb, NAME, "--yes"], how].concat()).ok();
    println!("{verb} {} in {:.1} s", how.join(" "), run.took.as_secs_f32());
    run
}

/// Goes to a phase while everybody is asking.
fn go_unnoticed(sandbox: &TestNamespace, verb: &str, how: &[&str]) {
    let identity = Identity::of(&sandbox.tenant(NAME));
    let poller = Poller::with_a_watch(&identity, "/readyz", "polled");
    std::thread::sleep(Duration::from_secs(1));
    go(sandbox, verb, how);
    let seen = poller.stop();
    assert_eq!(seen.failures, Vec::<String>::new(), "{verb} {how:?}, of {} requests", seen.answered);
    assert!(seen.answered > 100, "too few requests to count: {seen:?}");
}

fn the_old_files_ask_for_nothing(sandbox: &TestNamespace) {
    let file = sandbox.quickstart();
    let again = sandbox.run(&["create", NAME, "--kubeadm-config", &file, "--expose", "node-port"]).ok();
    assert!(again.stdout.contains("unchanged"), "{again}");
    sandbox.run(&["diff", NAME]).ok();
}

#[test]
fn the_service_account_key_is_rotated_and_rolled_back_without_a_failed_request() {
    let sandbox = TestNamespace::new("e2e-keys-sa");
    sandbox.create(NAME, &[]).ok();
    let tenant = sandbox.tenant(NAME);
    tenant.run(&["create", "configmap", "polled", "--from-literal=count=0"]).ok();
    tenant.await_service_account("default");
    tenant.create(
        "{apiVersion: v1, kind: Secret, type: kubernetes.io/service-account-token, metadata: {name: for-ever, \
         annotations: {kubernetes.io/service-account.name: default}}}",
    );
    let old_key = sandbox.secret_value("keys-sa-certificate", "sa.pub");
    let old = token(&tenant);

    sandbox.run(&["certs", SA, NAME, "--phase", "use", "--yes"]).exits(4).says(&["comes after phase trust"]);
    let dry = sandbox.run(&["certs", SA, NAME, "--phase", "trust", "--dry-run"]).ok();
    assert!(dry.stdout.contains("keys-rotation-key") && left(&sandbox).is_empty(), "{dry}");
    sandbox.run(&["certs", SA, NAME, "--phase", "trust"]).exits(8).says(&["--yes"]);

    go_unnoticed(&sandbox, SA, &["--phase", "trust"]);
    assert_eq!(public_keys(&tenant), 2, "both are published");
    assert_eq!(key_id(&token(&tenant)), key_id(&old), "the old one signs");
    the_old_files_ask_for_nothing(&sandbox);
    let stand = sandbox.run(&["certs", SA, NAME, "-o", "json"]).json();
    assert_eq!((&stand["rotation"]["phase"], &stand["rotation"]["done"]), (&"trust".into(), &true.into()), "{stand}");
    assert_eq!(sandbox.run(&["status", NAME, "-o", "json"]).json()["rotation"]["phase"], "trust");
    sandbox.run(&["certs", ENCRYPTION, NAME, "--phase", "trust", "--yes"]).exits(4).says(&["service account key"]);
    sandbox.run(&["certs", SA, NAME, "--phase", "drop", "--yes", "--force"]).exits(4).says(&["comes after phase use"]);

    go_unnoticed(&sandbox, SA, &["--phase", "use"]);
    let new = token(&tenant);
    assert_ne!(key_id(&new), key_id(&old), "the new one signs");
    assert!(is_taken(&sandbox, &old) && is_taken(&sandbox, &new), "both are taken");
    let again = go(&sandbox, SA, &["--phase", "use"]);
    assert!(again.stdout.contains("phase use reached"), "{again}");
    assert_eq!(sandbox.secret_value("keys-sa-certificate", "sa.pub"), old_key, "the old one is where it was");

    // Back, and forth again with the same new key.
    go(&sandbox, SA, &["--back"]);
    assert_eq!(key_id(&token(&tenant)), key_id(&old));
    assert!(is_taken(&sandbox, &new), "what was signed meanwhile is still good");
    sandbox.run(&["certs", SA, NAME, "--back", "--yes"]).exits(4).says(&["pods may have tokens", "--force"]);
    go(&sandbox, SA, &["--phase", "use"]);
    assert_eq!(key_id(&token(&tenant)), key_id(&new));

    let refused = sandbox.run(&["certs", SA, NAME, "--phase", "drop", "--yes"]).exits(4);
    refused.says(&["pods may have tokens", "Secret default/for-ever", "--force"]);
    killed_while_the_old_key_is_replaced(&sandbox, SA, "keys-sa-certificate", &["--phase", "drop", "--force"]);
    assert_ne!(sandbox.secret_value("keys-sa-certificate", "sa.pub"), old_key);
    assert_eq!(left(&sandbox), Vec::<String>::new());
    assert_eq!(public_keys(&tenant), 1);
    assert!(!is_taken(&sandbox, &old), "the old key is gone");
    assert!(is_taken(&sandbox, &new));
    assert_eq!(management().json(&["secret", "-n", &sandbox.namespace, "keys-sa-certificate"])["immutable"], true);
    the_old_files_ask_for_nothing(&sandbox);
    let nothing = go(&sandbox, SA, &["--phase", "drop"]);
    assert!(nothing.stdout.contains("there is one service account key"), "{nothing}");

    // A change that is not wanted any more leaves nothing.
    let key = sandbox.secret_value("keys-sa-certificate", "sa.pub");
    go(&sandbox, SA, &["--phase", "trust"]);
    go_unnoticed(&sandbox, SA, &["--back"]);
    assert_eq!(sandbox.secret_value("keys-sa-certificate", "sa.pub"), key);
    assert_eq!((left(&sandbox), public_keys(&tenant)), (Vec::new(), 1));
    the_old_files_ask_for_nothing(&sandbox);
}

/// Killed after the old key's Secret was deleted: nothing has its name. The same command again finishes.
fn killed_while_the_old_key_is_replaced(sandbox: &TestNamespace, verb: &str, secret: &str, how: &[&str]) {
    let proxy = Proxy::start(&Identity::of(&management()));
    let like = |request: &Request| request.method == "POST" && request.path.contains("/secrets");
    let words = [&["certs", verb, NAME, "--yes"], how].concat();
    let (_, harmed) = crate::lifecycle::killed::kill(sandbox, &proxy, &words, Timing::Before, like);
    assert!(harmed.contains("POST"), "{harmed}");
    assert!(!sandbox.everything().contains_key(&format!("Secret/{secret}")), "the kill came too late");
    sandbox.run(&["scale", NAME, "--replicas", "2"]).exits(4).says(&["are being changed", "--phase drop"]);
    sandbox.run(&["certs", verb, NAME, "--back", "--yes"]).exits(4).says(&["--phase drop"]);
    go(sandbox, verb, how);
}

fn token(tenant: &Kube) -> String {
    tenant.text(&["create", "token", "default", "--duration=1h"])
}

/// The name of the key that signed a token.
fn key_id(token: &str) -> String {
    use base64::Engine as _;
    let header = token.split('.').next().unwrap_or_default();
    let json = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(header).expect("a token has a header");
    let header: Value = serde_json::from_slice(&json).expect("a header is JSON");
    header["kid"].as_str().expect("it names its key").to_owned()
}

fn public_keys(tenant: &Kube) -> usize {
    let keys: Value = serde_json::from_str(&tenant.text(&["get", "--raw", "/openid/v1/jwks"])).expect("it is JSON");
    keys["keys"].as_array().map_or(0, Vec::len)
}

/// Whether the API server takes a token.
fn is_taken(sandbox: &TestNamespace, token: &str) -> bool {
    let Identity { server, ca, .. } = Identity::of(&sandbox.tenant(NAME));
    let config = serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "t",
        "clusters": [{"name": "t", "cluster": {
            "server": format!("https://{server}"), "certificate-authority-data": kubeconfig::encoded(&ca)}}],
        "users": [{"name": "t", "user": {"token": token}}],
        "contexts": [{"name": "t", "context": {"cluster": "t", "user": "t"}}],
    });
    let run = Kube::with(&sandbox.file("token.conf", &config.to_string())).run(&["auth", "whoami"]);
    assert!(run.code == Some(0) || run.stderr.contains("Unauthorized"), "{run}");
    run.code == Some(0)
}

#[test]
fn the_encryption_key_is_rotated_with_every_secret_and_rolled_back() {
    let sandbox = TestNamespace::new("e2e-keys-enc");
    sandbox.create(NAME, &[]).ok();
    let tenant = sandbox.tenant(NAME);
    tenant.run(&["create", "configmap", "polled", "--from-literal=count=0"]).ok();
    let many: String = (0..120)
        .map(|n| format!("---\n{{apiVersion: v1, kind: Secret, metadata: {{name: s{n}}}, stringData: {{a: v{n}}}}}\n"))
        .collect();
    tenant.create(&many);
    let etcd = Etcd::root();
    let id = sandbox.id(NAME);
    let stored = || stored_with(&etcd, &id);
    assert_eq!(stored(), ["key1"]);

    go_unnoticed(&sandbox, ENCRYPTION, &["--phase", "trust"]);
    assert_eq!(stored(), ["key1"]);
    tenant.run(&["create", "secret", "generic", "between", "--from-literal=a=1"]).ok();
    assert_eq!(stored(), ["key1"], "the old key still writes");

    // Killed before the Deployment is written, and once more when the datastore was looked at.
    let proxy = Proxy::start(&Identity::of(&management()));
    let like = |request: &Request| request.method == "PATCH" && request.path.contains("/deployments/");
    let words = ["certs", ENCRYPTION, NAME, "--phase", "use", "--yes"];
    let (_, harmed) = crate::lifecycle::killed::kill(&sandbox, &proxy, &words, Timing::Before, like);
    println!("killed before {harmed}");
    sandbox.run(&["upgrade", NAME, "--to", "v1.37.3", "--yes"]).exits(4).says(&["are being changed", "--phase use"]);
    go_unnoticed(&sandbox, ENCRYPTION, &["--phase", "use"]);
    assert_eq!(stored(), ["key2"], "every Secret was written anew");
    assert_eq!(value_of(&tenant, "s7"), "v7");
    the_old_files_ask_for_nothing(&sandbox);

    killed_while_the_old_key_is_replaced(&sandbox, ENCRYPTION, "keys-encryption-config", &["--phase", "drop"]);
    let config = sandbox.secret_value("keys-encryption-config", "encryption.yaml");
    assert!(config.contains("\"key2\"") && !config.contains("\"key1\""), "the old key is gone");
    assert_eq!(left(&sandbox), Vec::<String>::new());
    assert_eq!(value_of(&tenant, "s119"), "v119");
    tenant.run(&["create", "secret", "generic", "after", "--from-literal=a=1"]).ok();
    assert_eq!(stored(), ["key2"]);
    the_old_files_ask_for_nothing(&sandbox);
    let check = sandbox.run(&["certs", "check", NAME, "-o", "wide"]).ok();
    assert!(check.stdout.contains("key2"), "{check}");

    // What a key wrote that is not kept is written anew with the one that is.
    go(&sandbox, ENCRYPTION, &["--phase", "trust"]);
    go(&sandbox, ENCRYPTION, &["--phase", "use"]);
    assert_eq!(stored(), ["key3"]);
    go(&sandbox, ENCRYPTION, &["--back"]);
    go(&sandbox, ENCRYPTION, &["--back"]);
    assert_eq!(stored(), ["key2"]);
    assert_eq!(left(&sandbox), Vec::<String>::new());
    assert_eq!(value_of(&tenant, "s7"), "v7");
    the_old_files_ask_for_nothing(&sandbox);
    nothing_confidential_was_said(&sandbox);
}

/// The names of the keys that the datastore's Secrets are encrypted with.
fn stored_with(etcd: &Etcd, id: &str) -> Vec<String> {
    let run = etcd.run(&["get", "--prefix", &format!("/{id}/secrets/"), "--print-value-only"]).ok();
    let mut names: Vec<String> = run
        .stdout
        .split("k8s:enc:secretbox:v1:")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once(':')?.0.to_owned()))
        .collect();
    let count = etcd.count(&format!("/{id}/secrets/"));
    assert_eq!(names.len() as u64, count, "each Secret names the key it is encrypted with");
    names.sort();
    names.dedup();
    names
}

fn value_of(tenant: &Kube, secret: &str) -> String {
    let value = || tenant.run(&["get", "secret", secret, "-o", "jsonpath={.data.a}"]);
    let value = wait_until("the Secret can be read", Duration::from_secs(30), || {
        let run = value();
        if run.code == Some(0) { Ok(run.stdout) } else { Err(run.to_string()) }
    });
    kubeconfig::decoded(&value)
}

fn nothing_confidential_was_said(sandbox: &TestNamespace) {
    use crate::support::secrets;
    let hidden: Vec<secrets::Hidden> = sandbox.objects("secrets").iter().flat_map(secrets::of_secret).collect();
    assert!(hidden.iter().any(|hidden| hidden.what == "keys-encryption-config/encryption.yaml"));
    for said in sandbox.said() {
        for hidden in &hidden {
            let shown = hidden.is_in(&said.run.stderr) || hidden.is_in(&said.run.stdout);
            assert!(said.asked || !shown, "{} was said by `{}`", hidden.what, said.run.line);
        }
    }
}
