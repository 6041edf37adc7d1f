//! What a change of keys, or of the authority, makes of the Secrets and of where the pods read them from.
//!
//! The new key is in a Secret of its own, made once; a bundle holds what the pods read of both. At the end the new key takes
//! the old one's place, under its name: what others read there (Cluster API, the operator) is always the key in use.

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

/// What is different while keys are changed.
pub(crate) struct RotationKeys {
    /// The Secret with both keys, while pods read both.
    pub(crate) bundle: Option<Manifest>,
    /// Where the pods read keys from.
    pub(crate) keys: KeySecrets,
    /// Who signs and who is trusted, while the authority is changed.
    pub(crate) authorities: Option<Authorities>,
}

/// Two authorities of which one signs.
pub(crate) struct Authorities {
    /// The one that signs.
    pub(crate) signer: KeyAndCertificate,
    /// The certificates of both.
    pub(crate) trusted: String,
}

/// The Secrets there are only while keys are changed: that of the new key, and the bundle.
#[must_use]
pub fn rotation_refs(spec: &ControlPlaneSpec) -> [ObjectRef; 2] {
    let names = ObjectNames(&spec.name);
    [names.rotation_key(), names.rotation_bundle()].map(|name| secret_ref(spec, name))
}

/// The Secret whose key is changed for another one.
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

/// The name or fingerprint of the key in a Secret, which tells it from others and nothing about it.
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

/// The Secret with a new key, or with the authority that was given. What is in it is what the Secret of the old one will
/// hold at the end.
pub fn rotation_key(
    spec: &ControlPlaneSpec,
    of: RotationTarget,
    live: &Live,
    given: &PartialUserPki,
    ambient: &mut Ambient,
) -> Result<Manifest, Error> {
    let names = ObjectNames(&spec.name);
    let unusable = |source| Error::Pki { control_plane: spec.name.to_string(), what: of.words().to_owned(), source };
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
            let made = || pki::issue_ca("kubernetes", &spec.certificates, ambient.now()).map_err(unusable);
            authority_data(&given.ca.clone().map_or_else(made, Ok)?)
        }
    };
    let (component, write) = (component(of), Write::CreateOnly);
    Ok(render::secret(&spec.namespace, &spec.name, names.rotation_key(), component, write, &data))
}

/// What the Secret of the cluster's authority holds. `tls.crt` and `tls.key` are the names that Cluster API reads.
pub(crate) fn authority_data(ca: &KeyAndCertificate) -> Vec<(&'static str, SecretString)> {
    vec![
        ("ca.crt", ca.certificate.clone().into()),
        ("ca.key", ca.key.clone()),
        ("tls.crt", ca.certificate.clone().into()),
        ("tls.key", ca.key.clone()),
    ]
}

/// The Secret with the authority that signs now.
#[must_use]
pub fn signing_authority(spec: &ControlPlaneSpec, rotation: Option<&Rotation>) -> ObjectRef {
    let names = ObjectNames(&spec.name);
    let new =
        rotation.is_some_and(|it| it.of == RotationTarget::CertificateAuthority && it.phase == RotationPhase::Use);
    secret_ref(spec, if new { names.rotation_key() } else { names.ca() })
}

/// The Secret with the authorities that are trusted now, as `ca.crt`.
#[must_use]
pub fn trusted_authorities(spec: &ControlPlaneSpec, rotation: Option<&Rotation>) -> ObjectRef {
    let names = ObjectNames(&spec.name);
    let both = rotation.is_some_and(|it| {
        it.of == RotationTarget::CertificateAuthority && matches!(it.phase, RotationPhase::Trust | RotationPhase::Use)
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

/// What pods read in the phase that a change of keys is in.
pub(crate) fn rotating(
    spec: &ControlPlaneSpec,
    live: &Live,
    rotation: Option<&Rotation>,
) -> Result<RotationKeys, Error> {
    let names = ObjectNames(&spec.name);
    let settled = RotationKeys { bundle: None, keys: KeySecrets::settled(names), authorities: None };
    let Some(rotation) = rotation else { return Ok(settled) };
    let uses_new = match rotation.phase {
        RotationPhase::Trust => false,
        RotationPhase::Use => true,
        RotationPhase::Drop | RotationPhase::Back => return Ok(settled),
    };
    let lost = || lost(spec, rotation);
    if key_in(rotation.of, live, &names.rotation_key()) != rotation.key {
        return Err(lost());
    }
    let new = |key: &str| live.secret_value(&names.rotation_key(), key).ok_or_else(lost);
    let old = |key: &str| live.secret_value(&main_name(names, rotation.of), key).unwrap_or_default();
    let mut keys = settled.keys;
    let mut authorities = None;
    let (key, text): (&str, SecretString) = match rotation.of {
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
            keys.authority = names.rotation_bundle();
            keys.signer = signing_authority(spec, Some(rotation)).name;
            let signer = |key: &str| live.secret_value(&keys.signer, key).ok_or_else(lost);
            // In this order in every phase: what trusts both need not be told again when the other one signs.
            let trusted = format!("{}{}", lines(old("ca.crt").expose_secret()), new("ca.crt")?.expose_secret());
            let certificate = signer("ca.crt")?.expose_secret().to_owned();
            let signer = KeyAndCertificate { certificate, key: signer("ca.key")? };
            authorities = Some(Authorities { signer, trusted: trusted.clone() });
            ("ca.crt", trusted.into())
        }
    };
    let component = component(rotation.of);
    let (name, data) = (names.rotation_bundle(), [(key, text)]);
    let bundle = render::secret(&spec.namespace, &spec.name, name, component, Write::Apply, &data);
    Ok(RotationKeys { bundle: Some(bundle), keys, authorities })
}

/// The text with an end to its last line.
fn lines(text: &str) -> String {
    if text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}

/// The new key is gone.
#[must_use]
pub fn lost(spec: &ControlPlaneSpec, rotation: &Rotation) -> Error {
    let secret = format!("{}/{}", spec.namespace, ObjectNames(&spec.name).rotation_key());
    Error::RotationKeyLost { control_plane: spec.namespaced_name(), secret, rotation: Box::new(rotation.clone()) }
}
