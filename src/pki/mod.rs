//! Certificates and keys: which ones a control plane has, how they are made, read and judged.
//!
//! Pure given the time passed in: no file, no clock. Only new keys are random, by the TLS provider's own generator.

mod authority;
mod error;
mod files;
mod inspect;
mod issue;
mod keys;
mod kubeconfig;
mod pem;
mod profile;
mod renew;
mod subject;
mod time;
mod user;

#[cfg(test)]
mod fixtures;

pub use authority::check_authority;
pub use error::Error;
pub use files::{PartialUserPki, UserPki, read_user_pki};
pub use inspect::{CertificateFacts, discovery_hash, discovery_hashes, inspect, is_signed_by, requested_name};
pub use issue::{KeyAndCertificate, Leaf, Usage, issue_ca, issue_leaf};
pub use keys::{KeyPair, generate_key_pair, public_key_of};
pub use kubeconfig::{kubeconfig_client, kubeconfig_document, kubeconfig_via, kubeconfig_yaml};
pub use profile::{Authority, Certificate, Kubeconfig, kubeconfig_leaf, leaf_of};
pub use renew::{why_not_usable, why_not_whole};
pub use user::issue_user;
