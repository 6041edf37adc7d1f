//! Facts of a healthy control plane for the tests of this module, and tests of complete diagnoses.

use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::model::{CertificatePolicy, ControlPlaneId, ControlPlaneSpec, Endpoint, Namespace};
use crate::pki::{KeyAndCertificate, issue_ca};
use crate::plan::apply::live_objects::Live;
use crate::plan::state::record::{LifecyclePhase, Record};
use crate::render::Address;

pub(super) fn now() -> Timestamp {
    "2027-06-01T12:00:00Z".parse().unwrap()
}

pub(super) fn spec() -> ControlPlaneSpec {
    let namespace = Namespace::parse("team-a").unwrap();
    ControlPlaneSpec { namespace, replicas: 1, ..crate::tenant::fixture::spec("v1.37.2") }
}

/// A CA; each number yields a different one.
pub(super) fn authority(number: u32) -> KeyAndCertificate {
    issue_ca(&format!("authority {number}"), &CertificatePolicy::default(), now()).unwrap()
}

/// Facts without a problem; the live objects are left out.
pub(super) fn facts() -> ControlPlaneFacts {
    let mut record = Record::new(ControlPlaneId::parse(&"a1".repeat(16)).unwrap(), spec(), now());
    record.step = LifecyclePhase::Ready;
    record.ca = Some("fingerprint".into());
    record.address = Some(Address {
        endpoint: Endpoint::parse("192.0.2.10", 6443).unwrap(),
        advertise: vec!["192.0.2.10".parse().unwrap()],
        secure_port: 6443,
        extra_ips: vec!["10.0.0.20".parse().unwrap()],
    });
    ControlPlaneFacts {
        name: record.spec.name.clone(),
        namespace: record.spec.namespace.clone(),
        recreate: "recreate".into(),
        record: Ok(record),
        lock: Ok(None),
        live: Ok(Live::default()),
        changes: Ok(Vec::new()),
        tenant_changes: Ok(Vec::new()),
        datastore: Err(Unavailable::Forbidden("not collected".into())),
        tenancy: Err(Unavailable::Forbidden("not collected".into())),
        pods: Ok(Vec::new()),
        events: Ok(Vec::new()),
        endpoint: Ok(EndpointFacts { resolved: Ok(Vec::new()), tcp: Ok(()), tls: Ok(()) }),
        reached: Ok(true),
        admin: Ok(()),
        tenant: Err(Unavailable::Skipped("not collected".into())),
        now: now(),
    }
}

fn management() -> ManagementFacts {
    ManagementFacts {
        kubeconfig: Ok("the management cluster".into()),
        verified: true,
        api_server: Ok(ApiServerProbe { version: "v1.37.2".into(), took: Duration::from_millis(3), ahead: Some(0) }),
        rights: Ok(Vec::new()),
        storage_classes: Ok(Vec::new()),
        namespace_name: Namespace::parse("team-a").unwrap(),
        namespace: Ok(Some(serde_json::json!({}))),
        quotas: Ok(Vec::new()),
    }
}

#[test]
fn an_unreachable_management_cluster_is_the_root_cause_of_all_later_failures() {
    let gone = || Unavailable::Failed("cannot be reached".into(), vec!["try again".into()]);
    let skipped = || Unavailable::Skipped("the management cluster does not answer".into());
    let facts = ManagementFacts {
        api_server: Err(gone()),
        rights: Err(skipped()),
        storage_classes: Err(skipped()),
        namespace: Err(skipped()),
        quotas: Err(skipped()),
        ..management()
    };
    let diagnosis = diagnose_control_plane(&facts, None);
    assert_eq!(diagnosis.root_cause, Some(HealthCheckName::ManagementApi));
    assert_eq!(diagnosis.first_failed().unwrap().remedies, ["try again"]);
    for check in diagnosis.checks.iter().filter(|check| check.name > HealthCheckName::ManagementApi) {
        assert_eq!(check.caused_by, Some(HealthCheckName::ManagementApi), "{check:?}");
    }
}

#[test]
fn an_unreachable_datastore_is_the_root_cause_of_crashing_pods() {
    let mut control_plane = facts();
    control_plane.datastore =
        Err(Unavailable::Failed("timed out waiting for datastore `away` to answer".into(), Vec::new()));
    control_plane.pods =
        Ok(vec![serde_json::json!({"metadata": {"name": "p"}, "spec": {"containers": [{}]}, "status": {
        "containerStatuses": [{"name": "kube-apiserver", "ready": false, "restartCount": 3,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}})]);
    control_plane.reached = Err(Unavailable::Failed("no answer".into(), Vec::new()));
    let diagnosis = diagnose_control_plane(&management(), Some(&control_plane));
    assert_eq!(diagnosis.root_cause, Some(HealthCheckName::Datastore));
    let pods = diagnosis.checks.iter().find(|check| check.name == HealthCheckName::Pods).unwrap();
    // The Deployment is missing from these facts too; the datastore is still the root cause.
    assert_eq!(pods.caused_by, Some(HealthCheckName::Datastore));
    let tenant = diagnosis.checks.iter().find(|check| check.name == HealthCheckName::Nodes).unwrap();
    assert_eq!((tenant.state, tenant.caused_by), (HealthCheckState::Unknown, Some(HealthCheckName::Datastore)));
}

#[test]
fn every_check_is_reported_once_and_in_order() {
    let diagnosis = diagnose_control_plane(&management(), Some(&facts()));
    let names: Vec<HealthCheckName> = diagnosis.checks.iter().map(|check| check.name).collect();
    let mut sorted = names.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(names, sorted);
    assert!(names.len() > 20, "{names:?}");
}

#[test]
fn a_password_in_a_server_message_is_redacted() {
    let mut control_plane = facts();
    control_plane.reached = Err(Unavailable::Failed("dial postgres://kine:hunter2@db".into(), Vec::new()));
    let diagnosis = diagnose_control_plane(&management(), Some(&control_plane));
    assert!(!format!("{diagnosis:?}").contains("hunter2"));
}
