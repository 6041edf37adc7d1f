//! Updates the trust of workers during a CA rotation: checks what a host is missing, renders the script that updates
//! it, and detects workers that were not updated from what the API server knows. `engine::workers::ssh` runs the
//! script.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::rotation_keys::{signing_ca, trusted_cas};
use super::rotation_phases::{Rotation, RotationPhase, RotationTarget, Signer, whole_seconds};
use crate::model::ControlPlaneSpec;
use crate::pki;
use crate::plan::apply::live_objects::Live;
use crate::plan::state::record::Record;
use crate::plan::workers::host_probe::HostProbe;

/// The validity of certificates that kube-controller-manager signs (`--cluster-signing-duration`).
const SIGNED_FOR: Duration = Duration::from_secs(365 * 24 * 3600);
/// How far it backdates a certificate, start and end alike (`pkg/controller/certificates/authority`).
const BACKDATED: Duration = Duration::from_secs(5 * 60);

/// The CA trust that workers need in the current phase.
#[derive(Debug, Clone)]
pub struct WorkerCaTrust {
    /// The CAs to trust, in PEM.
    pub trusted: String,
    /// The CA that signs, in PEM.
    signer: String,
    /// Whether kubelets may have certificates of another CA.
    pub signer_changed: bool,
    /// The URL of the API server.
    server: String,
    name: String,
}

/// What a host is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingTrust {
    /// It does not trust exactly these CAs.
    pub cas: bool,
    /// Its kubelet certificate is not signed by the current CA.
    pub certificate: bool,
}

impl MissingTrust {
    /// Whether nothing is missing.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        !self.cas && !self.certificate
    }
}

impl WorkerCaTrust {
    /// The trust for workers of this control plane; `None` if it has no address or its Secrets are missing.
    #[must_use]
    pub fn of(record: &Record, live: &Live) -> Option<Self> {
        let (spec, rotation) = (&record.spec, record.rotation.as_ref());
        let pem = |secret: String| Some(live.secret_value(&secret, "ca.crt")?.expose_secret().to_owned());
        Some(Self {
            trusted: pem(trusted_cas(spec, rotation).name)?,
            signer: pem(signing_ca(spec, rotation).name)?,
            signer_changed: rotation.is_some_and(|it| it.target == RotationTarget::CertificateAuthority && it.used),
            server: record.address.as_ref()?.endpoint.url(),
            name: spec.name.to_string(),
        })
    }

    /// What a host of this cluster is missing.
    #[must_use]
    pub fn missing_trust(&self, host: &HostProbe) -> MissingTrust {
        let has = |pem: &Option<String>| pem.as_ref().is_some_and(|pem| pem.trim() == self.trusted.trim());
        let certificate = host.certificate.as_ref();
        MissingTrust {
            cas: !host.cas.iter().all(has),
            certificate: certificate.map_or(self.signer_changed, |pem| !pki::is_signed_by(pem, &self.signer)),
        }
    }

    /// The script that updates a worker. With a bootstrap token, its kubelet gets a new certificate; the token is in a
    /// file that only root can read and that the script deletes. `known` skips the check that the host is in this
    /// cluster.
    #[must_use]
    pub fn script(&self, token: Option<&SecretString>, known: bool) -> String {
        let Self { trusted, server, name, .. } = self;
        let (trusted, encoded) = (trusted.trim_end(), BASE64_STANDARD.encode(trusted));
        let check = if known { String::new() } else { CHECK.replace("SERVER", server) };
        let kubelet = token.map_or_else(
            || RESTART.to_owned(),
            |token| RENEW.replace("BOOTSTRAP\n", &self.bootstrap(&encoded, token.expose_secret())),
        );
        let trust = TRUST.replace("AUTHORITIES", trusted).replace("ENCODED", &encoded);
        format!(
            "#!/bin/sh\n# Updates this worker during the CA rotation of `{name}`. Run as root; safe to run again.\n\
             {HEAD}{check}{trust}{kubelet}"
        )
    }

    /// The kubeconfig with which a kubelet requests a certificate.
    fn bootstrap(&self, encoded: &str, token: &str) -> String {
        crate::yaml::write(&json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "tls-bootstrap",
            "clusters": [{"name": "kubernetes", "cluster": {
                "certificate-authority-data": encoded, "server": self.server}}],
            "users": [{"name": "tls-bootstrap", "user": {"token": token}}],
            "contexts": [{"name": "tls-bootstrap", "context": {"cluster": "kubernetes", "user": "tls-bootstrap"}}],
        }))
    }
}

const HEAD: &str = r#"set -eu
umask 077
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin
conf=/etc/kubernetes/kubelet.conf
ca=/etc/kubernetes/pki/ca.crt
bootstrap=/etc/kubernetes/bootstrap-kubelet.conf
pem=/var/lib/kubelet/pki/kubelet-client-current.pem
restart() { if command -v systemctl >/dev/null 2>&1; then systemctl restart kubelet; else service kubelet restart; fi; }
if [ ! -e "$conf" ]; then echo "this host is not a worker: $conf does not exist" >&2; exit 1; fi
"#;

