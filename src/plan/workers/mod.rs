//! Worker nodes: host probes over SSH, node status and drain.

pub mod drain;
pub mod host_probe;
pub mod node_status;
