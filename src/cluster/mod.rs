//! The only door to API servers: of the management cluster, and of tenants. An edge.
//!
//! It reads, applies, tunnels and turns what servers answer into [`Refusal`]s. It decides nothing.

mod client;
mod eviction;
mod exchange;
mod kubeconfig;
mod local;
mod lock;
mod patience;
mod refusal;
mod resources;
mod tunnel;

pub use client::{Connection, Created, Hello, Removal, Target, Way};
pub use eviction::Eviction;
pub use kubeconfig::{LARGEST as LARGEST_KUBECONFIG, own_kubeconfigs};
pub use local::{Unreadable, read_limited};
pub use lock::{Held, Lock, this_process};
pub use patience::Listener;
pub use refusal::Refusal;
pub use tunnel::Tunnel;
