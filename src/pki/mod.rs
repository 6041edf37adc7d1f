//! Certificates and keys of control planes: defines, issues, parses and validates them.
//!
//! Pure except for key generation: callers pass the time and file contents. Randomness comes from the TLS provider.

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

pub use authority::check_ca;
pub use error::Error;
pub use files::{PartialUserPki, UserPki, read_user_pki};
pub use inspect::{CertificateFacts, discovery_hash, discovery_hashes, inspect, is_signed_by, requested_name};
pub use issue::{KeyAndCertificate, Leaf, Usage, issue_ca, issue_leaf};
pub use keys::{KeyPair, generate_key_pair, public_key_of};
pub use kubeconfig::{kubeconfig_client, kubeconfig_document, kubeconfig_via, kubeconfig_yaml};
pub use profile::{Certificate, Kubeconfig, Signer, kubeconfig_leaf, leaf_of};
pub use renew::{integrity_problem, renewal_reason};
pub use user::issue_user;
