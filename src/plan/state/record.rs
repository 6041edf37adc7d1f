//! The record: what kamaji keeps about one control plane, in a `ConfigMap` beside its objects.
//!
//! It holds no secrets. Every write of it carries the resourceVersion that was read, so that two writers cannot both win.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::operations::{Restore, Update};
use crate::model::{ControlPlaneId, ControlPlaneSpec, Exposure, LABEL_COMPONENT, ObjectNames, labels};
use crate::plan::certificates::rotation_phases::Rotation;
use crate::plan::state::operations::{Revision, Upgrade};
use crate::render::{Address, ObjectRef};

/// The layout that this program writes. A record with a higher number is refused.
const SCHEMA: u32 = 1;

/// How far the control plane has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LifecyclePhase {
    /// The record exists; objects may be missing.
    Creating,
    /// Everything was there and usable once.
    Ready,
    /// Being removed; only `delete` may go on.
    Deleting,
}

impl LifecyclePhase {
    /// One word for tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
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
    /// The layout's version.
    pub schema: u32,
    /// The identity, made once.
    pub id: ControlPlaneId,
    /// How far it has come.
    pub step: LifecyclePhase,
    /// When the record was made.
    pub created: Timestamp,
    /// The version of the kamaji that wrote it last.
    pub written_by: String,
    /// What was asked for.
    pub spec: ControlPlaneSpec,
    /// How it is exposed, once decided.
    pub exposure: Option<Exposure>,
    /// Where it is reached, once known.
    pub address: Option<Address>,
    /// The SHA-256 of the CA's public key, once there is a CA: a CA that is lost is never replaced silently.
    pub ca: Option<String>,
    /// The same of those it had before, which were changed for others: data from then is still its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former_cas: Vec<String>,
    /// When the first certificate or kubeconfig ends.
    pub certificates_end: Option<Timestamp>,
    /// Which authorities and keys the user gave: their files as kubeadm names them, such as `ca.key`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given: Vec<String>,
    /// A change of version that has begun and is not finished; `spec` has the version before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<Upgrade>,
    /// A change of settings that has begun and is not finished; `spec` and the documents are those before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<Box<Update>>,
    /// Whether its pods, or what is inside the cluster, may not follow the wished number of pods yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scaling: bool,
    /// A snapshot that is being put back; only `restore` and `delete` may go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<Restore>,
    /// A change of keys that has begun and is not finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
    /// Set while nobody may change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Pause>,
    /// Changes of version and settings that were finished or taken back, the last one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Revision>,
}

/// Why nobody may change a control plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// The process that paused it, as locks name it.
    pub by: String,
    /// Since when.
    pub since: Timestamp,
    /// Why, for people; may be empty.
    pub reason: String,
}

/// Why a record cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordError {
    /// It is not one of ours, or damaged.
    Damaged(String),
    /// It was written by a newer kamaji.
    Newer {
        /// The schema found.
        schema: u64,
    },
}

