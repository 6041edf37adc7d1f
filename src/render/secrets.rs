//! Secrets and policies of a control plane as objects. What is in them is decided and made elsewhere.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Manifest, Write};
use crate::model::{ControlPlaneName, Namespace, labels};

/// A Secret of a control plane. With [`Write::CreateOnly`] it is immutable as well: nothing can replace those keys.
#[must_use]
pub fn secret(
    namespace: &Namespace,
    control_plane: &ControlPlaneName,
    name: String,
    component: &str,
    write: Write,
    data: &[(&str, SecretString)],
) -> Manifest {
    let object = Secret {
        metadata: metadata(namespace, control_plane, name, component),
        immutable: (write == Write::CreateOnly).then_some(true),
        type_: Some("Opaque".into()),
        data: Some(
            data.iter()
                .map(|(key, value)| ((*key).to_owned(), ByteString(value.expose_secret().as_bytes().to_vec())))
                .collect(),
        ),
        ..Default::default()
    };
    Manifest::of(&object, write)
}

/// A `ConfigMap` of a control plane.
#[must_use]
pub fn config_map(
    namespace: &Namespace,
    control_plane: &ControlPlaneName,
    name: String,
    component: &str,
    data: BTreeMap<String, String>,
) -> Manifest {
    let object = ConfigMap {
        metadata: metadata(namespace, control_plane, name, component),
        data: Some(data),
        ..Default::default()
    };
    Manifest::of(&object, Write::Apply)
}

fn metadata(namespace: &Namespace, control_plane: &ControlPlaneName, name: String, component: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(namespace.to_string()),
        labels: Some(labels(control_plane, component)),
        ..Default::default()
    }
}
