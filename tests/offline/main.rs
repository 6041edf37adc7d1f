//! What can be told without a cluster: objects rendered from the examples, decisions on facts that are made up, and the
//! program itself where no server answers.
#![expect(clippy::disallowed_methods, reason = "edge: these tests read the examples and run the program")]
#![expect(clippy::unwrap_used, reason = "tests: a failure is the message")]

mod address;
mod certs;
mod cis;
mod cli;
mod decide;
mod doctor;
mod documentation;
mod examples;
mod families;
mod fuzz;
mod goldens;
mod immutable;
mod inputs;
mod install;
mod lints;
mod manifests;
mod minors;
mod patches;
mod pods;
mod program;
mod snapshot;
mod update;

#[allow(dead_code, reason = "some of it is for sessions with a cluster")]
#[path = "../support/console.rs"]
mod console;
#[path = "../support/servers/tls_server.rs"]
mod server;

#[path = "../support/control_plane.rs"]
mod control_plane;
