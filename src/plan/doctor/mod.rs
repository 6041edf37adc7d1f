//! What is wrong with a control plane: a chain of links, each judged from facts that the engine gathered; the first
//! broken one is the one to mend, and what hangs on it is told as following from it. Pure.
//!
//! `check_graph` is the order and the walk, `facts` what is judged; every other file judges some of the links. Gathering is the
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

pub use check_graph::{Diagnosis, Fact, Link, LinkName, LinkState, Unavailable};
use check_graph::{Finding, walk};
pub use facts::{
    ApiServerProbe, ControlPlaneFacts, DatastoreHealth, EndpointFacts, Inside, LockHolder, ManagementFacts, Member,
    MissingRights, Orphans, SharedFacts, TenancyFacts,
};
pub use management_cluster::is_default_class;

use super::state::record::LifecyclePhase;

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
pub fn diagnose_control_plane(management: &ManagementFacts, control_plane: Option<&ControlPlaneFacts>) -> Diagnosis {
    // A control plane that was ready has its datastore, whether that answers now or not.
    let stored = |control_plane: &ControlPlaneFacts| {
        control_plane.record().is_none_or(|record| record.step != LifecyclePhase::Creating)
    };
    let mut findings = management_cluster::judge(
        management,
        control_plane.map(|control_plane| stored(control_plane) || control_plane.datastore.is_ok()),
    );
    if let Some(control_plane) = control_plane {
        findings.push((LinkName::Quota, management_cluster::quota(management, control_plane)));
        findings.push((LinkName::Datastore, Finding::of(&control_plane.datastore, datastore::health)));
        findings.push((
            LinkName::Tenancy,
            Finding::of(&control_plane.tenancy, |tenancy| datastore::tenancy(tenancy, control_plane)),
        ));
        findings.extend(state::judge(control_plane));
        findings.push((LinkName::Pods, pods::judge(control_plane)));
        findings.extend(access::judge(control_plane));
        findings.extend(tenant::judge(control_plane));
        findings.extend(workers::judge(control_plane));
        findings.push((LinkName::Limits, workers::limits(&control_plane.events, Some(&control_plane.inside))));
    }
    walk(findings)
}
