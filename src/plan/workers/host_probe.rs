//! The script that probes a host before it joins or is reset, and the parser of its output.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::model::NodeName;
use crate::pki;

/// Additional directories that a non-login shell does not search.
const PATH: &str = "PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin\n";

/// Probes a host as root and changes nothing. It prints only the certificates of the kubelet's file, not the key.
const PROBE: &str = r#"conf=/etc/kubernetes/kubelet.conf
pem=/var/lib/kubelet/pki/kubelet-client-current.pem
echo kamaji
if command -v kubeadm >/dev/null 2>&1; then echo kubeadm; fi
if [ -e "$conf" ]; then
  echo joined
  sed -n 's/^ *server: */server /p' "$conf"
  sed -n 's/^ *certificate-authority-data: */authority /p' "$conf"
  if [ -e /etc/kubernetes/pki/ca.crt ]; then echo "trusted $(base64 </etc/kubernetes/pki/ca.crt | tr -d '\n')"; fi
fi
if [ -e "$pem" ]; then
  echo "certificate $(sed -n '/^-----BEGIN CERTIFICATE-----/,/^-----END CERTIFICATE-----/p' "$pem" | base64 | tr -d '\n')"
fi
"#;

/// Removes a host from its cluster.
const RESET: &str = "set -eu\nkubeadm reset --force </dev/null\n";

/// The script that probes a host.
#[must_use]
pub fn probe_script() -> String {
    format!("{PATH}{PROBE}")
}

/// The script that resets a host.
#[must_use]
pub fn reset_script() -> String {
    format!("{PATH}{RESET}")
}

/// The state of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostProbe {
    /// Whether kubeadm is installed.
    pub has_kubeadm: bool,
    /// The cluster that the host has joined.
    pub membership: HostMembership,
    /// The CAs (PEM) that its kubelet trusts for the API server and for clients.
    pub cas: [Option<String>; 2],
    /// The client certificate (PEM) of its kubelet.
    pub certificate: Option<String>,
}

/// The cluster that a host has joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostMembership {
    /// None.
    Free,
    /// This cluster, as this node; `None` if its certificate cannot be read.
    Here(Option<String>),
    /// Another cluster, with its server.
    Elsewhere(String),
}

impl HostProbe {
    /// Parses the output of the script. `ca_hashes` are the discovery hashes of this cluster.
    pub fn parse(output: &str, ca_hashes: &[String]) -> Result<Self, String> {
        // Skip what the profile of a login shell prints.
        let mut lines = output.lines().skip_while(|line| *line != "kamaji");
        if lines.next().is_none() {
            return Err("the host did not run the script: is its login shell a POSIX shell?".to_owned());
        }
        let lines: Vec<&str> = lines.collect();
        let value = |key: &str| lines.iter().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
        let decoded = |text: &str| String::from_utf8(BASE64_STANDARD.decode(text.trim()).ok()?).ok();
        let cas = ["authority", "trusted"].map(|key| value(key).and_then(decoded));
        let certificate = value("certificate").and_then(decoded);
        let membership = if lines.contains(&"joined") {
            let trusted = cas[0].as_deref().and_then(|pem| pki::discovery_hashes(pem).ok()).unwrap_or_default();
            if trusted.iter().any(|hash| ca_hashes.contains(hash)) {
                let facts = certificate.as_deref().and_then(|pem| pki::inspect(pem).ok());
                HostMembership::Here(facts.and_then(|facts| node_name_of_user(&facts.common_name).map(str::to_owned)))
            } else {
                HostMembership::Elsewhere(value("server").unwrap_or("an unknown server").trim().to_owned())
            }
        } else {
            HostMembership::Free
        };
        Ok(Self { has_kubeadm: lines.contains(&"kubeadm"), membership, cas, certificate })
    }
}

/// The node name of a user, if the user is a node.
fn node_name_of_user(user: &str) -> Option<&str> {
    user.strip_prefix("system:node:")
}

