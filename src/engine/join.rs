//! Joining machines over the user's own ssh: their configuration, keys and agent, no ssh of ours.

use std::process::Stdio;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::timeout;

/// How many machines at once.
const AT_ONCE: usize = 8;

/// How joining one machine went.
#[derive(Debug, Clone)]
pub struct HostOutcome {
    /// The machine, as given.
    pub host: String,
    /// Nothing when it joined, else why not: the last lines it said.
    pub failure: Option<String>,
}

/// Runs `script` as root on each machine, and tells how it went. `sudo` is used where the login is not root's.
pub async fn join_hosts(hosts: &[String], script: &str, patience: Duration) -> Vec<HostOutcome> {
    stream::iter(hosts.iter().map(|host| async move {
        let failure = match timeout(patience, join_host(host, script)).await {
            Ok(Ok(())) => None,
            Ok(Err(failure)) => Some(failure),
            Err(_) => Some(format!("no end within {} s", patience.as_secs())),
        };
        HostOutcome { host: host.clone(), failure }
    }))
    .buffered(AT_ONCE)
    .collect()
    .await
}

async fn join_host(host: &str, script: &str) -> Result<(), String> {
    // The script goes in by stdin: the token is in no argument, neither here nor there.
    let mut ssh = Command::new("ssh")
        .args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "--", host])
        .arg("if [ \"$(id -u)\" = 0 ]; then sh -s; else sudo -n sh -s; fi")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
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
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines[lines.len().saturating_sub(4)..].join("\n");
    Err(if last.is_empty() { format!("ssh ended with {}", output.status) } else { last })
}
