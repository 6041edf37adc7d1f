//! Certificates and keys: inventory, renewal, and rotation phase by phase.

pub mod ca_trust;
pub mod inventory;
pub mod renewal;
pub mod rotation_keys;
pub mod rotation_phases;
