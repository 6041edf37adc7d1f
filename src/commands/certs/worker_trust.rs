//! Reports per host whether a worker trusts the new CA.

use serde::Serialize;

use crate::plan::certificates::ca_trust::{MissingTrust, WorkerCaTrust};
use crate::plan::workers::host_probe::{HostMembership, HostProbe};
use crate::ui::Table;

/// The result for a host.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HostTrust {
    pub(super) host: String,
    pub(super) outcome: UpdateOutcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<String>,
    #[serde(skip)]
    pub(super) missing: MissingTrust,
}

impl HostTrust {
    pub(super) fn of(host: &str, seen: Result<HostProbe, String>, following: &WorkerCaTrust) -> Self {
        let missing = MissingTrust { cas: false, certificate: false };
        let mut item =
            Self { host: host.to_owned(), outcome: UpdateOutcome::UpToDate, node: None, failure: None, missing };
        match seen {
            Err(why) => item.fail(why),
            Ok(HostProbe { membership: HostMembership::Free, .. }) => {
                item.fail("it has not joined a cluster".to_owned())
            }
            Ok(HostProbe { membership: HostMembership::Elsewhere(server), .. }) => {
                item.fail(format!("it has joined another cluster ({server}), or trusts none of the CAs"));
            }
            Ok(machine) => {
                item.missing = following.missing_trust(&machine);
                if !item.missing.is_empty() {
                    item.outcome = UpdateOutcome::WouldUpdate;
                }
                if let HostMembership::Here(node) = machine.membership {
                    item.node = node;
                }
            }
        }
        item
    }

    pub(super) fn has_current_certificate(&self) -> bool {
        matches!(self.outcome, UpdateOutcome::WouldUpdate | UpdateOutcome::UpToDate) && !self.missing.certificate
    }

    pub(super) fn fail(&mut self, why: String) {
        self.outcome = UpdateOutcome::Failed;
        self.failure = Some(why);
    }

    /// The human-readable table; empty if there are no hosts.
    pub(super) fn table(items: &[Self]) -> String {
        if items.is_empty() {
            return String::new();
        }
        let mut table = Table { headings: vec!["HOST", "NODE", "OUTCOME"], rows: Vec::new() };
        let mut details = String::new();
        for item in items {
            let outcome = match item.outcome {
                UpdateOutcome::WouldUpdate => "would be updated",
                UpdateOutcome::Updated => "updated",
                UpdateOutcome::UpToDate => "up to date",
                UpdateOutcome::Failed => "FAILED",
            };
            let node = item.node.clone().unwrap_or_else(|| "-".to_owned());
            table.rows.push(vec![item.host.clone(), node, outcome.to_owned()]);
            if let Some(failure) = &item.failure {
                details.push_str(&format!("\n{}:\n  {}\n", item.host, crate::ui::safe(failure).replace('\n', "\n  ")));
            }
        }
        format!("\n{}{details}", table.draw())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum UpdateOutcome {
    WouldUpdate,
    Updated,
    UpToDate,
    Failed,
}
