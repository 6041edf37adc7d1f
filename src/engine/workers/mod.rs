//! Worker nodes: listing, draining, removal, bootstrap tokens, and scripts over ssh.

pub mod bootstrap_tokens;
pub mod drain;
pub mod nodes;
pub mod ssh;
