//! What a change of keys makes of the Secrets and of where the pods read keys from.
//!
//! The new key is in a Secret of its own, made once; a bundle holds what the pods read of both. At the end the new key takes
//! the old one's place, under its name: what others read there (Cluster API, the operator) is always the key in use.

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::desire::{Error, Inputs};
use super::{Live, Rotated, Rotation, RotationPhase};
use crate::ambient::Ambient;
use crate::model::{ControlPlaneSpec, ObjectNames};
use crate::pki;
use crate::render::policy::{self, EncryptionKey};
use crate::render::{self, KeySecrets, Manifest, ObjectRef, Write};

/// What is different while keys are changed.
pub(super) struct Rotating {
    /// The Secret with both keys, while pods read both.
    pub(super) bundle: Option<Manifest>,
    /// Where the pods read keys from.
    pub(super) keys: KeySecrets,
}

/// The Secrets there are only while keys are changed: that of the new key, and the bundle.
#[must_use]
pub fn rotation_refs(spec: &ControlPlaneSpec) -> [ObjectRef; 2] {
    let names = ObjectNames(&spec.name);
    [names.rotation_key(), names.rotation_bundle()].map(|name| secret_ref(spec, name))
}

/// The Secret whose key is changed for another one.
#[must_use]
pub fn replaced(spec: &ControlPlaneSpec, of: Rotated) -> ObjectRef {
    secret_ref(spec, main_name(ObjectNames(&spec.name), of))
}

fn main_name(names: ObjectNames<'_>, of: Rotated) -> String {
    match of {
        Rotated::ServiceAccountKey => names.service_account_key(),
        Rotated::EncryptionKey => names.encryption(),
    }
}

fn secret_ref(spec: &ControlPlaneSpec, name: String) -> ObjectRef {
    ObjectRef { api_version: "v1".into(), kind: "Secret".into(), namespace: Some(spec.namespace.to_string()), name }
}

/// The name or fingerprint of the key in a Secret, which tells it from others and nothing about it.
#[must_use]
pub fn key_in(of: Rotated, live: &Live, secret: &str) -> Option<String> {
    let value = |key: &str| live.secret_value(secret, key);
    match of {
        Rotated::ServiceAccountKey => {
            let public = value("sa.pub")?;
            let hash = Sha256::digest(public.expose_secret().as_bytes());
            Some(hash.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}")))
        }
        Rotated::EncryptionKey => {
            let keys = policy::encryption_keys(value("encryption.yaml")?.expose_secret())?;
            keys.into_iter().next().map(|key| key.name)
        }
    }
}

/// The Secret with a new key. What is in it is what the Secret of the old one will hold at the end.
pub fn rotation_key(
    spec: &ControlPlaneSpec,
    of: Rotated,
    live: &Live,
    ambient: &mut Ambient,
) -> Result<Manifest, Error> {
    let names = ObjectNames(&spec.name);
    let unusable = |source| Error::Pki { plane: spec.name.to_string(), what: of.words().to_owned(), source };
    let data: Vec<(&str, SecretString)> = match of {
        Rotated::ServiceAccountKey => {
            let pair = pki::generate_key_pair(spec.certificates.algorithm).map_err(unusable)?;
            vec![("sa.pub", pair.public.into()), ("sa.key", pair.private)]
        }
        Rotated::EncryptionKey => {
            let key = EncryptionKey::after(&main_keys(spec, live)?, &ambient.bytes());
            vec![("encryption.yaml", policy::encryption(&[key]))]
        }
    };
    let (component, write) = (component(of), Write::CreateOnly);
    Ok(render::secret(&spec.namespace, &spec.name, names.rotation_key(), component, write, &data))
}

/// The component label of the Secret that is replaced.
const fn component(of: Rotated) -> &'static str {
    match of {
        Rotated::ServiceAccountKey => "certificate",
        Rotated::EncryptionKey => "encryption",
    }
}

fn main_keys(spec: &ControlPlaneSpec, live: &Live) -> Result<Vec<EncryptionKey>, Error> {
    let secret = ObjectNames(&spec.name).encryption();
    let text = live.secret_value(&secret, "encryption.yaml");
    text.and_then(|text| policy::encryption_keys(text.expose_secret())).ok_or_else(|| Error::EncryptionLost {
        plane: spec.name.to_string(),
        secret: format!("{}/{secret}", spec.namespace),
    })
}

/// What pods read in the phase that a change of keys is in.
pub(super) fn rotating(inputs: &Inputs<'_>, names: ObjectNames<'_>) -> Result<Rotating, Error> {
    let settled = Rotating { bundle: None, keys: KeySecrets::settled(names) };
    let Some(rotation) = inputs.rotation else { return Ok(settled) };
    let uses_new = match rotation.phase {
        RotationPhase::Trust => false,
        RotationPhase::Use => true,
        RotationPhase::Drop | RotationPhase::Back => return Ok(settled),
    };
    let (spec, live) = (inputs.spec, inputs.live);
    let lost = || lost(spec, rotation);
    if key_in(rotation.of, live, &names.rotation_key()) != rotation.key {
        return Err(lost());
    }
    let new = |key: &str| live.secret_value(&names.rotation_key(), key).ok_or_else(lost);
    let old = |key: &str| live.secret_value(&main_name(names, rotation.of), key).unwrap_or_default();
    let mut keys = settled.keys;
    let (key, text): (&str, SecretString) = match rotation.of {
        Rotated::ServiceAccountKey => {
            keys.service_account_public = names.rotation_bundle();
            if uses_new {
                keys.service_account_private = names.rotation_key();
            }
            let both = format!("{}{}", old("sa.pub").expose_secret(), new("sa.pub")?.expose_secret());
            ("sa.pub", both.into())
        }
        Rotated::EncryptionKey => {
            keys.encryption = names.rotation_bundle();
            let new = policy::encryption_keys(new("encryption.yaml")?.expose_secret()).ok_or_else(lost)?;
            let old = main_keys(spec, live)?;
            let both = if uses_new { [new, old].concat() } else { [old, new].concat() };
            ("encryption.yaml", policy::encryption(&both))
        }
    };
    let component = component(rotation.of);
    let (name, data) = (names.rotation_bundle(), [(key, text)]);
    let bundle = render::secret(&spec.namespace, &spec.name, name, component, Write::Apply, &data);
    Ok(Rotating { bundle: Some(bundle), keys })
}

/// The new key is gone.
#[must_use]
pub fn lost(spec: &ControlPlaneSpec, rotation: &Rotation) -> Error {
    let secret = format!("{}/{}", spec.namespace, ObjectNames(&spec.name).rotation_key());
    Error::RotationKeyLost { plane: spec.name.to_string(), secret, rotation: rotation.clone() }
}
