//! Reading a snapshot: entry by entry, and at the end whether all of it is there as it was written.

use std::io::{BufRead, Read as _};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::error::SnapshotError;
use super::format::{KIND, LAYOUT, Lease, Line, SnapshotEnd, SnapshotEntry, SnapshotHeader, hex};

/// More than any line has: etcd takes values of 1.5 MiB, and base64 makes them a third longer.
const LONGEST: u64 = 16 * 1024 * 1024;

/// Reads a snapshot. What it gave is trusted only after [`Self::next_entry`] gave `None`.
pub struct SnapshotReader<R> {
    lines: Lines<R>,
    header: SnapshotHeader,
    end: Option<SnapshotEnd>,
    hash: Sha256,
    keys: u64,
    last: Vec<u8>,
}

impl<R: BufRead> SnapshotReader<R> {
    /// Reads the first line, which says whether this program understands the rest.
    pub fn open(input: R) -> Result<Self, SnapshotError> {
        let mut lines = Lines { input, number: 0 };
        let first = lines.next()?.filter(|line| line.ends_with(b"\n")).ok_or(SnapshotError::NotOne)?;
        let value: Value = serde_json::from_slice(&first).map_err(|_| SnapshotError::NotOne)?;
        if value["kind"] != KIND {
            return Err(SnapshotError::NotOne);
        }
        let layout = value["layout"].as_u64().unwrap_or(0);
        if layout > u64::from(LAYOUT) {
            return Err(SnapshotError::Newer { layout });
        }
        let header = lines.parse(&first)?;
        let hash = Sha256::new_with_prefix(&first);
        Ok(Self { lines, header, end: None, hash, keys: 0, last: Vec::new() })
    }

    /// The first line.
    pub const fn header(&self) -> &SnapshotHeader {
        &self.header
    }

    /// The last line, once it was reached.
    pub const fn end(&self) -> Option<&SnapshotEnd> {
        self.end.as_ref()
    }

    /// The next key; `None` at the end of a file that is whole.
    pub fn next_entry(&mut self) -> Result<Option<SnapshotEntry>, SnapshotError> {
        if self.end.is_some() {
            return Ok(None);
        }
        let Some(line) = self.lines.next()?.filter(|line| line.ends_with(b"\n")) else {
            return Err(self.truncated());
        };
        if line.starts_with(b"{\"keys\"") {
            self.finish(&line)?;
            return Ok(None);
        }
        self.hash.update(&line);
        let line: Line = self.lines.parse(&line)?;
        let bytes = |text: &str| BASE64_STANDARD.decode(text).map_err(|error| self.lines.damaged(&error.to_string()));
        let entry = SnapshotEntry {
            key: bytes(&line.key)?,
            value: bytes(&line.value)?,
            create_revision: line.create_revision,
            mod_revision: line.mod_revision,
            version: line.version,
            lease: line.lease.map(|id| Lease { id, seconds: line.ttl.unwrap_or(0) }),
        };
        if !entry.key.starts_with(self.header.prefix.as_bytes()) {
            return Err(self.lines.damaged("the key does not have the prefix"));
        }
        if entry.key <= self.last {
            return Err(self.lines.damaged("the keys are not in order"));
        }
        self.last.clone_from(&entry.key);
        self.keys += 1;
        Ok(Some(entry))
    }

    /// Reads to the end: everything is there as it was written.
    pub fn verify(mut self) -> Result<(SnapshotHeader, SnapshotEnd), SnapshotError> {
        while self.next_entry()?.is_some() {}
        let truncated = self.truncated();
        Ok((self.header, self.end.ok_or(truncated)?))
    }

    fn finish(&mut self, line: &[u8]) -> Result<(), SnapshotError> {
        let end: SnapshotEnd = self.lines.parse(line)?;
        let hash = hex(&std::mem::take(&mut self.hash).finalize());
        if end.sha256 != hash {
            return Err(SnapshotError::Checksum { is: hash, said: end.sha256 });
        }
        if end.keys != self.keys || self.header.keys != self.keys {
            return Err(self.truncated());
        }
        self.end = Some(end);
        match self.lines.next()? {
            None => Ok(()),
            Some(_) => Err(self.lines.damaged("there is something after the last line")),
        }
    }

    const fn truncated(&self) -> SnapshotError {
        SnapshotError::Truncated { keys: self.keys, of: self.header.keys }
    }
}

/// The lines of a file, counted.
struct Lines<R> {
    input: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// The next line with its end, if it has one; `None` when there is none.
    fn next(&mut self) -> Result<Option<Vec<u8>>, SnapshotError> {
        self.number += 1;
        let mut line = Vec::new();
        let read = self.input.by_ref().take(LONGEST).read_until(b'\n', &mut line);
        match read {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(line)),
            Err(error) => Err(SnapshotError::Unreadable(error.to_string())),
        }
    }

    fn parse<T: DeserializeOwned>(&self, line: &[u8]) -> Result<T, SnapshotError> {
        serde_json::from_slice(line).map_err(|error| self.damaged(&error.to_string()))
    }

    /// The cause, without the words of the file: they are confidential.
    fn damaged(&self, why: &str) -> SnapshotError {
        let why = why.split(['`', '"']).next().unwrap_or_default().trim_end().to_owned();
        SnapshotError::Damaged { line: self.number, why }
    }
}
