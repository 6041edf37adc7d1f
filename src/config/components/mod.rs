//! What users set on control plane components: arguments, files, images, and patches.

pub(super) mod args;
pub(super) mod contents;
pub(super) mod files;
pub(super) mod image;
pub(super) mod patches;
pub(super) mod target;
