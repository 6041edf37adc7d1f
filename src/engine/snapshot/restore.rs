//! Putting a snapshot back into the control plane that it is of: nobody serves meanwhile, the data becomes the
//! snapshot's, and the version that wrote it serves again.
//!
//! The record says what goes on: a run that was killed is finished by the same command, and nobody else changes it
//! meanwhile. How the data is made the snapshot's is in `put_back`.

use std::io::{BufRead, Seek};

use super::sync::{Differences, walk};
use crate::ambient::Ambient;
use crate::cluster::{Lock, this_process};
use crate::engine::access::tenant_connection::answers_directly_soon;
use crate::engine::datastore::admin;
use crate::engine::lifecycle::objects::ApplyRun;
use crate::engine::lifecycle::preview::CreateRequest;
use crate::engine::lifecycle::scale::await_number;
use crate::engine::rollout::run::with_version;
use crate::engine::session::Session;
use crate::engine::state::ensure_changeable::{ensure_not_paused, ensure_not_updating, ensure_ready};
use crate::engine::state::record_store::{RecordStore, StoredRecord, require_record};
use crate::error::{Fault, Kind};
use crate::event::Event;
use crate::model::{ControlPlaneName, ControlPlaneSpec, Namespace, format_time, release_of};
use crate::plan::datastore::authority::DatastoreError;
use crate::plan::lifecycle::desired::Desired;
use crate::plan::snapshot::format::SnapshotHeader;
use crate::plan::state::operations::{DesiredSpec, Restore, RestorePhase};
use crate::plan::state::record::Record;

/// A control plane that has the data of a snapshot.
#[derive(Debug)]
pub struct Restored {
    /// Its record.
    pub record: Record,
    /// What was written.
    pub differences: Differences,
}

/// Whether the snapshot can be put back into this control plane at all.
pub fn require_restorable(record: &Record, header: &SnapshotHeader) -> Result<(), Fault> {
    ensure_ready(record)?;
    ensure_not_paused(record)?;
    ensure_not_updating(record)?;
    header.require_of(record)?;
    release_of(header.version)?;
    Ok(())
}

/// How the data differs from a snapshot now. Writes nothing.
pub async fn compare_with_snapshot(
    session: &Session<'_>,
    record: &Record,
    file: &mut (impl BufRead + Seek),
) -> Result<Differences, Fault> {
    let admin = open(session, record).await?;
    walk(session, &admin.etcd, record, file, None).await
}

/// Puts a snapshot back, under the lock, and waits until the control plane can be used. The file was verified.
pub async fn restore(
    session: &Session<'_>,
    control_plane: (&Namespace, &ControlPlaneName),
    header: &SnapshotHeader,
    file: &mut (impl BufRead + Seek),
    ambient: &mut Ambient,
) -> Result<Restored, Fault> {
    let (namespace, name) = control_plane;
    session
        .locked(namespace, name, async |lock| {
            let recorded = require_record(session.management, namespace, name).await?;
            require_restorable(&recorded.record, header)?;
            Restoring { session, lock, header }.run(recorded, file, ambient).await
        })
        .await
}

async fn open(session: &Session<'_>, record: &Record) -> Result<admin::Admin, Fault> {
    let name = &record.spec.datastore;
    let found = admin::find(session, name).await?;
    admin::open(session, &found.ok_or_else(|| DatastoreError::Missing { name: name.to_string() })?).await
}

struct Restoring<'a> {
    session: &'a Session<'a>,
    lock: &'a Lock,
    header: &'a SnapshotHeader,
}

