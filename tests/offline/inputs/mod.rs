//! Runs the binary with hostile input, which must be refused with a reason within two seconds of CPU time and 100 MiB.

mod arguments;
mod keys;
mod kubeconfigs;
mod texts;

use std::process::{Command, Stdio};
use std::time::Instant;

use crate::program::{RunResult, Sandbox};

/// Runs the binary with resource limits: two seconds of CPU time, since it is built without optimization, and 100 MiB of
/// data.
fn limited(sandbox: &Sandbox, arguments: &[&str]) -> RunResult {
    limited_with(sandbox, arguments, &[("KUBECONFIG", "nowhere")])
}

/// Like [`limited`], with other environment variables.
fn limited_with(sandbox: &Sandbox, arguments: &[&str], variables: &[(&str, &str)]) -> RunResult {
    let plain = sandbox.command(arguments);
    let mut command = Command::new("bash");
    command.args(["-c", "ulimit -t 2 -d 102400 && exec \"$0\" \"$@\""]).arg(plain.get_program()).args(plain.get_args());
    command.env_clear().env("HOME", sandbox.path()).envs(variables.iter().copied());
    command.current_dir(sandbox.path()).stdin(Stdio::null());
    let start = Instant::now();
    RunResult::of(command.output().unwrap(), start)
}

fn assert_refused(ran: &RunResult, what: &str, message: &str) {
    assert_eq!(ran.code, 2, "{what}: {}", ran.stderr);
    assert!(ran.stderr.contains(message), "{what}: `{message}` is not in:\n{}", ran.stderr);
    assert!(!ran.stderr.contains("panicked") && !ran.stderr.contains('\u{1b}'), "{what}: {}", ran.stderr);
    assert!(ran.stderr.len() < 100_000, "{what}: {} bytes", ran.stderr.len());
}
