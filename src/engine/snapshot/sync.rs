//! Compares a control plane's data with a snapshot, and replaces it with the snapshot's.
//!
//! Both are sorted by key, so neither has to fit in memory. Only differences are written, at new etcd revisions:
//! revisions never go back, so no watcher waits for events that never come.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, Seek, SeekFrom};
use std::time::Duration;

use crate::cluster::Lock;
use crate::datastore::{Batch, Cursor, DataChange, Error, EtcdAdmin, Pair};
use crate::engine::session::Session;
use crate::error::{Fault, Kind, While as _};
use crate::plan::snapshot::error::SnapshotError;
use crate::plan::snapshot::format::{Lease, SnapshotEntry};
use crate::plan::snapshot::reader::SnapshotReader;
use crate::plan::state::record::Record;

/// The number of attempts if the datastore is compacted while we read.
const ATTEMPTS: u32 = 5;

/// Differences between a control plane's data and a snapshot, in keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Differences {
    /// Keys that exist only in the snapshot or have another value there.
    pub put: u64,
    /// Keys of the snapshot with a lease that have expired since.
    pub expired: u64,
    /// Keys that are not in the snapshot.
    pub deleted: u64,
    /// Keys that are equal.
    pub unchanged: u64,
}

/// Compares the data with the snapshot. With a lock, writes the differences; without one, only counts them.
pub(crate) async fn sync_data(
    session: &Session<'_>,
    etcd: &EtcdAdmin,
    record: &Record,
    file: &mut (impl BufRead + Seek),
    lock: Option<&Lock>,
) -> Result<Differences, Fault> {
    let mut attempt = 1;
    loop {
        file.seek(SeekFrom::Start(0)).while_doing(Kind::Failed, || "read the snapshot".into())?;
        let snapshot = SnapshotReader::open(&mut *file)?;
        let live = Live { etcd, cursor: Cursor::new(&record.id), pairs: VecDeque::new(), more: true };
        let mut pass = Pass { session, etcd, live, lock, batch: Batch::default(), leases: BTreeMap::new() };
        match pass.run(snapshot).await {
            Err(Stop::Data(Error::Compacted { .. })) if attempt < ATTEMPTS => attempt += 1,
            Err(Stop::Data(error)) => return Err(error.into()),
            Err(Stop::Other(fault)) => return Err(fault),
            Ok(differences) => return Ok(differences),
        }
    }
}

/// Why a pass ended early.
enum Stop {
    Data(Error),
    Other(Fault),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Data(error)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Other(fault)
    }
}

impl From<SnapshotError> for Stop {
    fn from(error: SnapshotError) -> Self {
        Self::Other(error.into())
    }
}

struct Pass<'a> {
    session: &'a Session<'a>,
    etcd: &'a EtcdAdmin,
    live: Live<'a>,
    /// Write only while this lock is held; `None` means read-only.
    lock: Option<&'a Lock>,
    batch: Batch,
    /// New lease ids by the snapshot's lease ids.
    leases: BTreeMap<i64, i64>,
}

impl Pass<'_> {
    async fn run<R: BufRead>(&mut self, mut snapshot: SnapshotReader<R>) -> Result<Differences, Stop> {
        let mut found = Differences::default();
        let mut next = snapshot.next_entry()?;
        loop {
            let live = self.live.next_key(self.session).await?;
            match next.take() {
                Some(entry) if live.as_ref().is_none_or(|key| *key >= entry.key) => {
                    let current = if live.as_ref() == Some(&entry.key) { self.live.pairs.pop_front() } else { None };
                    match current {
                        Some(pair) if is_unchanged(&pair, &entry) => found.unchanged += 1,
                        None if entry.lease.is_some() => {
                            found.expired += 1;
                            self.put(entry).await?;
                        }
                        Some(_) | None => {
                            found.put += 1;
                            self.put(entry).await?;
                        }
                    }
                    next = snapshot.next_entry()?;
                }
                waiting => {
                    next = waiting;
                    let Some(pair) = self.live.pairs.pop_front() else { break };
                    found.deleted += 1;
                    self.change(DataChange::Delete { key: pair.key }).await?;
                }
            }
        }
        self.carry_out().await?;
        Ok(found)
    }

    async fn put(&mut self, entry: SnapshotEntry) -> Result<(), Stop> {
        if self.lock.is_none() {
            return Ok(());
        }
        let lease = match entry.lease {
            None => 0,
            Some(snapshot) => self.new_lease_for(snapshot).await?,
        };
        self.change(DataChange::Put { key: entry.key, value: entry.value, lease }).await
    }

    /// The new lease for one of the snapshot's, so that keys with a common lease expire together again.
    async fn new_lease_for(&mut self, snapshot: Lease) -> Result<i64, Stop> {
        if let Some(id) = self.leases.get(&snapshot.id) {
            return Ok(*id);
        }
        let id = self.etcd.new_lease(snapshot.seconds).await?;
        self.leases.insert(snapshot.id, id);
        Ok(id)
    }

    async fn change(&mut self, change: DataChange) -> Result<(), Stop> {
        if self.lock.is_none() {
            return Ok(());
        }
        if self.batch.is_full_for(&change) {
            self.carry_out().await?;
        }
        self.batch.add(change);
        Ok(())
    }

    async fn carry_out(&mut self) -> Result<(), Stop> {
        if let Some(lock) = self.lock {
            lock.check().map_err(Fault::from)?;
        }
        Ok(self.etcd.carry_out(&mut self.batch).await?)
    }
}

/// Whether the key needs no write: same value, and a lease in both or in neither.
fn is_unchanged(pair: &Pair, entry: &SnapshotEntry) -> bool {
    pair.value == entry.value && (pair.lease != 0) == entry.lease.is_some()
}

/// The datastore's keys, read page by page.
struct Live<'a> {
    etcd: &'a EtcdAdmin,
    cursor: Cursor,
    pairs: VecDeque<Pair>,
    more: bool,
}

impl Live<'_> {
    /// Peeks at the next key; it stays the first of `pairs`.
    async fn next_key(&mut self, session: &Session<'_>) -> Result<Option<Vec<u8>>, Stop> {
        if self.pairs.is_empty() && self.more {
            session.wait(Duration::ZERO, "the data to be compared", &[]).await?;
            let page = self.etcd.next_page(&mut self.cursor).await?;
            self.more = page.more;
            self.pairs = page.pairs.into();
        }
        Ok(self.pairs.front().map(|pair| pair.key.clone()))
    }
}
