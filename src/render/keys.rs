//! The Secrets from which pods read rotatable keys. They differ during a rotation.

use crate::model::ObjectNames;

/// The names of the Secrets with rotatable keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySecrets {
    /// With `sa.pub`, the keys that verify service account tokens.
    pub service_account_public: String,
    /// With `sa.key`, the key that signs service account tokens.
    pub service_account_private: String,
    /// With `encryption.yaml`, the encryption configuration.
    pub encryption: String,
    /// With `ca.crt`, the trusted CAs.
    pub trusted_ca: String,
    /// With `ca.crt` and `ca.key`, the signing CA.
    pub signing_ca: String,
}

impl KeySecrets {
    /// The Secrets when no rotation is in progress.
    #[must_use]
    pub fn without_rotation(names: ObjectNames<'_>) -> Self {
        Self {
            service_account_public: names.service_account_key(),
            service_account_private: names.service_account_key(),
            encryption: names.encryption(),
            trusted_ca: names.ca(),
            signing_ca: names.ca(),
        }
    }

    /// Whether the signing CA needs its own file, because `ca.crt` is a bundle.
    #[must_use]
    pub fn has_separate_signer(&self) -> bool {
        self.trusted_ca != self.signing_ca
    }
}
