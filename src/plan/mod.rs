//! Every decision, as pure code: the desired spec and what was observed in, desired objects and the difference out.

pub mod access;
pub mod apply;
pub mod certificates;
pub mod datastore;
pub mod doctor;
pub mod lifecycle;
pub mod network;
pub mod rollout;
pub mod snapshot;
pub mod state;
pub mod workers;
