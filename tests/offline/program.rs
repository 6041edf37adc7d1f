//! Runs the binary in a clean environment: an empty home directory, no other variables, no cluster.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A temporary directory to run in.
pub(crate) struct Sandbox {
    folder: TempDir,
}

/// The result of a run.
pub(crate) struct RunResult {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Creates a file in the directory.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The binary with these arguments; `KUBECONFIG` is a file that does not exist.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kamaji"));
        command.args(arguments).env_clear().current_dir(self.path()).stdin(Stdio::null());
        command.env("HOME", self.path()).env("KUBECONFIG", self.path().join("nowhere"));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> RunResult {
        let start = Instant::now();
        RunResult::of(self.command(arguments).output().unwrap(), start)
    }

    /// Runs the binary with text on stdin.
    pub(crate) fn run_with(&self, arguments: &[&str], stdin: &str) -> RunResult {
        let start = Instant::now();
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Ignore a broken pipe: the binary may exit before it has read all input.
        drop(child.stdin.take().unwrap().write_all(stdin.as_bytes()));
        RunResult::of(child.wait_with_output().unwrap(), start)
    }
}

impl RunResult {
    pub(crate) fn of(output: Output, start: Instant) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap_or(-1);
        Self { code, stdout: text(output.stdout), stderr: text(output.stderr), took: start.elapsed() }
    }
}
