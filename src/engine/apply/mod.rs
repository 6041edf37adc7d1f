//! Server-side dry runs.

pub mod dry_run;
