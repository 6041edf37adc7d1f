//! What is known about the management cluster: its nodes, and what the endpoint resolves to.

use std::net::IpAddr;

/// One node of the management cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeFacts {
    /// The node's name.
    pub name: String,
    /// Whether it is Ready.
    pub ready: bool,
    /// Its addresses: external ones first, then internal ones.
    pub addresses: Vec<IpAddr>,
}

/// What is known about the management cluster's surroundings.
#[derive(Debug, Clone, Default)]
pub struct ClusterFacts {
    /// Its nodes; `Err` says why they could not be read.
    pub nodes: Vec<NodeFacts>,
    /// Why there are no nodes in `nodes`, if that is so.
    pub nodes_unknown: Option<String>,
    /// What the endpoint's name resolves to here, be it the wish's or the load balancer's; empty when there is none.
    pub resolved: Vec<IpAddr>,
}
