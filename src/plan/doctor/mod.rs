//! Diagnoses a control plane: health checks on facts that the engine collected. The first failed check is the root
//! cause; failures in checks that depend on it are reported as caused by it. Pure.
//!
//! `check_graph` holds the checks' order and dependencies, `facts` their input; each other file implements some checks.
//! The engine collects the facts, with a timeout for each query.

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

pub use check_graph::{Diagnosis, Fact, HealthCheck, HealthCheckName, HealthCheckState, Unavailable};
use check_graph::{Finding, derive_diagnosis};
pub use facts::{
    ApiServerProbe, ControlPlaneFacts, DatastoreHealth, EndpointFacts, LockHolder, ManagementFacts, Member,
    MissingRights, Orphans, SharedFacts, TenancyFacts, TenantClusterFacts,
};
pub use management_cluster::is_default_class;

use super::state::record::LifecyclePhase;

/// Diagnoses the management cluster and what all control planes share.
#[must_use]
pub fn diagnose_shared(management: &ManagementFacts, shared: Option<&SharedFacts>) -> Diagnosis {
    let mut findings =
        management_cluster::check_management_cluster(management, shared.map(|shared| !shared.datastores.is_empty()));
    if let Some(shared) = shared {
        findings.extend(datastore::check_shared(shared));
        findings.push((HealthCheckName::Limits, workers::check_limits(&shared.events, None)));
    }
    derive_diagnosis(findings)
}

/// Diagnoses one control plane.
#[must_use]
pub fn diagnose_control_plane(management: &ManagementFacts, control_plane: Option<&ControlPlaneFacts>) -> Diagnosis {
    // A control plane that was ready has a datastore, even if it does not answer now.
    let stored = |control_plane: &ControlPlaneFacts| {
        control_plane.record().is_none_or(|record| record.step != LifecyclePhase::Creating)
    };
    let mut findings = management_cluster::check_management_cluster(
        management,
        control_plane.map(|control_plane| stored(control_plane) || control_plane.datastore.is_ok()),
    );
    if let Some(control_plane) = control_plane {
        findings.push((HealthCheckName::Quota, management_cluster::check_quota(management, control_plane)));
        findings.push((HealthCheckName::Datastore, Finding::of(&control_plane.datastore, datastore::check_health)));
        findings.push((
            HealthCheckName::DatastoreUser,
            Finding::of(&control_plane.tenancy, |tenancy| datastore::check_tenancy(tenancy, control_plane)),
        ));
        findings.extend(state::check_state(control_plane));
        findings.push((HealthCheckName::Pods, pods::check_pods(control_plane)));
        findings.extend(access::check_access(control_plane));
        findings.extend(tenant::check_tenant(control_plane));
        findings.extend(workers::check_workers(control_plane));
        findings
            .push((HealthCheckName::Limits, workers::check_limits(&control_plane.events, Some(&control_plane.tenant))));
    }
    derive_diagnosis(findings)
}
