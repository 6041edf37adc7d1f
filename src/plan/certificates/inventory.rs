//! The certificates, kubeconfigs and keys that a control plane has, read from its Secrets and judged. What is secret in them
//! is looked at and not kept.

use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde::Serialize;

use super::rotation_keys::signing_authority;
use crate::model::{LeafName, ObjectNames};
use crate::pki::{self, KeyAndCertificate};
use crate::plan::apply::live_objects::Live;
use crate::plan::lifecycle::desired::object_refs;
use crate::plan::state::record::Record;
use crate::render::{ObjectRef, policy};

/// Certificates that end in fewer days are told.
pub const SOON_DAYS: i64 = 30;

/// What something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CertificateKind {
    /// A certificate authority.
    Authority,
    /// A certificate with its key.
    Certificate,
    /// A kubeconfig with a client certificate.
    Kubeconfig,
    /// A key without a certificate, which does not end.
    Key,
}

/// Who looks after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StoredIn {
    /// kamaji.
    Kamaji,
    /// Whoever gave it with `--pki`.
    SuppliedFiles,
    /// The datastore that the control plane shares with others.
    Datastore,
    /// Each worker's kubelet.
    Kubelets,
}

impl StoredIn {
    /// One word for tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Kamaji => "kamaji",
            Self::SuppliedFiles => "given",
            Self::Datastore => "datastore",
            Self::Kubelets => "kubelets",
        }
    }
}

/// One certificate, kubeconfig or key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateEntry {
    /// Its name, as `--only` takes it.
    pub name: &'static str,
    /// What it is.
    pub kind: CertificateKind,
    /// Whom a certificate is for, such as `CN=kubernetes-admin, O=kubeadm:cluster-admins`.
    pub subject: Option<String>,
    /// When it ends; keys do not.
    pub not_after: Option<Timestamp>,
    /// The name of the authority that signs it.
    pub authority: Option<&'static str>,
    /// Who looks after it.
    pub managed_by: StoredIn,
    /// The Secret it is in; none for what is on workers.
    pub secret: Option<String>,
    /// What is wrong with it, apart from its end.
    pub problem: Option<String>,
    /// What else is worth knowing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The Secrets with all of them.
#[must_use]
pub fn certificate_refs(record: &Record) -> Vec<ObjectRef> {
    let spec = &record.spec;
    let names = ObjectNames(&spec.name);
    let signer = signing_authority(spec, record.rotation.as_ref());
    // Where the data is holds no certificate.
    let is_one = |object: &ObjectRef| object.kind == "Secret" && object.name != names.datastore_config();
    let refs = object_refs(spec).into_iter().filter(is_one);
    let apart = (signer.name != names.ca()).then_some(signer);
    refs.chain(apart).collect()
}

/// Reads and judges all of them.
#[must_use]
pub fn certificates(record: &Record, live: &Live) -> Vec<CertificateEntry> {
    let look = Look { record, live, names: ObjectNames(&record.spec.name) };
    let names = look.names;
    let mut all = vec![
        look.authority("ca", names.ca(), "ca.crt", look.keeper("ca.key")),
        look.authority(
            "front-proxy-ca",
            names.front_proxy_ca(),
            "front-proxy-ca.crt",
            look.keeper("front-proxy-ca.key"),
        ),
        look.authority("datastore-ca", names.datastore_certificate(), "ca.crt", StoredIn::Datastore),
    ];
    all.extend(LeafName::ALL.into_iter().map(|leaf| look.leaf(leaf)));
    all.push(look.service_account_key());
    all.push(look.encryption_key());
    all.push(CertificateEntry {
        note: Some("on the workers; each kubelet renews its own, signed for a year".to_owned()),
        ..held("kubelets", CertificateKind::Certificate, Some("ca"), StoredIn::Kubelets, None)
    });
    all
}

struct Look<'a> {
    record: &'a Record,
    live: &'a Live,
    names: ObjectNames<'a>,
}

