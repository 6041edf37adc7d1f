//! The documentation, followed to the letter: each command of the tutorial is run as it is printed, and must print what is
//! shown.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::cluster::management::{kubectl, sources, with_addresses};
use crate::support::console::{agrees, find_line, steps};
use crate::support::{Host, TestNamespace, management, run, wait_until};

/// Follows a page. What is typed on a machine is typed on `worker`; a line that was printed for the reader to copy is
/// copied.
fn follow(sandbox: &TestNamespace, page: &str, worker: &Host) {
    let text = with_addresses(&std::fs::read_to_string(sources().join(page)).expect("the page is there"));
    let mut printed = String::new();
    for step in steps(&text) {
        let command = find_line(&step.command, &printed).unwrap_or(&step.command).to_owned();
        // A look may come a moment too early; all else is done once.
        let patience = if command.starts_with("kamaji status ") { Duration::from_secs(60) } else { Duration::ZERO };
        let what = format!("{page}:{} shows\n{}", step.line, step.shown);
        printed += &wait_until(&what, patience, || {
            let done = match &step.machine {
                None => run(shell(sandbox, &format!("exec 2>&1\n{command}"))),
                Some(machine) => {
                    assert_eq!(machine, worker.name(), "{page}:{}", step.line);
                    worker.run(&["sh", "-c", &format!("exec 2>&1\n{command}")])
                }
            };
            let done = done.ok();
            if agrees(&step.shown, &done.stdout) { Ok(done.stdout) } else { Err(done.to_string()) }
        });
    }
}

/// bash with what a reader has: kamaji, kubectl, and a kubeconfig.
fn shell(sandbox: &TestNamespace, command: &str) -> Command {
    let folder = |program: &Path| program.parent().expect("programs are in folders").display().to_string();
    let kamaji = folder(Path::new(env!("CARGO_BIN_EXE_kamaji")));
    let path = format!("{kamaji}:{}:/usr/bin:/bin", folder(&kubectl()));
    let mut shell = Command::new("bash");
    shell.args(["-c", command]).current_dir(sandbox.files.path());
    shell.env_clear().env("PATH", path).env("HOME", sandbox.files.path()).env("KUBECONFIG", management().kubeconfig());
    shell
}

#[test]
fn the_readme_session_works_as_printed() {
    let sandbox = TestNamespace::at_once("docs");
    std::os::unix::fs::symlink(sources().join("examples"), sandbox.files.path().join("examples")).expect("it is new");
    let worker = Host::add("docs-1", &[]);
    follow(&sandbox, "README.md", &worker);
}

#[test]
fn the_tutorial_works_as_printed() {
    let sandbox = TestNamespace::without_namespace("tutorial");
    let worker = Host::add("first-worker", &[]);
    follow(&sandbox, "docs/tutorials/first-control-plane.md", &worker);
}
