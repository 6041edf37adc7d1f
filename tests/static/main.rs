//! What must hold for the source itself: the doors between rooms, the reference that is made from the code,
//! and the documentation as a site.
#![expect(clippy::disallowed_methods, reason = "edge: these tests read the source and write the reference")]
#![expect(clippy::unwrap_used, reason = "tests: a failure is the message")]

mod architecture;
mod cli_page;
mod cycles;
mod generated;
mod rooms;
mod site;
mod source;

#[path = "../support/control_plane.rs"]
mod control_plane;
