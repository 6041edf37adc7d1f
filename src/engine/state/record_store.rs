//! The record in the management cluster: read, made once, and replaced only as it was read.

use serde_json::Value;

use crate::cluster::{Connection, Created, Refusal, Removal};
use crate::engine::lifecycle::permissions::with_missing_rights;
use crate::error::{Fault, Kind};
use crate::model::{ControlPlaneName, ControlPlaneSpec, LABEL_COMPONENT, Namespace, ObjectNames};
use crate::plan::state::operations::DesiredSpec;
use crate::plan::state::record::{Record, RecordError};
use crate::render::{Address, ObjectRef};

/// A record with what its next write needs.
#[derive(Debug, Clone)]
pub struct StoredRecord {
    /// The record.
    pub record: Record,
    /// The user's kubeadm documents.
    pub documents: String,
    resource_version: String,
}

impl StoredRecord {
    /// What was asked for.
    #[must_use]
    pub fn desired_spec(&self) -> DesiredSpec {
        DesiredSpec { spec: self.record.spec.clone(), documents: self.documents.clone() }
    }

    /// Whether nobody wrote it between the two readings.
    #[must_use]
    pub fn is_still(&self, later: &Self) -> bool {
        self.resource_version == later.resource_version
    }
}

fn object_ref(namespace: &Namespace, name: &ControlPlaneName) -> ObjectRef {
    ObjectRef {
        api_version: "v1".into(),
        kind: "ConfigMap".into(),
        namespace: Some(namespace.to_string()),
        name: ObjectNames(name).record(),
    }
}

fn parse(object: &ObjectRef, body: &Value) -> Result<StoredRecord, Fault> {
    let record = Record::from_object(body).map_err(|verdict| match verdict {
        RecordError::Damaged(why) => Fault::new(Kind::Failed, format!("the record {object} cannot be read: {why}"))
            .hint("restore it from a backup"),
        RecordError::Newer { schema } => {
            Fault::new(Kind::Conflict, format!("the record {object} was written by a newer kamaji (layout {schema})"))
                .hint("use that kamaji or a newer one")
        }
    })?;
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(StoredRecord {
        record,
        documents: text("/data/kubeadm.yaml"),
        resource_version: text("/metadata/resourceVersion"),
    })
}

/// Reads the record of a control plane; `None` when it has none.
pub async fn read_record(
    connection: &Connection,
    namespace: &Namespace,
    name: &ControlPlaneName,
) -> Result<Option<StoredRecord>, Fault> {
    let object = object_ref(namespace, name);
    match connection.get(&object).await? {
        Some(body) => parse(&object, &body).map(Some),
        None => Ok(None),
    }
}

/// Reads the record of an existing control plane, or says that there is none.
pub async fn require_record(
    connection: &Connection,
    namespace: &Namespace,
    name: &ControlPlaneName,
) -> Result<StoredRecord, Fault> {
    read_record(connection, namespace, name).await?.ok_or_else(|| {
        Fault::new(Kind::NotFound, format!("there is no control plane `{name}` in namespace `{namespace}`"))
            .hint("see which there are: kamaji list -A")
    })
}

/// The same for a command that is to change it: with a right that is missing for reading, all that are missing are told.
pub async fn require_record_to_change(
    connection: &Connection,
    namespace: &Namespace,
    name: &ControlPlaneName,
) -> Result<StoredRecord, Fault> {
    match require_record(connection, namespace, name).await {
        Err(fault) => Err(with_missing_rights(connection, namespace, fault).await),
        recorded => recorded,
    }
}

fn overtaken(refusal: Refusal) -> Fault {
    Fault::from(refusal).context("another kamaji changed the control plane meanwhile")
}

/// Every record that is meant, by `NAMESPACE/NAME`; one that cannot be read is among them with the reason.
pub async fn list_records(
    connection: &Connection,
    namespace: Option<&Namespace>,
    selector: &str,
) -> Result<Vec<(String, Result<StoredRecord, Fault>)>, Fault> {
    let selector = match selector {
        "" => format!("{LABEL_COMPONENT}=record"),
        more => format!("{LABEL_COMPONENT}=record,{more}"),
    };
    let found = connection.list("v1", "ConfigMap", namespace.map(Namespace::as_str), &selector).await?;
    let read = found.into_iter().map(|body| {
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
        let control_plane = format!("{namespace}/{}", name.strip_suffix("-record").unwrap_or(&name));
        let object = ObjectRef { api_version: "v1".into(), kind: "ConfigMap".into(), namespace: Some(namespace), name };
        let recorded = parse(&object, &body);
        (control_plane, recorded)
    });
    let mut records: Vec<_> = read.collect();
    records.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(records)
}

