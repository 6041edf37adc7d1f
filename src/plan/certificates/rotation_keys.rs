//! Renders the Secrets of a key or CA rotation and decides which of them the pods mount.
//!
//! The new key is created once, in its own Secret; a bundle contains what the pods read of both keys. At the end the
//! new key replaces the old one under its name, so others that read it there (Cluster API, the operator) always find
//! the key in use.

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::rotation_phases::{Rotation, RotationPhase, RotationTarget};
use crate::ambient::Ambient;
use crate::model::{ControlPlaneSpec, ObjectNames};
use crate::pki::{self, KeyAndCertificate, PartialUserPki};
use crate::plan::apply::live_objects::Live;
use crate::plan::lifecycle::desired::error::Error;
use crate::render::policy::{self, EncryptionKey};
use crate::render::{self, KeySecrets, Manifest, ObjectRef, Write};

/// What a rotation changes.
pub(crate) struct RotationKeys {
    /// The Secret with both keys, if the pods read both.
    pub(crate) bundle: Option<Manifest>,
    /// The Secrets that the pods mount.
    pub(crate) keys: KeySecrets,
    /// The CAs, during a CA rotation.
    pub(crate) cas: Option<RotationCas>,
}

/// The CAs during a CA rotation.
pub(crate) struct RotationCas {
    /// The CA that signs.
    pub(crate) signer: KeyAndCertificate,
    /// The certificates of both CAs.
    pub(crate) trusted: String,
}

/// The Secrets that exist only during a rotation: the new key and the bundle.
#[must_use]
pub fn rotation_refs(spec: &ControlPlaneSpec) -> [ObjectRef; 2] {
    let names = ObjectNames(&spec.name);
    [names.rotation_key(), names.rotation_bundle()].map(|name| secret_ref(spec, name))
}

/// The Secret whose key is rotated.
#[must_use]
pub fn replaced(spec: &ControlPlaneSpec, of: RotationTarget) -> ObjectRef {
    secret_ref(spec, main_name(ObjectNames(&spec.name), of))
}

fn main_name(names: ObjectNames<'_>, of: RotationTarget) -> String {
    match of {
        RotationTarget::ServiceAccountKey => names.service_account_key(),
        RotationTarget::EncryptionKey => names.encryption(),
        RotationTarget::CertificateAuthority => names.ca(),
    }
}

fn secret_ref(spec: &ControlPlaneSpec, name: String) -> ObjectRef {
    ObjectRef { api_version: "v1".into(), kind: "Secret".into(), namespace: Some(spec.namespace.to_string()), name }
}

/// The name or fingerprint that identifies the key in a Secret.
#[must_use]
pub fn key_in(of: RotationTarget, live: &Live, secret: &str) -> Option<String> {
    let value = |key: &str| live.secret_value(secret, key);
    match of {
        RotationTarget::ServiceAccountKey => {
            let public = value("sa.pub")?;
            let hash = Sha256::digest(public.expose_secret().as_bytes());
            Some(hash.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}")))
        }
        RotationTarget::EncryptionKey => {
            let keys = policy::encryption_keys(value("encryption.yaml")?.expose_secret())?;
            keys.into_iter().next().map(|key| key.name)
        }
        RotationTarget::CertificateAuthority => {
            Some(pki::inspect(value("ca.crt")?.expose_secret()).ok()?.public_key_sha256)
        }
    }
}

/// The Secret with the new key or the supplied CA. Its data will replace that of the old Secret at the end of the
/// rotation.
pub fn rotation_key(
    spec: &ControlPlaneSpec,
    of: RotationTarget,
    live: &Live,
    supplied: &PartialUserPki,
    ambient: &mut Ambient,
) -> Result<Manifest, Error> {
    let names = ObjectNames(&spec.name);
    let unusable =
        |source| Error::Pki { control_plane: spec.name.to_string(), what: of.description().to_owned(), source };
    let data: Vec<(&str, SecretString)> = match of {
        RotationTarget::ServiceAccountKey => {
            let pair = pki::generate_key_pair(spec.certificates.algorithm).map_err(unusable)?;
            vec![("sa.pub", pair.public.into()), ("sa.key", pair.private)]
        }
        RotationTarget::EncryptionKey => {
            let key = EncryptionKey::after(&main_keys(spec, live)?, &ambient.bytes());
            vec![("encryption.yaml", policy::encryption(&[key]))]
        }
        RotationTarget::CertificateAuthority => {
            let generated = || pki::issue_ca("kubernetes", &spec.certificates, ambient.now()).map_err(unusable);
            ca_data(&supplied.ca.clone().map_or_else(generated, Ok)?)
        }
    };
    let (component, write) = (component(of), Write::CreateOnly);
    Ok(render::secret(&spec.namespace, &spec.name, names.rotation_key(), component, write, &data))
}

/// The data of the Secret with the cluster's CA. Cluster API reads `tls.crt` and `tls.key`.
pub(crate) fn ca_data(ca: &KeyAndCertificate) -> Vec<(&'static str, SecretString)> {
    vec![
        ("ca.crt", ca.certificate.clone().into()),
        ("ca.key", ca.key.clone()),
        ("tls.crt", ca.certificate.clone().into()),
        ("tls.key", ca.key.clone()),
    ]
}