impl Record {
    /// A new record.
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
            given: Vec::new(),
            upgrade: None,
            update: None,
            scaling: false,
            restore: None,
            rotation: None,
            paused: None,
            history: Vec::new(),
        }
    }

    /// One word for what it is doing; `ready` is the number of its pods that are.
    #[must_use]
    pub fn state(&self, ready: u64) -> &'static str {
        let ready_enough = ready >= u64::from(self.spec.replicas);
        match self.step {
            LifecyclePhase::Ready if self.restore.is_some() => "Restoring",
            LifecyclePhase::Ready if self.upgrade.is_some() => "Upgrading",
            LifecyclePhase::Ready if self.update.is_some() => "Updating",
            LifecyclePhase::Ready if self.spec.replicas == 0 => "Asleep",
            LifecyclePhase::Ready if !ready_enough => "NotReady",
            LifecyclePhase::Ready if self.paused.is_some() => "Paused",
            step @ (LifecyclePhase::Creating | LifecyclePhase::Ready | LifecyclePhase::Deleting) => step.word(),
        }
    }

    /// Remembers the authority that takes the place of the one there was.
    pub fn take_authority(&mut self, ca: Option<String>) {
        if self.ca != ca {
            self.former_cas.extend(std::mem::replace(&mut self.ca, ca));
        }
    }

    /// Which object it is.
    #[must_use]
    pub fn object_ref(spec: &ControlPlaneSpec) -> ObjectRef {
        ObjectRef {
            api_version: "v1".into(),
            kind: "ConfigMap".into(),
            namespace: Some(spec.namespace.to_string()),
            name: ObjectNames(&spec.name).record(),
        }
    }

    /// The `ConfigMap`, with the user's kubeadm documents beside it. `resource_version` is the one that was read.
    #[must_use]
    pub fn to_object(&self, documents: &str, resource_version: Option<&str>) -> Value {
        let mut labels: BTreeMap<String, String> = labels(&self.spec.name, "record");
        labels.extend(self.spec.labels.clone());
        debug_assert!(labels.contains_key(LABEL_COMPONENT), "fleet views find records by their component label");
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

    /// Reads the `ConfigMap` back.
    pub fn from_object(object: &Value) -> Result<Self, RecordError> {
        let text = object
            .pointer("/data/record.json")
            .and_then(Value::as_str)
            .ok_or_else(|| RecordError::Damaged("it has no key `record.json`".into()))?;
        let value: Value = serde_json::from_str(text).map_err(|error| RecordError::Damaged(error.to_string()))?;
        let schema = value.get("schema").and_then(Value::as_u64).unwrap_or(0);
        if schema > u64::from(SCHEMA) {
            return Err(RecordError::Newer { schema });
        }
        serde_json::from_value(value).map_err(|error| RecordError::Damaged(error.to_string()))
    }
}

/// A value that cannot change while the control plane lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImmutableChange {
    /// The field as the user writes it.
    pub field: &'static str,
    /// What it is.
    pub is: String,
    /// What was asked for now.
    pub asked: String,
    /// Why, or what to do instead.
    pub why: &'static str,
}

/// Compares a new wish with the recorded one; what is in the result must not differ.
#[must_use]
pub fn immutable_changes(recorded: &ControlPlaneSpec, asked: &ControlPlaneSpec) -> Vec<ImmutableChange> {
    let list = |nets: &[ipnet::IpNet]| match nets {
        [] => "(none)".to_owned(),
        nets => nets.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
    };
    let data = "objects in the cluster depend on it; make a new control plane instead";
    let pairs = [
        (
            "kubernetesVersion",
            recorded.version.to_string(),
            asked.version.to_string(),
            "change it with `kamaji upgrade NAME --to VERSION`",
        ),
        (
            "networking.serviceSubnet",
            list(&recorded.networking.service_subnets),
            list(&asked.networking.service_subnets),
            data,
        ),
        ("networking.podSubnet", list(&recorded.networking.pod_subnets), list(&asked.networking.pod_subnets), data),
        ("networking.dnsDomain", recorded.networking.dns_domain.clone(), asked.networking.dns_domain.clone(), data),
        ("clusterName", recorded.cluster_name.clone(), asked.cluster_name.clone(), data),
        (
            "encryptionAlgorithm",
            recorded.certificates.algorithm.as_str().to_owned(),
            asked.certificates.algorithm.as_str().to_owned(),
            "keys exist already",
        ),
        ("--datastore", recorded.datastore.to_string(), asked.datastore.to_string(), "the data is there"),
    ];
    // Kubernetes keeps it for as long as the Service has a load balancer.
    let class = |spec: &ControlPlaneSpec| match spec.expose {
        Some(Exposure::NodePort | Exposure::ClusterIp) => None,
        Some(Exposure::LoadBalancer) | None => {
            Some(spec.service.load_balancer_class.clone().unwrap_or_else(|| "(none)".to_owned()))
        }
    };
    let classes = class(recorded).zip(class(asked)).map(|(is, asked)| {
        ("networkProfile.loadBalancerClass", is, asked, "a Service keeps its load balancer; make a new control plane")
    });
    pairs
        .into_iter()
        .chain(classes)
        .filter(|(_, is, asked, _)| is != asked)
        .map(|(field, is, asked, why)| ImmutableChange { field, is, asked, why })
        .collect()
}