/// The record while it is being written.
pub(crate) struct RecordStore<'a> {
    connection: &'a Connection,
    object: ObjectRef,
    recorded: StoredRecord,
}

impl<'a> RecordStore<'a> {
    /// Goes on with a record.
    pub(crate) fn resume(connection: &'a Connection, recorded: StoredRecord) -> Self {
        let object = object_ref(&recorded.record.spec.namespace, &recorded.record.spec.name);
        Self { connection, object, recorded }
    }

    /// Makes the record; when somebody made one this moment, it is a conflict.
    pub(crate) async fn begin(connection: &'a Connection, record: Record, documents: &str) -> Result<Self, Fault> {
        let object = object_ref(&record.spec.namespace, &record.spec.name);
        let body = match connection.create(&object, &record.to_object(documents, None)).await? {
            // Existing: a POST of ours may have been carried out although its answer was lost.
            Created::New(body) | Created::Existing(body) => body,
        };
        let recorded = parse(&object, &body)?;
        if recorded.record.id != record.id {
            return Err(Fault::new(Kind::Conflict, format!("{object} was made by another kamaji this moment"))
                .hint("run the command again: it starts from what is there now"));
        }
        Ok(Self { connection, object, recorded })
    }

    pub(crate) const fn record(&self) -> &Record {
        &self.recorded.record
    }

    /// What was asked for.
    pub(crate) fn desired_spec(&self) -> DesiredSpec {
        self.recorded.desired_spec()
    }

    /// The address that a control plane has once it was made.
    pub(crate) fn address(&self) -> Result<Address, Fault> {
        let record = self.record();
        record.address.clone().ok_or_else(|| {
            Fault::new(Kind::Failed, format!("the record of `{}` has no address", record.spec.name))
                .hint("run the create command again: it goes on where it stopped")
        })
    }

    /// Writes the record if `change`, or then another wish, changes it.
    pub(crate) async fn update(
        &mut self,
        spec: Option<(&ControlPlaneSpec, &str)>,
        change: impl FnOnce(&mut Record),
    ) -> Result<(), Fault> {
        let before = self.recorded.record.to_object(&self.recorded.documents, None);
        change(&mut self.recorded.record);
        if let Some((spec, documents)) = spec {
            self.recorded.record.spec = ControlPlaneSpec { bootstrap_tokens: Vec::new(), ..spec.clone() };
            documents.clone_into(&mut self.recorded.documents);
        }
        if self.recorded.record.to_object(&self.recorded.documents, None) == before {
            return Ok(());
        }
        env!("CARGO_PKG_VERSION").clone_into(&mut self.recorded.record.written_by);
        let wished = self.recorded.record.to_object(&self.recorded.documents, None);
        let mut collisions = 4;
        loop {
            let version = Some(self.recorded.resource_version.as_str());
            let body = self.recorded.record.to_object(&self.recorded.documents, version);
            let refusal = match self.connection.replace(&self.object, &body).await {
                Ok(written) => {
                    self.recorded = parse(&self.object, &written)?;
                    return Ok(());
                }
                Err(refusal) if refusal.is_conflict() && collisions > 0 => refusal,
                Err(refusal) => return Err(refusal.into()),
            };
            collisions -= 1;
            // Nobody else has the lock. Either this was carried out unheard, or somebody put a label on it.
            let Some(found) = self.connection.get(&self.object).await? else { return Err(overtaken(refusal)) };
            let found = parse(&self.object, &found)?;
            let content = found.record.to_object(&found.documents, None);
            if content == wished {
                self.recorded = found;
                return Ok(());
            }
            if content != before {
                return Err(overtaken(refusal));
            }
            self.recorded.resource_version = found.resource_version;
        }
    }

    /// Removes the record.
    pub(crate) async fn remove(self) -> Result<(), Fault> {
        self.connection.delete(&self.object, &Removal::default()).await?;
        Ok(())
    }
}
