//! Running a program: with a time limit, with everything it said. Says what was run when it went wrong.

use std::io::Write as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What a program did.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// What was run.
    pub(crate) line: String,
    /// Its exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// What it wrote to stdout.
    pub(crate) stdout: String,
    /// What it wrote to stderr.
    pub(crate) stderr: String,
    /// How long it took.
    pub(crate) took: Duration,
}

impl Run {
    /// Itself, if the exit code is `code`.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert!(self.code == Some(code), "exit code {code} was expected of {self}");
        self
    }

    /// Itself, if it succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.exits(0)
    }

    /// Its stdout without white space around it, if it succeeded.
    #[track_caller]
    pub(crate) fn text(self) -> String {
        self.ok().stdout.trim().to_owned()
    }

    /// Its stdout as JSON, if it succeeded.
    #[track_caller]
    pub(crate) fn json(self) -> serde_json::Value {
        let run = self.ok();
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("no JSON ({error}) from {run}"))
    }

    /// Itself, if stderr contains each of the words.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "stderr does not say `{word}`: {self}");
        }
        self
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let code = self.code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
        write!(f, "`{}` ({code}, {:.1} s)", self.line, self.took.as_secs_f32())?;
        write!(f, "\n--- stdout\n{}\n--- stderr\n{}\n---", self.stdout.trim_end(), self.stderr.trim_end())
    }
}

/// A program that is running.
#[derive(Debug)]
pub(crate) struct Running {
    line: String,
    child: Child,
    begun: Instant,
    stdout: JoinHandle<String>,
    stderr: JoinHandle<String>,
}

/// Starts a program; `input` is its stdin.
pub(crate) fn start(mut command: Command, input: &str) -> Running {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("`{line}` cannot be run: {error}"));
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    let input = input.to_owned();
    // A program that does not read its input is no failure.
    thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let stdout = collect(child.stdout.take().expect("stdout is a pipe"));
    let stderr = collect(child.stderr.take().expect("stderr is a pipe"));
    Running { line, child, begun: Instant::now(), stdout, stderr }
}

fn collect(mut pipe: impl std::io::Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before a broken pipe is what there is.
        drop(pipe.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

impl Running {
    /// Ends the program as the kernel does when memory runs out.
    pub(crate) fn kill(&mut self) {
        // It may have ended this moment.
        drop(self.child.kill());
    }

    /// Sends it a signal, for example `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status();
        assert!(sent.expect("sh runs").success(), "{name} could not be sent to `{}`", self.line);
    }

    /// The most memory that it ever had in use, in KiB; `None` once it has ended.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.split_whitespace().next()?.parse().ok()
    }

    /// Its exit status, once it has ended.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of ours can be waited for")
    }

    /// Waits for its end; kills it and fails after `limit`.
    #[track_caller]
    pub(crate) fn finish(mut self, limit: Duration) -> Run {
        let status = loop {
            if let Some(status) = self.ended() {
                break status;
            }
            if self.begun.elapsed() > limit {
                self.kill();
                let run = self.collected(None);
                panic!("it did not end within {} s: {run}", limit.as_secs());
            }
            thread::sleep(Duration::from_millis(10));
        };
        self.collected(status.code())
    }

    /// What it did, after it ended.
    pub(crate) fn collected(self, code: Option<i32>) -> Run {
        let took = self.begun.elapsed();
        let join = |reader: JoinHandle<String>| reader.join().expect("a reader does not panic");
        Run { line: self.line, code, stdout: join(self.stdout), stderr: join(self.stderr), took }
    }
}

/// Runs a program to its end, at most three minutes.
#[track_caller]
pub(crate) fn run(command: Command) -> Run {
    start(command, "").finish(Duration::from_secs(180))
}
