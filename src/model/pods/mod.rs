//! Settings of control plane pods: resources, placement, and images.

pub(super) mod placement;
pub(super) mod quantity;
pub(super) mod settings;
pub(super) mod sizes;
