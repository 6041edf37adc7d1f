//! The program where no server answers: help, exit codes, errors, and `render` from a file alone.

use std::process::Stdio;
use std::time::{Duration, Instant};

use clap::CommandFactory as _;
use kamaji::cli::Cli;
use kamaji::yaml;
use serde_json::Value;

use crate::control_plane::MINIMAL;
use crate::program::{Place, Ran};

const ENDPOINT: &str = "192.0.2.10:6443";

fn with_file(text: &str) -> Place {
    let place = Place::new();
    place.file("prod.yaml", text);
    place
}

fn render(place: &Place, more: &[&str]) -> Ran {
    let mut arguments = vec!["render", "prod", "--kubeadm-config", "prod.yaml", "--endpoint", ENDPOINT];
    arguments.extend(more);
    place.run(&arguments)
}

/// It failed with this code, told why on stderr, and left stdout alone.
fn failed(ran: &Ran, code: i32, said: &[&str]) {
    assert_eq!(ran.code, code, "{}", ran.stderr);
    assert_eq!(ran.stdout, "", "a failure leaves nothing on stdout");
    assert!(ran.stderr.lines().any(|line| line.starts_with("error: ")), "{}", ran.stderr);
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    for text in said {
        assert!(ran.stderr.contains(text), "`{text}` is not in:\n{}", ran.stderr);
    }
}

fn objects(text: &str) -> Vec<Value> {
    yaml::read_documents("stdout", text).unwrap().iter().map(|document| document.root.to_json()).collect()
}

