//! The decision logic, without I/O: compares the spec with the observed state and returns desired objects and a plan.

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
