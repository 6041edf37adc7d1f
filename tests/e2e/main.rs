//! The whole of kamaji against a real management cluster, real workers and a real etcd, judged from outside.
//!
//! `tests/cluster/up` starts the cluster; then `cargo test --test e2e`. Two tests run at a time.

#![expect(clippy::disallowed_methods, reason = "edge: tests read and write files, and the environment")]
#![expect(clippy::disallowed_types, reason = "none of ours is used: the types are those of the tests")]

mod again;
mod kill;
mod laptop;
mod life;
mod neighbours;
mod refusals;
#[path = "../support/mod.rs"]
mod support;