/// Whether a `CertificateSigningRequest` is from this node, by its own credentials or by a bootstrap token.
#[must_use]
pub fn is_requested_by_node(request: &Value, node: &NodeName) -> bool {
    let text = |pointer: &str| request.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let is_node = |user: &str| node_name_of_user(user) == Some(node.as_str());
    let requested_name = || {
        let pem = String::from_utf8(BASE64_STANDARD.decode(text("/spec/request")).ok()?).ok()?;
        pki::requested_name(&pem).ok()
    };
    let of_kubelet = text("/spec/signerName").starts_with("kubernetes.io/kube");
    is_node(text("/spec/username")) || (of_kubelet && requested_name().is_some_and(|name| is_node(&name)))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::model::CertificatePolicy;
    use crate::pki::{KeyAndCertificate, Leaf, Usage};

    fn ca() -> KeyAndCertificate {
        pki::issue_ca("kubernetes", &CertificatePolicy::default(), now()).unwrap()
    }

    fn now() -> Timestamp {
        "2027-06-01T12:00:00Z".parse().unwrap()
    }

    fn output(conf: &KeyAndCertificate, node: &str) -> String {
        let leaf = Leaf {
            common_name: format!("system:node:{node}"),
            organizations: vec!["system:nodes".into()],
            usage: Usage::Client,
            sans: Vec::new(),
        };
        let certificate = pki::issue_leaf(&leaf, conf, &CertificatePolicy::default(), now()).unwrap().certificate;
        let encode = |text: &str| BASE64_STANDARD.encode(text);
        format!(
            "Welcome!\nkamaji\nkubeadm\njoined\nserver https://10.0.0.9:6443\nauthority {}\ncertificate {}\n",
            encode(&conf.certificate),
            encode(&certificate)
        )
    }

    #[test]
    fn the_output_identifies_the_cluster_and_the_node() {
        let (here, elsewhere) = (ca(), ca());
        let hashes = pki::discovery_hashes(&here.certificate).unwrap();
        let parse = |output: &str| HostProbe::parse(output, &hashes).unwrap();
        assert_eq!(parse(&output(&here, "w-1")).membership, HostMembership::Here(Some("w-1".into())));
        assert_eq!(
            parse(&output(&elsewhere, "w-1")).membership,
            HostMembership::Elsewhere("https://10.0.0.9:6443".into()),
            "a CA with the same name is a different CA"
        );
        let nothing = parse("kamaji\n");
        assert_eq!((nothing.has_kubeadm, nothing.membership), (false, HostMembership::Free));
        assert_eq!(parse("kamaji\njoined\n").membership, HostMembership::Elsewhere("an unknown server".into()));
        assert!(HostProbe::parse("sh: unknown command", &hashes).is_err());
        let both = [elsewhere.certificate.as_str(), here.certificate.as_str()].concat();
        let during_rotation = pki::discovery_hashes(&both).unwrap();
        let membership = HostProbe::parse(&output(&here, "w-1"), &during_rotation).unwrap().membership;
        assert_eq!(membership, HostMembership::Here(Some("w-1".into())), "during a CA rotation");
    }

    #[test]
    fn the_script_prints_no_key() {
        let pair = ca();
        let file = format!("{}{}", pair.certificate, pair.key.expose_secret());
        let script = probe_script().replace("/var/lib/kubelet/pki/kubelet-client-current.pem", "pem");
        let folder = tempfile::tempdir().unwrap();
        let mut sh = std::process::Command::new("sh");
        sh.arg("-c").arg(format!("printf %s \"$PEM\" >pem\n{script}")).env("PEM", &file).current_dir(folder.path());
        let output = String::from_utf8(sh.output().unwrap().stdout).unwrap();
        let line = output.lines().find_map(|line| line.strip_prefix("certificate ")).unwrap();
        let shown = String::from_utf8(BASE64_STANDARD.decode(line).unwrap()).unwrap();
        assert_eq!(shown.trim(), pair.certificate.trim());
    }
}
