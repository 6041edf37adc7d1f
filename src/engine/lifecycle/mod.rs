//! Creates, scales, pauses and deletes control planes.

pub mod create;
pub mod delete;
pub mod objects;
pub mod pause;
pub mod permissions;
pub mod preview;
pub mod references;
pub mod scale;
