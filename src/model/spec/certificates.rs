//! Which keys and lifetimes the certificates of a control plane have. Making them is `pki`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::Error;

/// kubeadm's `encryptionAlgorithm` (kubeadm.k8s.io/v1beta4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub enum KeyAlgorithm {
    /// RSA with 2048 bits: kubeadm's default when a file is silent; ours is ECDSA P-256.
    #[serde(rename = "RSA-2048")]
    Rsa2048,
    /// RSA with 3072 bits.
    #[serde(rename = "RSA-3072")]
    Rsa3072,
    /// RSA with 4096 bits.
    #[serde(rename = "RSA-4096")]
    Rsa4096,
    /// ECDSA on NIST P-256.
    #[default]
    #[serde(rename = "ECDSA-P256")]
    EcdsaP256,
    /// ECDSA on NIST P-384.
    #[serde(rename = "ECDSA-P384")]
    EcdsaP384,
}

impl KeyAlgorithm {
    /// All algorithms with kubeadm's spelling.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Rsa2048, "RSA-2048"),
        (Self::Rsa3072, "RSA-3072"),
        (Self::Rsa4096, "RSA-4096"),
        (Self::EcdsaP256, "ECDSA-P256"),
        (Self::EcdsaP384, "ECDSA-P384"),
    ];

    /// Reads kubeadm's spelling, for example `ECDSA-P256`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(algorithm, _)| *algorithm).ok_or_else(|| {
            let known = Self::ALL.map(|(_, name)| name).join(", ");
            Error::invalid("encryption algorithm", text, format!("it must be one of {known}"))
        })
    }

    /// kubeadm's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(algorithm, _)| *algorithm == self).map_or("", |(_, name)| name)
    }
}

/// Keys and lifetimes of all certificates of one control plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificatePolicy {
    /// The algorithm of every key that is made.
    pub algorithm: KeyAlgorithm,
    /// How long leaf certificates and kubeconfigs are valid; kubeadm's default is 8760 h.
    pub leaf_validity: Duration,
    /// How long certificate authorities are valid; kubeadm's default is 87600 h.
    pub ca_validity: Duration,
}

impl Default for CertificatePolicy {
    fn default() -> Self {
        const HOUR: u64 = 3600;
        Self {
            algorithm: KeyAlgorithm::default(),
            leaf_validity: Duration::from_secs(8760 * HOUR),
            ca_validity: Duration::from_secs(87600 * HOUR),
        }
    }
}
