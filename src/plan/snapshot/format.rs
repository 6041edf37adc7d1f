//! Defines the snapshot file: a control plane's data as JSON lines, readable with common tools.
//!
//! The first line is a header, then one line per key as in `etcdctl get -w json`, then a line with the number of keys
//! and a checksum. docs/reference/snapshot-format.md documents the format for users. Pure: the caller reads and writes
//! the lines.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::SnapshotError;
use crate::model::{ControlPlaneId, KubeVersion, Namespace};
use crate::plan::state::record::Record;

/// The layout this kamaji writes. Files with a higher number are rejected.
pub(super) const LAYOUT: u32 = 1;
/// The `kind` in the header.
pub(super) const KIND: &str = "ControlPlaneSnapshot";

/// The first line: which control plane's data it is, and when it was taken.
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
    /// The control plane's id; data can only be restored into a control plane with the same id.
    pub id: ControlPlaneId,
    /// The SHA-256 of its CA's public key, as in the record.
    pub ca: Option<String>,
    /// The newest version that wrote the data.
    pub version: KubeVersion,
    /// The kind of datastore: `etcd`.
    pub driver: String,
    /// The version of the datastore.
    pub driver_version: String,
    /// The datastore revision of the data.
    pub revision: i64,
    /// The prefix of every key.
    pub prefix: String,
    /// The number of keys that follow.
    pub keys: u64,
    /// When it was taken.
    pub taken: Timestamp,
    /// The version of the kamaji that wrote it.
    pub written_by: String,
}

impl SnapshotHeader {
    /// The header for a control plane's data; `at` is etcd's revision and the number of keys.
    #[must_use]
    pub fn of(record: &Record, driver_version: String, prefix: String, at: (i64, u64), now: Timestamp) -> Self {
        // During an upgrade both versions may have written data.
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

    /// Rejects data of another control plane: it is encrypted with other keys or signed by another CA.
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
            return Err(other("CA", text(&record.ca), text(&self.ca)));
        }
        Ok(())
    }
}

/// One key. Field names are those of `etcdctl get -w json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotEntry {
    /// The key, including the prefix.
    pub key: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
    /// The revision that created the key.
    pub create_revision: i64,
    /// The revision of the last write.
    pub mod_revision: i64,
    /// The number of writes since creation.
    pub version: i64,
    /// The lease it was attached to, if any.
    pub lease: Option<Lease>,
}

/// A lease at the time of the snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The lease's id; keys with the same lease expire together.
    pub id: i64,
    /// The remaining time to live in seconds.
    pub seconds: u64,
}

/// An entry as JSON.
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
    /// The number of keys.
    pub keys: u64,
    /// The SHA-256 of all bytes before this line, in hex.
    pub sha256: String,
}

pub(super) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
