//! The network of the management cluster: IP families, overlapping ranges, and what network policies deny.

pub mod cidr_overlap;
pub mod cni;
pub mod ip_family;
pub mod management_network;
