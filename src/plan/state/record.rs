//! The record: the state of one control plane, in a `ConfigMap` next to its objects.
//! It contains no secrets. Every write includes the resourceVersion that was read, so that concurrent writers conflict.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::operations::{Restore, Update};
use crate::model::{ControlPlaneId, ControlPlaneSpec, Exposure, LABEL_COMPONENT, ObjectNames, labels};
use crate::plan::certificates::rotation_phases::Rotation;
use crate::plan::state::operations::{Revision, Upgrade};
use crate::render::{Address, ObjectRef};

/// The schema version that this program writes. Records with a higher version are refused.
const SCHEMA: u32 = 1;

/// The lifecycle phase of a control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LifecyclePhase {
    /// The record exists; objects may be missing.
    Creating,
    /// The control plane was ready at least once.
    Ready,
    /// The control plane is being deleted; only `delete` may continue.
    Deleting,
}

impl LifecyclePhase {
    /// The name of the phase.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::Ready => "Ready",
            Self::Deleting => "Deleting",
        }
    }
}

/// The content of the record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// The schema version.
    pub schema: u32,
    /// The ID, generated once.
    pub id: ControlPlaneId,
    /// The lifecycle phase.
    pub step: LifecyclePhase,
    /// When the record was created.
    pub created: Timestamp,
    /// The version of kamaji that last wrote the record.
    pub written_by: String,
    /// The spec.
    pub spec: ControlPlaneSpec,
    /// The exposure, once it is decided.
    pub exposure: Option<Exposure>,
    /// The address, once it is known.
    pub address: Option<Address>,
    /// The SHA-256 of the CA's public key, once there is a CA. A lost CA is never replaced silently.
    pub ca: Option<String>,
    /// The SHA-256 of earlier CAs that were rotated: snapshots from then still belong to the control plane.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former_cas: Vec<String>,
    /// When the first certificate or kubeconfig expires.
    pub certificates_end: Option<Timestamp>,
    /// The CAs and keys that the user supplied, by file name as in kubeadm, such as `ca.key`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supplied_files: Vec<String>,
    /// An incomplete upgrade; `spec` has the version before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<Upgrade>,
    /// An incomplete update; `spec` and the documents are those before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<Box<Update>>,
    /// Whether scaling is incomplete, for the pods or the objects inside the cluster.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scaling: bool,
    /// An incomplete restore; only `restore` and `delete` may continue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<Restore>,
    /// A key rotation in progress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
    /// Set while changes are paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Pause>,
    /// Completed and rolled back changes of version and settings, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Revision>,
}

/// A pause of all changes to a control plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// The process that paused it, as named in the lock.
    pub by: String,
    /// When it was paused.
    pub since: Timestamp,
    /// The reason; may be empty.
    pub reason: String,
}

/// Why a record cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordError {
    /// It is invalid.
    Damaged(String),
    /// It was written by a newer version of kamaji.
    Newer {
        /// The schema version of the record.
        schema: u64,
    },
}

impl Record {
    /// Creates a record.
    #[must_use]
    pub fn new(id: ControlPlaneId, spec: ControlPlaneSpec, now: Timestamp) -> Self {
        Self {
            schema: SCHEMA,
            id,
            step: LifecyclePhase::Creating,
            created: now,
            written_by: env!("CARGO_PKG_VERSION").to_owned(),
            spec,
            exposure: None,
            address: None,
            ca: None,
            former_cas: Vec::new(),
            certificates_end: None,
            supplied_files: Vec::new(),
            upgrade: None,
            update: None,
            scaling: false,
            restore: None,
            rotation: None,
            paused: None,
            history: Vec::new(),
        }
    }

