//! What must hold for the source itself: the doors between rooms, and the reference that is made from the code.
#![expect(clippy::disallowed_methods, reason = "edge: these tests read the source and write the reference")]
#![expect(clippy::unwrap_used, reason = "tests: a failure is the message")]

mod architecture;
mod cli_page;
mod generated;
mod rooms;
mod source;

#[path = "../support/plane.rs"]
mod plane;
