//! Changes on their way, as the record keeps them: begun, gone on with, ended or taken back. A run that was killed leaves
//! one behind, and the next run knows from it what to do.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::record::{Phase, Record, Revision};
use crate::model::{ControlPlaneSpec, Exposure};
use crate::render::Address;

/// How many finished changes are kept.
pub(super) const REVISIONS: usize = 10;

/// What was asked for, with the user's kubeadm documents.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Wish {
    /// The settings.
    pub spec: ControlPlaneSpec,
    /// The documents, without secrets.
    pub documents: String,
}

impl Wish {
    /// Whether two wishes ask for the same.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let value = |wish: &Self| serde_json::to_value(wish).expect("a wish serializes to JSON");
        value(self) == value(other)
    }
}

/// A change of settings on its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Update {
    /// What was asked for.
    pub to: Wish,
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
    pub undo: bool,
}

impl std::fmt::Display for Update {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.what.join("; "), self.phase.words())
    }
}

impl Record {
    /// Whether a change has begun and is not finished.
    #[must_use]
    pub const fn is_changing(&self) -> bool {
        self.upgrade.is_some() || self.update.is_some()
    }

    /// Says how far the change on its way has come.
    pub fn set_phase(&mut self, phase: Phase) {
        if let Some(upgrade) = &mut self.upgrade {
            upgrade.phase = phase;
        }
        if let Some(update) = &mut self.update {
            update.phase = phase;
        }
    }

    /// Turns the change on its way back: the control plane is to be reached as it was before.
    pub fn turn_back(&mut self) {
        self.set_phase(Phase::Back);
        if let Some(update) = &self.update {
            self.exposure = update.exposure;
            self.address.clone_from(&update.address);
        }
    }

    /// Ends the change on its way: the control plane has the new version or settings now. `documents` are those before.
    pub fn finish(&mut self, now: Timestamp, by: String, documents: String) {
        if let Some(upgrade) = self.upgrade.take() {
            let (from, to) = (upgrade.from, upgrade.to);
            self.spec.version = to;
            self.remember(Revision { at: now, from, to, by: by.clone(), what: Vec::new(), before: None });
        }
        if let Some(update) = self.update.take() {
            let before = Wish { spec: self.spec.clone(), documents };
            self.spec = update.to.spec;
            let version = self.spec.version;
            let before = Some(Box::new(before));
            self.remember(Revision { at: now, from: version, to: version, by, what: update.what, before });
        }
    }

    /// Ends the change on its way: the control plane is again as it was before.
    pub fn abandon(&mut self) {
        self.upgrade = None;
        self.update = None;
    }

    /// Keeps a finished change; what an earlier one had before is of no use any more.
    pub fn remember(&mut self, revision: Revision) {
        for earlier in &mut self.history {
            earlier.before = None;
        }
        self.history.insert(0, revision);
        self.history.truncate(REVISIONS);
    }
}
