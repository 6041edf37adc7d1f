//! The data of one control plane in an etcd: read page by page at one revision, changed in batches. What of it is kept
//! and what is put back, others decide.

use etcd_client::{Client, GetOptions, PutOptions, Txn, TxnOp};

use super::etcd::EtcdAdmin;
use super::refusal::TOO_LARGE;
use super::tenancy::{prefix_end, successor};
use super::{Error, prefix};
use crate::model::ControlPlaneId;

/// How many keys a page has at most. An answer can hold 4 MiB, so that large values make pages smaller.
const PAGE: i64 = 500;
/// How many changes one request makes at most; etcd takes 128.
const BATCH_KEYS: usize = 100;
/// How many bytes of keys and values; etcd takes 1.5 MiB, and a change that is larger alone goes alone.
const BATCH_BYTES: usize = 1024 * 1024;

/// A key with its value, as etcd has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The key, with the prefix of its control plane.
    pub key: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
    /// The revision at which the key was made.
    pub create_revision: i64,
    /// The revision at which it was written last.
    pub mod_revision: i64,
    /// How often it was written since it was made.
    pub version: i64,
    /// The lease that it ends with; 0 is none.
    pub lease: i64,
}

/// Some keys that follow each other.
#[derive(Debug)]
pub struct Page {
    /// The revision that is read.
    pub revision: i64,
    /// How many keys there are from this page on.
    pub keys: u64,
    /// The keys, in their order.
    pub pairs: Vec<Pair>,
    /// Whether others follow.
    pub more: bool,
}

/// Where reading the keys of a control plane stands. All pages are of the revision of the first one.
#[derive(Debug)]
pub struct Cursor {
    start: Vec<u8>,
    end: Vec<u8>,
    prefix: String,
    revision: i64,
    limit: i64,
}

impl Cursor {
    /// Before the first key, at the revision that is newest when it is asked.
    #[must_use]
    pub fn new(id: &ControlPlaneId) -> Self {
        let prefix = prefix(id);
        Self {
            start: prefix.clone().into_bytes(),
            end: prefix_end(prefix.as_bytes()),
            prefix,
            revision: 0,
            limit: PAGE,
        }
    }
}

/// One change of the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataChange {
    /// The key gets this value.
    Put {
        /// The key, with its prefix.
        key: Vec<u8>,
        /// The value.
        value: Vec<u8>,
        /// The lease to end with; 0 is none.
        lease: i64,
    },
    /// The key goes.
    Delete {
        /// The key, with its prefix.
        key: Vec<u8>,
    },
}

impl DataChange {
    fn size(&self) -> usize {
        match self {
            Self::Put { key, value, .. } => key.len() + value.len(),
            Self::Delete { key } => key.len(),
        }
    }

    fn operation(&self) -> TxnOp {
        match self {
            Self::Put { key, value, lease } => {
                let options = (*lease != 0).then(|| PutOptions::new().with_lease(*lease));
                TxnOp::put(key.clone(), value.clone(), options)
            }
            Self::Delete { key } => TxnOp::delete(key.clone(), None),
        }
    }
}

/// Changes that are carried out by one request.
#[derive(Debug, Default)]
pub struct Batch {
    changes: Vec<DataChange>,
    bytes: usize,
}

impl Batch {
    /// Whether there is no room for this change, so that the batch must be carried out first.
    #[must_use]
    pub fn is_full_for(&self, change: &DataChange) -> bool {
        !self.changes.is_empty() && (self.changes.len() >= BATCH_KEYS || self.bytes + change.size() > BATCH_BYTES)
    }

    /// Adds a change.
    pub fn add(&mut self, change: DataChange) {
        self.bytes += change.size();
        self.changes.push(change);
    }

