//! What signing a control plane's datastore certificate needs.

use crate::error::{Advice, Kind};
use crate::pki::KeyAndCertificate;

/// A datastore that takes control planes: where it is and who signs its clients.
#[derive(Debug, Clone)]
pub struct DatastoreAuthority {
    /// `host:port` of each member, as pods of the management cluster reach them.
    pub endpoints: Vec<String>,
    /// Signs the client certificates of control planes, and the servers'.
    pub ca: KeyAndCertificate,
}

/// Why a datastore cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatastoreError {
    /// The first control plane needs a volume, and nothing would provide it.
    #[error("there is no datastore `{name}` yet, and no default StorageClass to make one on")]
    NoDefaultStorageClass {
        /// The datastore.
        name: String,
    },
    /// A datastore was named that does not exist.
    #[error("datastore `{name}` does not exist")]
    Missing {
        /// The datastore.
        name: String,
    },
    /// The Secret that describes it is not complete.
    #[error("datastore `{name}`: Secret {secret} has no key `{key}`")]
    Incomplete {
        /// The datastore.
        name: String,
        /// Namespace and name of the Secret.
        secret: String,
        /// The key.
        key: String,
    },
}

impl Advice for DatastoreError {
    fn kind(&self) -> Kind {
        match self {
            Self::NoDefaultStorageClass { .. } | Self::Incomplete { .. } => Kind::Failed,
            Self::Missing { .. } => Kind::NotFound,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NoDefaultStorageClass { .. } => vec![
                "see which StorageClasses there are: kubectl get storageclass".into(),
                "make one the default: kubectl annotate storageclass NAME storageclass.kubernetes.io/is-default-class=true"
                    .into(),
            ],
            Self::Missing { .. } => {
                vec!["leave --datastore out: the datastore `default` is made on first use".into()]
            }
            Self::Incomplete { secret, .. } => vec![format!("restore Secret {secret} from a backup")],
        }
    }
}
