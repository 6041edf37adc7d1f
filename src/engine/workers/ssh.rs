//! Running a script as root on machines over the user's own ssh: their configuration, keys, agent, jump hosts and known
//! hosts, no ssh of ours.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use crate::engine::session::at_once;

/// What the machine runs: the script that comes by stdin, as root. In quotes that every login shell understands.
const SHELL: &str = r#"sh -c 'if [ "$(id -u)" = 0 ]; then exec sh -s; else exec sudo -n sh -s; fi'"#;

/// The user's ssh.
#[derive(Debug, Clone)]
pub struct Ssh {
    /// A configuration instead of the user's.
    pub config: Option<PathBuf>,
    /// How many machines at a time.
    pub parallel: usize,
}

impl Ssh {
    /// Runs a script on each machine, as root; `sudo` is used where the login is not root's. What it printed, or why it
    /// failed: the last lines it said.
    pub async fn run(&self, hosts: &[&str], script: &str, patience: Duration) -> Vec<Result<String, String>> {
        at_once(hosts.iter().copied(), self.parallel, |host| async move {
            let ran = timeout(patience, self.run_on(host, script)).await;
            ran.unwrap_or_else(|_| Err(format!("no end within {} s; it may still go on there", patience.as_secs())))
        })
        .await
    }

    fn command(&self) -> Command {
        let mut ssh = Command::new("ssh");
        if let Some(config) = &self.config {
            ssh.arg("-F").arg(config);
        }
        ssh.kill_on_drop(true);
        ssh
    }

    async fn run_on(&self, host: &str, script: &str) -> Result<String, String> {
        let mut ssh = self.command();
        // Nobody can answer questions of several at once, and what the configuration says about a terminal, a command or
        // forwarding is meant for people.
        ssh.args(["-T", "-o", "BatchMode=yes", "-o", "RemoteCommand=none", "-o", "ClearAllForwardings=yes"]);
        if !self.chooses_a_timeout(host).await? {
            ssh.args(["-o", "ConnectTimeout=10"]);
        }
        // The script goes in by stdin: what is secret in it is in no argument, neither here nor there.
        let mut ssh = ssh
            .args(["--", host, SHELL])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("ssh cannot be run: {error}"))?;
        let mut stdin = ssh.stdin.take().expect("stdin was asked for");
        let script = script.to_owned();
        let feeding = tokio::spawn(async move {
            // A machine that ends the connection early is told by its exit code.
            drop(stdin.write_all(script.as_bytes()).await);
        });
        let output = ssh.wait_with_output().await.map_err(|error| error.to_string())?;
        feeding.abort();
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let last = last_lines(&output.stderr);
        Err(if last.is_empty() { format!("ssh ended with {}", output.status) } else { last })
    }

    /// Whether the user's configuration says how long to wait for a machine.
    async fn chooses_a_timeout(&self, host: &str) -> Result<bool, String> {
        let asked = self.command().args(["-G", "--", host]).output().await;
        let asked = asked.map_err(|error| format!("ssh cannot be run: {error}"))?;
        if !asked.status.success() {
            return Err(last_lines(&asked.stderr));
        }
        let settings = String::from_utf8_lossy(&asked.stdout).into_owned();
        Ok(settings.lines().any(|line| line.strip_prefix("connecttimeout ").is_some_and(|value| value != "none")))
    }
}

fn last_lines(said: &[u8]) -> String {
    const SHOWN: usize = 4;
    let said = String::from_utf8_lossy(said).into_owned();
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(SHOWN)..].join("\n")
}