impl Look<'_> {
    fn keeper(&self, key: &str) -> StoredIn {
        if self.record.given.iter().any(|given| given == key) { StoredIn::SuppliedFiles } else { StoredIn::Kamaji }
    }

    fn authority(&self, name: &'static str, secret: String, key: &str, keeper: StoredIn) -> CertificateEntry {
        let text = self.live.secret_value(&secret, key);
        let held = held(name, CertificateKind::Authority, None, keeper, Some(secret));
        match text {
            None => missing(held),
            Some(text) => described(held, text.expose_secret()),
        }
    }

    fn leaf(&self, leaf: LeafName) -> CertificateEntry {
        let names = self.names;
        let certificate = |secret: String, file: &str| {
            let value = |ending: &str| self.live.secret_value(&secret, &format!("{file}.{ending}"));
            let pair = value("crt").zip(value("key")).map(|(certificate, key)| {
                Ok(KeyAndCertificate { certificate: certificate.expose_secret().to_owned(), key })
            });
            (CertificateKind::Certificate, secret, pair)
        };
        let kubeconfig = |secret: String| {
            let text = self.live.secret_value(&secret, leaf.as_str());
            let pair = text.map(|text| pki::kubeconfig_client(text.expose_secret()).map(|(pair, _, _)| pair));
            (CertificateKind::Kubeconfig, secret, pair)
        };
        let signer = signing_authority(&self.record.spec, self.record.rotation.as_ref()).name;
        let (cluster, front_proxy) =
            (("ca", signer, "ca.crt"), ("front-proxy-ca", names.front_proxy_ca(), "front-proxy-ca.crt"));
        let ((kind, secret, pair), (authority, ca_secret, ca_key)) = match leaf {
            LeafName::ApiServer => (certificate(names.api_server(), "apiserver"), cluster),
            LeafName::ApiServerKubeletClient => {
                (certificate(names.kubelet_client(), "apiserver-kubelet-client"), cluster)
            }
            LeafName::FrontProxyClient => (certificate(names.front_proxy_client(), "front-proxy-client"), front_proxy),
            LeafName::DatastoreClient => (
                certificate(names.datastore_certificate(), "server"),
                ("datastore-ca", names.datastore_certificate(), "ca.crt"),
            ),
            LeafName::Admin | LeafName::SuperAdmin => (kubeconfig(names.admin_kubeconfig()), cluster),
            LeafName::ControllerManager => (kubeconfig(names.controller_manager_kubeconfig()), cluster),
            LeafName::Scheduler => (kubeconfig(names.scheduler_kubeconfig()), cluster),
        };
        let held = held(leaf.as_str(), kind, Some(authority), StoredIn::Kamaji, Some(secret));
        match pair {
            None => missing(held),
            Some(Err(error)) => CertificateEntry { problem: Some(error.to_string()), ..held },
            Some(Ok(pair)) => {
                let ca = self.live.secret_value(&ca_secret, ca_key);
                let problem = match ca {
                    Some(ca) => pki::why_not_whole(&pair, ca.expose_secret()),
                    None => Some(format!("its authority is missing: Secret {ca_secret}")),
                };
                described(CertificateEntry { problem, ..held }, &pair.certificate)
            }
        }
    }

    fn service_account_key(&self) -> CertificateEntry {
        let secret = self.names.service_account_key();
        let value = |key: &str| self.live.secret_value(&secret, key);
        let pair = value("sa.pub").zip(value("sa.key"));
        let held = held("service-account-key", CertificateKind::Key, None, self.keeper("sa.key"), Some(secret.clone()));
        let Some((public, private)) = pair else { return missing(held) };
        let problem = match pki::public_key_of(&private) {
            Ok(text) if text.trim() == public.expose_secret().trim() => None,
            Ok(_) => Some("sa.pub does not belong to sa.key".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        CertificateEntry { problem, ..held }
    }

    fn encryption_key(&self) -> CertificateEntry {
        let secret = self.names.encryption();
        let text = self.live.secret_value(&secret, "encryption.yaml");
        let held = held("encryption-key", CertificateKind::Key, None, StoredIn::Kamaji, Some(secret));
        let Some(text) = text else { return missing(held) };
        match policy::encryption_keys(text.expose_secret()).unwrap_or_default().as_slice() {
            [] => CertificateEntry { problem: Some("it has no secretbox key".to_owned()), ..held },
            keys => {
                let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
                CertificateEntry { note: Some(names.join(", ")), ..held }
            }
        }
    }
}

fn held(
    name: &'static str,
    kind: CertificateKind,
    authority: Option<&'static str>,
    managed_by: StoredIn,
    secret: Option<String>,
) -> CertificateEntry {
    let (subject, not_after, problem, note) = (None, None, None, None);
    CertificateEntry { name, kind, subject, not_after, authority, managed_by, secret, problem, note }
}

fn missing(held: CertificateEntry) -> CertificateEntry {
    CertificateEntry { problem: Some("missing".to_owned()), ..held }
}

/// With what a certificate says; its texts may be from elsewhere, and `ui` makes them safe.
fn described(held: CertificateEntry, certificate: &str) -> CertificateEntry {
    match pki::inspect(certificate) {
        Err(error) => CertificateEntry { problem: Some(error.to_string()), ..held },
        Ok(facts) => {
            let groups = facts.organizations.iter().map(|group| format!(", O={group}"));
            let subject = format!("CN={}{}", facts.common_name, groups.collect::<String>());
            CertificateEntry { subject: Some(subject), not_after: Some(facts.not_after), ..held }
        }
    }
}
