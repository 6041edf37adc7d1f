//! Every decision, as pure code: what exists and what is wished for in, the objects and the difference out.

mod addons;
mod address;
mod bundle;
mod busy;
mod certificates;
mod checks;
mod datastore;
mod desire;
mod diff;
mod doctor;
mod drain;
mod enforcer;
mod explain;
mod exposure;
mod families;
mod following;
mod giving_way;
mod live;
mod machine;
mod newest;
mod overlaps;
mod owners;
mod reached;
mod record;
mod reissue;
mod restore;
mod rotating;
mod rotation;
mod settings;
mod settled;
mod snapshot;
mod surroundings;
mod unfinished;
mod update;
mod versions;
mod walk;
mod worker;

pub use addons::{AddonState, addon_states};
pub use address::{AddressState, Cluster as ClusterFacts, NodeFacts, decide_address, name_to_resolve};
pub use bundle::{Content, Gathered, bundle};
pub use busy::{Busy, half_done, paused, rotating, updating, upgrading};
pub use certificates::{Held, HeldKind, Keeper, SOON_DAYS, certificate_refs, certificates};
pub use checks::{
    Check, DeprecatedUse, Facts as CheckFacts, StrictWebhook, Verdict as CheckVerdict, Worker, checks, deprecated_uses,
    strict_webhooks,
};
pub use datastore::{DatastoreAuthority, DatastoreError};
pub use desire::{Desired, Error, Inputs, Step as DesireStep, desire, is_wanted, object_refs};
pub use diff::{Action, Approved, Change, FieldChange, Plan, compare, left_to_others};
pub use doctor::{
    DatastoreHealth, Diagnosis, EndpointFacts, Greeting, Inside, Link, LinkName, LockHolder, ManagementFacts, Member,
    MissingRights, Orphans, PlaneFacts, Seen, SharedFacts, State as LinkState, TenancyFacts, Unseen, diagnose_plane,
    diagnose_shared, is_default_class,
};
pub use drain::{Consent, DrainPlan, PodOn, Refused, budgets_in_the_way, decide_drain, pod_on};
pub use enforcer::{DAEMON_SETS, enforcer};
pub(crate) use explain::warnings;
pub use explain::{causes_of_pods, pod_summary};
pub use exposure::{api_server_port, decide_exposure, impossible_endpoint};
pub use families::{no_such_family, unserved_family};
pub use following::{Following, Lack, SeenFollower, not_following};
pub use giving_way::giving_way;
pub use live::Live;
pub use machine::{Machine, Membership, asked_by_node, look_script, reset_script};
pub use newest::{is_broken, newest_pods};
pub use overlaps::hidden_by_its_own_ranges;
pub use owners::is_ours;
pub use reached::{Move as EndpointMove, Reached};
pub use record::{
    ImmutableChange, Pause, Phase, Record, Revision, RevisionKind, Step, Upgrade, Verdict, immutable_changes,
};
pub use reissue::{Reissue, Reissued};
pub use restore::{Restore, RestorePhase};
pub use rotating::{
    key_in, lost as rotation_key_lost, replaced, rotation_key, rotation_refs, signing_authority, trusted_authorities,
};
pub use rotation::{Asked, Rotated, Rotation, RotationError, RotationPhase, Signer, next_rotation, whole_seconds};
pub use settings::{changes_of_settings, words_of};
pub use settled::is_settled;
pub use snapshot::{Lease, SnapshotEnd, SnapshotEntry, SnapshotError, SnapshotHeader, SnapshotReader, SnapshotWriter};
pub use surroundings::{Place, Places, Surroundings, closed_by};
pub use unfinished::{Holder, Unfinished};
pub use update::{Update, Wish};
pub use versions::{Move, VersionError, judge, targets};
pub use worker::NodeState;