const CHECK: &str = r#"if ! grep -qF 'server: SERVER' "$conf"; then
  echo "this host is a worker of another cluster: $(sed -n 's/^ *server: *//p' "$conf")" >&2
  exit 1
fi
"#;

/// Replaces each file atomically, so that a kubelet never reads a partial one.
const TRUST: &str = r#"cat >"$ca.new" <<'END'
AUTHORITIES
END
chmod 644 "$ca.new"
mv "$ca.new" "$ca"
sed 's#^\( *certificate-authority-data:\).*#\1 ENCODED#' "$conf" >"$conf.new"
mv "$conf.new" "$conf"
"#;

const RESTART: &str = "restart\n";

/// A kubelet without a certificate requests one, as when it joined
/// (<https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/>). If none is issued, the
/// script restores the old one.
const RENEW: &str = r#"cat >"$bootstrap" <<'END'
BOOTSTRAP
END
if [ -e "$pem" ]; then mv "$pem" "$pem.before"; fi
cp "$conf" "$conf.before"
restart
count=0
until [ -e "$pem" ]; do
  count=$((count + 1))
  if [ "$count" -gt 120 ]; then
    rm -f "$bootstrap"
    mv "$conf.before" "$conf"
    if [ -e "$pem.before" ]; then mv "$pem.before" "$pem"; fi
    restart
    echo 'the kubelet got no new certificate within 2 minutes; the old one was restored' >&2
    exit 1
  fi
  sleep 1
done
rm -f "$bootstrap" "$pem.before" "$conf.before"
"#;

/// The state of a worker according to the API server.
#[derive(Debug, Clone)]
pub struct WorkerTrustStatus {
    /// The name of the node.
    pub name: String,
    /// Whether the node is Ready.
    pub ready: bool,
    /// When its kubelet started.
    pub started: Option<Timestamp>,
    /// When its kubelet's certificate expires.
    pub ends: Option<Timestamp>,
}

/// Reports workers that the next phase of a CA rotation would disconnect, as far as the API server knows. It cannot see
/// the files of a host, so a kubelet that was restarted since the phase began is assumed to trust both CAs. The
/// certificates of the workers in `verified` were checked on their hosts.
#[must_use]
pub fn workers_without_new_ca(
    spec: &ControlPlaneSpec,
    now: &Rotation,
    next: RotationPhase,
    workers: &[WorkerTrustStatus],
    verified: &[String],
) -> Vec<String> {
    let ready = workers.iter().filter(|worker| worker.ready);
    let remaining = match next {
        RotationPhase::TrustBoth => return Vec::new(),
        RotationPhase::SignWithNew => return ready.filter_map(|worker| trusts_only_old_ca(worker, now)).collect(),
        RotationPhase::RemoveOld => Signer::New,
        RotationPhase::Rollback => Signer::Old,
    };
    let custom_duration = spec.controller_manager.extra_args.iter().any(|arg| arg.name == "cluster-signing-duration");
    let unverified = ready.filter(|worker| !verified.contains(&worker.name));
    unverified
        .filter_map(|worker| {
            let name = &worker.name;
            let unknown =
                |why| Some(format!("cannot determine whether {name} still needs the CA to be removed: {why}"));
            if custom_duration {
                return unknown("the spec sets `cluster-signing-duration`");
            }
            let Some(ends) = worker.ends else { return unknown("its kubelet does not report its expiry") };
            let issued = whole_seconds(ends - SIGNED_FOR + BACKDATED);
            (now.signer_at(issued) != remaining).then(|| {
                format!("the certificate of the kubelet of {name} was issued at {issued} by the CA to be removed")
            })
        })
        .collect()
}

