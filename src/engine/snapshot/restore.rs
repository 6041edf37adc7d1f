//! Restores a snapshot into the control plane it was taken from: stops the API server, replaces the data, and starts
//! the version that wrote the snapshot.
//!
//! The record stores the progress: the same command resumes an interrupted restore, and other operations are rejected
//! meanwhile. `sync` replaces the data.

use std::io::{BufRead, Seek};

use super::sync::{Differences, sync_data};
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

/// A completed restore.
#[derive(Debug)]
pub struct Restored {
    /// The control plane's record.
    pub record: Record,
    /// The changes written to the datastore.
    pub differences: Differences,
}

/// Fails unless the snapshot can be restored into this control plane.
pub fn require_restorable(record: &Record, header: &SnapshotHeader) -> Result<(), Fault> {
    ensure_ready(record)?;
    ensure_not_paused(record)?;
    ensure_not_updating(record)?;
    header.require_of(record)?;
    release_of(header.version)?;
    Ok(())
}

/// Compares the current data with a snapshot. Read-only.
pub async fn compare_with_snapshot(
    session: &Session<'_>,
    record: &Record,
    file: &mut (impl BufRead + Seek),
) -> Result<Differences, Fault> {
    let admin = open(session, record).await?;
    sync_data(session, &admin.etcd, record, file, None).await
}

/// Restores a verified snapshot under the lock and waits until the control plane is ready.
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
        let operation = self.begin(&recorded.record);
        let documents = recorded.documents.clone();
        let spec = recorded.record.spec.clone();
        let mut store = RecordStore::resume(self.session.management, recorded);
        store
            .update(None, |record| {
                record.restore = Some(operation.clone());
                record.upgrade = None;
            })
            .await?;
        let mut differences = Differences::default();
        if operation.phase != RestorePhase::Starting {
            let stopped = Self::desired_spec(&ControlPlaneSpec { replicas: 0, ..spec.clone() }, &documents);
            self.stop(&mut store, &stopped, ambient).await?;
            store.update(None, |record| set_phase(record, RestorePhase::Data)).await?;
            differences = self.restore_data(store.record(), file).await?;
            store.update(None, |record| set_phase(record, RestorePhase::Starting)).await?;
        }
        let version = self.header.version;
        let started = Self::desired_spec(&ControlPlaneSpec { version, ..spec }, &with_version(&documents, version));
        self.start(&mut store, &started, ambient).await?;
        self.lock.check()?;
        let now = (self.session.clock)();
        store
            .update(Some((&started.spec, &started.documents)), |record| record.finish_restore(now, this_process()))
            .await?;
        Ok(Restored { record: store.record().clone(), differences })
    }

    /// The restore to perform: a new one, or the interrupted one.
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
        stopped: &CreateRequest,
        ambient: &mut Ambient,
    ) -> Result<(), Fault> {
        self.session.say(Event::Step("stopping the control plane".into()));
        self.write(store, stopped, ambient).await?;
        await_number(self.session, &stopped.spec).await
    }

    async fn start(
        &self,
        store: &mut RecordStore<'_>,
        started: &CreateRequest,
        ambient: &mut Ambient,
    ) -> Result<(), Fault> {
        let spec = &started.spec;
        self.session.say(Event::Step(format!("starting the control plane with {}", spec.version)));
        let creation = ApplyRun { session: self.session, request: started, lock: self.lock };
        let desired = self.write(store, started, ambient).await?;
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

    /// Applies the objects in the management cluster.
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
        let desired = creation.build_desired(store.record(), &live, Some(&address), Some(&found), ambient)?;
        creation.write(&desired, &live).await?;
        creation.remove(&desired).await?;
        store.update(None, |record| record.certificates_end = desired.certificates_end).await?;
        Ok(desired)
    }

    /// Replaces the data with the snapshot's and verifies the result.
    async fn restore_data(&self, record: &Record, file: &mut (impl BufRead + Seek)) -> Result<Differences, Fault> {
        self.session.say(Event::Step(format!("restoring the data of {}", format_time(self.header.taken))));
        let admin = open(self.session, record).await?;
        let written = sync_data(self.session, &admin.etcd, record, file, Some(self.lock)).await?;
        let left = sync_data(self.session, &admin.etcd, record, file, None).await?;
        if left.put + left.deleted > 0 {
            return Err(Fault::new(
                Kind::Conflict,
                format!(
                    "{} keys differ from the snapshot after the restore: another process is writing to the datastore",
                    left.put + left.deleted
                ),
            )
            .hint("stop the other writer, then run the same command again"));
        }
        self.session.say(Event::Done(format!(
            "{} keys restored, {} deleted, {} unchanged",
            written.put + written.expired,
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
