//! The management cluster's network: IP families, overlapping ranges, and what a network policy denies.

pub mod cidr_overlap;
pub mod cni;
pub mod ip_family;
pub mod management_network;
