//! Every decision, as pure code: what exists and what is wished for in, the objects and the difference out.

mod address;
mod checks;
mod datastore;
mod desire;
mod diff;
mod drain;
mod enforcer;
mod explain;
mod exposure;
mod families;
mod live;
mod machine;
mod owners;
mod record;
mod settled;
mod surroundings;
mod versions;
mod worker;

pub use address::{AddressState, Cluster as ClusterFacts, NodeFacts, decide_address, name_to_resolve};
pub use checks::{Check, DeprecatedUse, Facts as CheckFacts, Verdict as CheckVerdict, Worker, checks, deprecated_uses};
pub use datastore::{DatastoreAuthority, DatastoreError};
pub use desire::{Desired, Error, Inputs, Step as DesireStep, desire, is_wanted, object_refs};
pub use diff::{Action, Approved, Change, FieldChange, Plan, compare};
pub use drain::{Consent, DrainPlan, PodOn, Refused, budgets_in_the_way, decide_drain, pod_on};
pub use enforcer::{DAEMON_SETS, enforcer};
pub(crate) use explain::warnings;
pub use explain::{causes_of_pods, pod_summary};
pub use exposure::{api_server_port, decide_exposure, impossible_endpoint};
pub use families::{no_such_family, unserved_family};
pub use live::Live;
pub use machine::{Machine, Membership, asked_by_node, look_script, reset_script};
pub use record::{ImmutableChange, Pause, Phase, Record, Revision, Step, Upgrade, Verdict, immutable_changes};
pub use settled::is_settled;
pub use surroundings::{Place, Places, Surroundings, closed_by};
pub use versions::{Move, VersionError, judge, targets};
pub use worker::NodeState;
