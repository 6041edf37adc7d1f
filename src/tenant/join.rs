//! What a worker joins with: the command, a kubeadm file, a script, cloud-init's user data.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::text::yaml;
use crate::model::{Endpoint, KUBEADM_V1BETA4, KubeVersion, release_of};

/// The command to run on a worker. `ca_hashes` are the SHA-256 of the CAs' public keys in hex, with or without `sha256:`
/// before them; one that fits is enough (<https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-join/>).
#[must_use]
pub fn join_command(endpoint: &Endpoint, token: &str, ca_hashes: &[String]) -> String {
    let flag = |hash: &String| {
        let hash = hash.strip_prefix("sha256:").unwrap_or(hash);
        format!(" --discovery-token-ca-cert-hash sha256:{hash}")
    };
    let flags: String = ca_hashes.iter().map(flag).collect();
    format!("kubeadm join {endpoint} --token {token}{flags}")
}

/// What a worker needs to join, in the forms that the tools of workers take.
#[derive(Debug, Clone)]
pub struct Joining<'a> {
    /// Where the API server is reached.
    pub endpoint: &'a Endpoint,
    /// The whole token.
    pub token: &'a SecretString,
    /// The hashes of the authorities' public keys, `sha256:…`.
    pub ca_hashes: &'a [String],
    /// The Kubernetes version of the control plane.
    pub version: KubeVersion,
}

impl Joining<'_> {
    /// A kubeadm `JoinConfiguration` in the API that kubeadm of the control plane's minor reads.
    #[must_use]
    pub fn configuration(&self) -> Value {
        let api = release_of(self.version).map_or(KUBEADM_V1BETA4, |release| release.kubeadm_api);
        json!({
            "apiVersion": api,
            "kind": "JoinConfiguration",
            "discovery": {"bootstrapToken": {
                "apiServerEndpoint": self.endpoint.to_string(),
                "caCertHashes": self.ca_hashes,
                "token": self.token.expose_secret(),
            }},
        })
    }

    /// A shell script for the worker: it joins with a file that only root reads and that is gone afterwards, so that
    /// the token is in no process list. A worker that has joined is left alone.
    #[must_use]
    pub fn script(&self) -> String {
        let configuration = yaml(&self.configuration());
        format!(
            "#!/bin/sh\n# Joins this machine to the cluster at {}. Run it as root.\nset -eu\n\
             if [ -e /etc/kubernetes/kubelet.conf ]; then\n\
             \x20 echo 'this machine has joined a cluster already; kubeadm reset takes it out' >&2\n  exit 0\nfi\n\
             PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin\n\
             umask 077\nconfig=$(mktemp)\ntrap 'rm -f \"$config\"' EXIT\n\
             cat >\"$config\" <<'END'\n{configuration}END\nkubeadm join --config \"$config\" </dev/null\n",
            self.endpoint
        )
    }

    /// User data for cloud-init.
    #[must_use]
    pub fn cloud_init(&self) -> String {
        let file = "/run/kubeadm-join.sh";
        let data = json!({
            "write_files": [{"path": file, "owner": "root:root", "permissions": "0700", "content": self.script()}],
            "runcmd": [["sh", file], ["rm", "-f", file]],
        });
        format!("#cloud-config\n{}", yaml(&data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_what_kubeadm_prints() {
        let command = |endpoint| {
            let hashes = ["sha256:00ff".to_owned()];
            join_command(&Endpoint::parse(endpoint, 6443).unwrap(), "abcdef.0123456789abcdef", &hashes)
        };
        let rest = "--token abcdef.0123456789abcdef --discovery-token-ca-cert-hash sha256:00ff";
        assert_eq!(command("api.example.com:31000"), format!("kubeadm join api.example.com:31000 {rest}"));
        assert_eq!(command("fd00::1"), format!("kubeadm join [fd00::1]:6443 {rest}"));
        let bare = join_command(&Endpoint::parse("10.0.0.1", 6443).unwrap(), "t", &["00ff".into(), "sha256:11".into()]);
        let one = " --discovery-token-ca-cert-hash sha256:";
        assert!(bare.ends_with(&format!(" --token t{one}00ff{one}11")), "{bare}");
    }

    #[test]
    fn the_script_carries_the_token_in_a_file_of_its_own() {
        let endpoint = Endpoint::parse("10.0.0.1:6443", 0).unwrap();
        let token = SecretString::from("abcdef.0123456789abcdef");
        let version = KubeVersion::parse("v1.37.2").unwrap();
        let hashes = ["sha256:00ff".to_owned()];
        let joining = Joining { endpoint: &endpoint, token: &token, ca_hashes: &hashes, version };
        let script = joining.script();
        assert!(script.contains("kubeadm join --config \"$config\""), "{script}");
        assert!(!script.contains("--token"), "{script}");
        assert!(!script.to_lowercase().contains("unsafeskip"), "{script}");
        let data = joining.cloud_init();
        assert!(data.starts_with("#cloud-config\n"), "{data}");
        assert!(crate::yaml::read_documents("data", &data).is_ok());
    }

    #[test]
    fn an_old_minor_gets_the_configuration_it_reads() {
        let endpoint = Endpoint::parse("10.0.0.1:6443", 0).unwrap();
        let token = SecretString::from("abcdef.0123456789abcdef");
        let version = KubeVersion::parse("v1.30.14").unwrap();
        let hashes = ["sha256:00ff".to_owned()];
        let joining = Joining { endpoint: &endpoint, token: &token, ca_hashes: &hashes, version };
        assert_eq!(joining.configuration()["apiVersion"], "kubeadm.k8s.io/v1beta3");
    }
}
