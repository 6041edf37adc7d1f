//! kamaji manages fleets of hosted Kubernetes control planes.
//!
//! The rooms, in the way of the data: `cli` and `config` read what was asked, `model` is its validated form, `plan`
//! decides (with `pki`, `render` and `tenant`), `engine` observes, applies and waits through `cluster` and
//! `datastore`, and `ui` reports. `commands` wires them, one file per verb. See docs/explanation/architecture.md.

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
