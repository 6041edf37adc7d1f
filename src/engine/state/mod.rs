//! Reads and writes the record, and observes a control plane's objects in the management cluster.

pub mod ensure_changeable;
pub mod interrupted;
pub mod observe;
pub mod record_store;