fn trusts_only_old_ca(worker: &WorkerTrustStatus, now: &Rotation) -> Option<String> {
    let name = &worker.name;
    match worker.started {
        None => Some(format!("cannot determine whether {name} trusts the new CA: its kubelet does not respond")),
        Some(started) if started < now.since => {
            Some(format!("the kubelet of {name} was started at {started} and does not trust the new CA yet"))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CertificatePolicy;
    use crate::pki::{KeyAndCertificate, Leaf, Usage};
    use crate::plan::workers::host_probe::HostMembership;
    use crate::tenant::fixture;

    fn at(minutes: u64) -> Timestamp {
        "2027-06-01T12:00:00Z".parse::<Timestamp>().unwrap() + Duration::from_secs(minutes * 60)
    }

    fn rotation() -> Rotation {
        let phase = RotationPhase::SignWithNew;
        Rotation {
            target: RotationTarget::CertificateAuthority,
            phase,
            done: true,
            began: at(0),
            since: at(10),
            used: true,
            key: None,
            supplied: false,
            signers: Vec::new(),
        }
    }

    /// A worker whose kubelet was started, and got its certificate, at these minutes.
    fn worker(started: u64, issued: u64) -> WorkerTrustStatus {
        let ends = at(issued) - BACKDATED + SIGNED_FOR;
        WorkerTrustStatus { name: "w".into(), ready: true, started: Some(at(started)), ends: Some(ends) }
    }

    fn hazards(next: RotationPhase, worker: WorkerTrustStatus, now: &Rotation) -> usize {
        workers_without_new_ca(&fixture::spec("v1.37.2"), now, next, &[worker], &[]).len()
    }

    #[test]
    fn a_kubelet_that_was_not_restarted_does_not_trust_the_new_ca() {
        let count = |worker| hazards(RotationPhase::SignWithNew, worker, &rotation());
        assert_eq!((count(worker(9, 0)), count(worker(10, 0)), count(worker(11, 0))), (1, 0, 0));
        assert_eq!(count(WorkerTrustStatus { started: None, ..worker(0, 0) }), 1, "unknown is reported");
        assert_eq!(count(WorkerTrustStatus { ready: false, ..worker(0, 0) }), 0, "not ready anyway");
    }

    #[test]
    fn a_certificate_is_attributed_to_the_ca_that_signed_when_it_was_issued_even_after_rollbacks() {
        let mut now = rotation();
        for (minute, by) in [
            (10, Signer::Either),
            (12, Signer::New),
            (20, Signer::Either),
            (22, Signer::Old),
            (30, Signer::Either),
            (32, Signer::New),
        ] {
            now.signs(by, at(minute));
        }
        let by_old: Vec<u64> = [5, 11, 15, 21, 25, 31, 35]
            .into_iter()
            .filter(|minute| hazards(RotationPhase::RemoveOld, worker(0, *minute), &now) > 0)
            .collect();
        assert_eq!(by_old, [5, 11, 21, 25, 31]);
        let by_new: Vec<u64> = [5, 11, 15, 21, 25, 31, 35]
            .into_iter()
            .filter(|minute| hazards(RotationPhase::Rollback, worker(0, *minute), &now) > 0)
            .collect();
        assert_eq!(by_new, [11, 15, 21, 31, 35]);
        let spec = fixture::spec("v1.37.2");
        let verified = ["w".to_owned()];
        assert!(workers_without_new_ca(&spec, &now, RotationPhase::RemoveOld, &[worker(0, 5)], &verified).is_empty());
    }

    fn trust(trusted: &[&KeyAndCertificate], signer: &KeyAndCertificate) -> WorkerCaTrust {
        WorkerCaTrust {
            trusted: trusted.iter().map(|ca| ca.certificate.as_str()).collect(),
            signer: signer.certificate.clone(),
            signer_changed: true,
            server: "https://10.0.0.9:6443".into(),
            name: "prod".into(),
        }
    }

    #[test]
    fn missing_or_different_cas_and_certificates_are_detected() {
        let ca = || pki::issue_ca("kubernetes", &CertificatePolicy::default(), at(0)).unwrap();
        let (old, new) = (ca(), ca());
        let leaf = Leaf {
            common_name: "system:node:w".into(),
            organizations: vec!["system:nodes".into()],
            usage: Usage::Client,
            sans: Vec::new(),
        };
        let client = |ca| Some(pki::issue_leaf(&leaf, ca, &CertificatePolicy::default(), at(0)).unwrap().certificate);
        let host = |trusted: &WorkerCaTrust, ca| HostProbe {
            has_kubeadm: true,
            membership: HostMembership::Here(None),
            cas: [Some(trusted.trusted.clone()), Some(trusted.trusted.clone())],
            certificate: client(ca),
        };
        let both = trust(&[&old, &new], &new);
        assert!(both.missing_trust(&host(&both, &new)).is_empty());
        assert_eq!(both.missing_trust(&host(&both, &old)), MissingTrust { cas: false, certificate: true });
        let one = trust(&[&new], &new);
        assert_eq!(one.missing_trust(&host(&both, &new)), MissingTrust { cas: true, certificate: false });
        let gone = HostProbe { certificate: None, ..host(&both, &new) };
        assert!(both.missing_trust(&gone).certificate, "the kubelet was interrupted while it requested one");
    }

    #[test]
    fn the_script_contains_a_token_only_if_a_certificate_is_needed_and_no_placeholders() {
        let ca = pki::issue_ca("kubernetes", &CertificatePolicy::default(), at(0)).unwrap();
        let trust = trust(&[&ca], &ca);
        let token = SecretString::from("abcdef.0123456789abcdef");
        let (with, without) = (trust.script(Some(&token), false), trust.script(None, false));
        assert!(with.contains("token: abcdef.0123456789abcdef") && !without.contains("bootstrap-kubelet.conf\" <<"));
        for script in [&with, &without] {
            for placeholder in ["AUTHORITIES", "ENCODED", "BOOTSTRAP\n", "SERVER"] {
                assert!(!script.contains(placeholder), "{placeholder}: {script}");
            }
            assert!(script.contains(ca.certificate.trim()) && script.contains("server: https://10.0.0.9:6443"));
        }
        assert!(!trust.script(None, true).contains("another cluster"), "the host was already checked");
    }
}
