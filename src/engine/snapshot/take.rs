//! Takes a snapshot: writes all keys of a running control plane at one revision, page by page, to a file.
//! `SnapshotWriter` defines the format; the caller chooses the path and moves the file there once it is verified.

use std::collections::BTreeMap;
use std::io::{Error as FileError, Write};
use std::time::Duration;

use crate::datastore::{Cursor, Error, EtcdAdmin, Page, Pair, prefix};
use crate::engine::datastore::admin;
use crate::engine::session::Session;
use crate::error::{Fault, Kind};
use crate::event::Event;
use crate::model::ControlPlaneId;
use crate::plan::datastore::authority::DatastoreError;
use crate::plan::snapshot::format::{Lease, SnapshotEntry, SnapshotHeader};
use crate::plan::snapshot::writer::SnapshotWriter;
use crate::plan::state::record::Record;

/// The number of attempts if the datastore is compacted while we read.
const ATTEMPTS: u32 = 5;

/// The output of a snapshot.
pub trait SnapshotFile: Write {
    /// Discards everything written so far.
    fn restart(&mut self) -> std::io::Result<()>;
}

/// Writes all keys of a control plane at one revision.
pub async fn snapshot(
    session: &Session<'_>,
    record: &Record,
    file: &mut impl SnapshotFile,
) -> Result<SnapshotHeader, Fault> {
    let spec = &record.spec;
    ensure_not_restoring(record)?;
    let found = admin::find(session, &spec.datastore).await?;
    let found = found.ok_or_else(|| DatastoreError::Missing { name: spec.datastore.to_string() })?;
    let mut admin = admin::open(session, &found).await?;
    let version = admin.etcd.version().await?;
    let header =
        |at: (i64, u64)| SnapshotHeader::of(record, version.clone(), prefix(&record.id), at, (session.clock)());
    session.say(Event::Step(format!("taking a snapshot of `{}`", spec.name)));
    let mut pages = EtcdPages { etcd: &admin.etcd, id: &record.id, cursor: Cursor::new(&record.id) };
    let goal = "the snapshot";
    let wait = async |progress: String| session.wait(Duration::ZERO, goal, &[progress]).await;
    let note = |text: &str| session.say(Event::Note(text.to_owned()));
    let header = write(&mut pages, header, file, &wait, &note).await?;
    if header.keys == 0 {
        return Err(Fault::new(Kind::Failed, format!("control plane `{}` has no data yet", spec.name))
            .hint(format!("check its state: kamaji status {}", spec.namespaced_name().argument())));
    }
    Ok(header)
}

/// Data in the middle of a restore is inconsistent, so do not take a snapshot of it.
fn ensure_not_restoring(record: &Record) -> Result<(), Fault> {
    let Some(restore) = &record.restore else { return Ok(()) };
    let control_plane = record.spec.namespaced_name();
    Err(Fault::new(Kind::Conflict, format!("control plane `{control_plane}` is being restored ({restore})"))
        .hint(format!("finish the restore first: kamaji restore {} --from FILE", control_plane.argument())))
}

/// The source of pages: etcd, or a test double.
trait Pages {
    /// Restarts at the newest revision.
    fn restart(&mut self);
    async fn next(&mut self) -> Result<Page, Error>;
    async fn lease_seconds(&mut self, lease: i64) -> Result<u64, Error>;
}

struct EtcdPages<'a> {
    etcd: &'a EtcdAdmin,
    id: &'a ControlPlaneId,
    cursor: Cursor,
}

impl Pages for EtcdPages<'_> {
    fn restart(&mut self) {
        self.cursor = Cursor::new(self.id);
    }

    async fn next(&mut self) -> Result<Page, Error> {
        self.etcd.next_page(&mut self.cursor).await
    }

    async fn lease_seconds(&mut self, lease: i64) -> Result<u64, Error> {
        self.etcd.lease_seconds(lease).await
    }
}

/// Why an attempt failed.
enum AttemptError {
    Data(Error),
    File(FileError),
    Time(Fault),
}

impl From<Error> for AttemptError {
    fn from(error: Error) -> Self {
        Self::Data(error)
    }
}

impl From<FileError> for AttemptError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

async fn write(
    pages: &mut impl Pages,
    header: impl Fn((i64, u64)) -> SnapshotHeader,
    file: &mut impl SnapshotFile,
    wait: &impl AsyncFn(String) -> Result<(), Fault>,
    note: &impl Fn(&str),
) -> Result<SnapshotHeader, Fault> {
    let mut attempt = 1;
    loop {
        match write_once(pages, &header, file, wait).await {
            Ok(header) => return Ok(header),
            Err(AttemptError::Data(Error::Compacted { .. })) if attempt < ATTEMPTS => {
                note("the datastore was compacted during the snapshot; starting over at the newest revision");
                pages.restart();
                attempt += 1;
            }
            Err(AttemptError::Data(error)) => return Err(error.into()),
            Err(AttemptError::Time(fault)) => return Err(fault),
            Err(AttemptError::File(error)) => {
                return Err(Fault::new(Kind::Failed, format!("cannot write the snapshot: {error}"))
                    .hint("free disk space, or choose a file on another disk"));
            }
        }
    }
}

