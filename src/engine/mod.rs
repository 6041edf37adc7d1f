//! The order of things: observe, preview, apply, wait. An edge; what is to be done is decided in `plan`.
//!
//! Everything here can be killed between any two requests: the next run observes what is there and goes on.

mod address;
mod authority;
mod bundle;
mod busy;
mod create;
mod datastore;
mod delete;
mod doctor;
mod drain;
mod encrypt;
mod holder;
mod journal;
mod judge;
mod needs;
mod nodes;
mod observe;
mod pause;
mod prepare;
mod put_back;
mod renew;
mod restore;
mod rights;
mod roll;
mod rotate;
mod rotation_plan;
mod scale;
mod session;
mod snapshot;
mod ssh;
mod surroundings;
mod tenant;
mod tokens;
mod upgrade;

pub use authority::following;
pub use bundle::gather_bundle;
pub use busy::refuse_busy;
pub use create::{Created, converge, tidy};
pub use datastore::{DATASTORE_NAMESPACE, datastore_authority, datastore_state, default_datastore_endpoints};
pub use delete::{DeleteRequest, delete, prepare_delete};
pub use doctor::{examine_plane, examine_shared, no_kubeconfig};
pub use drain::{Drainable, Drained, drain, prepare_drain, preview_drain};
pub use holder::unfinished;
pub use journal::{Recorded, list_records, read_record, require_record, require_record_to_change};
pub use nodes::{
    KubeletCertificate, SeenWorker, answering_workers, await_workers, find_nodes, list_workers, no_such_nodes,
    remove_node, set_schedulable,
};
pub use observe::{Observed, observe};
pub use pause::{pause, resume};
pub use prepare::{CreateRequest, Prepared, prepare};
pub use put_back::Differences;
pub use renew::{Renewed, plan_renewal, read_certificates, renew};
pub use restore::{Restored, compare_with_snapshot, require_restorable, restore};
pub use rights::with_missing_rights;
pub use roll::{Target, roll};
pub use rotate::rotate;
pub use rotation_plan::{RotationPlan, plan_rotation};
pub use scale::scale;
pub use session::{Session, at_once};
pub use snapshot::{SnapshotFile, snapshot};
pub use ssh::Ssh;
pub use surroundings::enforced_by;
pub use tenant::{Reached, kubeconfig, reach};
pub use tokens::{create_token, delete_token, list_tokens, wait_for_signature};
pub use upgrade::{Outlook, gather, plan_upgrade};
