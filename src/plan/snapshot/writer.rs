//! Writing a snapshot: the lines, one after the other.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::format::{Line, SnapshotEnd, SnapshotEntry, SnapshotHeader, hex};

/// Gives the lines of a snapshot; every one of them must be written as it is.
pub struct SnapshotWriter {
    hash: Sha256,
    keys: u64,
}

impl SnapshotWriter {
    /// The writer, and the first line.
    #[must_use]
    pub fn begin(header: &SnapshotHeader) -> (Self, Vec<u8>) {
        let mut writer = Self { hash: Sha256::new(), keys: 0 };
        let line = writer.line(header);
        (writer, line)
    }

    /// The line of one key; keys come in their order.
    pub fn entry(&mut self, entry: &SnapshotEntry) -> Vec<u8> {
        self.keys += 1;
        self.line(&Line {
            key: BASE64_STANDARD.encode(&entry.key),
            create_revision: entry.create_revision,
            mod_revision: entry.mod_revision,
            version: entry.version,
            value: BASE64_STANDARD.encode(&entry.value),
            lease: entry.lease.map(|lease| lease.id),
            ttl: entry.lease.map(|lease| lease.seconds),
        })
    }

    /// The last line.
    #[must_use]
    pub fn end(self) -> Vec<u8> {
        let end = SnapshotEnd { keys: self.keys, sha256: hex(&self.hash.finalize()) };
        text(&end)
    }

    fn line(&mut self, value: &impl Serialize) -> Vec<u8> {
        let line = text(value);
        self.hash.update(&line);
        line
    }
}

fn text(value: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).expect("text and numbers serialize to JSON");
    line.push(b'\n');
    line
}
