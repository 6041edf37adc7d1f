//! How workers follow a change of the authority: what a machine lacks, the script that gives it, and what can be seen from
//! outside of a worker that does not follow. Running the script is `engine::ssh`.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::rotation_keys::{signing_authority, trusted_authorities};
use super::rotation_phases::{Rotation, RotationPhase, RotationTarget, Signer, whole_seconds};
use crate::model::ControlPlaneSpec;
use crate::pki;
use crate::plan::apply::live_objects::Live;
use crate::plan::state::record::Record;
use crate::plan::workers::host_probe::HostProbe;

/// How long kube-controller-manager signs for (`--cluster-signing-duration`).
const SIGNED_FOR: Duration = Duration::from_secs(365 * 24 * 3600);
/// How much before its making it lets a certificate begin, and as much earlier it ends (`pkg/controller/certificates/authority`).
const BACKDATED: Duration = Duration::from_secs(5 * 60);

/// What workers are to have now.
#[derive(Debug, Clone)]
pub struct WorkerCaTrust {
    /// The authorities to trust, PEM.
    pub trusted: String,
    /// The one that signs, PEM.
    signer: String,
    /// Whether kubelets may have certificates of another one.
    pub renews: bool,
    /// The API server.
    server: String,
    name: String,
}

/// What a machine lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingTrust {
    /// It does not trust the authorities, or others beside them.
    pub authorities: bool,
    /// Its kubelet's certificate is not of the authority that signs.
    pub certificate: bool,
}

impl MissingTrust {
    /// Whether it has everything.
    #[must_use]
    pub const fn is_none(self) -> bool {
        !self.authorities && !self.certificate
    }
}

impl WorkerCaTrust {
    /// What workers of this control plane are to have; `None` while it has no address or its Secrets are not there.
    #[must_use]
    pub fn of(record: &Record, live: &Live) -> Option<Self> {
        let (spec, rotation) = (&record.spec, record.rotation.as_ref());
        let pem = |secret: String| Some(live.secret_value(&secret, "ca.crt")?.expose_secret().to_owned());
        Some(Self {
            trusted: pem(trusted_authorities(spec, rotation).name)?,
            signer: pem(signing_authority(spec, rotation).name)?,
            renews: rotation.is_some_and(|it| it.of == RotationTarget::CertificateAuthority && it.used),
            server: record.address.as_ref()?.endpoint.url(),
            name: spec.name.to_string(),
        })
    }

    /// What a machine of this cluster lacks.
    #[must_use]
    pub fn lack(&self, machine: &HostProbe) -> MissingTrust {
        let has = |pem: &Option<String>| pem.as_ref().is_some_and(|pem| pem.trim() == self.trusted.trim());
        let certificate = machine.certificate.as_ref();
        MissingTrust {
            authorities: !machine.authorities.iter().all(has),
            certificate: certificate.map_or(self.renews, |pem| !pki::is_signed_by(pem, &self.signer)),
        }
    }

    /// The script for a worker. With a bootstrap token its kubelet gets a new certificate; the token is in a file that only
    /// root reads and that is gone afterwards. `known` says that the machine was seen to be of this cluster.
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
            "#!/bin/sh\n# Lets this worker follow the change of the authority of `{name}`. Run it as root; it can be run again.\n\
             {HEAD}{check}{trust}{kubelet}"
        )
    }

    /// What a kubelet without a certificate asks for one with.
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
if [ ! -e "$conf" ]; then echo "this machine is no worker: it has no $conf" >&2; exit 1; fi
"#;

const CHECK: &str = r#"if ! grep -qF 'server: SERVER' "$conf"; then
  echo "this machine is a worker of another cluster: $(sed -n 's/^ *server: *//p' "$conf")" >&2
  exit 1
fi
"#;

/// Each file is replaced at once: a kubelet never finds half of one.
const TRUST: &str = r#"cat >"$ca.new" <<'END'
AUTHORITIES
END
chmod 644 "$ca.new"
mv "$ca.new" "$ca"
sed 's#^\( *certificate-authority-data:\).*#\1 ENCODED#' "$conf" >"$conf.new"
mv "$conf.new" "$conf"
"#;