/// The Secret with the CA that signs in the current phase.
#[must_use]
pub fn signing_ca(spec: &ControlPlaneSpec, rotation: Option<&Rotation>) -> ObjectRef {
    let names = ObjectNames(&spec.name);
    let new = rotation
        .is_some_and(|it| it.target == RotationTarget::CertificateAuthority && it.phase == RotationPhase::SignWithNew);
    secret_ref(spec, if new { names.rotation_key() } else { names.ca() })
}

/// The Secret with the CAs that are trusted in the current phase, as `ca.crt`.
#[must_use]
pub fn trusted_cas(spec: &ControlPlaneSpec, rotation: Option<&Rotation>) -> ObjectRef {
    let names = ObjectNames(&spec.name);
    let both = rotation.is_some_and(|it| {
        it.target == RotationTarget::CertificateAuthority
            && matches!(it.phase, RotationPhase::TrustBoth | RotationPhase::SignWithNew)
    });
    secret_ref(spec, if both { names.rotation_bundle() } else { names.ca() })
}

/// The component label of the Secret that is replaced.
const fn component(of: RotationTarget) -> &'static str {
    match of {
        RotationTarget::ServiceAccountKey => "certificate",
        RotationTarget::EncryptionKey => "encryption",
        RotationTarget::CertificateAuthority => "certificate-authority",
    }
}

fn main_keys(spec: &ControlPlaneSpec, live: &Live) -> Result<Vec<EncryptionKey>, Error> {
    let secret = ObjectNames(&spec.name).encryption();
    let text = live.secret_value(&secret, "encryption.yaml");
    text.and_then(|text| policy::encryption_keys(text.expose_secret())).ok_or_else(|| Error::EncryptionLost {
        control_plane: spec.name.to_string(),
        secret: format!("{}/{secret}", spec.namespace),
    })
}

/// The keys that pods read in the current phase of a rotation.
pub(crate) fn keys_of_phase(
    spec: &ControlPlaneSpec,
    live: &Live,
    rotation: Option<&Rotation>,
) -> Result<RotationKeys, Error> {
    let names = ObjectNames(&spec.name);
    let settled = RotationKeys { bundle: None, keys: KeySecrets::without_rotation(names), cas: None };
    let Some(rotation) = rotation else { return Ok(settled) };
    let uses_new = match rotation.phase {
        RotationPhase::TrustBoth => false,
        RotationPhase::SignWithNew => true,
        RotationPhase::RemoveOld | RotationPhase::Rollback => return Ok(settled),
    };
    let lost = || lost(spec, rotation);
    if key_in(rotation.target, live, &names.rotation_key()) != rotation.key {
        return Err(lost());
    }
    let new = |key: &str| live.secret_value(&names.rotation_key(), key).ok_or_else(lost);
    let old = |key: &str| live.secret_value(&main_name(names, rotation.target), key).unwrap_or_default();
    let mut keys = settled.keys;
    let mut cas = None;
    let (key, text): (&str, SecretString) = match rotation.target {
        RotationTarget::ServiceAccountKey => {
            keys.service_account_public = names.rotation_bundle();
            if uses_new {
                keys.service_account_private = names.rotation_key();
            }
            let both = format!("{}{}", old("sa.pub").expose_secret(), new("sa.pub")?.expose_secret());
            ("sa.pub", both.into())
        }
        RotationTarget::EncryptionKey => {
            keys.encryption = names.rotation_bundle();
            let new = policy::encryption_keys(new("encryption.yaml")?.expose_secret()).ok_or_else(lost)?;
            let old = main_keys(spec, live)?;
            let both = if uses_new { [new, old].concat() } else { [old, new].concat() };
            ("encryption.yaml", policy::encryption(&both))
        }
        RotationTarget::CertificateAuthority => {
            keys.trusted_ca = names.rotation_bundle();
            keys.signing_ca = signing_ca(spec, Some(rotation)).name;
            let signer = |key: &str| live.secret_value(&keys.signing_ca, key).ok_or_else(lost);
            // The same order in every phase: whatever trusts both is not updated again when the signer changes.
            let trusted = format!("{}{}", with_newline(old("ca.crt").expose_secret()), new("ca.crt")?.expose_secret());
            let certificate = signer("ca.crt")?.expose_secret().to_owned();
            let signer = KeyAndCertificate { certificate, key: signer("ca.key")? };
            cas = Some(RotationCas { signer, trusted: trusted.clone() });
            ("ca.crt", trusted.into())
        }
    };
    let component = component(rotation.target);
    let (name, data) = (names.rotation_bundle(), [(key, text)]);
    let bundle = render::secret(&spec.namespace, &spec.name, name, component, Write::Apply, &data);
    Ok(RotationKeys { bundle: Some(bundle), keys, cas })
}

/// The text with a final newline.
fn with_newline(text: &str) -> String {
    if text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}

/// The error for a missing new key.
#[must_use]
pub fn lost(spec: &ControlPlaneSpec, rotation: &Rotation) -> Error {
    let secret = format!("{}/{}", spec.namespace, ObjectNames(&spec.name).rotation_key());
    Error::RotationKeyLost { control_plane: spec.namespaced_name(), secret, rotation: Box::new(rotation.clone()) }
}
