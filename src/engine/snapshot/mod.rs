//! Takes snapshots and restores them.

pub mod restore;
pub mod sync;
pub mod take;
