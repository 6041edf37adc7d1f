//! The names of the certificates and kubeconfigs that a control plane's authorities sign: kubeadm's, as they are typed.

use std::fmt;

use serde::{Serialize, Serializer};

use super::Error;

/// One certificate or kubeconfig that can be renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeafName {
    /// What the API server shows to its clients.
    ApiServer,
    /// What the API server shows to kubelets.
    ApiServerKubeletClient,
    /// What the API server shows to aggregated API servers.
    FrontProxyClient,
    /// What the API server shows to the datastore.
    DatastoreClient,
    /// admin.conf.
    Admin,
    /// super-admin.conf.
    SuperAdmin,
    /// controller-manager.conf.
    ControllerManager,
    /// scheduler.conf.
    Scheduler,
}

impl LeafName {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::ApiServer,
        Self::ApiServerKubeletClient,
        Self::FrontProxyClient,
        Self::DatastoreClient,
        Self::Admin,
        Self::SuperAdmin,
        Self::ControllerManager,
        Self::Scheduler,
    ];

    /// The name as it is typed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApiServer => "apiserver",
            Self::ApiServerKubeletClient => "apiserver-kubelet-client",
            Self::FrontProxyClient => "front-proxy-client",
            Self::DatastoreClient => "datastore-client",
            Self::Admin => "admin.conf",
            Self::SuperAdmin => "super-admin.conf",
            Self::ControllerManager => "controller-manager.conf",
            Self::Scheduler => "scheduler.conf",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|name| name.as_str() == text).ok_or_else(|| {
            let all: Vec<&str> = Self::ALL.iter().map(|name| name.as_str()).collect();
            Error::invalid("certificate", text, format!("it must be one of {}", all.join(", ")))
        })
    }
}

impl fmt::Display for LeafName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for LeafName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
