//! The objects of a control plane, and the status of its pods and addons.

pub mod addon_status;
pub mod current_replica_set;
pub mod desired;
pub mod pod_status;
