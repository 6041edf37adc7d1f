//! From which Secrets the pods read the keys that can be changed for others: their own, and others while that goes on.

use crate::model::ObjectNames;

/// The names of those Secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySecrets {
    /// With `sa.pub`: what API servers verify tokens of service accounts with.
    pub service_account_public: String,
    /// With `sa.key`: what signs tokens of service accounts.
    pub service_account_private: String,
    /// With `encryption.yaml`.
    pub encryption: String,
    /// With `ca.crt`: the authorities that are trusted.
    pub authority: String,
    /// With `ca.crt` and `ca.key`: the one of them that signs.
    pub signer: String,
}

impl KeySecrets {
    /// Where they are when no key is being changed.
    #[must_use]
    pub fn settled(names: ObjectNames<'_>) -> Self {
        Self {
            service_account_public: names.service_account_key(),
            service_account_private: names.service_account_key(),
            encryption: names.encryption(),
            authority: names.ca(),
            signer: names.ca(),
        }
    }

    /// Whether what signs is in a file of its own: a bundle of several cannot sign.
    #[must_use]
    pub fn signs_apart(&self) -> bool {
        self.authority != self.signer
    }
}
