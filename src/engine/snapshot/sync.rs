//! The data of a control plane and a snapshot, side by side: how they differ, and making them alike.
//!
//! Both are in the order of their keys, so that neither has to be in memory. Only what differs is written, at etcd's next
//! revisions: those go forwards, so that no watcher waits for events that never come.

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

/// How often reading begins anew when the datastore was compacted meanwhile.
const ATTEMPTS: u32 = 5;

/// How the data of a control plane and a snapshot differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Differences {
    /// Keys that are only in the snapshot, or have another value there.
    pub put: u64,
    /// Keys of the snapshot that were to end by themselves, and are gone.
    pub ended: u64,
    /// Keys that are not in the snapshot.
    pub deleted: u64,
    /// Keys that are alike.
    pub unchanged: u64,
}

/// Goes through the data and the snapshot side by side, and makes them alike, under a lock if there is one.
pub(crate) async fn walk(
    session: &Session<'_>,
    etcd: &EtcdAdmin,
    record: &Record,
    file: &mut (impl BufRead + Seek),
    lock: Option<&Lock>,
) -> Result<Differences, Fault> {
    let mut attempt = 1;
    loop {
        file.seek(SeekFrom::Start(0)).while_doing(Kind::Failed, || "read the snapshot".into())?;
        let kept = SnapshotReader::open(&mut *file)?;
        let live = Live { etcd, cursor: Cursor::new(&record.id), pairs: VecDeque::new(), more: true };
        let mut walk = Walk { session, etcd, live, lock, batch: Batch::default(), leases: BTreeMap::new() };
        match walk.run(kept).await {
            Err(Stop::Data(Error::Compacted { .. })) if attempt < ATTEMPTS => attempt += 1,
            Err(Stop::Data(error)) => return Err(error.into()),
            Err(Stop::Other(fault)) => return Err(fault),
            Ok(differences) => return Ok(differences),
        }
    }
}

/// Why a walk ended early.
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

struct Walk<'a> {
    session: &'a Session<'a>,
    etcd: &'a EtcdAdmin,
    live: Live<'a>,
    /// Without one nothing is written.
    lock: Option<&'a Lock>,
    batch: Batch,
    /// The leases of the snapshot and those made for them.
    leases: BTreeMap<i64, i64>,
}

impl Walk<'_> {
    async fn run<R: BufRead>(&mut self, mut kept: SnapshotReader<R>) -> Result<Differences, Stop> {
        let mut found = Differences::default();
        let mut next = kept.next_entry()?;
        loop {
            let live = self.live.next_key(self.session).await?;
            match next.take() {
                Some(entry) if live.as_ref().is_none_or(|key| *key >= entry.key) => {
                    let there = if live.as_ref() == Some(&entry.key) { self.live.pairs.pop_front() } else { None };
                    match there {
                        Some(pair) if alike(&pair, &entry) => found.unchanged += 1,
                        None if entry.lease.is_some() => {
                            found.ended += 1;
                            self.put(entry).await?;
                        }
                        Some(_) | None => {
                            found.put += 1;
                            self.put(entry).await?;
                        }
                    }
                    next = kept.next_entry()?;
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
            Some(kept) => self.lease_like(kept).await?,
        };
        self.change(DataChange::Put { key: entry.key, value: entry.value, lease }).await
    }

    /// The lease that stands for one of the snapshot: keys that ended together do so again.
    async fn lease_like(&mut self, kept: Lease) -> Result<i64, Stop> {
        if let Some(made) = self.leases.get(&kept.id) {
            return Ok(*made);
        }
        let made = self.etcd.new_lease(kept.seconds).await?;
        self.leases.insert(kept.id, made);
        Ok(made)
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

/// Whether nothing has to be written: the value is the same, and it ends by itself or does not, as then.
fn alike(pair: &Pair, entry: &SnapshotEntry) -> bool {
    pair.value == entry.value && (pair.lease != 0) == entry.lease.is_some()
}

/// The keys that there are, a page at a time.
struct Live<'a> {
    etcd: &'a EtcdAdmin,
    cursor: Cursor,
    pairs: VecDeque<Pair>,
    more: bool,
}

impl Live<'_> {
    /// The next key; it stays the first of `pairs`.
    async fn next_key(&mut self, session: &Session<'_>) -> Result<Option<Vec<u8>>, Stop> {
        if self.pairs.is_empty() && self.more {
            session.wait(Duration::ZERO, "the data to be gone through", &[]).await?;
            let page = self.etcd.next_page(&mut self.cursor).await?;
            self.more = page.more;
            self.pairs = page.pairs.into();
        }
        Ok(self.pairs.front().map(|pair| pair.key.clone()))
    }
}
