//! What a control plane needs to know about its datastore.

pub mod authority;
