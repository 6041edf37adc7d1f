//! Machines that are reached over the user's ssh: what they are, before anything is done to them.

use std::time::Duration;

use crate::cli::Hosts;
use crate::engine::workers::ssh::Ssh;
use crate::plan::workers::host_probe::{HostProbe, look_script};

/// How long looking at one machine may take.
const LOOK: Duration = Duration::from_secs(60);

/// The machines of a command line, each once.
pub(crate) fn distinct(hosts: &Hosts) -> Vec<&str> {
    let mut distinct: Vec<&str> = Vec::new();
    for host in &hosts.hosts {
        if !distinct.contains(&host.as_str()) {
            distinct.push(host);
        }
    }
    distinct
}

/// The user's ssh, as the command line says.
pub(crate) fn ssh(hosts: &Hosts) -> Ssh {
    Ssh { config: hosts.ssh_config.clone(), parallel: usize::from(hosts.parallel) }
}

/// Looks at each machine; the errors say why one cannot be looked at.
pub(crate) async fn look(ssh: &Ssh, hosts: &[&str], ca_hashes: &[String]) -> Vec<Result<HostProbe, String>> {
    let said = ssh.run(hosts, &look_script(), LOOK).await;
    said.into_iter().map(|said| said.and_then(|said| HostProbe::read(&said, ca_hashes))).collect()
}
