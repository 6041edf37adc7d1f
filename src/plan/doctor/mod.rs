//! What is wrong with a control plane: a chain of links, each judged from facts that the engine gathered; the first
//! broken one is the one to mend, and what hangs on it is told as following from it. Pure.
//!
//! `chain` is the order and the walk, `facts` what is judged; every other file judges some of the links. Gathering is the
//! engine's work, and has a time limit for each look.

pub mod access;
pub mod check_graph;
pub mod datastore;
pub mod facts;
pub mod management_cluster;
pub mod pods;
pub mod redact;
pub mod state;
pub mod support_bundle;
pub mod tenant;
pub mod workers;

#[cfg(test)]
mod tests;

pub use check_graph::{Diagnosis, Link, LinkName, Seen, State, Unseen};
use check_graph::{Finding, walk};
pub use facts::{
    DatastoreHealth, EndpointFacts, Greeting, Inside, LockHolder, ManagementFacts, Member, MissingRights, Orphans,
    PlaneFacts, SharedFacts, TenancyFacts,
};
pub use management_cluster::is_default_class;

use super::state::record::Step;

/// Judges the management cluster, and what all control planes share.
#[must_use]
pub fn diagnose_shared(management: &ManagementFacts, shared: Option<&SharedFacts>) -> Diagnosis {
    let mut findings = management_cluster::judge(management, shared.map(|shared| !shared.datastores.is_empty()));
    if let Some(shared) = shared {
        findings.extend(datastore::judge_shared(shared));
        findings.push((LinkName::Limits, workers::limits(&shared.events, None)));
    }
    walk(findings)
}

/// Judges the chain of one control plane.
#[must_use]
pub fn diagnose_plane(management: &ManagementFacts, plane: Option<&PlaneFacts>) -> Diagnosis {
    // A control plane that was ready has its datastore, whether that answers now or not.
    let stored = |plane: &PlaneFacts| plane.record().is_none_or(|record| record.step != Step::Creating);
    let mut findings =
        management_cluster::judge(management, plane.map(|plane| stored(plane) || plane.datastore.is_ok()));
    if let Some(plane) = plane {
        findings.push((LinkName::Quota, management_cluster::quota(management, plane)));
        findings.push((LinkName::Datastore, Finding::of(&plane.datastore, datastore::health)));
        findings.push((LinkName::Tenancy, Finding::of(&plane.tenancy, |tenancy| datastore::tenancy(tenancy, plane))));
        findings.extend(state::judge(plane));
        findings.push((LinkName::Pods, pods::judge(plane)));
        findings.extend(access::judge(plane));
        findings.extend(tenant::judge(plane));
        findings.extend(workers::judge(plane));
        findings.push((LinkName::Limits, workers::limits(&plane.events, Some(&plane.inside))));
    }
    walk(findings)
}
