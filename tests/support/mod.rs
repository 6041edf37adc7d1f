//! What tests against real servers share: commands, the test cluster, fixtures that clean up, the chaos proxy.
//! Tests judge from outside, by kubectl, etcdctl, openssl and kubeadm; nothing here uses the code under test.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod cluster;
pub(crate) mod command;
pub(crate) mod console;
pub(crate) mod etcd;
pub(crate) mod gate;
pub(crate) mod host;
pub(crate) mod kept;
pub(crate) mod kubeconfig;
pub(crate) mod oracle;
pub(crate) mod poller;
pub(crate) mod processes;
pub(crate) mod proxy;
pub(crate) mod registry;
pub(crate) mod secrets;
pub(crate) mod server;
pub(crate) mod space;
pub(crate) mod ssh;
pub(crate) mod sweep;
pub(crate) mod tls;
pub(crate) mod trouble;
pub(crate) mod turn;
pub(crate) mod wait;

pub(crate) use cluster::{Kube, management};
pub(crate) use command::run;
pub(crate) use etcd::Etcd;
pub(crate) use gate::Gate;
pub(crate) use host::Host;
pub(crate) use kubeconfig::Identity;
pub(crate) use proxy::Proxy;
pub(crate) use space::Space;
pub(crate) use ssh::Ssh;
pub(crate) use turn::Turn;
pub(crate) use wait::{eventually, read_settled, wait_until};
