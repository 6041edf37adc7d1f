//! The datastores of control planes: creates the default one, and opens an administrator's connection.

pub mod admin;
