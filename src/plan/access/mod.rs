//! Decides the endpoint and exposure of a control plane, and how a change of them affects workers.

pub mod cluster_facts;
pub mod endpoint;
pub mod endpoint_change;
pub mod exposure;
