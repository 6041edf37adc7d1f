//! Operations in progress and completed revisions, as the record stores them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{ControlPlaneSpec, Exposure, KubeVersion, format_time};
use crate::render::Address;

/// An upgrade in progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgrade {
    /// The version before.
    pub from: KubeVersion,
    /// The target version.
    pub to: KubeVersion,
    /// The current phase.
    pub phase: Phase,
    /// When it began.
    pub began: Timestamp,
    /// Whether `kamaji rollback` started it, to revert a completed change. Then `rollback` also completes it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_rollback: bool,
}

impl std::fmt::Display for Upgrade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} -> {}: {}", self.from, self.to, self.phase.description())
    }
}

/// The phase of an upgrade or update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// New pods are created; the old ones serve requests until the new ones are ready.
    Pods,
    /// The new pods serve requests; the objects inside the tenant cluster are written, as kubeadm of the new version
    /// does.
    Objects,
    /// The new pods did not become ready; the old state is restored.
    RollingBack,
}

impl Phase {
    /// What happens in the phase.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Pods => "replacing pods",
            Self::Objects => "writing the objects inside the cluster",
            Self::RollingBack => "rolling back",
        }
    }
}

/// A change that was completed or rolled back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Revision {
    /// When it was completed.
    pub at: Timestamp,
    /// The version before.
    pub from: KubeVersion,
    /// The version after; the same if only settings changed.
    pub to: KubeVersion,
    /// The process that made the change, as named in the lock.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// The changed settings, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// The spec before the change; kept only for the last change of settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Box<DesiredSpec>>,
    /// The kind of change.
    #[serde(default)]
    pub kind: RevisionKind,
}

impl Revision {
    /// A revision for a change of version.
    #[must_use]
    pub const fn of_version(at: Timestamp, [from, to]: [KubeVersion; 2], by: String, kind: RevisionKind) -> Self {
        Self { at, from, to, by, changes: Vec::new(), before: None, kind }
    }
}

/// The kind of a revision. A change that was rolled back is never rolled back again: repeating a completed `rollback`,
/// or rolling back a change that was rolled back automatically, is a no-op.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RevisionKind {
    /// A change of version or settings.
    #[default]
    Change,
    /// `kamaji rollback` reverted a completed change.
    Rollback,
    /// A change that failed or was interrupted was rolled back.
    RolledBack,
}

impl RevisionKind {
    /// The kind of a completed change.
    #[must_use]
    pub const fn of(is_rollback: bool) -> Self {
        if is_rollback { Self::Rollback } else { Self::Change }
    }
}

/// The number of revisions that the record keeps.
pub(crate) const MAX_REVISIONS: usize = 10;

/// The spec with the kubeadm documents of the user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DesiredSpec {
    /// The spec.
    pub spec: ControlPlaneSpec,
    /// The kubeadm documents, without secrets.
    pub documents: String,
}

impl DesiredSpec {
    /// Whether both specs and documents are equal.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        let value = |desired: &Self| serde_json::to_value(desired).expect("a spec serializes to JSON");
        value(self) == value(other)
    }
}

/// An update of settings in progress.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Update {
    /// The new spec.
    pub to: DesiredSpec,
    /// The changed settings, one line each.
    pub changes: Vec<String>,
    /// The exposure before.
    pub exposure: Option<Exposure>,
    /// The address before.
    pub address: Option<Address>,
    /// The current phase.
    pub phase: Phase,
    /// When it began.
    pub began: Timestamp,
    /// The process that started it, as named in the lock.
    pub by: String,
    /// Whether `kamaji rollback` started it, to revert a completed change. Then `rollback` also completes it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_rollback: bool,
}

impl std::fmt::Display for Update {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.changes.join("; "), self.phase.description())
    }
}

/// The phase of a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestorePhase {
    /// The pods are stopped, so that nothing writes.
    Stopping,
    /// The data is being replaced and is inconsistent.
    Data,
    /// The data is restored; the pods start with the version of the snapshot.
    Starting,
}

impl RestorePhase {
    /// What happens in the phase.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Stopping => "stopping pods",
            Self::Data => "restoring the data",
            Self::Starting => "starting pods",
        }
    }
}

/// A restore in progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// The version before.
    pub from: KubeVersion,
    /// The version that wrote the snapshot.
    pub to: KubeVersion,
    /// When the snapshot was taken.
    pub taken: Timestamp,
    /// The etcd revision of the snapshot.
    pub revision: i64,
    /// The current phase.
    pub phase: RestorePhase,
    /// When it began.
    pub began: Timestamp,
}

impl std::fmt::Display for Restore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "snapshot of {}, {}: {}", format_time(self.taken), self.to, self.phase.description())
    }
}
