//! What tests against real servers share: commands, the test cluster, fixtures that clean up, the chaos proxy.
//! Tests judge from outside, by kubectl, etcdctl, openssl and kubeadm; nothing here uses the code under test.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod cluster;
pub(crate) mod command;
pub(crate) mod console;
pub(crate) mod faults;
pub(crate) mod namespace;
pub(crate) mod processes;
pub(crate) mod schedule;
pub(crate) mod secrets;
pub(crate) mod servers;
pub(crate) mod wait;

pub(crate) use cluster::etcd::Etcd;
pub(crate) use cluster::host::Host;
pub(crate) use cluster::kubeconfig::Identity;
pub(crate) use cluster::management::{Kube, management};
pub(crate) use cluster::ssh::Ssh;
pub(crate) use cluster::{etcd, kubeconfig};
pub(crate) use command::run;
pub(crate) use faults::closing_proxy::ClosingProxy;
pub(crate) use faults::proxy::Proxy;
pub(crate) use namespace::TestNamespace;
pub(crate) use schedule::Slot;
pub(crate) use wait::{eventually, read_settled, wait_until};
