//! A desired Kubernetes object, and how to write it.

use std::fmt;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::{Metadata, Resource, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How to write an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// Server-side apply; overwrites changes by other field managers, which the plan shows.
    Apply,
    /// Server-side apply, unless another field manager changed a value: then the object is left alone and reported.
    ApplyUnlessEdited,
    /// Create only: an existing object is never changed. For keys.
    CreateOnly,
}

/// A reference to an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectRef {
    /// For example `apps/v1`.
    pub api_version: String,
    /// For example `Deployment`.
    pub kind: String,
    /// `None` for cluster-scoped objects.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// A desired object.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The object's reference.
    pub object: ObjectRef,
    /// The complete object as JSON, with `apiVersion` and `kind`.
    pub body: Value,
    /// How to write it.
    pub write: Write,
}

impl Manifest {
    /// The manifest of a typed object. Panics if the object has no name.
    pub fn of<K>(object: &K, write: Write) -> Self
    where
        K: Resource + Metadata<Ty = ObjectMeta> + Serialize,
    {
        let metadata = object.metadata();
        let name = metadata.name.clone().expect("every rendered object has a name");
        let object_ref = ObjectRef {
            api_version: K::API_VERSION.to_owned(),
            kind: K::KIND.to_owned(),
            namespace: metadata.namespace.clone(),
            name,
        };
        let body = serde_json::to_value(object).expect("Kubernetes objects serialize to JSON");
        Self { object: object_ref, body, write }
    }

    /// Whether the object is a Secret, whose values are shown only on request.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.object.kind == Secret::KIND
    }
}