    /// The status in one word; `ready` is the number of ready pods.
    #[must_use]
    pub fn state(&self, ready: u64) -> &'static str {
        let ready_enough = ready >= u64::from(self.spec.replicas);
        match self.step {
            LifecyclePhase::Ready if self.restore.is_some() => "Restoring",
            LifecyclePhase::Ready if self.upgrade.is_some() => "Upgrading",
            LifecyclePhase::Ready if self.update.is_some() => "Updating",
            LifecyclePhase::Ready if self.spec.replicas == 0 => "ScaledToZero",
            LifecyclePhase::Ready if !ready_enough => "NotReady",
            LifecyclePhase::Ready if self.paused.is_some() => "Paused",
            step @ (LifecyclePhase::Creating | LifecyclePhase::Ready | LifecyclePhase::Deleting) => step.as_str(),
        }
    }

    /// Replaces the recorded CA and remembers the old one.
    pub fn replace_ca(&mut self, ca: Option<String>) {
        if self.ca != ca {
            self.former_cas.extend(std::mem::replace(&mut self.ca, ca));
        }
    }

    /// The reference of the `ConfigMap`.
    #[must_use]
    pub fn object_ref(spec: &ControlPlaneSpec) -> ObjectRef {
        ObjectRef {
            api_version: "v1".into(),
            kind: "ConfigMap".into(),
            namespace: Some(spec.namespace.to_string()),
            name: ObjectNames(&spec.name).record(),
        }
    }

    /// The `ConfigMap`, with the kubeadm documents of the user. `resource_version` is the one that was read.
    #[must_use]
    pub fn to_object(&self, documents: &str, resource_version: Option<&str>) -> Value {
        let mut labels: BTreeMap<String, String> = labels(&self.spec.name, "record");
        labels.extend(self.spec.labels.clone());
        debug_assert!(labels.contains_key(LABEL_COMPONENT), "records are listed by their component label");
        let mut metadata = json!({
            "name": ObjectNames(&self.spec.name).record(),
            "namespace": self.spec.namespace,
            "labels": labels,
        });
        if let Some(version) = resource_version {
            metadata["resourceVersion"] = json!(version);
        }
        let record = serde_json::to_string_pretty(self).expect("a record serializes to JSON");
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata,
            "data": {"record.json": record, "kubeadm.yaml": documents},
        })
    }

    /// Reads a record from its `ConfigMap`.
    pub fn from_object(object: &Value) -> Result<Self, RecordError> {
        let text = object
            .pointer("/data/record.json")
            .and_then(Value::as_str)
            .ok_or_else(|| RecordError::Damaged("the key `record.json` is missing".into()))?;
        let value: Value = serde_json::from_str(text).map_err(|error| RecordError::Damaged(error.to_string()))?;
        let schema = value.get("schema").and_then(Value::as_u64).unwrap_or(0);
        if schema > u64::from(SCHEMA) {
            return Err(RecordError::Newer { schema });
        }
        serde_json::from_value(value).map_err(|error| RecordError::Damaged(error.to_string()))
    }
}

/// A change of an immutable field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImmutableChange {
    /// The field, as the user writes it.
    pub field: &'static str,
    /// The current value.
    pub current: String,
    /// The requested value.
    pub requested: String,
    /// Why it is immutable, or what to do instead.
    pub reason: &'static str,
}

/// Compares a spec with the recorded one and returns the changes of immutable fields.
#[must_use]
pub fn immutable_changes(recorded: &ControlPlaneSpec, requested: &ControlPlaneSpec) -> Vec<ImmutableChange> {
    let list = |nets: &[ipnet::IpNet]| match nets {
        [] => "(none)".to_owned(),
        nets => nets.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
    };
    let data = "objects in the cluster depend on it; create a new control plane instead";
    let pairs = [
        (
            "kubernetesVersion",
            recorded.version.to_string(),
            requested.version.to_string(),
            "change it with `kamaji upgrade NAME --to VERSION`",
        ),
        (
            "networking.serviceSubnet",
            list(&recorded.networking.service_subnets),
            list(&requested.networking.service_subnets),
            data,
        ),
        ("networking.podSubnet", list(&recorded.networking.pod_subnets), list(&requested.networking.pod_subnets), data),
        ("networking.dnsDomain", recorded.networking.dns_domain.clone(), requested.networking.dns_domain.clone(), data),
        ("clusterName", recorded.cluster_name.clone(), requested.cluster_name.clone(), data),
        (
            "encryptionAlgorithm",
            recorded.certificates.algorithm.as_str().to_owned(),
            requested.certificates.algorithm.as_str().to_owned(),
            "the keys already exist",
        ),
        ("--datastore", recorded.datastore.to_string(), requested.datastore.to_string(), "the data cannot be moved"),
    ];
    // Immutable in Kubernetes while the type of the Service is LoadBalancer.
    let class = |spec: &ControlPlaneSpec| match spec.expose {
        Some(Exposure::NodePort | Exposure::ClusterIp) => None,
        Some(Exposure::LoadBalancer) | None => {
            Some(spec.service.load_balancer_class.clone().unwrap_or_else(|| "(none)".to_owned()))
        }
    };
    let classes = class(recorded).zip(class(requested)).map(|(current, requested)| {
        (
            "networkProfile.loadBalancerClass",
            current,
            requested,
            "immutable in Kubernetes; create a new control plane instead",
        )
    });
    pairs
        .into_iter()
        .chain(classes)
        .filter(|(_, current, requested, _)| current != requested)
        .map(|(field, current, requested, reason)| ImmutableChange { field, current, requested, reason })
        .collect()
}
