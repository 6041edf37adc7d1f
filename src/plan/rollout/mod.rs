//! Changes of version and settings: what differs, which version steps are supported, and preflight checks.

pub mod preflight;
pub mod settings_diff;
pub mod version_skew;
