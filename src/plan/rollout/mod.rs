//! Changes of version and settings: the diff of two specs, version skew rules and preflight checks.

pub mod preflight;
pub mod settings_diff;
pub mod version_skew;
