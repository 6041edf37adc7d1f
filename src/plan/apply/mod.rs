//! The plan: how desired objects differ from live ones, and which field manager owns what.

pub mod conflict;
pub mod field_change;
pub mod live_objects;
pub mod managed_fields;
pub mod noop;
pub mod plan;
pub mod value_diff;
