//! The snapshot of a control plane's data as a file: what is in it, and that what is read is what was written.
//!
//! Lines of JSON, so that others read it with what they have: one that says what it is, one for each key as
//! `etcdctl get -w json` shows it, one that ends it with their number and a checksum. docs/reference/snapshot-format.md
//! tells it to users. Pure: where the lines come from and go to is up to the caller.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::SnapshotError;
use crate::model::{ControlPlaneId, KubeVersion, Namespace};
use crate::plan::state::record::Record;

/// The layout that this program writes. A file with a higher number is refused.
pub(super) const LAYOUT: u32 = 1;
/// What the first line says that it is.
pub(super) const KIND: &str = "ControlPlaneSnapshot";

/// The first line: whose data it is, and of when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotHeader {
    /// Always `ControlPlaneSnapshot`.
    pub kind: String,
    /// The layout of the file.
    pub layout: u32,
    /// The control plane's name.
    pub control_plane: String,
    /// Its namespace in the management cluster.
    pub namespace: Namespace,
    /// Its identity; the data can only be put back where it is the same.
    pub id: ControlPlaneId,
    /// The SHA-256 of the public key of its authority, as the record has it.
    pub ca: Option<String>,
    /// The newest version that wrote the data.
    pub version: KubeVersion,
    /// The kind of datastore: `etcd`.
    pub driver: String,
    /// The version of the datastore.
    pub driver_version: String,
    /// The datastore's revision that this is.
    pub revision: i64,
    /// What every key begins with.
    pub prefix: String,
    /// How many keys follow.
    pub keys: u64,
    /// When it was taken.
    pub taken: Timestamp,
    /// The version of the kamaji that wrote it.
    pub written_by: String,
}

impl SnapshotHeader {
    /// What is said of a control plane's data at a revision of an etcd.
    #[must_use]
    pub fn of(record: &Record, driver_version: String, prefix: String, at: (i64, u64), now: Timestamp) -> Self {
        // Both versions may have written while one goes over to the other.
        let newest = record.upgrade.as_ref().map_or(record.spec.version, |way| way.from.max(way.to));
        Self {
            kind: KIND.to_owned(),
            layout: LAYOUT,
            control_plane: record.spec.name.to_string(),
            namespace: record.spec.namespace.clone(),
            id: record.id.clone(),
            ca: record.ca.clone(),
            version: newest,
            driver: "etcd".to_owned(),
            driver_version,
            revision: at.0,
            prefix,
            keys: at.1,
            taken: now,
            written_by: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Refuses data that is not of this control plane: encrypted with other keys, signed by another authority.
    pub fn require_of(&self, record: &Record) -> Result<(), SnapshotError> {
        let other = |what: &'static str, is: String, has: String| SnapshotError::OtherControlPlane {
            control_plane: record.spec.name.to_string(),
            what,
            is,
            has,
        };
        if self.id != record.id {
            let from = format!("{} ({}/{})", self.id, self.namespace, self.control_plane);
            return Err(other("id", record.id.to_string(), from));
        }
        let had = |ca: &String| record.former_cas.contains(ca);
        if self.ca != record.ca && !self.ca.as_ref().is_some_and(had) {
            let text = |ca: &Option<String>| ca.clone().unwrap_or_else(|| "none".to_owned());
            return Err(other("certificate authority", text(&record.ca), text(&self.ca)));
        }
        Ok(())
    }
}

/// One key. The names of the fields are those of `etcdctl get -w json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotEntry {
    /// The key, with the prefix.
    pub key: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
    /// The revision at which the key was made.
    pub create_revision: i64,
    /// The revision at which it was written last.
    pub mod_revision: i64,
    /// How often it was written since it was made.
    pub version: i64,
    /// The lease that it ended with, if any.
    pub lease: Option<Lease>,
}

/// A lease, as it was when the snapshot was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Which one; keys with the same one end together.
    pub id: i64,
    /// How many seconds it had left.
    pub seconds: u64,
}

/// An entry as a line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    pub(super) key: String,
    pub(super) create_revision: i64,
    pub(super) mod_revision: i64,
    pub(super) version: i64,
    pub(super) value: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lease: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ttl: Option<u64>,
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotEnd {
    /// How many keys there were.
    pub keys: u64,
    /// The SHA-256 of all bytes before this line, in hex.
    pub sha256: String,
}

pub(super) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
