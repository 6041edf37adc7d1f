//! The certificates and kubeconfigs that a control plane's CAs sign, with kubeadm's names.

use std::fmt;

use serde::{Serialize, Serializer};

use super::Error;

/// One certificate or kubeconfig that can be renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateName {
    /// The API server's serving certificate.
    ApiServer,
    /// The API server's client certificate for kubelets.
    ApiServerKubeletClient,
    /// The API server's client certificate for aggregated API servers.
    FrontProxyClient,
    /// The API server's client certificate for the datastore.
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

impl CertificateName {
    /// All names.
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

    /// The name as the user types it.
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

    /// Parses a name.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|name| name.as_str() == text).ok_or_else(|| {
            let all: Vec<&str> = Self::ALL.iter().map(|name| name.as_str()).collect();
            Error::invalid("certificate", text, format!("it must be one of {}", all.join(", ")))
        })
    }
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for CertificateName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
