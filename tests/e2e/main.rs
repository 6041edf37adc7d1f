//! The whole of kamaji against a real management cluster, real workers and a real etcd, judged from outside.
//!
//! `tests/cluster/up` starts the cluster; then `cargo test --test e2e -- --test-threads=200`. All tests start at once; when
//! each of them goes on is decided in `support/turn.rs`.

#![expect(clippy::disallowed_methods, reason = "edge: tests read and write files, and the environment")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what tests print is shown when they fail")]

mod access;
mod again;
mod authority;
mod certs;
mod completions;
mod days;
mod doctor;
mod document;
mod faults;
mod files;
mod first_use;
mod interrupted;
mod keys;
mod kill;
mod laptop;
mod life;
mod neighbours;
mod networks;
mod no_ipv6;
mod outages;
mod pods;
mod policies;
mod refusals;
mod rights;
mod signals;
mod snapshot;
mod stale;
#[path = "../support/mod.rs"]
mod support;
mod together;
mod tutorial;
mod update;
mod upgrade;
mod workers;