/// A kubeconfig whose server is nobody.
fn kubeconfig_of(server: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters:\n- name: c\n  cluster: {{server: \"{server}\"}}\n\
         contexts:\n- name: c\n  context: {{cluster: c, user: u}}\nusers:\n- name: u\n  user: {{token: secret-token}}\n"
    )
}

#[test]
fn help_is_as_agreed() {
    let place = Place::new();
    let mut program = Cli::command();
    program.build();
    let mut paths = vec![Vec::new()];
    while let Some(path) = paths.pop() {
        let command = path.iter().fold(&program, |command, name| command.find_subcommand(name).unwrap());
        for name in command.get_subcommands().map(clap::Command::get_name).filter(|name| *name != "help") {
            paths.push([path.clone(), vec![name.to_owned()]].concat());
        }
        let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
        arguments.push("--help");
        let ran = place.run(&arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        let widest = ran.stdout.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(120), "{path:?}: a line of {widest:?} characters");
        insta::with_settings!({
            snapshot_path => "snapshots/help",
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, { insta::assert_snapshot!(
            std::iter::once("kamaji").chain(path.iter().map(String::as_str)).collect::<Vec<_>>().join("-"),
            ran.stdout
        ); });
    }
}

#[test]
fn the_version_is_one_line_on_stdout() {
    let ran = Place::new().run(&["--version"]);
    assert_eq!((ran.code, ran.stdout), (0, format!("kamaji {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn what_is_typed_wrong_is_refused_before_anything_else() {
    let place = with_file(MINIMAL);
    let create = ["create", "prod", "--kubeadm-config", "prod.yaml"];
    failed(&place.run(&["create", "Prod!", "--kubeadm-config", "prod.yaml"]), 2, &["Prod!", "lower-case letters"]);
    failed(&place.run(&["status", "1abc"]), 2, &["starting with a letter"]);
    failed(&place.run(&["creat"]), 2, &["create"]);
    failed(&place.run(&[&create[..], &["--replicas", "0"]].concat()), 2, &["--replicas"]);
    failed(&place.run(&[&create[..], &["--timeout", "soon"]].concat()), 2, &["90s, 5m, 24h or 30d"]);
    failed(&place.run(&[&create[..], &["--endpoint", "0.0.0.0"]].concat()), 2, &["workers must be able to connect"]);
    failed(&place.run(&[&create[..], &["--expose", "ingress"]].concat()), 2, &["load-balancer"]);
    failed(&place.run(&["kubeconfig", "prod", "--file", "a", "--merge"]), 2, &["--merge"]);
    failed(&place.run(&["create", "prod"]), 2, &["--kubeadm-config"]);
}

#[test]
fn what_nobody_may_be_given_is_refused_before_a_server_is_asked() {
    let place = Place::new();
    failed(&place.run(&["kubeconfig"]), 2, &["<NAME"]);
    failed(&place.run(&["kubeconfig", "prod", "-A"]), 2, &["--all-namespaces"]);
    let masters = ["kubeconfig", "prod", "--user", "jane", "--group", "system:masters"];
    failed(&place.run(&masters), 2, &["system:", "--allow-system"]);
    failed(&place.run(&["kubeconfig", "prod", "--user", "jane", "--ttl", "0"]), 2, &["10 minutes"]);
    failed(&place.run(&["kubeconfig", "prod", "--ttl", "1h"]), 2, &["--user jane"]);
    failed(&place.run(&["node", "drain", "prod", "Worker_1"]), 2, &["node name", "kamaji node list"]);
    failed(&place.run(&["node", "remove", "prod"]), 2, &["<NODE>"]);
    failed(&place.run(&["join", "prod", "--host=-oProxyCommand=x"]), 2, &["USER@HOST"]);
    failed(&place.run(&["join", "prod", "--host", "a", "--parallel", "0"]), 2, &["--parallel"]);
}

#[test]
fn a_missing_file_and_a_folder_are_told() {
    let place = Place::new();
    failed(&place.run(&["create", "prod", "--kubeadm-config", "gone.yaml"]), 2, &["gone.yaml", "No such file"]);
    failed(&place.run(&["create", "prod", "--kubeadm-config", "."]), 2, &["is a folder"]);
}

#[test]
fn a_mistake_in_the_file_is_told_with_its_place_whether_a_server_answers_or_not() {
    let broken = format!("{MINIMAL}  serviceSubnett: 10.96.0.0/12\n");
    let said = ["prod.yaml:6:3", "serviceSubnet"];
    failed(&with_file(&broken).run(&["create", "prod", "--kubeadm-config", "prod.yaml"]), 2, &said);
    failed(&render(&with_file(&broken), &[]), 2, &said);
    failed(&render(&with_file("kind: [\n"), &[]), 2, &["prod.yaml:"]);
    failed(&render(&with_file(""), &[]), 2, &["prod.yaml"]);
}

#[test]
fn all_mistakes_of_a_file_are_told_together() {
    let broken = format!("{MINIMAL}  dnsDomain: \"a b\"\nimageRepository: https://x\nencryptionAlgorithm: DSA\n");
    failed(
        &render(&with_file(&broken), &[]),
        2,
        &["3 problems", "dnsDomain", "imageRepository", "encryptionAlgorithm"],
    );
}

#[test]
fn the_file_may_come_from_stdin() {
    let place = Place::new();
    let arguments = ["render", "prod", "--kubeadm-config", "-", "--endpoint", ENDPOINT];
    assert_eq!(place.run_with(&arguments, MINIMAL).code, 0);
    failed(&place.run_with(&arguments, "a: 1\na: 2\n"), 2, &["stdin:2:1"]);
}

#[test]
fn without_a_kubeconfig_it_says_how_to_name_one() {
    let place = with_file(MINIMAL);
    for arguments in [&["list"][..], &["status", "prod"], &["create", "prod", "--kubeadm-config", "prod.yaml"]] {
        failed(&place.run(arguments), 2, &["kubeconfig", "hint: ", "--kubeconfig FILE"]);
    }
    failed(&place.run(&["list", "--kubeconfig", "gone"]), 2, &["gone"]);
    place.file("config", &kubeconfig_of("https://127.0.0.1:1"));
    failed(&place.run(&["list", "--kubeconfig", "config", "--context", "other"]), 2, &["other"]);
}

#[test]
fn a_server_that_is_not_there_is_told_at_once() {
    let place = with_file(MINIMAL);
    place.file("config", &kubeconfig_of("https://127.0.0.1:1"));
    for arguments in [
        &["list", "--kubeconfig", "config"][..],
        &["delete", "prod", "--yes", "--kubeconfig", "config"],
        &["create", "prod", "--kubeadm-config", "prod.yaml", "--kubeconfig", "config"],
    ] {
        let ran = place.run(arguments);
        failed(&ran, 5, &["https://127.0.0.1:1", "cannot be reached", "hint: "]);
        assert!(!ran.stderr.contains("secret-token"), "{}", ran.stderr);
        assert!(ran.took < Duration::from_secs(5), "{arguments:?} took {:?}", ran.took);
    }
}

#[test]
fn what_is_logged_holds_no_credentials() {
    let place = Place::new();
    place.file("config", &kubeconfig_of("https://127.0.0.1:1"));
    let ran = place.run(&["list", "--kubeconfig", "config", "-vv"]);
    assert_eq!(ran.code, 5);
    assert!(!ran.stderr.contains("secret-token"), "{}", ran.stderr);
}

#[test]
fn render_from_a_file_alone_says_so() {
    let ran = render(&with_file(MINIMAL), &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("rendered from the file alone"), "{}", ran.stderr);
}

#[test]
fn render_from_a_file_alone_is_the_same_to_the_byte_at_each_run() {
    let place = with_file(MINIMAL);
    assert!(render(&place, &[]).stdout == render(&place, &[]).stdout);
}

#[test]
fn render_prints_objects_and_no_secret_unless_asked() {
    let place = with_file(MINIMAL);
    let kinds = |ran: &Ran| {
        let kinds = objects(&ran.stdout);
        kinds.iter().map(|object| object["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let plain = render(&place, &[]);
    assert_eq!(kinds(&plain), ["ServiceAccount", "Service", "ConfigMap", "ConfigMap", "NetworkPolicy", "Deployment"]);
    assert!(!plain.stdout.contains("PRIVATE KEY"));
    let all = render(&place, &["--show-secrets"]);
    assert!(kinds(&all).iter().filter(|kind| *kind == "Secret").count() > 5, "{:?}", kinds(&all));
    for object in objects(&all.stdout) {
        assert_eq!(object["metadata"]["namespace"], "default", "{}", object["kind"]);
    }
}

#[test]
fn render_needs_to_know_where_it_will_be_reached() {
    let place = with_file(MINIMAL);
    failed(&place.run(&["render", "prod", "--kubeadm-config", "prod.yaml"]), 2, &["--endpoint HOST:PORT"]);
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let place = with_file(MINIMAL);
    let render = ["render", "prod", "--kubeadm-config", "prod.yaml", "--endpoint", ENDPOINT];
    for arguments in [&["completion", "bash"][..], &["--help"], &render] {
        let (gone, writer) = std::io::pipe().unwrap();
        drop(gone);
        let begun = Instant::now();
        let output = place.command(arguments).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        let ran = Ran::of(output, begun);
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    }
}

#[test]
fn a_result_that_could_not_be_written_is_a_failure() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status = Place::new().command(&["completion", "bash"]).stdout(full).status().unwrap();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn render_refuses_a_kubeconfig_that_was_named_and_is_not_there() {
    failed(&render(&with_file(MINIMAL), &["--kubeconfig", "gone"]), 2, &["gone"]);
}

#[test]
fn a_listener_to_errors_that_went_away_is_no_panic() {
    let place = Place::new();
    let (gone, writer) = std::io::pipe().unwrap();
    drop(gone);
    let status = place.command(&["list"]).stderr(writer).stdout(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(2));
}

#[test]
fn colours_are_used_when_asked_for_and_never_with_no_color() {
    let place = Place::new();
    let coloured = |arguments: &[&str], no_color: bool| {
        let mut command = place.command(arguments);
        if no_color {
            command.env("NO_COLOR", "1");
        }
        String::from_utf8(command.output().unwrap().stderr).unwrap().contains('\u{1b}')
    };
    assert!(!coloured(&["list"], false), "stderr is no terminal");
    assert!(!coloured(&["list"], true));
    assert!(!coloured(&["list", "--color", "never"], false));
    assert!(coloured(&["list", "--color", "always"], false));
}

#[test]
fn completion_is_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = Place::new().run(&["completion", shell]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{shell}");
        assert!(ran.stdout.contains("kamaji"), "{shell}");
    }
}
