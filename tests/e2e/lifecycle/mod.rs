//! Creating, scaling, pausing and deleting control planes.

mod concurrent_runs;
mod create_and_delete;
mod files_and_patches;
pub(crate) mod first_use;
mod idempotence;
mod isolation;
pub(crate) mod killed;
mod pods;
mod refused_creates;
mod scale_pause_drift;
mod stale_runs;
mod tenant_control_plane;
