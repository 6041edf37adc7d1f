//! Certificates and keys: renewal and rotation.

mod renew;
mod rotate_ca;
mod rotate_keys;
