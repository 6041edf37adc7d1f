//! The whole of kamaji against a real management cluster, real workers and a real etcd, judged from outside.
//!
//! `tests/cluster/up` starts the cluster; then `cargo test --test e2e -- --test-threads=200`. All tests start at once; when
//! each of them goes on is decided in `support/schedule.rs`.

#![expect(clippy::disallowed_methods, reason = "edge: tests read and write files, and the environment")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what tests print is shown when they fail")]

mod access;
mod certificates;
mod doctor;
mod documentation;
mod lifecycle;
mod network;
mod robustness;
mod rollout;
mod snapshot;
#[path = "../support/mod.rs"]
mod support;
mod workers;
