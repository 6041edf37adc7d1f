//! What kamaji stores about a control plane: the record, operations in progress, and what blocks a change.

pub mod blockers;
pub mod interrupted;
pub mod operations;
pub mod record;
pub mod transitions;
