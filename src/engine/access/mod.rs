//! Finds a control plane's endpoint and connects to its API server.

pub mod endpoint;
pub mod tenant_connection;
