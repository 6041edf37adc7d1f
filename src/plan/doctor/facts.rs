//! The facts that the health checks evaluate: plain values, or why a value could not be collected.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::check_graph::Fact;
use crate::model::{ControlPlaneName, Namespace, NamespacedName};
use crate::plan::apply::live_objects::Live;
use crate::plan::apply::plan::Change;
use crate::plan::state::record::Record;
use crate::tenant::TokenFacts;

/// An API server's answer to a version request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiServerProbe {
    /// For example `v1.37.2`.
    pub version: String,
    /// How long the answer took.
    pub took: Duration,
    /// How many seconds this machine's clock is ahead of the server's, if the server sent a date.
    pub ahead: Option<i64>,
}

/// Permissions that are missing in one scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingRights {
    /// For example ``namespace `team-a` ``.
    pub place: String,
    /// For example `create, patch secrets`.
    pub rights: Vec<String>,
}

/// The management cluster as seen from one namespace.
#[derive(Debug)]
pub struct ManagementFacts {
    /// The server's display name, if the kubeconfig is usable.
    pub kubeconfig: Fact<String>,
    /// Whether the server's certificate is verified.
    pub verified: bool,
    /// The answer of the management API server.
    pub api_server: Fact<ApiServerProbe>,
    /// Missing permissions by scope.
    pub rights: Fact<Vec<MissingRights>>,
    /// Its `StorageClass`es.
    pub storage_classes: Fact<Vec<Value>>,
    /// The namespace's name.
    pub namespace_name: Namespace,
    /// The namespace; `None` if it does not exist.
    pub namespace: Fact<Option<Value>>,
    /// The namespace's `ResourceQuota`s.
    pub quotas: Fact<Vec<Value>>,
}

/// One member of a datastore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Whether it is ready; `None` if its pod is not in this cluster.
    pub ready: Option<bool>,
}

/// The health of a datastore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatastoreHealth {
    /// Its name.
    pub name: String,
    /// For example `3.7.3`.
    pub version: String,
    /// A published vulnerability of its version.
    pub vulnerability: Option<String>,
    /// Its members.
    pub members: Vec<Member>,
    /// etcd's active alarms: `NOSPACE`, `CORRUPT`.
    pub alarms: Vec<String>,
    /// Errors that etcd reports.
    pub errors: Vec<String>,
    /// The size of the database file in bytes.
    pub size: u64,
    /// The bytes in use.
    pub in_use: u64,
    /// The size limit in bytes.
    pub quota: u64,
}

/// What a datastore holds for one control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenancyFacts {
    /// Its prefix.
    pub prefix: String,
    /// Which of user, role, permission and grant are missing.
    pub missing: Vec<&'static str>,
    /// The number of keys.
    pub keys: u64,
    /// Their size in bytes, and whether all were counted.
    pub bytes: Option<(u64, bool)>,
}

/// Datastore users without a control plane, and control planes without a datastore user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphans {
    /// The datastore.
    pub datastore: String,
    /// The number of control planes it serves.
    pub tenants: usize,
    /// Ids without a control plane, with their number of keys.
    pub orphan_ids: BTreeMap<String, u64>,
    /// Control planes (`namespace/name`) without user or role.
    pub missing_tenants: Vec<String>,
}

/// What all control planes share.
#[derive(Debug)]
pub struct SharedFacts {
    /// The datastores in use, and `default` if it exists.
    pub datastores: Vec<Fact<DatastoreHealth>>,
    /// Orphans in each datastore.
    pub orphans: Vec<Fact<Orphans>>,
    /// Events of the datastores' namespace.
    pub events: Fact<Vec<Value>>,
}

/// The holder of the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockHolder {
    /// The process.
    pub name: String,
    /// When it acquired the lock.
    pub since: String,
    /// Whether it still renews the lock.
    pub alive: bool,
}

/// The endpoint as seen from this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointFacts {
    /// The addresses of its host.
    pub resolved: Result<Vec<IpAddr>, String>,
    /// Whether it accepts TCP connections.
    pub tcp: Result<(), String>,
    /// Whether its certificate is signed by the recorded CA.
    pub tls: Result<(), String>,
}

