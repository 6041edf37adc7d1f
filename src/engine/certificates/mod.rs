//! Renews certificates and rotates keys and certificate authorities.

pub mod reencrypt_secrets;
pub mod renew;
pub mod rotate;
pub mod rotate_ca;
pub mod rotation_preview;