const RESTART: &str = "restart\n";

/// A kubelet that finds no certificate asks for one, as it did when it joined
/// (<https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/>). What it had is put back if none comes.
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
    echo 'the kubelet got no new certificate within 2 minutes; it has the old one again' >&2
    exit 1
  fi
  sleep 1
done
rm -f "$bootstrap" "$pem.before" "$conf.before"
"#;

/// A worker as it is seen through the API server.
#[derive(Debug, Clone)]
pub struct WorkerTrustStatus {
    /// Its name.
    pub name: String,
    /// Whether it is Ready.
    pub ready: bool,
    /// When its kubelet started.
    pub started: Option<Timestamp>,
    /// When its kubelet's certificate ends.
    pub ends: Option<Timestamp>,
}

/// What would happen to workers in the next phase of a change of the authority, as far as that can be seen from outside. In
/// the files of a machine nobody looks from there: a kubelet that was started anew is taken for one that knows both.
/// The certificates of those in `seen` were looked at on their machines.
#[must_use]
pub fn workers_without_new_ca(
    spec: &ControlPlaneSpec,
    now: &Rotation,
    next: RotationPhase,
    workers: &[WorkerTrustStatus],
    seen: &[String],
) -> Vec<String> {
    let ready = workers.iter().filter(|worker| worker.ready);
    let stays = match next {
        RotationPhase::Trust => return Vec::new(),
        RotationPhase::Use => return ready.filter_map(|worker| knows_the_old_one_only(worker, now)).collect(),
        RotationPhase::Drop => Signer::New,
        RotationPhase::Back => Signer::Old,
    };
    let own = spec.controller_manager.extra_args.iter().any(|arg| arg.name == "cluster-signing-duration");
    let unseen = ready.filter(|worker| !seen.contains(&worker.name));
    unseen
        .filter_map(|worker| {
            let name = &worker.name;
            let cannot =
                |why| Some(format!("whether {name} still needs the authority that goes cannot be told: {why}"));
            if own {
                return cannot("`cluster-signing-duration` is your own");
            }
            let Some(ends) = worker.ends else { return cannot("its kubelet does not say when its certificate ends") };
            let issued = whole_seconds(ends - SIGNED_FOR + BACKDATED);
            (now.signer_at(issued) != stays).then(|| {
                format!("the kubelet of {name} has a certificate of {issued}, when the authority that goes signed")
            })
        })
        .collect()
}

