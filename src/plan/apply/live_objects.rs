//! What was read from the management cluster, by object.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::SecretString;
use serde_json::Value;

use crate::plan::network::management_network::ManagementNetwork;
use crate::render::ObjectRef;

/// Live objects as the API server returned them, and what they live in.
#[derive(Debug, Clone, Default)]
pub struct Live {
    objects: BTreeMap<ObjectRef, Value>,
    /// The management cluster's own network.
    pub management_network: ManagementNetwork,
}

impl Live {
    /// Nothing yet, in these surroundings.
    #[must_use]
    pub fn within(management_network: ManagementNetwork) -> Self {
        Self { management_network, ..Self::default() }
    }

    /// Keeps one object.
    pub fn insert(&mut self, object: ObjectRef, body: Value) {
        self.objects.insert(object, body);
    }

    /// The live object, if there is one.
    #[must_use]
    pub fn get(&self, object: &ObjectRef) -> Option<&Value> {
        self.objects.get(object)
    }

    /// All live objects, ordered by reference.
    pub fn iter(&self) -> impl Iterator<Item = (&ObjectRef, &Value)> {
        self.objects.iter()
    }

    /// The first object of `kind` called `name`.
    #[must_use]
    pub fn named(&self, kind: &str, name: &str) -> Option<&Value> {
        self.objects.iter().find(|(object, _)| object.kind == kind && object.name == name).map(|(_, body)| body)
    }

    /// One key of a Secret, decoded.
    #[must_use]
    pub fn secret_value(&self, secret: &str, key: &str) -> Option<SecretString> {
        let text = self.named("Secret", secret)?.pointer("/data")?.get(key)?.as_str()?;
        let bytes = BASE64_STANDARD.decode(text).ok()?;
        String::from_utf8(bytes).ok().map(SecretString::from)
    }
}
