//! What a machine is before it joins or is reset: read from what a script found there.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::model::NodeName;
use crate::pki;

/// Programs are also looked for where a shell that is no login shell does not.
const PATH: &str = "PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin\n";

/// Looks at a machine as root and changes nothing. No key is printed: of the kubelet's file only certificates.
const LOOK: &str = r#"conf=/etc/kubernetes/kubelet.conf
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

/// Takes a machine out of its cluster.
const RESET: &str = "set -eu\nkubeadm reset --force </dev/null\n";

/// The script that looks at a machine.
#[must_use]
pub fn look_script() -> String {
    format!("{PATH}{LOOK}")
}

/// The script that resets a machine.
#[must_use]
pub fn reset_script() -> String {
    format!("{PATH}{RESET}")
}

/// What a machine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostProbe {
    /// Whether kubeadm is installed.
    pub has_kubeadm: bool,
    /// The cluster it is in.
    pub membership: HostMembership,
    /// The authorities (PEM) by which its kubelet knows the API server, and those by which it knows its clients.
    pub authorities: [Option<String>; 2],
    /// The certificate (PEM) that its kubelet shows to the API server.
    pub certificate: Option<String>,
}

/// Which cluster a machine is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostMembership {
    /// None.
    Free,
    /// The one in question, as this node; `None` when its certificate cannot be read.
    Here(Option<String>),
    /// Another one, with its server.
    Elsewhere(String),
}

impl HostProbe {
    /// Reads what the script printed. `ca_hashes` are the discovery hashes of the cluster in question.
    pub fn read(said: &str, ca_hashes: &[String]) -> Result<Self, String> {
        // What a login shell's profile prints comes first.
        let mut lines = said.lines().skip_while(|line| *line != "kamaji");
        if lines.next().is_none() {
            return Err("the machine did not run the script: is its shell a POSIX shell?".to_owned());
        }
        let lines: Vec<&str> = lines.collect();
        let value = |key: &str| lines.iter().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
        let decoded = |text: &str| String::from_utf8(BASE64_STANDARD.decode(text.trim()).ok()?).ok();
        let authorities = ["authority", "trusted"].map(|key| value(key).and_then(decoded));
        let certificate = value("certificate").and_then(decoded);
        let membership = if lines.contains(&"joined") {
            let known = authorities[0].as_deref().and_then(|pem| pki::discovery_hashes(pem).ok()).unwrap_or_default();
            if known.iter().any(|hash| ca_hashes.contains(hash)) {
                let facts = certificate.as_deref().and_then(|pem| pki::inspect(pem).ok());
                HostMembership::Here(facts.and_then(|facts| node_of_user(&facts.common_name).map(str::to_owned)))
            } else {
                HostMembership::Elsewhere(value("server").unwrap_or("an unknown server").trim().to_owned())
            }
        } else {
            HostMembership::Free
        };
        Ok(Self { has_kubeadm: lines.contains(&"kubeadm"), membership, authorities, certificate })
    }
}

/// The node that a user is, if it is one.
fn node_of_user(user: &str) -> Option<&str> {
    user.strip_prefix("system:node:")
}

/// Whether a `CertificateSigningRequest` is of this node: it asked for it itself, or a bootstrap token did for it.
#[must_use]
pub fn asked_by_node(request: &Value, node: &NodeName) -> bool {
    let text = |pointer: &str| request.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let is_node = |user: &str| node_of_user(user) == Some(node.as_str());
    let asks_for = || {
        let pem = String::from_utf8(BASE64_STANDARD.decode(text("/spec/request")).ok()?).ok()?;
        pki::requested_name(&pem).ok()
    };
    let of_kubelet = text("/spec/signerName").starts_with("kubernetes.io/kube");
    is_node(text("/spec/username")) || (of_kubelet && asks_for().is_some_and(|name| is_node(&name)))
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

    fn said(conf: &KeyAndCertificate, node: &str) -> String {
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
    fn a_machine_says_which_worker_of_which_cluster_it_is() {
        let (here, elsewhere) = (ca(), ca());
        let hashes = pki::discovery_hashes(&here.certificate).unwrap();
        let read = |said: &str| HostProbe::read(said, &hashes).unwrap();
        assert_eq!(read(&said(&here, "w-1")).membership, HostMembership::Here(Some("w-1".into())));
        assert_eq!(
            read(&said(&elsewhere, "w-1")).membership,
            HostMembership::Elsewhere("https://10.0.0.9:6443".into()),
            "an authority of the same name is not the same authority"
        );
        let nothing = read("kamaji\n");
        assert_eq!((nothing.has_kubeadm, nothing.membership), (false, HostMembership::Free));
        assert_eq!(read("kamaji\njoined\n").membership, HostMembership::Elsewhere("an unknown server".into()));
        assert!(HostProbe::read("sh: unknown command", &hashes).is_err());
        let both = [elsewhere.certificate.as_str(), here.certificate.as_str()].concat();
        let changing = pki::discovery_hashes(&both).unwrap();
        let membership = HostProbe::read(&said(&here, "w-1"), &changing).unwrap().membership;
        assert_eq!(membership, HostMembership::Here(Some("w-1".into())), "while its authority is changed for another");
    }

    #[test]
    fn the_script_prints_no_key() {
        let pair = ca();
        let file = format!("{}{}", pair.certificate, pair.key.expose_secret());
        let script = look_script().replace("/var/lib/kubelet/pki/kubelet-client-current.pem", "pem");
        let folder = tempfile::tempdir().unwrap();
        let mut sh = std::process::Command::new("sh");
        sh.arg("-c").arg(format!("printf %s \"$PEM\" >pem\n{script}")).env("PEM", &file).current_dir(folder.path());
        let said = String::from_utf8(sh.output().unwrap().stdout).unwrap();
        let line = said.lines().find_map(|line| line.strip_prefix("certificate ")).unwrap();
        let shown = String::from_utf8(BASE64_STANDARD.decode(line).unwrap()).unwrap();
        assert_eq!(shown.trim(), pair.certificate.trim());
    }
}
