//! The command that a worker joins with.

use crate::model::Endpoint;

/// The command to run on a worker. `ca_hash` is the SHA-256 of the CA's public key in hex, with or without `sha256:`
/// before it (<https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-join/>).
#[must_use]
pub fn join_command(endpoint: &Endpoint, token: &str, ca_hash: &str) -> String {
    let hash = ca_hash.strip_prefix("sha256:").unwrap_or(ca_hash);
    format!("kubeadm join {endpoint} --token {token} --discovery-token-ca-cert-hash sha256:{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_what_kubeadm_prints() {
        let command = |endpoint| {
            join_command(&Endpoint::parse(endpoint, 6443).unwrap(), "abcdef.0123456789abcdef", "sha256:00ff")
        };
        let rest = "--token abcdef.0123456789abcdef --discovery-token-ca-cert-hash sha256:00ff";
        assert_eq!(command("api.example.com:31000"), format!("kubeadm join api.example.com:31000 {rest}"));
        assert_eq!(command("fd00::1"), format!("kubeadm join [fd00::1]:6443 {rest}"));
        let bare = join_command(&Endpoint::parse("10.0.0.1", 6443).unwrap(), "t", "00ff");
        assert!(bare.ends_with(" sha256:00ff"), "{bare}");
    }
}
