//! Whether a worker trusts the new certificate authority, one row per host.

use serde::Serialize;

use crate::plan::certificates::ca_trust::{MissingTrust, WorkerCaTrust};
use crate::plan::workers::host_probe::{HostMembership, HostProbe};
use crate::ui::Table;

/// What became of a machine.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HostTrust {
    pub(super) host: String,
    pub(super) outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<String>,
    #[serde(skip)]
    pub(super) lack: MissingTrust,
}

impl HostTrust {
    pub(super) fn of(host: &str, seen: Result<HostProbe, String>, following: &WorkerCaTrust) -> Self {
        let lack = MissingTrust { authorities: false, certificate: false };
        let mut item =
            Self { host: host.to_owned(), outcome: Outcome::AlreadyFollows, node: None, failure: None, lack };
        match seen {
            Err(why) => item.fail(why),
            Ok(HostProbe { membership: HostMembership::Free, .. }) => item.fail("it is in no cluster".to_owned()),
            Ok(HostProbe { membership: HostMembership::Elsewhere(server), .. }) => {
                item.fail(format!("it is in another cluster ({server}), or knows none of the authorities"));
            }
            Ok(machine) => {
                item.lack = following.lack(&machine);
                if !item.lack.is_none() {
                    item.outcome = Outcome::WouldFollow;
                }
                if let HostMembership::Here(node) = machine.membership {
                    item.node = node;
                }
            }
        }
        item
    }

    pub(super) fn has_certificate(&self) -> bool {
        matches!(self.outcome, Outcome::WouldFollow | Outcome::AlreadyFollows) && !self.lack.certificate
    }

    pub(super) fn fail(&mut self, why: String) {
        self.outcome = Outcome::Failed;
        self.failure = Some(why);
    }

    /// For people; nothing when there are none.
    pub(super) fn table(items: &[Self]) -> String {
        if items.is_empty() {
            return String::new();
        }
        let mut table = Table { headings: vec!["HOST", "NODE", "OUTCOME"], rows: Vec::new() };
        let mut details = String::new();
        for item in items {
            let outcome = match item.outcome {
                Outcome::WouldFollow => "would follow",
                Outcome::Followed => "follows now",
                Outcome::AlreadyFollows => "follows already",
                Outcome::Failed => "FAILED",
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
pub(super) enum Outcome {
    WouldFollow,
    Followed,
    AlreadyFollows,
    Failed,
}
