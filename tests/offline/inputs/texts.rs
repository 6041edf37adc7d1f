//! Configurations and files that it names, made to hurt.

use std::fs::File;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{limited, refused};
use crate::control_plane::MINIMAL;
use crate::program::{Place, Ran};

fn laughs() -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    text
}

#[test]
fn texts_made_to_hurt_are_refused_at_once() {
    let place = Place::new();
    let utf16: Vec<u8> = MINIMAL.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("billion laughs", laughs().into(), "laughs"),
        ("ten megabytes of anchors", "a: &a x\n".repeat(1_400_000).into(), "larger than 1 MiB"),
        ("an alias of itself", "a: &a [*a]\n".into(), "a.yaml:1:"),
        ("merge keys", "<<: &m {a: 1}\nb: {<<: [*m, *m, *m]}\n".into(), "apiVersion"),
        ("a thousand levels", format!("a: {}{}\n", "[".repeat(1000), "]".repeat(1000)).into(), "a.yaml:1:"),
        ("many documents", "---\na: 1\n".repeat(100_000).into(), "a.yaml"),
        ("UTF-16", utf16, "save the file as UTF-8 text"),
        ("a NUL", MINIMAL.replace("v1.37.2", "v1.37\0.2").into(), "a.yaml:3:"),
        ("a tab", MINIMAL.replace("  podSubnet", "\tpodSubnet").into(), "a.yaml:5:2"),
        ("an escape", MINIMAL.replace("v1.37.2", "\"\\e[31mv1\"").into(), "a.yaml:3:"),
        ("an emoji", MINIMAL.replace("networking", "🦀").into(), "a.yaml:4:1"),
        ("a key twice", format!("{MINIMAL}kind: X\n").into(), "a.yaml:6:1"),
        ("nothing", Vec::new(), "a.yaml"),
        ("comments", b"# x\n...\n".to_vec(), "a.yaml"),
    ];
    for (what, bytes, said) in cases {
        let said = if said == "laughs" { "a.yaml:" } else { said };
        std::fs::write(place.path().join("a.yaml"), bytes).unwrap();
        refused(&limited(&place, &["config", "validate", "a.yaml"]), what, said);
    }
    for (what, text) in
        [("lines of Windows", MINIMAL.replace('\n', "\r\n")), ("a byte order mark", format!("\u{feff}{MINIMAL}"))]
    {
        place.file("a.yaml", &text);
        let ran = limited(&place, &["config", "validate", "a.yaml"]);
        assert_eq!(ran.code, 0, "{what}: {}", ran.stderr);
    }
}

/// A sparse file, a device that never ends, a pipe without a writer, a folder, nothing at all.
#[test]
fn what_is_no_file_of_text_is_refused_at_once() {
    let place = Place::new();
    File::create(place.path().join("huge")).unwrap().set_len(1 << 30).unwrap();
    assert!(Command::new("mkfifo").arg(place.path().join("pipe")).status().unwrap().success());
    std::fs::create_dir(place.path().join("folder")).unwrap();
    let cases = [
        ("huge", "larger than 1 MiB"),
        ("/dev/zero", "larger than 1 MiB"),
        ("pipe", "is a pipe that nobody writes to"),
        ("folder", "is a folder"),
        ("gone", "No such file"),
        ("-", "stdin"),
    ];
    for (path, said) in cases {
        let ran = limited(&place, &["config", "validate", path]);
        refused(&ran, path, said);
        assert!(ran.took < Duration::from_secs(20), "{path} took {:?}", ran.took);
        refused(&limited(&place, &["create", "prod", "--kubeadm-config", path]), path, said);
    }
    let closed = place.command(&["config", "validate", "-"]);
    let mut shell = Command::new("bash");
    shell.args(["-c", "exec \"$0\" \"$@\" <&-"]).arg(closed.get_program()).args(closed.get_args());
    refused(&Ran::of(shell.env_clear().output().unwrap(), Instant::now()), "a closed stdin", "stdin");
    let mut shell = Command::new("bash");
    place.file("good.yaml", MINIMAL);
    shell.args(["-c", "exec \"$0\" config validate <(sleep 0.2; cat good.yaml)"]).arg(env!("CARGO_BIN_EXE_kamaji"));
    let written = Ran::of(shell.current_dir(place.path()).output().unwrap(), Instant::now());
    assert_eq!(written.code, 0, "a pipe that somebody writes to: {}", written.stderr);
}

