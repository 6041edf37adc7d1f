//! The test cluster: the management cluster, hosts, etcd, a registry, ssh.

pub(crate) mod clients;
pub(crate) mod etcd;
pub(crate) mod host;
pub(crate) mod kubeconfig;
pub(crate) mod management;
pub(crate) mod registry;
pub(crate) mod ssh;
