//! Compares desired with live objects and evaluates managed fields: plans, conflicts, no-op detection.

pub mod conflict;
pub mod field_change;
pub mod live_objects;
pub mod managed_fields;
pub mod noop;
pub mod plan;
pub mod value_diff;