fn with_audit(place: &Place) {
    let named = "apiServer:\n  extraArgs:\n  - name: audit-webhook-config-file\n    value: /etc/x\n";
    place.file("prod.yaml", &format!("{MINIMAL}{named}"));
}

fn render(place: &Place, file: &str) -> Ran {
    let arguments =
        ["render", "prod", "--kubeadm-config", "prod.yaml", "--endpoint", "192.0.2.10:6443", "--show-secrets"];
    limited(place, &[&arguments[..], &["--file", file]].concat())
}

#[test]
fn files_that_cannot_be_given_are_refused_at_once() {
    let place = Place::new();
    with_audit(&place);
    std::fs::write(place.path().join("large"), vec![0; 1024 * 1024 + 1]).unwrap();
    place.file("small", "x");
    assert!(Command::new("mkfifo").arg(place.path().join("pipe")).status().unwrap().success());
    for folder in ["empty", "out", "pipes", "many", "dots"] {
        std::fs::create_dir(place.path().join(folder)).unwrap();
    }
    std::os::unix::fs::symlink("/etc/passwd", place.path().join("out/passwd")).unwrap();
    std::fs::hard_link(place.path().join("pipe"), place.path().join("pipes/pipe")).unwrap();
    place.file("dots/..data", "x");
    for number in 0..300 {
        place.file(&format!("many/{number}"), "x");
    }
    for (file, said) in [
        ("/etc/x=gone", "No such file"),
        ("/etc/x=large", "larger than 1 MiB"),
        ("/etc/x=/dev/zero", "larger than 1 MiB"),
        ("/etc/x=pipe", "nobody writes to"),
        ("/etc/x=empty", "has no files"),
        ("/etc/x=out", "leads out of the folder"),
        ("/etc/x=pipes", "is neither a file nor a folder"),
        ("/etc/x=dots", "a name that no pod takes"),
        ("/etc/x=many", "more than 1 MiB or 256 files"),
        ("/etc/x=/", ""),
        ("/etc/x", "write it as PATH=LOCAL"),
        ("=small", "write it as PATH=LOCAL"),
        ("/etc/x=", "write it as PATH=LOCAL"),
        ("/etc/../x=small", "without `..`"),
        ("/etc/y=small", "/etc/x"),
    ] {
        refused(&render(&place, file), file, said);
    }
}

#[test]
fn a_given_file_is_in_a_secret_and_mounted_whatever_is_in_it() {
    let place = Place::new();
    with_audit(&place);
    std::fs::write(place.path().join("binary"), [0, 159, 146, 150]).unwrap();
    let ran = render(&place, "/etc/x=binary");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("AJ+Slg=="), "the content in base64");
    assert!(ran.stdout.contains("mountPath: /etc/x\n"), "{}", ran.stdout);

    std::fs::create_dir_all(place.path().join("folder/sub")).unwrap();
    place.file("folder/🦀 crab.pem", "one");
    place.file("folder/sub/b", "two");
    std::os::unix::fs::symlink("sub/b", place.path().join("folder/link")).unwrap();
    place.file(
        "prod.yaml",
        &format!("{MINIMAL}apiServer:\n  extraVolumes:\n  - {{name: v, hostPath: /h, mountPath: /m}}\n"),
    );
    let ran = render(&place, "/h=folder");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for path in ["path: 🦀 crab.pem", "path: sub/b", "path: link"] {
        assert!(ran.stdout.contains(path), "{path} is not in {}", ran.stdout);
    }
}
