//! Taking a snapshot: all keys of a control plane at one revision, page by page into a file. The control plane serves on.
//! What the file looks like decides `plan::SnapshotWriter`, where it lies and when it gets its name the caller.

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

/// How often reading begins anew when the datastore was compacted meanwhile.
const ATTEMPTS: u32 = 5;

/// A file that a snapshot is written to.
pub trait SnapshotFile: Write {
    /// Throws away what was written so far.
    fn restart(&mut self) -> std::io::Result<()>;
}

/// Writes all keys of a control plane as they are at one revision.
pub async fn snapshot(
    session: &Session<'_>,
    record: &Record,
    file: &mut impl SnapshotFile,
) -> Result<SnapshotHeader, Fault> {
    let spec = &record.spec;
    refuse_half_restored(record)?;
    let found = admin::find(session, &spec.datastore).await?;
    let found = found.ok_or_else(|| DatastoreError::Missing { name: spec.datastore.to_string() })?;
    let mut admin = admin::open(session, &found).await?;
    let version = admin.etcd.version().await?;
    let header =
        |at: (i64, u64)| SnapshotHeader::of(record, version.clone(), prefix(&record.id), at, (session.clock)());
    session.say(Event::Step(format!("snapshot of the data of `{}`", spec.name)));
    let mut pages = EtcdPages { etcd: &admin.etcd, id: &record.id, cursor: Cursor::new(&record.id) };
    let goal = "the snapshot";
    let wait = async |progress: String| session.wait(Duration::ZERO, goal, &[progress]).await;
    let note = |text: &str| session.say(Event::Note(text.to_owned()));
    let header = write(&mut pages, header, file, &wait, &note).await?;
    if header.keys == 0 {
        return Err(Fault::new(Kind::Failed, format!("control plane `{}` has no data yet", spec.name))
            .hint(format!("see what it lacks: kamaji status {}", spec.namespaced_name().argument())));
    }
    Ok(header)
}

/// What is neither the data before nor the snapshot's is worth nothing.
fn refuse_half_restored(record: &Record) -> Result<(), Fault> {
    let Some(restore) = &record.restore else { return Ok(()) };
    let control_plane = record.spec.namespaced_name();
    Err(Fault::new(Kind::Conflict, format!("control plane `{control_plane}` is being restored ({restore})"))
        .hint(format!("finish that first: kamaji restore {} --from FILE", control_plane.argument())))
}

/// Where pages come from: etcd, or a test.
trait Pages {
    /// Begins anew, at the revision that is newest then.
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

/// Why one attempt ended.
enum Broken {
    Data(Error),
    File(FileError),
    Time(Fault),
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self::Data(error)
    }
}

impl From<FileError> for Broken {
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
            Err(Broken::Data(Error::Compacted { .. })) if attempt < ATTEMPTS => {
                note("the datastore was compacted meanwhile; reading its newest revision");
                pages.restart();
                attempt += 1;
            }
            Err(Broken::Data(error)) => return Err(error.into()),
            Err(Broken::Time(fault)) => return Err(fault),
            Err(Broken::File(error)) => {
                return Err(Fault::new(Kind::Failed, format!("the snapshot cannot be written: {error}"))
                    .hint("make room, or name a file on another disk"));
            }
        }
    }
}

async fn write_once(
    pages: &mut impl Pages,
    header: impl Fn((i64, u64)) -> SnapshotHeader,
    file: &mut impl SnapshotFile,
    wait: &impl AsyncFn(String) -> Result<(), Fault>,
) -> Result<SnapshotHeader, Broken> {
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
                id => Some(Lease { id, seconds: known_or_asked(&mut leases, pages, id).await? }),
            };
            file.write_all(&writer.entry(&entry(pair, lease)))?;
        }
        if !page.more {
            break;
        }
        let progress = format!("{written} of {} keys are written", header.keys);
        wait(progress).await.map_err(Broken::Time)?;
        page = pages.next().await?;
    }
    file.write_all(&writer.end())?;
    file.flush()?;
    Ok(header)
}

async fn known_or_asked(leases: &mut BTreeMap<i64, u64>, pages: &mut impl Pages, lease: i64) -> Result<u64, Error> {
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

    /// Pages of two keys of a store with five, which is compacted after some pages, and has a newer revision then.
    struct Store {
        revision: i64,
        given: usize,
        compacted_after: Vec<usize>,
    }

    impl Pages for Store {
        fn restart(&mut self) {
            (self.revision, self.given) = (self.revision + 1, 0);
        }

        async fn next(&mut self) -> Result<Page, Error> {
            if self.compacted_after.first() == Some(&self.given) {
                self.compacted_after.remove(0);
                return Err(Error::Compacted { endpoint: "here".into(), doing: "read".into() });
            }
            let pairs = (self.given * 2..5.min(self.given * 2 + 2)).map(|number| Pair {
                key: format!("/{ID}/{number}").into_bytes(),
                value: self.revision.to_string().into_bytes(),
                create_revision: 1,
                mod_revision: self.revision,
                version: 1,
                lease: i64::try_from(number % 2).unwrap() * 77,
            });
            let (pairs, keys) = (pairs.collect(), 5 - u64::try_from(self.given).unwrap() * 2);
            self.given += 1;
            Ok(Page { revision: self.revision, keys, pairs, more: self.given < 3 })
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
        let mut store = Store { revision: 100, given: 0, compacted_after: compacted_after.to_vec() };
        let mut file = Memory::default();
        write(&mut store, header, &mut file, &async |_| Ok(()), &|_: &str| {}).await?;
        Ok(file.0)
    }

    #[tokio::test]
    async fn all_pages_are_of_one_revision_also_when_it_was_compacted_meanwhile() {
        for (compacted_after, revision) in [(&[][..], 100), (&[2], 101), (&[0, 1, 2], 103)] {
            let bytes = taken(compacted_after).await.unwrap();
            let mut reader = SnapshotReader::open(&bytes[..]).unwrap();
            assert_eq!((reader.header().revision, reader.header().keys), (revision, 5));
            let mut leases = 0;
            while let Some(entry) = reader.next_entry().unwrap() {
                assert_eq!(entry.value, revision.to_string().into_bytes(), "a key of another revision");
                leases += usize::from(entry.lease == Some(Lease { id: 77, seconds: 3600 }));
            }
            assert_eq!(leases, 2);
        }
    }

    #[tokio::test]
    async fn a_store_that_is_compacted_all_the_time_is_told() {
        let fault = taken(&[1; 5]).await.unwrap_err();
        assert_eq!(fault.kind(), Kind::Unavailable);
        assert!(fault.hints()[0].contains("same command"), "{fault:?}");
    }
}
