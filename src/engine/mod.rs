//! The order of things: observe, preview, apply, wait. Decisions are made in `plan`.
//!
//! Every operation may be killed between any two requests: the next run observes what is there and resumes.

pub mod access;
pub mod apply;
pub mod certificates;
pub mod datastore;
pub mod doctor;
pub mod lifecycle;
pub mod network;
pub mod rollout;
pub mod session;
pub mod snapshot;
pub mod state;
pub mod workers;