/// Facts read from the tenant.
#[derive(Debug)]
pub struct TenantClusterFacts {
    /// The answer of its API server.
    pub api_server: Fact<ApiServerProbe>,
    /// Its Nodes.
    pub nodes: Fact<Vec<Value>>,
    /// The Leases of its Nodes.
    pub leases: Fact<Vec<Value>>,
    /// Its bootstrap tokens.
    pub tokens: Fact<Vec<TokenFacts>>,
    /// The keys of `kube-public/cluster-info`.
    pub cluster_info: Fact<Vec<String>>,
    /// The `CoreDNS` Deployment, if it exists.
    pub coredns: Fact<Vec<Value>>,
    /// The kube-proxy `DaemonSet`, if it exists.
    pub kube_proxy: Fact<Vec<Value>>,
    /// The webhook configurations.
    pub webhooks: Fact<Vec<Value>>,
    /// The `EndpointSlice`s of all Services.
    pub slices: Fact<Vec<Value>>,
    /// The latest events.
    pub events: Fact<Vec<Value>>,
}

/// Everything about one control plane.
#[derive(Debug)]
pub struct ControlPlaneFacts {
    /// Its name.
    pub name: ControlPlaneName,
    /// Its namespace.
    pub namespace: Namespace,
    /// The command that recreates missing objects.
    pub recreate: String,
    /// Its record.
    pub record: Fact<Record>,
    /// The holder of its lock.
    pub lock: Fact<Option<LockHolder>>,
    /// Its objects.
    pub live: Fact<Live>,
    /// Drift of these objects, missing ones included.
    pub changes: Fact<Vec<Change>>,
    /// Drift of the objects in the tenant.
    pub tenant_changes: Fact<Vec<Change>>,
    /// Its datastore.
    pub datastore: Fact<DatastoreHealth>,
    /// What the datastore holds for it.
    pub tenancy: Fact<TenancyFacts>,
    /// Its pods.
    pub pods: Fact<Vec<Value>>,
    /// Events of its namespace.
    pub events: Fact<Vec<Value>>,
    /// Its endpoint as seen from this machine.
    pub endpoint: Fact<EndpointFacts>,
    /// Whether the API server answers at its endpoint (`true`) or only through the management cluster (`false`).
    pub reached: Fact<bool>,
    /// Whether a request with admin.conf succeeds.
    pub admin: Fact<()>,
    /// Facts from the tenant.
    pub tenant: Fact<TenantClusterFacts>,
    /// The current time.
    pub now: Timestamp,
}

impl ControlPlaneFacts {
    /// `kamaji VERB NAME -n NAMESPACE REST`.
    pub(super) fn kamaji(&self, verb: &str, rest: &str) -> String {
        format!("kamaji {verb} {} {rest}", NamespacedName::new(&self.name, &self.namespace).argument())
            .trim_end()
            .to_owned()
    }

    /// The record, if it could be read.
    pub(super) fn record(&self) -> Option<&Record> {
        self.record.as_ref().ok()
    }

    /// Whether it is scaled to zero.
    pub(super) fn asleep(&self) -> bool {
        self.record().is_some_and(|record| record.spec.replicas == 0)
    }

    /// One of the facts from the tenant.
    pub(super) fn tenant<'a, T>(&'a self, of: impl FnOnce(&'a TenantClusterFacts) -> &'a Fact<T>) -> Fact<&'a T> {
        match &self.tenant {
            Ok(tenant) => of(tenant).as_ref().map_err(Clone::clone),
            Err(why) => Err(why.clone()),
        }
    }
}

/// One line about a change: object, fields, and the field managers that set them.
pub(crate) fn describe_change(change: &Change) -> String {
    let mut who: Vec<&str> = change.fields.iter().filter_map(|field| field.manager.as_deref()).collect();
    who.sort_unstable();
    who.dedup();
    let fields: Vec<&str> = change.fields.iter().map(|field| field.field.as_str()).take(3).collect();
    let fields = if fields.is_empty() { String::new() } else { format!(": {}", fields.join(", ")) };
    let by = if who.is_empty() { String::new() } else { format!(", set by {}", who.join(", ")) };
    format!("{} {}{fields}{by}", change.action.sign(), change.target)
}