    /// Whether there is nothing to carry out.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

impl EtcdAdmin {
    /// The next keys. [`Error::Compacted`] when the revision of the first page is not kept any more.
    pub async fn next_page(&self, cursor: &mut Cursor) -> Result<Page, Error> {
        let doing = format!("read keys under `{}`", cursor.prefix);
        let answer = loop {
            let read = |mut etcd: Client| {
                let range = GetOptions::new().with_range(cursor.end.clone());
                let options = range.with_limit(cursor.limit).with_revision(cursor.revision);
                let start = cursor.start.clone();
                async move { etcd.get(start, Some(options)).await }
            };
            match self.ask(&doing, read).await {
                Err(error) if error.says(TOO_LARGE) && cursor.limit > 1 => cursor.limit /= 2,
                answer => break answer?,
            }
        };
        cursor.limit = (cursor.limit * 2).min(PAGE);
        if cursor.revision == 0 {
            cursor.revision = answer.header().map_or(0, etcd_client::ResponseHeader::revision);
        }
        if let Some(last) = answer.kvs().last() {
            cursor.start = successor(last.key());
        }
        let (keys, more) = (answer.count().unsigned_abs(), answer.more());
        let pairs = answer.kvs().iter().map(|pair| Pair {
            key: pair.key().to_vec(),
            value: pair.value().to_vec(),
            create_revision: pair.create_revision(),
            mod_revision: pair.mod_revision(),
            version: pair.version(),
            lease: pair.lease(),
        });
        Ok(Page { revision: cursor.revision, keys, pairs: pairs.collect(), more })
    }

    /// How long a lease lives on; 0 when it has ended.
    pub async fn lease_seconds(&self, lease: i64) -> Result<u64, Error> {
        let ask = |mut etcd: Client| async move { etcd.lease_time_to_live(lease, None).await };
        let answer = self.ask("tell how long a lease lives", ask).await?;
        Ok(u64::try_from(answer.ttl()).unwrap_or(0))
    }

    /// Makes a lease that lives so long.
    pub async fn new_lease(&self, seconds: u64) -> Result<i64, Error> {
        let seconds = i64::try_from(seconds.max(1)).unwrap_or(i64::MAX);
        let grant = |mut etcd: Client| async move { etcd.lease_grant(seconds, None).await };
        Ok(self.ask("make a lease", grant).await?.id())
    }

    /// Carries a batch out, all of it or nothing, and empties it.
    pub async fn carry_out(&self, batch: &mut Batch) -> Result<(), Error> {
        if batch.is_empty() {
            return Ok(());
        }
        let write = |mut etcd: Client| {
            let operations: Vec<TxnOp> = batch.changes.iter().map(DataChange::operation).collect();
            async move { etcd.txn(Txn::new().and_then(operations)).await }
        };
        self.ask("write keys", write).await?;
        *batch = Batch::default();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(bytes: usize) -> DataChange {
        DataChange::Put { key: b"k".to_vec(), value: vec![0; bytes], lease: 0 }
    }

    #[test]
    fn a_batch_stays_below_what_etcd_takes() {
        let mut batch = Batch::default();
        assert!(!batch.is_full_for(&put(3 * BATCH_BYTES)), "a change that is larger alone goes alone");
        batch.add(put(BATCH_BYTES / 2));
        assert!(!batch.is_full_for(&put(10)));
        assert!(batch.is_full_for(&put(BATCH_BYTES / 2 + 1)));
        let mut batch = Batch::default();
        for _ in 0..BATCH_KEYS {
            assert!(!batch.is_full_for(&put(1)));
            batch.add(put(1));
        }
        assert!(batch.is_full_for(&put(1)));
    }

    #[test]
    fn reading_begins_at_the_prefix_and_ends_before_the_next_control_plane() {
        let id = ControlPlaneId::parse("0123456789abcdef0123456789abcdef").unwrap();
        let cursor = Cursor::new(&id);
        assert_eq!(cursor.start, b"/0123456789abcdef0123456789abcdef/");
        assert_eq!(cursor.end, b"/0123456789abcdef0123456789abcdef0");
    }
}
