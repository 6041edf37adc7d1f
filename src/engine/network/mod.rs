//! Reads the management cluster's network ranges.

pub mod management_network;
