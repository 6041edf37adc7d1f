//! Lists the certificates, kubeconfigs and keys of a control plane from its Secrets and checks them. Private keys are
//! read but not kept.

use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde::Serialize;

use super::rotation_keys::signing_ca;
use crate::model::{CertificateName, ObjectNames};
use crate::pki::{self, KeyAndCertificate};
use crate::plan::apply::live_objects::Live;
use crate::plan::lifecycle::desired::object_refs;
use crate::plan::state::record::Record;
use crate::render::{ObjectRef, policy};

/// Certificates that expire within this many days are reported.
pub const SOON_DAYS: i64 = 30;

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CertificateKind {
    /// A CA.
    Ca,
    /// A certificate with its key.
    Certificate,
    /// A kubeconfig with a client certificate.
    Kubeconfig,
    /// A key without a certificate. It does not expire.
    Key,
}

/// Who manages a certificate or key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ManagedBy {
    /// kamaji.
    Kamaji,
    /// The user, who supplied it with `--pki`.
    User,
    /// The datastore, which control planes share.
    Datastore,
    /// The kubelet of each worker.
    Kubelets,
}

impl ManagedBy {
    /// The word in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kamaji => "kamaji",
            Self::User => "user",
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
    /// Its kind.
    pub kind: CertificateKind,
    /// The subject of a certificate, such as `CN=kubernetes-admin, O=kubeadm:cluster-admins`.
    pub subject: Option<String>,
    /// When it expires; `None` for keys.
    pub not_after: Option<Timestamp>,
    /// The name of the CA that signs it.
    pub ca: Option<&'static str>,
    /// Who manages it.
    pub managed_by: ManagedBy,
    /// The Secret that contains it; `None` if it is on the workers.
    pub secret: Option<String>,
    /// What is wrong with it, apart from its expiry.
    pub problem: Option<String>,
    /// Additional information.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The Secrets that contain them.
#[must_use]
pub fn certificate_refs(record: &Record) -> Vec<ObjectRef> {
    let spec = &record.spec;
    let names = ObjectNames(&spec.name);
    let signer = signing_ca(spec, record.rotation.as_ref());
    // The Secret with the datastore configuration contains no certificate.
    let has_certificate = |object: &ObjectRef| object.kind == "Secret" && object.name != names.datastore_config();
    let refs = object_refs(spec).into_iter().filter(has_certificate);
    let new_ca = (signer.name != names.ca()).then_some(signer);
    refs.chain(new_ca).collect()
}

/// Reads and checks all certificates and keys.
#[must_use]
pub fn certificates(record: &Record, live: &Live) -> Vec<CertificateEntry> {
    let reader = Reader { record, live, names: ObjectNames(&record.spec.name) };
    let names = reader.names;
    let mut all = vec![
        reader.ca("ca", names.ca(), "ca.crt", reader.manager_of("ca.key")),
        reader.ca(
            "front-proxy-ca",
            names.front_proxy_ca(),
            "front-proxy-ca.crt",
            reader.manager_of("front-proxy-ca.key"),
        ),
        reader.ca("datastore-ca", names.datastore_certificate(), "ca.crt", ManagedBy::Datastore),
    ];
    all.extend(CertificateName::ALL.into_iter().map(|leaf| reader.leaf(leaf)));
    all.push(reader.service_account_key());
    all.push(reader.encryption_key());
    all.push(CertificateEntry {
        note: Some("on the workers; each kubelet renews its own, valid for one year".to_owned()),
        ..new_entry("kubelets", CertificateKind::Certificate, Some("ca"), ManagedBy::Kubelets, None)
    });
    all
}

struct Reader<'a> {
    record: &'a Record,
    live: &'a Live,
    names: ObjectNames<'a>,
}

