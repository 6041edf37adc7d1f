//! Settings of control plane pods: resources, placement, images and metadata.

pub(super) mod placement;
pub(super) mod quantity;
pub(super) mod settings;
pub(super) mod sizes;
