//! The endpoints of a datastore and the CA that signs its client certificates.

use crate::error::{Advice, Kind};
use crate::pki::KeyAndCertificate;

/// A datastore for control planes: its endpoints and the CA of its clients.
#[derive(Debug, Clone)]
pub struct DatastoreAuthority {
    /// `host:port` of each member, for pods in the management cluster.
    pub endpoints: Vec<String>,
    /// The CA that signs client and server certificates.
    pub ca: KeyAndCertificate,
}

/// Why a datastore cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatastoreError {
    /// The datastore needs a volume, and nothing would provision it.
    #[error("datastore `{name}` cannot be created: there is no default StorageClass")]
    NoDefaultStorageClass {
        /// The datastore.
        name: String,
    },
    /// The datastore does not exist.
    #[error("datastore `{name}` does not exist")]
    Missing {
        /// The datastore.
        name: String,
    },
    /// A key is missing in the Secret of the datastore.
    #[error("datastore `{name}`: Secret {secret} has no key `{key}`")]
    Incomplete {
        /// The datastore.
        name: String,
        /// Namespace and name of the Secret.
        secret: String,
        /// The missing key.
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
                "list the StorageClasses: kubectl get storageclass".into(),
                "make one the default: kubectl annotate storageclass NAME storageclass.kubernetes.io/is-default-class=true"
                    .into(),
            ],
            Self::Missing { .. } => {
                vec!["omit --datastore: the datastore `default` is created on first use".into()]
            }
            Self::Incomplete { secret, .. } => vec![format!("restore Secret {secret} from a backup")],
        }
    }
}
