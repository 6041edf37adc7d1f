//! The user's kubeconfig as it should not be: nothing hangs, and nothing of it is repeated.

use std::fs::File;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{limited_with, refused};
use crate::program::{Place, Ran};

const SECRET: &str = "s3cr3tT0kenOfSomebody";

/// A kubeconfig for a server that does not answer.
fn kubeconfig(context: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: {context}\n\
         clusters: [{{name: {context}, cluster: {{server: 'https://127.0.0.1:1'}}}}]\n\
         users: [{{name: {context}, user: {{token: {SECRET}}}}}]\n\
         contexts: [{{name: {context}, context: {{cluster: {context}, user: {context}}}}}]\n"
    )
}

fn list(place: &Place, kubeconfig: &str) -> Ran {
    let ran = limited_with(place, &["list", "-vv"], &[("KUBECONFIG", kubeconfig), ("RUST_LOG", "trace")]);
    assert!(!ran.stderr.contains(SECRET) && !ran.stdout.contains(SECRET), "{kubeconfig}: {}", ran.stderr);
    ran
}

/// It was understood: the server that it names is asked.
fn asked(ran: &Ran, what: &str, context: &str) {
    assert_eq!(ran.code, 5, "{what}: {}", ran.stderr);
    let said = format!("https://127.0.0.1:1 (context `{context}`) cannot be reached");
    assert!(ran.stderr.contains(&said), "{what}: {}", ran.stderr);
}

#[test]
fn kubeconfigs_are_found_and_put_together_as_kubectl_does() {
    let place = Place::new();
    place.file("a", &kubeconfig("a"));
    place.file("b", &kubeconfig("b"));
    place.file("none", &kubeconfig("c").replace("current-context: c", "current-context: ''"));
    place.file("windows", &kubeconfig("w").replace('\n', "\r\n"));
    place.file("mark", &format!("\u{feff}{}", kubeconfig("m")));
    std::fs::create_dir(place.path().join(".kube")).unwrap();
    place.file(".kube/config", &kubeconfig("home"));
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
        asked(&list(&place, list_of_files), list_of_files, context);
    }
    let mut shell = Command::new("bash");
    shell.args(["-c", "exec \"$0\" list --kubeconfig <(sleep 0.1; cat a)"]).arg(env!("CARGO_BIN_EXE_kamaji"));
    asked(&Ran::of(shell.current_dir(place.path()).output().unwrap(), Instant::now()), "a pipe", "a");
}

#[test]
fn a_kubeconfig_that_cannot_be_used_is_refused_at_once_and_not_repeated() {
    let place = Place::new();
    File::create(place.path().join("huge")).unwrap().set_len(1 << 30).unwrap();
    assert!(Command::new("mkfifo").arg(place.path().join("pipe")).status().unwrap().success());
    let good = kubeconfig("a");
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(place.path().join("utf16"), utf16).unwrap();
    place.file("cut", &good[..good.find(SECRET).unwrap() + SECRET.len()]);
    place.file("text", SECRET);
    place.file("list", &format!("users: {SECRET}\n"));
    place.file("user", &good.replace("{token:", "[token,").replace(&format!("{SECRET}}}"), &format!("{SECRET}]")));
    place.file("key", &good.replace("token:", "client-key-data:"));
    place.file("context", &good.replace("current-context: a", "current-context: other"));
    place.file("empty", "");
    for (name, said) in [
        ("huge", "huge is larger than 16 MiB"),
        ("/dev/zero", "larger than 16 MiB"),
        ("pipe", "is a pipe that nobody writes to"),
        (".", "is a folder"),
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
        let ran = list(&place, name);
        refused(&ran, name, said);
        assert!(ran.stderr.contains("hint: name the management cluster"), "{name}: {}", ran.stderr);
        assert!(ran.took < Duration::from_secs(20), "{name} took {:?}", ran.took);
    }
    let homeless = place.command(&["list"]).env_clear().output().unwrap();
    refused(&Ran::of(homeless, Instant::now()), "no home", "neither KUBECONFIG nor HOME is set");
}

#[test]
fn what_a_program_gives_as_credentials_is_not_repeated_when_it_is_wrong() {
    let place = Place::new();
    let user = |script: &str| {
        let exec = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: bash, args: [-c, SCRIPT]}}";
        kubeconfig("a").replace(&format!("{{token: {SECRET}}}"), &exec.replace("SCRIPT", &format!("'{script}'")))
    };
    for (name, script, said) in [
        ("garbage", format!("echo \"{{token: {SECRET}\""), "printed is no ExecCredential"),
        ("failing", format!("echo {SECRET}; exit 3"), "gives credentials failed (exit status: 3)"),
    ] {
        place.file(name, &user(&script));
        refused(&list(&place, name), name, said);
    }
    place.file("unknown", &user("x").replace("command: bash", "command: no-such-program"));
    refused(&list(&place, "unknown"), "unknown", "the program of the kubeconfig cannot be started");
}
