//! The Secrets of an etcd datastore, from PEM texts. Issuing the certificates is `pki`.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use secrecy::{ExposeSecret, SecretString};

use super::{EtcdNames, EtcdPlan, Manifest, Write, member_addresses, metadata};
use crate::model::LABEL_COMPONENT;

/// Key of the datastore's Secret: `etcd`, `PostgreSQL` or `MySQL`.
pub const DATASTORE_DRIVER: &str = "driver";
/// Key of the datastore's Secret: `host:port`, separated by commas.
pub const DATASTORE_ENDPOINTS: &str = "endpoints";
/// Key of the datastore's Secret: the authority of servers and clients, PEM.
pub const DATASTORE_CA: &str = "tlsConfig.certificateAuthority.certificate";
/// Key of the datastore's Secret: the authority's key, PEM; the client certificates of control planes are signed by it.
pub const DATASTORE_CA_KEY: &str = "tlsConfig.certificateAuthority.privateKey";
/// Key of the datastore's Secret: the administrator's client certificate, PEM.
pub const DATASTORE_CERTIFICATE: &str = "tlsConfig.clientCertificate.certificate";
/// Key of the datastore's Secret: the key of the administrator's client certificate, PEM.
pub const DATASTORE_KEY: &str = "tlsConfig.clientCertificate.privateKey";

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsUse {
    /// The members: common name [`EtcdNames::member_common_name`], names [`super::server_sans`], for servers and clients.
    Member,
    /// The administrator: common name `root`, for clients, without any subject alternative name.
    Root,
}

/// The certificate authority with its key (`tls.crt`, `tls.key`): made once, never changed.
#[must_use]
pub fn ca_secret(plan: &EtcdPlan, certificate: &str, key: &SecretString) -> Manifest {
    let values = BTreeMap::from([("tls.crt", certificate.to_owned()), ("tls.key", exposed(key))]);
    let mut secret = secret(plan, EtcdNames(plan.name).ca(), "certificate-authority", values);
    secret.immutable = Some(true);
    secret.type_ = Some("kubernetes.io/tls".to_owned());
    Manifest::of(&secret, Write::CreateOnly)
}

/// A certificate with its key and its authority (`tls.crt`, `tls.key`, `ca.crt`).
#[must_use]
pub fn tls_secret(plan: &EtcdPlan, usage: TlsUse, ca: &str, certificate: &str, key: &SecretString) -> Manifest {
    let names = EtcdNames(plan.name);
    let name = match usage {
        TlsUse::Member => names.member_certificate(),
        TlsUse::Root => names.root_certificate(),
    };
    let values =
        BTreeMap::from([("ca.crt", ca.to_owned()), ("tls.crt", certificate.to_owned()), ("tls.key", exposed(key))]);
    let mut secret = secret(plan, name, "certificate", values);
    secret.type_ = Some("kubernetes.io/tls".to_owned());
    Manifest::of(&secret, Write::Apply)
}

/// The description of the datastore. The keys are the paths of the operator's `DataStore` fields
/// (`DATASTORE_…`); the label `kamaji.clastix.io/component: datastore` is what it is found by.
#[must_use]
pub fn datastore_secret(
    plan: &EtcdPlan,
    (ca, ca_key): (&str, &SecretString),
    (certificate, key): (&str, &SecretString),
) -> Manifest {
    let values = BTreeMap::from([
        (DATASTORE_DRIVER, "etcd".to_owned()),
        (DATASTORE_ENDPOINTS, member_addresses(plan).join(",")),
        (DATASTORE_CA, ca.to_owned()),
        (DATASTORE_CA_KEY, exposed(ca_key)),
        (DATASTORE_CERTIFICATE, certificate.to_owned()),
        (DATASTORE_KEY, exposed(key)),
    ]);
    let secret = secret(plan, EtcdNames(plan.name).datastore(), "datastore", values);
    Manifest::of(&secret, Write::Apply)
}

fn exposed(key: &SecretString) -> String {
    key.expose_secret().to_owned()
}

fn secret(plan: &EtcdPlan, name: String, component: &str, values: BTreeMap<&str, String>) -> Secret {
    let mut metadata = metadata(plan, name);
    metadata.labels.get_or_insert_default().insert(LABEL_COMPONENT.to_owned(), component.to_owned());
    let data = values.into_iter().map(|(key, value)| (key.to_owned(), ByteString(value.into_bytes()))).collect();
    Secret { metadata, data: Some(data), ..Default::default() }
}
