//! Gathers what `plan::doctor` judges. Only reads, and each look has its own time limit, so that what hangs hides nothing
//! else: all together take less than half a minute.

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

/// One look at the management cluster.
const LOOK: Duration = Duration::from_secs(5);

/// A look, bounded in time.
async fn within<T, E: Why>(limit: Duration, what: &str, look: impl Future<Output = Result<T, E>>) -> Fact<T> {
    match timeout(limit, look).await {
        Ok(outcome) => outcome.map_err(Why::why),
        Err(_) => Err(Unavailable::late(what, limit)),
    }
}

/// What a failure says about what was looked at.
trait Why {
    fn why(self) -> Unavailable;
}

impl Why for Refusal {
    fn why(self) -> Unavailable {
        match self {
            Self::Forbidden { .. } => Unavailable::NotAllowed(self.to_string()),
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

impl Why for Fault {
    fn why(self) -> Unavailable {
        // A refusal that became a fault on its way; its own words are all that is left of its kind.
        let denied = self.causes().iter().any(|cause| cause.starts_with("not allowed to "));
        if denied {
            return Unavailable::NotAllowed(self.to_string());
        }
        Unavailable::Failed(self.to_string(), self.hints().to_vec())
    }
}

impl Why for Unavailable {
    fn why(self) -> Unavailable {
        self
    }
}
