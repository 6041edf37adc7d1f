//! The only door to API servers: of the management cluster, and of tenants. An edge.
//!
//! It reads, applies, tunnels and turns what servers answer into [`Refusal`]s. It decides nothing.

mod client;
mod connection;
mod eviction;
mod http;
mod kubeconfig;
mod local_files;
mod lock;
mod refusal;
mod resources;
mod retry;
mod tunnel;

pub use client::{Created, Removal, ServerInfo, Target, Way};
pub use connection::Connection;
pub use connection::Listener;
pub use eviction::Eviction;
pub use kubeconfig::{LARGEST as LARGEST_KUBECONFIG, own_kubeconfigs};
pub use local_files::{Unreadable, read_limited};
pub use lock::{Held, Lock, this_process};
pub use refusal::Refusal;
pub use tunnel::Tunnel;
