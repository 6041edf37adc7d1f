//! Operations in progress as the record stores them, and the revisions that completed ones leave.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{ControlPlaneSpec, Exposure, KubeVersion, format_time};
use crate::render::Address;

/// A change of version on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgrade {
    /// The version that served before.
    pub from: KubeVersion,
    /// The version asked for.
    pub to: KubeVersion,
    /// How far it has come.
    pub phase: Phase,
    /// When it began.
    pub began: Timestamp,
    /// Whether `rollback` began it, to take a finished change back: then `rollback` finishes it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_rollback: bool,
}

impl std::fmt::Display for Upgrade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} -> {}: {}", self.from, self.to, self.phase.words())
    }
}

/// How far a change has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// New pods are made beside the old ones, which serve until the new ones are ready.
    Pods,
    /// The new version serves; what kubeadm of its minor would leave in the cluster is written.
    Objects,
    /// The new version did not become ready; the old one is put back.
    Back,
}

impl Phase {
    /// What happens in it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Pods => "replacing pods",
            Self::Objects => "writing the cluster's own objects",
            Self::Back => "going back",
        }
    }
}

/// One change that was finished, or taken back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Revision {
    /// When it was finished.
    pub at: Timestamp,
    /// The version before.
    pub from: KubeVersion,
    /// The version after; the same where settings changed.
    pub to: KubeVersion,
    /// Who changed it, as locks name it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// Which settings changed, in a few words each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub what: Vec<String>,
    /// What was asked for before; kept of the last change of settings only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Box<DesiredSpec>>,
    /// What kind of change it was.
    #[serde(default)]
    pub kind: RevisionKind,
}

impl Revision {
    /// A change of version.
    #[must_use]
    pub const fn of_version(at: Timestamp, [from, to]: [KubeVersion; 2], by: String, kind: RevisionKind) -> Self {
        Self { at, from, to, by, what: Vec::new(), before: None, kind }
    }
}

/// What kind of change was made. What came after one that was taken back is never taken back with it: who runs a finished
/// `rollback` again, or rolls back what went back by itself, has what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RevisionKind {
    /// Another version, or other settings.
    #[default]
    Change,
    /// `rollback` took a finished change back.
    Rollback,
    /// A change that did not become ready, or was interrupted, was taken back: all is as it was before it.
    RolledBack,
}

impl RevisionKind {
    /// The kind of a change that was finished, by whether `rollback` began it.
    #[must_use]
    pub const fn of(is_rollback: bool) -> Self {
        if is_rollback { Self::Rollback } else { Self::Change }
    }
}

/// How many changes that were made are kept.
pub(crate) const REVISIONS: usize = 10;

/// What was asked for, with the user's kubeadm documents.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DesiredSpec {
    /// The settings.
    pub spec: ControlPlaneSpec,
    /// The documents, without secrets.
    pub documents: String,
}

impl DesiredSpec {
    /// Whether two wishes ask for the same.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let value = |desired: &Self| serde_json::to_value(desired).expect("a wish serializes to JSON");
        value(self) == value(other)
    }
}

/// A change of settings on its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Update {
    /// What was asked for.
    pub to: DesiredSpec,
    /// What changes, in a few words each.
    pub what: Vec<String>,
    /// How it was exposed before.
    pub exposure: Option<Exposure>,
    /// Where it was reached before.
    pub address: Option<Address>,
    /// How far it has come.
    pub phase: Phase,
    /// When it began.
    pub began: Timestamp,
    /// Who began it, as locks name it.
    pub by: String,
    /// Whether `rollback` began it, to take a finished change back: then `rollback` finishes it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_rollback: bool,
}

impl std::fmt::Display for Update {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.what.join("; "), self.phase.words())
    }
}

/// How far a snapshot has been put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestorePhase {
    /// Pods end, so that nobody writes.
    Stopping,
    /// The data becomes the snapshot's; it is neither the one nor the other.
    Data,
    /// The data is the snapshot's; the version that wrote it starts.
    Starting,
}

impl RestorePhase {
    /// What happens in it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Stopping => "stopping pods",
            Self::Data => "putting the data back",
            Self::Starting => "starting pods",
        }
    }
}

/// A snapshot being put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// The version before.
    pub from: KubeVersion,
    /// The version that wrote the snapshot.
    pub to: KubeVersion,
    /// When the snapshot was taken.
    pub taken: Timestamp,
    /// The revision that it is of.
    pub revision: i64,
    /// How far it has come.
    pub phase: RestorePhase,
    /// When it began.
    pub began: Timestamp,
}

impl std::fmt::Display for Restore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "snapshot of {}, {}: {}", format_time(self.taken), self.to, self.phase.words())
    }
}
