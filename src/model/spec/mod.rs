//! The validated spec of a control plane.

pub(super) mod certificates;
pub(super) mod control_plane;
pub(super) mod edits;
pub(super) mod files;
pub(super) mod flags;
pub(super) mod isolation;
