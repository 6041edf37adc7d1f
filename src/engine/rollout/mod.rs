//! Rolls out a new version or new settings, with preflight checks.

pub mod preflight;
pub mod run;
