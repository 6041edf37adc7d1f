//! Runs the binary with hostile configuration files, and hostile files that these name.

use std::fs::File;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{assert_refused, limited};
use crate::control_plane::MINIMAL;
use crate::program::{RunResult, Sandbox};

/// A "billion laughs" of nested aliases.
fn laughs() -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    text
}

#[test]
fn hostile_texts_are_refused_at_once() {
    let sandbox = Sandbox::new();
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
    for (what, bytes, message) in cases {
        let message = if message == "laughs" { "a.yaml:" } else { message };
        std::fs::write(sandbox.path().join("a.yaml"), bytes).unwrap();
        assert_refused(&limited(&sandbox, &["config", "validate", "a.yaml"]), what, message);
    }
    for (what, text) in
        [("lines of Windows", MINIMAL.replace('\n', "\r\n")), ("a byte order mark", format!("\u{feff}{MINIMAL}"))]
    {
        sandbox.file("a.yaml", &text);
        let ran = limited(&sandbox, &["config", "validate", "a.yaml"]);
        assert_eq!(ran.code, 0, "{what}: {}", ran.stderr);
    }
}

/// A sparse file, an endless device, a pipe without a writer, a directory, and a missing file.
#[test]
fn paths_that_are_not_text_files_are_refused_at_once() {
    let sandbox = Sandbox::new();
    File::create(sandbox.path().join("huge")).unwrap().set_len(1 << 30).unwrap();
    assert!(Command::new("mkfifo").arg(sandbox.path().join("pipe")).status().unwrap().success());
    std::fs::create_dir(sandbox.path().join("folder")).unwrap();
    let cases = [
        ("huge", "larger than 1 MiB"),
        ("/dev/zero", "larger than 1 MiB"),
        ("pipe", "is a pipe without a writer"),
        ("folder", "is a directory"),
        ("gone", "No such file"),
        ("-", "stdin"),
    ];
    for (path, message) in cases {
        let ran = limited(&sandbox, &["config", "validate", path]);
        assert_refused(&ran, path, message);
        assert!(ran.took < Duration::from_secs(20), "{path} took {:?}", ran.took);
        assert_refused(&limited(&sandbox, &["create", "prod", "--kubeadm-config", path]), path, message);
    }
    let closed = sandbox.command(&["config", "validate", "-"]);
    let mut shell = Command::new("bash");
    shell.args(["-c", "exec \"$0\" \"$@\" <&-"]).arg(closed.get_program()).args(closed.get_args());
    assert_refused(&RunResult::of(shell.env_clear().output().unwrap(), Instant::now()), "a closed stdin", "stdin");
    let mut shell = Command::new("bash");
    sandbox.file("good.yaml", MINIMAL);
    shell.args(["-c", "exec \"$0\" config validate <(sleep 0.2; cat good.yaml)"]).arg(env!("CARGO_BIN_EXE_kamaji"));
    let written = RunResult::of(shell.current_dir(sandbox.path()).output().unwrap(), Instant::now());
    assert_eq!(written.code, 0, "a pipe with a writer: {}", written.stderr);
}

fn write_config_with_audit_file(sandbox: &Sandbox) {
    let named = "apiServer:\n  extraArgs:\n  - name: audit-webhook-config-file\n    value: /etc/x\n";
    sandbox.file("prod.yaml", &format!("{MINIMAL}{named}"));
}

fn render(sandbox: &Sandbox, file: &str) -> RunResult {
    let arguments =
        ["render", "prod", "--kubeadm-config", "prod.yaml", "--endpoint", "192.0.2.10:6443", "--show-secrets"];
    limited(sandbox, &[&arguments[..], &["--file", file]].concat())
}

#[test]
fn invalid_supplied_files_are_refused_at_once() {
    let sandbox = Sandbox::new();
    write_config_with_audit_file(&sandbox);
    std::fs::write(sandbox.path().join("large"), vec![0; 1024 * 1024 + 1]).unwrap();
    sandbox.file("small", "x");
    assert!(Command::new("mkfifo").arg(sandbox.path().join("pipe")).status().unwrap().success());
    for folder in ["empty", "out", "pipes", "many", "dots"] {
        std::fs::create_dir(sandbox.path().join(folder)).unwrap();
    }
    std::os::unix::fs::symlink("/etc/passwd", sandbox.path().join("out/passwd")).unwrap();
    std::fs::hard_link(sandbox.path().join("pipe"), sandbox.path().join("pipes/pipe")).unwrap();
    sandbox.file("dots/..data", "x");
    for number in 0..300 {
        sandbox.file(&format!("many/{number}"), "x");
    }
    for (file, message) in [
        ("/etc/x=gone", "No such file"),
        ("/etc/x=large", "larger than 1 MiB"),
        ("/etc/x=/dev/zero", "larger than 1 MiB"),
        ("/etc/x=pipe", "is a pipe without a writer"),
        ("/etc/x=empty", "contains no files"),
        ("/etc/x=out", "points outside of the directory"),
        ("/etc/x=pipes", "is neither a file nor a directory"),
        ("/etc/x=dots", "a name that is not allowed in a volume"),
        ("/etc/x=many", "more than 1 MiB or 256 files"),
        ("/etc/x=/", ""),
        ("/etc/x", "expected PATH=LOCAL"),
        ("=small", "expected PATH=LOCAL"),
        ("/etc/x=", "expected PATH=LOCAL"),
        ("/etc/../x=small", "without `..`"),
        ("/etc/y=small", "/etc/x"),
    ] {
        assert_refused(&render(&sandbox, file), file, message);
    }
}

#[test]
fn supplied_files_of_any_content_are_stored_in_a_secret_and_mounted() {
    let sandbox = Sandbox::new();
    write_config_with_audit_file(&sandbox);
    std::fs::write(sandbox.path().join("binary"), [0, 159, 146, 150]).unwrap();
    let ran = render(&sandbox, "/etc/x=binary");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("AJ+Slg=="), "the content is not in the output: {}", ran.stdout);
    assert!(ran.stdout.contains("mountPath: /etc/x\n"), "{}", ran.stdout);

    std::fs::create_dir_all(sandbox.path().join("folder/sub")).unwrap();
    sandbox.file("folder/🦀 crab.pem", "one");
    sandbox.file("folder/sub/b", "two");
    std::os::unix::fs::symlink("sub/b", sandbox.path().join("folder/link")).unwrap();
    sandbox.file(
        "prod.yaml",
        &format!("{MINIMAL}apiServer:\n  extraVolumes:\n  - {{name: v, hostPath: /h, mountPath: /m}}\n"),
    );
    let ran = render(&sandbox, "/h=folder");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for path in ["path: 🦀 crab.pem", "path: sub/b", "path: link"] {
        assert!(ran.stdout.contains(path), "{path} is not in {}", ran.stdout);
    }
}
