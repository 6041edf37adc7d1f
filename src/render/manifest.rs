//! One Kubernetes object that is wished for, and how it is to be written.

use std::fmt;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::{Metadata, Resource, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How an object is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// Server-side apply; values set by other hands are taken back (the plan shows them).
    Apply,
    /// Server-side apply; where another hand changed a value, the whole object is left as it is and the user told.
    ApplyUnlessTaken,
    /// POST only: an object that exists is never changed. For keys.
    CreateOnly,
}

/// Names one object.
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

/// One wished-for object.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Which object.
    pub object: ObjectRef,
    /// The whole object as JSON, with `apiVersion` and `kind`.
    pub body: Value,
    /// How it is written.
    pub write: Write,
}

impl Manifest {
    /// A manifest of a typed object. Its metadata must carry a name.
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

    /// Whether the object holds secret values, which are shown only when asked.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.object.kind == Secret::KIND
    }
}
