//! A control plane that is well, for the tests of this folder: each breaks what it is about. And whole walks.

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

/// An authority; another number is another one.
pub(super) fn authority(number: u32) -> KeyAndCertificate {
    issue_ca(&format!("authority {number}"), &CertificatePolicy::default(), now()).unwrap()
}

/// Facts in which nothing is wrong, as far as they go: the objects are left out.
pub(super) fn facts() -> ControlPlaneFacts {
    let mut record = Record::new(ControlPlaneId::parse(&"a1".repeat(16)).unwrap(), spec(), now());
    record.step = LifecyclePhase::Ready;
    record.ca = Some("fingerprint".into());
    record.address = Some(Address {
        endpoint: Endpoint::parse("192.0.2.10", 6443).unwrap(),
        advertise: vec!["192.0.2.10".parse().unwrap()],
        secure_port: 6443,
        also: vec!["10.0.0.20".parse().unwrap()],
    });
    ControlPlaneFacts {
        name: record.spec.name.clone(),
        namespace: record.spec.namespace.clone(),
        recreate: "recreate".into(),
        record: Ok(record),
        lock: Ok(None),
        live: Ok(Live::default()),
        changes: Ok(Vec::new()),
        changes_inside: Ok(Vec::new()),
        datastore: Err(Unavailable::NotAllowed("not asked".into())),
        tenancy: Err(Unavailable::NotAllowed("not asked".into())),
        pods: Ok(Vec::new()),
        events: Ok(Vec::new()),
        endpoint: Ok(EndpointFacts { resolved: Ok(Vec::new()), tcp: Ok(()), tls: Ok(()) }),
        reached: Ok(true),
        admin: Ok(()),
        inside: Err(Unavailable::NoWay("not asked".into())),
        now: now(),
    }
}

fn management() -> ManagementFacts {
    ManagementFacts {
        kubeconfig: Ok("the management cluster".into()),
        verified: true,
        greeting: Ok(ApiServerProbe { version: "v1.37.2".into(), took: Duration::from_millis(3), ahead: Some(0) }),
        rights: Ok(Vec::new()),
        storage_classes: Ok(Vec::new()),
        namespace_name: Namespace::parse("team-a").unwrap(),
        namespace: Ok(Some(serde_json::json!({}))),
        quotas: Ok(Vec::new()),
    }
}

#[test]
fn a_management_cluster_that_cannot_be_reached_is_the_one_thing_told() {
    let gone = || Unavailable::Failed("cannot be reached".into(), vec!["try again".into()]);
    let no_way = || Unavailable::NoWay("the management cluster does not answer".into());
    let facts = ManagementFacts {
        greeting: Err(gone()),
        rights: Err(no_way()),
        storage_classes: Err(no_way()),
        namespace: Err(no_way()),
        quotas: Err(no_way()),
        ..management()
    };
    let diagnosis = diagnose_control_plane(&facts, None);
    assert_eq!(diagnosis.broken, Some(LinkName::ManagementApi));
    assert_eq!(diagnosis.first().unwrap().remedies, ["try again"]);
    for link in diagnosis.links.iter().filter(|link| link.name > LinkName::ManagementApi) {
        assert_eq!(link.follows_from, Some(LinkName::ManagementApi), "{link:?}");
    }
}

#[test]
fn a_datastore_that_is_away_is_named_before_the_pods_that_crash_for_it() {
    let mut control_plane = facts();
    control_plane.datastore =
        Err(Unavailable::Failed("timed out waiting for datastore `away` to answer".into(), Vec::new()));
    control_plane.pods =
        Ok(vec![serde_json::json!({"metadata": {"name": "p"}, "spec": {"containers": [{}]}, "status": {
        "containerStatuses": [{"name": "kube-apiserver", "ready": false, "restartCount": 3,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}})]);
    control_plane.reached = Err(Unavailable::Failed("no answer".into(), Vec::new()));
    let diagnosis = diagnose_control_plane(&management(), Some(&control_plane));
    assert_eq!(diagnosis.broken, Some(LinkName::Datastore));
    let pods = diagnosis.links.iter().find(|link| link.name == LinkName::Pods).unwrap();
    // The Deployment is not there either in these facts; the datastore comes first all the same.
    assert_eq!(pods.follows_from, Some(LinkName::Datastore));
    let inside = diagnosis.links.iter().find(|link| link.name == LinkName::Nodes).unwrap();
    assert_eq!((inside.state, inside.follows_from), (LinkState::Unknown, Some(LinkName::Datastore)));
}

#[test]
fn every_link_is_told_once_and_in_order() {
    let diagnosis = diagnose_control_plane(&management(), Some(&facts()));
    let names: Vec<LinkName> = diagnosis.links.iter().map(|link| link.name).collect();
    let mut sorted = names.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(names, sorted);
    assert!(names.len() > 20, "{names:?}");
}

#[test]
fn a_secret_in_what_others_said_is_not_told() {
    let mut control_plane = facts();
    control_plane.reached = Err(Unavailable::Failed("dial postgres://kine:hunter2@db".into(), Vec::new()));
    let diagnosis = diagnose_control_plane(&management(), Some(&control_plane));
    assert!(!format!("{diagnosis:?}").contains("hunter2"));
}
