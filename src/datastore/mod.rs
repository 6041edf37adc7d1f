//! The drivers that make room for control planes in a shared datastore: users, roles and prefixes.
//!
//! Pure: `tenancy` (what a tenant has, what is missing), `advisory` (which versions may be shared), `refusal` (what a
//! failed call means). Edge: `etcd`, `etcd_health`, `etcd_tenant` (users, roles, prefixes), `etcd_data` (what is under a
//! prefix). Objects of the default datastore are made by `render::etcd`.

mod advisory;
mod error;
mod etcd;
mod etcd_data;
mod etcd_health;
mod etcd_tenant;
mod identity;
mod refusal;
mod tenancy;

pub use advisory::vulnerable;
pub use error::Error;
pub use etcd::EtcdAdmin;
pub use etcd_data::{Batch, Cursor, DataChange, Page, Pair};
pub use etcd_health::EtcdHealth;
pub use identity::TlsIdentity;
pub use tenancy::{Change, TenantState, prefix};
