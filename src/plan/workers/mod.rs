//! Worker nodes: probing hosts over ssh, node status, and draining.

pub mod drain;
pub mod host_probe;
pub mod node_status;
