//! Checks on the source tree: dependencies between modules, import cycles, the generated reference, and the links of
//! the documentation.
#![expect(clippy::disallowed_methods, reason = "edge: these tests read the source and write the reference")]
#![expect(clippy::unwrap_used, reason = "tests: a failure is the message")]

mod architecture;
mod cli_page;
mod cycles;
mod generated;
mod modules;
mod site;
mod source;

#[path = "../support/control_plane.rs"]
mod control_plane;
