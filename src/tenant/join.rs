//! Generates the inputs for joining a worker: command, kubeadm file, shell script and cloud-init user data.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::text::yaml;
use crate::model::{Endpoint, KUBEADM_V1BETA4, KubeVersion, release_of};

/// The `kubeadm join` command. `ca_hashes` are the SHA-256 hashes of the CAs' public keys in hex, optionally prefixed
/// with `sha256:`; one match is enough (<https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-join/>).
#[must_use]
pub fn join_command(endpoint: &Endpoint, token: &str, ca_hashes: &[String]) -> String {
    let flag = |hash: &String| {
        let hash = hash.strip_prefix("sha256:").unwrap_or(hash);
        format!(" --discovery-token-ca-cert-hash sha256:{hash}")
    };
    let flags: String = ca_hashes.iter().map(flag).collect();
    format!("kubeadm join {endpoint} --token {token}{flags}")
}

/// The parameters that a worker needs to join.
#[derive(Debug, Clone)]
pub struct JoinParameters<'a> {
    /// The API server's endpoint.
    pub endpoint: &'a Endpoint,
    /// The complete bootstrap token.
    pub token: &'a SecretString,
    /// The hashes of the CAs' public keys, `sha256:…`.
    pub ca_hashes: &'a [String],
    /// The control plane's Kubernetes version.
    pub version: KubeVersion,
}

impl JoinParameters<'_> {
    /// A kubeadm `JoinConfiguration`, in the API version that kubeadm of the control plane's minor supports.
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

    /// A shell script that joins the worker. It passes the token in a temporary file readable only by root, to keep it
    /// out of process lists. Does nothing on a worker that has already joined.
    #[must_use]
    pub fn script(&self) -> String {
        let configuration = yaml(&self.configuration());
        format!(
            "#!/bin/sh\n# Joins this machine to the cluster at {}. Run it as root.\nset -eu\n\
             if [ -e /etc/kubernetes/kubelet.conf ]; then\n\
             \x20 echo 'this machine has already joined a cluster; to remove it, run kubeadm reset' >&2\n  exit 0\nfi\n\
             PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin\n\
             umask 077\nconfig=$(mktemp)\ntrap 'rm -f \"$config\"' EXIT\n\
             cat >\"$config\" <<'END'\n{configuration}END\nkubeadm join --config \"$config\" </dev/null\n",
            self.endpoint
        )
    }

    /// cloud-init user data that runs the script.
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
    fn the_command_matches_kubeadms() {
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
    fn the_script_passes_the_token_in_a_file() {
        let endpoint = Endpoint::parse("10.0.0.1:6443", 0).unwrap();
        let token = SecretString::from("abcdef.0123456789abcdef");
        let version = KubeVersion::parse("v1.37.2").unwrap();
        let hashes = ["sha256:00ff".to_owned()];
        let joining = JoinParameters { endpoint: &endpoint, token: &token, ca_hashes: &hashes, version };
        let script = joining.script();
        assert!(script.contains("kubeadm join --config \"$config\""), "{script}");
        assert!(!script.contains("--token"), "{script}");
        assert!(!script.to_lowercase().contains("unsafeskip"), "{script}");
        let data = joining.cloud_init();
        assert!(data.starts_with("#cloud-config\n"), "{data}");
        assert!(crate::yaml::read_documents("data", &data).is_ok());
    }

    #[test]
    fn an_old_minor_gets_a_configuration_it_supports() {
        let endpoint = Endpoint::parse("10.0.0.1:6443", 0).unwrap();
        let token = SecretString::from("abcdef.0123456789abcdef");
        let version = KubeVersion::parse("v1.30.14").unwrap();
        let hashes = ["sha256:00ff".to_owned()];
        let joining = JoinParameters { endpoint: &endpoint, token: &token, ca_hashes: &hashes, version };
        assert_eq!(joining.configuration()["apiVersion"], "kubeadm.k8s.io/v1beta3");
    }
}
