//! Collects the facts that `plan::doctor` checks. Read-only; each query has its own timeout, so a hanging server does
//! not hide other problems. All queries together take less than 30 seconds.

pub mod access;
pub mod control_plane;
pub mod datastore;
pub mod management_cluster;
pub mod support_bundle;
pub mod tenant;

use std::time::Duration;

use tokio::time::timeout;

use crate::cluster::Refusal;
use crate::error::{Advice as _, Fault};
use crate::plan::doctor::check_graph::{Fact, Unavailable};

pub use control_plane::collect_control_plane_facts;
pub use datastore::collect_shared_facts;
pub use management_cluster::no_kubeconfig;

/// The timeout of one query.
const QUERY_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs a query with a timeout.
async fn within<T, E: IntoUnavailable>(
    limit: Duration,
    what: &str,
    query: impl Future<Output = Result<T, E>>,
) -> Fact<T> {
    match timeout(limit, query).await {
        Ok(outcome) => outcome.map_err(IntoUnavailable::into_unavailable),
        Err(_) => Err(Unavailable::timed_out(what, limit)),
    }
}

/// Converts an error into the reason why a fact is unavailable.
trait IntoUnavailable {
    fn into_unavailable(self) -> Unavailable;
}

impl IntoUnavailable for Refusal {
    fn into_unavailable(self) -> Unavailable {
        match self {
            Self::Forbidden { .. } => Unavailable::Forbidden(self.to_string()),
            Self::Kubeconfig(_)
            | Self::Unreachable { .. }
            | Self::Unauthorized { .. }
            | Self::Conflict { .. }
            | Self::NotFound { .. }
            | Self::Refused { .. }
            | Self::LockLost { .. }
            | Self::Unintelligible { .. } => Unavailable::Failed(self.to_string(), self.hints()),
        }
    }
}

impl IntoUnavailable for Fault {
    fn into_unavailable(self) -> Unavailable {
        // The refusal was converted to a fault; only its message still shows its kind.
        let denied = self.causes().iter().any(|cause| cause.starts_with("not allowed to "));
        if denied {
            return Unavailable::Forbidden(self.to_string());
        }
        Unavailable::Failed(self.to_string(), self.hints().to_vec())
    }
}

impl IntoUnavailable for Unavailable {
    fn into_unavailable(self) -> Unavailable {
        self
    }
}