impl Restoring<'_> {
    async fn run(
        &self,
        recorded: StoredRecord,
        file: &mut (impl BufRead + Seek),
        ambient: &mut Ambient,
    ) -> Result<Restored, Fault> {
        let begun = self.begin(&recorded.record);
        let documents = recorded.documents.clone();
        let spec = recorded.record.spec.clone();
        let mut store = RecordStore::resume(self.session.management, recorded);
        store
            .update(None, |record| {
                record.restore = Some(begun.clone());
                record.upgrade = None;
            })
            .await?;
        let mut differences = Differences::default();
        if begun.phase != RestorePhase::Starting {
            let asleep = Self::desired_spec(&ControlPlaneSpec { replicas: 0, ..spec.clone() }, &documents);
            self.stop(&mut store, &asleep, ambient).await?;
            store.update(None, |record| set_phase(record, RestorePhase::Data)).await?;
            differences = self.put_back(store.record(), file).await?;
            store.update(None, |record| set_phase(record, RestorePhase::Starting)).await?;
        }
        let version = self.header.version;
        let awake = Self::desired_spec(&ControlPlaneSpec { version, ..spec }, &with_version(&documents, version));
        self.start(&mut store, &awake, ambient).await?;
        self.lock.check()?;
        let now = (self.session.clock)();
        store
            .update(Some((&awake.spec, &awake.documents)), |record| record.finish_restore(now, this_process()))
            .await?;
        Ok(Restored { record: store.record().clone(), differences })
    }

    /// The restore that this run is about: a new one, or the one that was interrupted.
    fn begin(&self, record: &Record) -> Restore {
        let header = self.header;
        match &record.restore {
            Some(begun) if begun.revision == header.revision && begun.taken == header.taken => begun.clone(),
            Some(_) | None => Restore {
                from: record.upgrade.as_ref().map_or(record.spec.version, |way| way.from.max(way.to)),
                to: header.version,
                taken: header.taken,
                revision: header.revision,
                phase: RestorePhase::Stopping,
                began: (self.session.clock)(),
            },
        }
    }

    fn desired_spec(spec: &ControlPlaneSpec, documents: &str) -> CreateRequest {
        CreateRequest::of(DesiredSpec { spec: spec.clone(), documents: documents.to_owned() })
    }

    async fn stop(
        &self,
        store: &mut RecordStore<'_>,
        asleep: &CreateRequest,
        ambient: &mut Ambient,
    ) -> Result<(), Fault> {
        self.session.say(Event::Step("the control plane stops".into()));
        self.write(store, asleep, ambient).await?;
        await_number(self.session, &asleep.spec).await
    }

    async fn start(
        &self,
        store: &mut RecordStore<'_>,
        awake: &CreateRequest,
        ambient: &mut Ambient,
    ) -> Result<(), Fault> {
        let spec = &awake.spec;
        self.session.say(Event::Step(format!("the control plane starts with {}", spec.version)));
        let creation = ApplyRun { session: self.session, request: awake, lock: self.lock };
        let desired = self.write(store, awake, ambient).await?;
        if spec.replicas == 0 {
            return Ok(());
        }
        await_number(self.session, spec).await?;
        let address = store.address()?;
        let reached = creation.inside(&address, &desired).await?;
        creation.await_usable(&reached).await?;
        if !reached.is_direct() {
            answers_directly_soon(&address, &creation.kubeconfig("admin.conf").await?, &spec.name).await;
        }
        Ok(())
    }

    /// Writes the objects in the management cluster.
    async fn write(
        &self,
        store: &mut RecordStore<'_>,
        request: &CreateRequest,
        ambient: &mut Ambient,
    ) -> Result<Desired, Fault> {
        let creation = ApplyRun { session: self.session, request, lock: self.lock };
        let name = &request.spec.datastore;
        let found = admin::find(self.session, name).await?;
        let found = found.ok_or_else(|| DatastoreError::Missing { name: name.to_string() })?;
        let address = store.address()?;
        let live = creation.live().await?;
        let desired = creation.desire(store.record(), &live, Some(&address), Some(&found), ambient)?;
        creation.write(&desired, &live).await?;
        creation.remove(&desired).await?;
        store.update(None, |record| record.certificates_end = desired.certificates_end).await?;
        Ok(desired)
    }

    /// Makes the data what the snapshot has, and looks at all of it again.
    async fn put_back(&self, record: &Record, file: &mut (impl BufRead + Seek)) -> Result<Differences, Fault> {
        self.session.say(Event::Step(format!("the data of {}", format_time(self.header.taken))));
        let admin = open(self.session, record).await?;
        let written = walk(self.session, &admin.etcd, record, file, Some(self.lock)).await?;
        let left = walk(self.session, &admin.etcd, record, file, None).await?;
        if left.put + left.deleted > 0 {
            return Err(Fault::new(
                Kind::Conflict,
                format!(
                    "{} keys are not the snapshot's although they were written: somebody else writes there",
                    left.put + left.deleted
                ),
            )
            .hint("stop whoever writes there, then run the same command again"));
        }
        self.session.say(Event::Done(format!(
            "{} keys put back, {} removed, {} were alike",
            written.put + written.ended,
            written.deleted,
            written.unchanged
        )));
        Ok(written)
    }
}

fn set_phase(record: &mut Record, phase: RestorePhase) {
    if let Some(restore) = &mut record.restore {
        restore.phase = phase;
    }
}