async fn write_once(
    pages: &mut impl Pages,
    header: impl Fn((i64, u64)) -> SnapshotHeader,
    file: &mut impl SnapshotFile,
    wait: &impl AsyncFn(String) -> Result<(), Fault>,
) -> Result<SnapshotHeader, AttemptError> {
    file.restart()?;
    let mut page = pages.next().await?;
    let header = header((page.revision, page.keys));
    let (mut writer, line) = SnapshotWriter::begin(&header);
    file.write_all(&line)?;
    let mut leases = BTreeMap::new();
    let mut written = 0;
    loop {
        written += page.pairs.len();
        for pair in page.pairs {
            let lease = match pair.lease {
                0 => None,
                id => Some(Lease { id, seconds: lease_seconds_cached(&mut leases, pages, id).await? }),
            };
            file.write_all(&writer.entry(&entry(pair, lease)))?;
        }
        if !page.more {
            break;
        }
        let progress = format!("{written} of {} keys written", header.keys);
        wait(progress).await.map_err(AttemptError::Time)?;
        page = pages.next().await?;
    }
    file.write_all(&writer.end())?;
    file.flush()?;
    Ok(header)
}

async fn lease_seconds_cached(
    leases: &mut BTreeMap<i64, u64>,
    pages: &mut impl Pages,
    lease: i64,
) -> Result<u64, Error> {
    if let Some(seconds) = leases.get(&lease) {
        return Ok(*seconds);
    }
    let seconds = pages.lease_seconds(lease).await?;
    leases.insert(lease, seconds);
    Ok(seconds)
}

fn entry(pair: Pair, lease: Option<Lease>) -> SnapshotEntry {
    SnapshotEntry {
        key: pair.key,
        value: pair.value,
        create_revision: pair.create_revision,
        mod_revision: pair.mod_revision,
        version: pair.version,
        lease,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::snapshot::reader::SnapshotReader;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    /// A store with five keys in pages of two. It is compacted after the listed pages, which advances the revision.
    struct Store {
        revision: i64,
        served: usize,
        compacted_after: Vec<usize>,
    }

    impl Pages for Store {
        fn restart(&mut self) {
            (self.revision, self.served) = (self.revision + 1, 0);
        }

        async fn next(&mut self) -> Result<Page, Error> {
            if self.compacted_after.first() == Some(&self.served) {
                self.compacted_after.remove(0);
                return Err(Error::Compacted { endpoint: "here".into(), doing: "read".into() });
            }
            let pairs = (self.served * 2..5.min(self.served * 2 + 2)).map(|number| Pair {
                key: format!("/{ID}/{number}").into_bytes(),
                value: self.revision.to_string().into_bytes(),
                create_revision: 1,
                mod_revision: self.revision,
                version: 1,
                lease: i64::try_from(number % 2).unwrap() * 77,
            });
            let (pairs, keys) = (pairs.collect(), 5 - u64::try_from(self.served).unwrap() * 2);
            self.served += 1;
            Ok(Page { revision: self.revision, keys, pairs, more: self.served < 3 })
        }

        async fn lease_seconds(&mut self, lease: i64) -> Result<u64, Error> {
            assert_eq!(lease, 77);
            Ok(3600)
        }
    }

    #[derive(Default)]
    struct Memory(Vec<u8>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl SnapshotFile for Memory {
        fn restart(&mut self) -> std::io::Result<()> {
            self.0.clear();
            Ok(())
        }
    }

    fn header((revision, keys): (i64, u64)) -> SnapshotHeader {
        let json = serde_json::json!({
            "kind": "ControlPlaneSnapshot", "layout": 1, "controlPlane": "prod", "namespace": "team-a", "id": ID,
            "ca": null, "version": "v1.36.3", "driver": "etcd", "driverVersion": "3.7.3", "revision": revision,
            "prefix": format!("/{ID}/"), "keys": keys, "taken": "2027-06-01T12:00:00Z", "writtenBy": "0.1.0",
        });
        serde_json::from_value(json).unwrap()
    }

    async fn taken(compacted_after: &[usize]) -> Result<Vec<u8>, Fault> {
        let mut store = Store { revision: 100, served: 0, compacted_after: compacted_after.to_vec() };
        let mut file = Memory::default();
        write(&mut store, header, &mut file, &async |_| Ok(()), &|_: &str| {}).await?;
        Ok(file.0)
    }

    #[tokio::test]
    async fn all_pages_have_one_revision_even_after_a_compaction() {
        for (compacted_after, revision) in [(&[][..], 100), (&[2], 101), (&[0, 1, 2], 103)] {
            let bytes = taken(compacted_after).await.unwrap();
            let mut reader = SnapshotReader::open(&bytes[..]).unwrap();
            assert_eq!((reader.header().revision, reader.header().keys), (revision, 5));
            let mut leases = 0;
            while let Some(entry) = reader.next_entry().unwrap() {
                assert_eq!(entry.value, revision.to_string().into_bytes(), "a key at another revision");
                leases += usize::from(entry.lease == Some(Lease { id: 77, seconds: 3600 }));
            }
            assert_eq!(leases, 2);
        }
    }

    #[tokio::test]
    async fn permanent_compaction_is_an_error() {
        let fault = taken(&[1; 5]).await.unwrap_err();
        assert_eq!(fault.kind(), Kind::Unavailable);
        assert!(fault.hints()[0].contains("same command"), "{fault:?}");
    }
}
