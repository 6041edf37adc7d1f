//! Objects in the management cluster, from a validated spec. Pure: values in, objects out.

pub mod etcd;
mod manifest;

pub use manifest::{Manifest, ObjectRef, Write};
