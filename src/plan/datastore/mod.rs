//! The datastore of a control plane.

pub mod authority;
