//! Objects in the management cluster, from a validated spec. Pure: values in, objects out.

mod manifest;

pub use manifest::{Manifest, ObjectRef, Write};
