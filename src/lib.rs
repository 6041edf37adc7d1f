//! kamaji manages hosted Kubernetes control planes.
//!
//! The modules, in the order of the data flow: `cli` and `config` parse the input, `model` holds its validated form,
//! `plan` decides what to do (with `pki`, `render` and `tenant`), `engine` observes, applies and waits through
//! `cluster` and `datastore`, and `ui` reports. `commands` connects them, one file per command. See
//! docs/explanation/architecture.md.

pub mod ambient;
pub mod cli;
pub mod cluster;
pub mod commands;
pub mod complete;
pub mod config;
pub mod datastore;
pub mod engine;
pub mod error;
pub mod event;
pub mod model;
pub mod pki;
pub mod plan;
pub mod render;
pub mod start;
pub mod tenant;
pub mod ui;
pub mod yaml;
