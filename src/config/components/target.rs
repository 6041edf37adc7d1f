//! Lists the components that take arguments, files and volumes.

/// A component that takes arguments.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    ApiServer,
    ControllerManager,
    Scheduler,
}

impl Target {
    /// Its field in `ClusterConfiguration`.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::ApiServer => "apiServer",
            Self::ControllerManager => "controllerManager",
            Self::Scheduler => "scheduler",
        }
    }

    /// The program's name.
    pub(crate) const fn program(self) -> &'static str {
        match self {
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
        }
    }

    /// Directories of the container that kamaji mounts files into, with the file names. Without names, kamaji uses the
    /// whole directory.
    pub(crate) const fn own_directories(self) -> &'static [(&'static str, &'static [&'static str])] {
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
