//! What the links are judged from: plain values, each with why it was not seen where it was not.

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

/// What a server said of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiServerProbe {
    /// For example `v1.37.2`.
    pub version: String,
    /// How long the answer took.
    pub took: Duration,
    /// How many seconds this machine's clock is ahead of the server's, if it told the time.
    pub ahead: Option<i64>,
}

/// Rights that are missing in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingRights {
    /// For example ``namespace `team-a` ``.
    pub place: String,
    /// For example `create, patch secrets`.
    pub rights: Vec<String>,
}

/// The management cluster, as one namespace sees it.
#[derive(Debug)]
pub struct ManagementFacts {
    /// The server's name for people, when the kubeconfig can be used.
    pub kubeconfig: Fact<String>,
    /// Whether the server's certificate is looked at.
    pub verified: bool,
    /// Its answer.
    pub greeting: Fact<ApiServerProbe>,
    /// Which rights are missing, in every place together.
    pub rights: Fact<Vec<MissingRights>>,
    /// Its `StorageClass`es.
    pub storage_classes: Fact<Vec<Value>>,
    /// The namespace that is looked at.
    pub namespace_name: Namespace,
    /// It; `None` when it does not exist.
    pub namespace: Fact<Option<Value>>,
    /// Its quotas.
    pub quotas: Fact<Vec<Value>>,
}

/// One member of a datastore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Whether it is well; `None` where that cannot be known from outside.
    pub ready: Option<bool>,
}

/// How a datastore is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatastoreHealth {
    /// Its name.
    pub name: String,
    /// For example `3.7.3`.
    pub version: String,
    /// The published hole that its version has.
    pub hole: Option<String>,
    /// Its members.
    pub members: Vec<Member>,
    /// Alarms, in etcd's words: `NOSPACE`, `CORRUPT`.
    pub alarms: Vec<String>,
    /// What it says is wrong with it.
    pub errors: Vec<String>,
    /// The size of its file.
    pub size: u64,
    /// How much of it is in use.
    pub in_use: u64,
    /// How large it may become.
    pub quota: u64,
}

/// What a datastore holds of one control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenancyFacts {
    /// Its prefix.
    pub prefix: String,
    /// What of user, role, permission and grant is missing.
    pub missing: Vec<&'static str>,
    /// How many keys it has.
    pub keys: u64,
    /// How many bytes these are, and whether all were counted.
    pub bytes: Option<(u64, bool)>,
}

/// Who is in a datastore without a control plane, and the other way round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphans {
    /// The datastore.
    pub datastore: String,
    /// How many control planes it serves.
    pub tenants: usize,
    /// Ids without a control plane, and their keys.
    pub without_plane: BTreeMap<String, u64>,
    /// Control planes (`namespace/name`) without user or role.
    pub without_tenancy: Vec<String>,
}

/// What all control planes share.
#[derive(Debug)]
pub struct SharedFacts {
    /// The datastores that control planes use, and `default` if there is one.
    pub datastores: Vec<Fact<DatastoreHealth>>,
    /// Who is in them.
    pub orphans: Vec<Fact<Orphans>>,
    /// Events of the datastores' namespace.
    pub events: Fact<Vec<Value>>,
}

/// Who holds the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockHolder {
    /// The process.
    pub name: String,
    /// Since when.
    pub since: String,
    /// Whether the lock is kept alive.
    pub alive: bool,
}

/// The way from here to the endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointFacts {
    /// What its name resolves to; an address is itself.
    pub resolved: Result<Vec<IpAddr>, String>,
    /// Whether something answers there.
    pub tcp: Result<(), String>,
    /// Whether that proves to be this control plane, by the recorded authority.
    pub tls: Result<(), String>,
}

/// What was read inside the tenant.
#[derive(Debug)]
pub struct Inside {
    /// Its server's answer.
    pub greeting: Fact<ApiServerProbe>,
    /// Its Nodes.
    pub nodes: Fact<Vec<Value>>,
    /// The Leases of its Nodes.
    pub leases: Fact<Vec<Value>>,
    /// Its bootstrap tokens.
    pub tokens: Fact<Vec<TokenFacts>>,
    /// The keys of `kube-public/cluster-info`.
    pub cluster_info: Fact<Vec<String>>,
    /// The Deployment of `CoreDNS`, in a list.
    pub coredns: Fact<Vec<Value>>,
    /// The `DaemonSet` of kube-proxy, in a list.
    pub kube_proxy: Fact<Vec<Value>>,
    /// The webhook configurations.
    pub webhooks: Fact<Vec<Value>>,
    /// The `EndpointSlice`s behind all Services.
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
    /// The command that makes again what is missing.
    pub recreate: String,
    /// Its record.
    pub record: Fact<Record>,
    /// Who holds its lock.
    pub lock: Fact<Option<LockHolder>>,
    /// Its objects.
    pub live: Fact<Live>,
    /// Where these differ from what was asked for; and what is missing.
    pub changes: Fact<Vec<Change>>,
    /// The same inside the tenant.
    pub changes_inside: Fact<Vec<Change>>,
    /// Its datastore.
    pub datastore: Fact<DatastoreHealth>,
    /// What that holds of it.
    pub tenancy: Fact<TenancyFacts>,
    /// Its pods.
    pub pods: Fact<Vec<Value>>,
    /// Events of its namespace.
    pub events: Fact<Vec<Value>>,
    /// The way to its endpoint.
    pub endpoint: Fact<EndpointFacts>,
    /// Whether its API server answers; straight at its endpoint, or through the management cluster.
    pub reached: Fact<bool>,
    /// Whether admin.conf is good for a request.
    pub admin: Fact<()>,
    /// What was read inside; nothing when there was no way in.
    pub inside: Fact<Inside>,
    /// The clock.
    pub now: Timestamp,
}

impl ControlPlaneFacts {
    /// `kamaji VERB NAME -n NAMESPACE REST`.
    pub(super) fn kamaji(&self, verb: &str, rest: &str) -> String {
        format!("kamaji {verb} {} {rest}", NamespacedName::new(&self.name, &self.namespace).argument())
            .trim_end()
            .to_owned()
    }

    /// What was asked for, once that is known.
    pub(super) fn record(&self) -> Option<&Record> {
        self.record.as_ref().ok()
    }

    /// Whether it was put to sleep.
    pub(super) fn asleep(&self) -> bool {
        self.record().is_some_and(|record| record.spec.replicas == 0)
    }

    /// What was read inside, by what of it is wanted.
    pub(super) fn inside<'a, T>(&'a self, of: impl FnOnce(&'a Inside) -> &'a Fact<T>) -> Fact<&'a T> {
        match &self.inside {
            Ok(inside) => of(inside).as_ref().map_err(Clone::clone),
            Err(why) => Err(why.clone()),
        }
    }
}

/// A change, and who made the difference.
pub(crate) fn told(change: &Change) -> String {
    let mut who: Vec<&str> = change.fields.iter().filter_map(|field| field.by.as_deref()).collect();
    who.sort_unstable();
    who.dedup();
    let fields: Vec<&str> = change.fields.iter().map(|field| field.field.as_str()).take(3).collect();
    let fields = if fields.is_empty() { String::new() } else { format!(": {}", fields.join(", ")) };
    let by = if who.is_empty() { String::new() } else { format!(", set by {}", who.join(", ")) };
    format!("{} {}{fields}{by}", change.action.sign(), change.what)
}