fn knows_the_old_one_only(worker: &WorkerTrustStatus, now: &Rotation) -> Option<String> {
    let name = &worker.name;
    match worker.started {
        None => Some(format!("whether {name} knows the new authority cannot be told: its kubelet does not answer")),
        Some(started) if started < now.since => {
            Some(format!("the kubelet of {name} runs since {started}, so it does not know the new authority yet"))
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
        let phase = RotationPhase::Use;
        Rotation {
            of: RotationTarget::CertificateAuthority,
            phase,
            done: true,
            began: at(0),
            since: at(10),
            used: true,
            key: None,
            given: false,
            signers: Vec::new(),
        }
    }

    /// A worker whose kubelet started, and got its certificate, at those minutes.
    fn worker(started: u64, issued: u64) -> WorkerTrustStatus {
        let ends = at(issued) - BACKDATED + SIGNED_FOR;
        WorkerTrustStatus { name: "w".into(), ready: true, started: Some(at(started)), ends: Some(ends) }
    }

    fn hazards(next: RotationPhase, worker: WorkerTrustStatus, now: &Rotation) -> usize {
        workers_without_new_ca(&fixture::spec("v1.37.2"), now, next, &[worker], &[]).len()
    }

    #[test]
    fn a_kubelet_that_was_not_started_anew_does_not_know_the_new_authority() {
        let go = |worker| hazards(RotationPhase::Use, worker, &rotation());
        assert_eq!((go(worker(9, 0)), go(worker(10, 0)), go(worker(11, 0))), (1, 0, 0));
        assert_eq!(go(WorkerTrustStatus { started: None, ..worker(0, 0) }), 1, "what cannot be told is said");
        assert_eq!(go(WorkerTrustStatus { ready: false, ..worker(0, 0) }), 0, "who is not ready has nothing to lose");
    }

    #[test]
    fn a_certificate_is_judged_by_who_signed_when_it_was_made_also_after_going_back_and_forth() {
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
        let of_old: Vec<u64> = [5, 11, 15, 21, 25, 31, 35]
            .into_iter()
            .filter(|minute| hazards(RotationPhase::Drop, worker(0, *minute), &now) > 0)
            .collect();
        assert_eq!(of_old, [5, 11, 21, 25, 31]);
        let of_new: Vec<u64> = [5, 11, 15, 21, 25, 31, 35]
            .into_iter()
            .filter(|minute| hazards(RotationPhase::Back, worker(0, *minute), &now) > 0)
            .collect();
        assert_eq!(of_new, [11, 15, 21, 31, 35]);
        let spec = fixture::spec("v1.37.2");
        let looked_at = ["w".to_owned()];
        assert!(workers_without_new_ca(&spec, &now, RotationPhase::Drop, &[worker(0, 5)], &looked_at).is_empty());
    }

    fn following(trusted: &[&KeyAndCertificate], signer: &KeyAndCertificate) -> WorkerCaTrust {
        WorkerCaTrust {
            trusted: trusted.iter().map(|ca| ca.certificate.as_str()).collect(),
            signer: signer.certificate.clone(),
            renews: true,
            server: "https://10.0.0.9:6443".into(),
            name: "prod".into(),
        }
    }

    #[test]
    fn a_machine_lacks_what_is_not_as_it_should_be() {
        let ca = || pki::issue_ca("kubernetes", &CertificatePolicy::default(), at(0)).unwrap();
        let (old, new) = (ca(), ca());
        let leaf = Leaf {
            common_name: "system:node:w".into(),
            organizations: vec!["system:nodes".into()],
            usage: Usage::Client,
            sans: Vec::new(),
        };
        let client = |ca| Some(pki::issue_leaf(&leaf, ca, &CertificatePolicy::default(), at(0)).unwrap().certificate);
        let machine = |trusted: &WorkerCaTrust, ca| HostProbe {
            has_kubeadm: true,
            membership: HostMembership::Here(None),
            authorities: [Some(trusted.trusted.clone()), Some(trusted.trusted.clone())],
            certificate: client(ca),
        };
        let both = following(&[&old, &new], &new);
        assert!(both.lack(&machine(&both, &new)).is_none());
        assert_eq!(both.lack(&machine(&both, &old)), MissingTrust { authorities: false, certificate: true });
        let one = following(&[&new], &new);
        assert_eq!(one.lack(&machine(&both, &new)), MissingTrust { authorities: true, certificate: false });
        let gone = HostProbe { certificate: None, ..machine(&both, &new) };
        assert!(both.lack(&gone).certificate, "a kubelet that was asking for one when it was interrupted");
    }

    #[test]
    fn the_script_has_a_token_only_where_a_certificate_is_needed_and_no_place_is_left_open() {
        let ca = pki::issue_ca("kubernetes", &CertificatePolicy::default(), at(0)).unwrap();
        let following = following(&[&ca], &ca);
        let token = SecretString::from("abcdef.0123456789abcdef");
        let (with, without) = (following.script(Some(&token), false), following.script(None, false));
        assert!(with.contains("token: abcdef.0123456789abcdef") && !without.contains("bootstrap-kubelet.conf\" <<"));
        for script in [&with, &without] {
            for place in ["AUTHORITIES", "ENCODED", "BOOTSTRAP\n", "SERVER"] {
                assert!(!script.contains(place), "{place}: {script}");
            }
            assert!(script.contains(ca.certificate.trim()) && script.contains("server: https://10.0.0.9:6443"));
        }
        assert!(!following.script(None, true).contains("another cluster"), "what was looked at is known");
    }
}
