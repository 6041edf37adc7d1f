//! The components that take arguments, files and volumes.

/// The components that take arguments.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    ApiServer,
    ControllerManager,
    Scheduler,
}

impl Target {
    /// The field of `ClusterConfiguration`.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::ApiServer => "apiServer",
            Self::ControllerManager => "controllerManager",
            Self::Scheduler => "scheduler",
        }
    }

    /// What runs.
    pub(crate) const fn program(self) -> &'static str {
        match self {
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
        }
    }

    /// Folders of its container that kamaji fills, and the names in them; without names the whole folder is kamaji's.
    pub(crate) const fn own_folders(self) -> &'static [(&'static str, &'static [&'static str])] {
        const PKI: &str = "/etc/kubernetes/pki";
        match self {
            Self::ApiServer => &[
                (
                    PKI,
                    &[
                        "ca.crt",
                        "apiserver.crt",
                        "apiserver.key",
                        "apiserver-kubelet-client.crt",
                        "apiserver-kubelet-client.key",
                        "front-proxy-ca.crt",
                        "front-proxy-client.crt",
                        "front-proxy-client.key",
                        "sa.pub",
                        "sa.key",
                        "etcd",
                    ],
                ),
                ("/etc/kubernetes/policies", &[]),
                ("/etc/kubernetes/encryption", &[]),
            ],
            Self::ControllerManager => &[
                (PKI, &["ca.crt", "ca.key", "front-proxy-ca.crt", "sa.key"]),
                ("/etc/kubernetes/controller-manager", &[]),
            ],
            Self::Scheduler => &[("/etc/kubernetes/scheduler", &[])],
        }
    }
}
