//! Where a control plane is reached: its endpoint, its exposure, and what a change of endpoint does to workers.

pub mod cluster_facts;
pub mod endpoint;
pub mod endpoint_change;
pub mod exposure;