impl Reader<'_> {
    fn manager_of(&self, key: &str) -> ManagedBy {
        if self.record.supplied_files.iter().any(|supplied| supplied == key) {
            ManagedBy::User
        } else {
            ManagedBy::Kamaji
        }
    }

    fn ca(&self, name: &'static str, secret: String, key: &str, managed_by: ManagedBy) -> CertificateEntry {
        let text = self.live.secret_value(&secret, key);
        let entry = new_entry(name, CertificateKind::Ca, None, managed_by, Some(secret));
        match text {
            None => missing(entry),
            Some(text) => with_certificate_facts(entry, text.expose_secret()),
        }
    }

    fn leaf(&self, leaf: CertificateName) -> CertificateEntry {
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
        let signer = signing_ca(&self.record.spec, self.record.rotation.as_ref()).name;
        let (cluster, front_proxy) =
            (("ca", signer, "ca.crt"), ("front-proxy-ca", names.front_proxy_ca(), "front-proxy-ca.crt"));
        let ((kind, secret, pair), (authority, ca_secret, ca_key)) = match leaf {
            CertificateName::ApiServer => (certificate(names.api_server(), "apiserver"), cluster),
            CertificateName::ApiServerKubeletClient => {
                (certificate(names.kubelet_client(), "apiserver-kubelet-client"), cluster)
            }
            CertificateName::FrontProxyClient => {
                (certificate(names.front_proxy_client(), "front-proxy-client"), front_proxy)
            }
            CertificateName::DatastoreClient => (
                certificate(names.datastore_certificate(), "server"),
                ("datastore-ca", names.datastore_certificate(), "ca.crt"),
            ),
            CertificateName::Admin | CertificateName::SuperAdmin => (kubeconfig(names.admin_kubeconfig()), cluster),
            CertificateName::ControllerManager => (kubeconfig(names.controller_manager_kubeconfig()), cluster),
            CertificateName::Scheduler => (kubeconfig(names.scheduler_kubeconfig()), cluster),
        };
        let entry = new_entry(leaf.as_str(), kind, Some(authority), ManagedBy::Kamaji, Some(secret));
        match pair {
            None => missing(entry),
            Some(Err(error)) => CertificateEntry { problem: Some(error.to_string()), ..entry },
            Some(Ok(pair)) => {
                let ca = self.live.secret_value(&ca_secret, ca_key);
                let problem = match ca {
                    Some(ca) => pki::integrity_problem(&pair, ca.expose_secret()),
                    None => Some(format!("its CA is missing: Secret {ca_secret}")),
                };
                with_certificate_facts(CertificateEntry { problem, ..entry }, &pair.certificate)
            }
        }
    }

    fn service_account_key(&self) -> CertificateEntry {
        let secret = self.names.service_account_key();
        let value = |key: &str| self.live.secret_value(&secret, key);
        let pair = value("sa.pub").zip(value("sa.key"));
        let entry = new_entry(
            "service-account-key",
            CertificateKind::Key,
            None,
            self.manager_of("sa.key"),
            Some(secret.clone()),
        );
        let Some((public, private)) = pair else { return missing(entry) };
        let problem = match pki::public_key_of(&private) {
            Ok(text) if text.trim() == public.expose_secret().trim() => None,
            Ok(_) => Some("sa.pub does not match sa.key".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        CertificateEntry { problem, ..entry }
    }

    fn encryption_key(&self) -> CertificateEntry {
        let secret = self.names.encryption();
        let text = self.live.secret_value(&secret, "encryption.yaml");
        let entry = new_entry("encryption-key", CertificateKind::Key, None, ManagedBy::Kamaji, Some(secret));
        let Some(text) = text else { return missing(entry) };
        match policy::encryption_keys(text.expose_secret()).unwrap_or_default().as_slice() {
            [] => CertificateEntry { problem: Some("contains no secretbox key".to_owned()), ..entry },
            keys => {
                let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
                CertificateEntry { note: Some(names.join(", ")), ..entry }
            }
        }
    }
}

fn new_entry(
    name: &'static str,
    kind: CertificateKind,
    ca: Option<&'static str>,
    managed_by: ManagedBy,
    secret: Option<String>,
) -> CertificateEntry {
    let (subject, not_after, problem, note) = (None, None, None, None);
    CertificateEntry { name, kind, subject, not_after, ca, managed_by, secret, problem, note }
}

fn missing(entry: CertificateEntry) -> CertificateEntry {
    CertificateEntry { problem: Some("missing".to_owned()), ..entry }
}

/// Adds subject and expiry from the certificate. `ui` escapes the subject, which may be supplied by the user.
fn with_certificate_facts(entry: CertificateEntry, certificate: &str) -> CertificateEntry {
    match pki::inspect(certificate) {
        Err(error) => CertificateEntry { problem: Some(error.to_string()), ..entry },
        Ok(facts) => {
            let groups = facts.organizations.iter().map(|group| format!(", O={group}"));
            let subject = format!("CN={}{}", facts.common_name, groups.collect::<String>());
            CertificateEntry { subject: Some(subject), not_after: Some(facts.not_after), ..entry }
        }
    }
}
