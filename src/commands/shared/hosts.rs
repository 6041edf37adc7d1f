//! Connects to hosts with the user's ssh, and probes them before any change.

use std::time::Duration;

use crate::cli::Hosts;
use crate::engine::workers::ssh::Ssh;
use crate::plan::workers::host_probe::{HostProbe, probe_script};

/// Timeout for probing one host.
const PROBE_TIMEOUT: Duration = Duration::from_secs(60);

/// The hosts without duplicates.
pub(crate) fn distinct(hosts: &Hosts) -> Vec<&str> {
    let mut distinct: Vec<&str> = Vec::new();
    for host in &hosts.hosts {
        if !distinct.contains(&host.as_str()) {
            distinct.push(host);
        }
    }
    distinct
}

/// ssh with the options of the command line.
pub(crate) fn ssh(hosts: &Hosts) -> Ssh {
    Ssh { config: hosts.ssh_config.clone(), parallel: usize::from(hosts.parallel) }
}

/// Probes each host; an error contains the reason why it could not be probed.
pub(crate) async fn probe_hosts(ssh: &Ssh, hosts: &[&str], ca_hashes: &[String]) -> Vec<Result<HostProbe, String>> {
    let said = ssh.run(hosts, &probe_script(), PROBE_TIMEOUT).await;
    said.into_iter().map(|said| said.and_then(|said| HostProbe::parse(&said, ca_hashes))).collect()
}
