//! Runs the binary with broken kubeconfigs: it must not hang or print credentials.

use std::fs::File;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{assert_refused, limited_with};
use crate::program::{RunResult, Sandbox};

const SECRET: &str = "s3cr3tT0kenOfAnAdmin";

/// A kubeconfig for a server that refuses connections.
fn kubeconfig(context: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: {context}\n\
         clusters: [{{name: {context}, cluster: {{server: 'https://127.0.0.1:1'}}}}]\n\
         users: [{{name: {context}, user: {{token: {SECRET}}}}}]\n\
         contexts: [{{name: {context}, context: {{cluster: {context}, user: {context}}}}}]\n"
    )
}

fn list(sandbox: &Sandbox, kubeconfig: &str) -> RunResult {
    let ran = limited_with(sandbox, &["list", "-vv"], &[("KUBECONFIG", kubeconfig), ("RUST_LOG", "trace")]);
    assert!(!ran.stderr.contains(SECRET) && !ran.stdout.contains(SECRET), "{kubeconfig}: {}", ran.stderr);
    ran
}

/// Asserts that the kubeconfig was accepted and its server contacted.
fn assert_contacted(ran: &RunResult, what: &str, context: &str) {
    assert_eq!(ran.code, 5, "{what}: {}", ran.stderr);
    let message = format!("https://127.0.0.1:1 (context `{context}`) cannot be reached");
    assert!(ran.stderr.contains(&message), "{what}: {}", ran.stderr);
}

#[test]
fn kubeconfigs_are_found_and_merged_like_in_kubectl() {
    let sandbox = Sandbox::new();
    sandbox.file("a", &kubeconfig("a"));
    sandbox.file("b", &kubeconfig("b"));
    sandbox.file("none", &kubeconfig("c").replace("current-context: c", "current-context: ''"));
    sandbox.file("windows", &kubeconfig("w").replace('\n', "\r\n"));
    sandbox.file("mark", &format!("\u{feff}{}", kubeconfig("m")));
    std::fs::create_dir(sandbox.path().join(".kube")).unwrap();
    sandbox.file(".kube/config", &kubeconfig("home"));
    for (list_of_files, context) in [
        ("a", "a"),
        ("a:b", "a"),
        ("gone:b", "b"),
        ("::b:", "b"),
        ("none:b", "b"),
        ("windows", "w"),
        ("mark", "m"),
        ("", "home"),
    ] {
        assert_contacted(&list(&sandbox, list_of_files), list_of_files, context);
    }
    let mut shell = Command::new("bash");
    shell.args(["-c", "exec \"$0\" list --kubeconfig <(sleep 0.1; cat a)"]).arg(env!("CARGO_BIN_EXE_kamaji"));
    assert_contacted(
        &RunResult::of(shell.current_dir(sandbox.path()).output().unwrap(), Instant::now()),
        "a pipe",
        "a",
    );
}

#[test]
fn invalid_kubeconfigs_are_refused_at_once_and_not_printed() {
    let sandbox = Sandbox::new();
    File::create(sandbox.path().join("huge")).unwrap().set_len(1 << 30).unwrap();
    assert!(Command::new("mkfifo").arg(sandbox.path().join("pipe")).status().unwrap().success());
    let good = kubeconfig("a");
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(sandbox.path().join("utf16"), utf16).unwrap();
    sandbox.file("cut", &good[..good.find(SECRET).unwrap() + SECRET.len()]);
    sandbox.file("text", SECRET);
    sandbox.file("list", &format!("users: {SECRET}\n"));
    sandbox.file("user", &good.replace("{token:", "[token,").replace(&format!("{SECRET}}}"), &format!("{SECRET}]")));
    sandbox.file("key", &good.replace("token:", "client-key-data:"));
    sandbox.file("context", &good.replace("current-context: a", "current-context: other"));
    sandbox.file("empty", "");
    for (name, message) in [
        ("huge", "huge is larger than 16 MiB"),
        ("/dev/zero", "larger than 16 MiB"),
        ("pipe", "is a pipe without a writer"),
        (".", "is a directory"),
        ("gone", "gone does not exist"),
        ("gone:away", "none of gone, away exists"),
        ("utf16", "utf16 is not UTF-8 text"),
        ("cut", "cut:5:"),
        ("text", "text:1:1: "),
        ("list", "list:1:8: "),
        ("user", "user:5:"),
        ("key", "failed to load client key"),
        ("context", "there is no context `other` in context, which has a"),
        ("empty", "no context is current in empty, and it has no contexts"),
    ] {
        let ran = list(&sandbox, name);
        assert_refused(&ran, name, message);
        assert!(ran.stderr.contains("hint: name the management cluster"), "{name}: {}", ran.stderr);
        assert!(ran.took < Duration::from_secs(20), "{name} took {:?}", ran.took);
    }
    let homeless = sandbox.command(&["list"]).env_clear().output().unwrap();
    assert_refused(&RunResult::of(homeless, Instant::now()), "no home", "neither KUBECONFIG nor HOME is set");
}

#[test]
fn invalid_output_of_credential_plugins_is_not_printed() {
    let sandbox = Sandbox::new();
    let user = |script: &str| {
        let exec = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: bash, args: [-c, SCRIPT]}}";
        kubeconfig("a").replace(&format!("{{token: {SECRET}}}"), &exec.replace("SCRIPT", &format!("'{script}'")))
    };
    for (name, script, message) in [
        ("garbage", format!("echo \"{{token: {SECRET}\""), "printed is no ExecCredential"),
        ("failing", format!("echo {SECRET}; exit 3"), "gives credentials failed (exit status: 3)"),
    ] {
        sandbox.file(name, &user(&script));
        assert_refused(&list(&sandbox, name), name, message);
    }
    sandbox.file("unknown", &user("x").replace("command: bash", "command: no-such-program"));
    assert_refused(&list(&sandbox, "unknown"), "unknown", "the program of the kubeconfig cannot be started");
}
