//! Facts about the management cluster that the endpoint depends on: its nodes, and what the endpoint resolves to.

use std::net::IpAddr;

/// One node of the management cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeFacts {
    /// The node's name.
    pub name: String,
    /// Whether the node is Ready.
    pub ready: bool,
    /// The node's addresses: external first, then internal.
    pub addresses: Vec<IpAddr>,
}

/// What the decision about the endpoint needs to know of the management cluster.
#[derive(Debug, Clone, Default)]
pub struct ClusterFacts {
    /// The nodes; empty if they could not be read.
    pub nodes: Vec<NodeFacts>,
    /// Why the nodes could not be read.
    pub nodes_unknown: Option<String>,
    /// What the endpoint's name, from the spec or the load balancer, resolves to on this machine; empty without a name.
    pub resolved: Vec<IpAddr>,
}
