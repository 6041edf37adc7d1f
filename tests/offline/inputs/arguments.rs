//! Arguments made to hurt: names that mean something else, and text that steers terminals.

use std::process::{Command, Stdio};
use std::time::Instant;

use super::{limited, refused};
use crate::control_plane::MINIMAL;
use crate::program::{Place, Ran};

#[test]
fn a_name_that_no_control_plane_can_have_is_refused_with_the_rule() {
    let place = Place::new();
    place.file("prod.yaml", MINIMAL);
    let long = "a".repeat(64);
    for name in [
        "1abc",
        "A",
        "a.b",
        "a_b",
        "a b",
        "-rf",
        "--help",
        "",
        "../../x",
        "\u{e4}",
        "a\u{202e}b",
        "\u{1b}[31mred",
        &long,
    ] {
        let ran = limited(&place, &["create", "--kubeadm-config", "prod.yaml", "--", name]);
        refused(&ran, name, "use at most 63 lower-case letters, digits and `-`, starting with a letter");
        assert!(!ran.stderr.contains('\u{202e}'), "{}", ran.stderr);
    }
    for name in ["kube-system", "kubernetes", "kamaji"] {
        refused(&limited(&place, &["create", name, "--kubeadm-config", "prod.yaml"]), name, "would be mistaken for it");
    }
}

#[test]
fn values_out_of_range_are_refused_before_anything_is_read() {
    let place = Place::new();
    for (flag, values) in [
        (
            "--endpoint",
            &[
                "0.0.0.0",
                "::",
                "224.0.0.1",
                "169.254.1.1",
                "127.0.0.1",
                "a:0",
                "a:65536",
                "a:+6443",
                "a b",
                "https://a",
            ][..],
        ),
        ("--replicas", &["0", "51", "x", "1.5", "99999999999999999999"]),
        ("--timeout", &["5", "x", "", "99999999999999999999h"]),
        ("--datastore", &["A", "a/b", "", "\u{1b}[2J"]),
        ("--label", &["a", "=b", "a=b c", "\u{1b}[2J=x"]),
        ("--namespace", &["A", "a.b", "", "\u{1b}]0;x\u{7}"]),
        ("--output", &["xml"]),
    ] {
        for value in values {
            let given = format!("{flag}={value}");
            refused(
                &limited(&place, &["create", "prod", "--kubeadm-config", "gone.yaml", &given]),
                &given,
                "error: invalid value",
            );
        }
    }
}

/// What the program writes to a terminal.
fn on_a_terminal(place: &Place, arguments: &str) -> Ran {
    let mut command = Command::new("script");
    let line = format!("{} {arguments}", env!("CARGO_BIN_EXE_kamaji"));
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]).current_dir(place.path());
    command.env("KUBECONFIG", "nowhere").env("SHELL", "/bin/bash").env("TERM", "xterm").stdin(Stdio::null());
    let begun = Instant::now();
    Ran::of(command.output().unwrap(), begun)
}

#[test]
fn what_was_typed_cannot_steer_the_terminal() {
    let place = Place::new();
    for arguments in [
        "list -n $'\\e]0;title\\a'",
        "create $'\\e[2J' --kubeadm-config x",
        "$'\\e]0;title\\a'",
        "list --context $'\\e]0;title\\a'",
        "list --kubeconfig $'\\e]0;title\\a'",
        "config validate $'\\e]0;title\\a'",
        "status $'a\\u202eb'",
    ] {
        let ran = on_a_terminal(&place, arguments);
        assert_eq!(ran.code, 2, "{arguments}: {}", ran.stdout);
        for bad in ["\u{1b}]0;", "\u{1b}[2J", "\u{202e}", "\u{7}"] {
            assert!(!ran.stdout.contains(bad), "{arguments}: {:?}", ran.stdout);
        }
    }
    let help = on_a_terminal(&place, "--help");
    assert!(
        help.code == 0 && help.stdout.contains("\u{1b}["),
        "colours are left where nothing steers: {}",
        help.stdout
    );
}
