//! TLS clients and servers of tests, and a poller that counts failed requests.

pub(crate) mod poller;
pub(crate) mod tls_client;
pub(crate) mod tls_server;
