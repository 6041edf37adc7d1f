//! Every decision, as pure code: what exists and what is wished for in, the objects and the difference out.

mod address;
mod datastore;
mod desire;
mod diff;
mod explain;
mod live;
mod record;

pub use address::{
    AddressState, Cluster as ClusterFacts, NodeFacts, api_server_port, decide_address, decide_exposure,
    impossible_endpoint, name_to_resolve,
};
pub use datastore::{DatastoreAuthority, DatastoreError};
pub use desire::{Desired, Error, Inputs, Step as DesireStep, desire, object_refs};
pub use diff::{Action, Approved, Change, FieldChange, Plan, compare};
pub(crate) use explain::warnings;
pub use explain::{causes_of_pods, pod_summary};
pub use live::Live;
pub use record::{ImmutableChange, Record, Step, Verdict, immutable_changes};
