//! Desired objects of an existing control plane: the objects of one run are the live objects of the next.

use std::collections::BTreeSet;

use kamaji::error::{Advice as _, Kind};
use kamaji::model::{Policies, San};
use kamaji::pki::{KeyAndCertificate, PartialUserPki, inspect};
use kamaji::plan::apply::live_objects::Live;
use kamaji::plan::apply::plan::{Action, compare};
use kamaji::plan::lifecycle::desired::error::Error;
use kamaji::plan::lifecycle::desired::{ApplyStep, Desired};
use kamaji::plan::network::management_network::ManagementNetwork;
use kamaji::render::{CHECKSUM, ObjectRef, Write};
use serde_json::Value;

use crate::control_plane::{MINIMAL, Plane, fixture, spec};

/// Applies the desired objects, as a server would.
pub(crate) fn apply(control_plane: &mut Plane, desired: &Desired) {
    let mut live = Live::with_network(control_plane.live.management_network.clone());
    for (object, body) in control_plane.live.iter().filter(|(object, _)| !desired.delete.contains(object)) {
        live.insert(object.clone(), body.clone());
    }
    for manifest in &desired.write {
        if manifest.write != Write::CreateOnly || live.get(&manifest.object).is_none() {
            live.insert(manifest.object.clone(), manifest.body.clone());
        }
    }
    control_plane.live = live;
    control_plane.recorded_ca = Some(desired.ca.clone());
}

/// A control plane after its creation.
pub(crate) fn created() -> Plane {
    created_from(MINIMAL)
}

fn created_from(text: &str) -> Plane {
    let mut control_plane = Plane::new(spec(text));
    let desired = control_plane.build_desired().unwrap();
    apply(&mut control_plane, &desired);
    control_plane
}

/// The objects that applying `desired` would change.
pub(crate) fn changed(control_plane: &Plane, desired: &Desired) -> BTreeSet<String> {
    let changes = desired.write.iter().map(|manifest| {
        let live = control_plane.live.get(&manifest.object);
        // An object that is only created keeps its live state.
        let kept = manifest.write == Write::CreateOnly && live.is_some();
        compare(manifest, live, if kept { live } else { Some(&manifest.body) })
    });
    let deleted = desired.delete.iter().map(|object| format!("- {object}"));
    changes.filter(|change| change.action != Action::Unchanged).map(|change| change.target).chain(deleted).collect()
}

pub(crate) fn without(control_plane: &mut Plane, secret: &str) {
    let mut live = Live::with_network(control_plane.live.management_network.clone());
    for (object, body) in control_plane.live.iter().filter(|(object, _)| object.name != secret) {
        live.insert(object.clone(), body.clone());
    }
    control_plane.live = live;
}

fn checksum(desired: &Desired) -> String {
    let deployment = desired.write.iter().find(|manifest| manifest.object.kind == "Deployment").unwrap();
    deployment.body["spec"]["template"]["metadata"]["annotations"][CHECKSUM].as_str().unwrap().to_owned()
}

/// The reissued certificates, with the reasons.
fn reasons(desired: &Desired) -> Vec<String> {
    desired.reissued.iter().map(ToString::to_string).collect()
}

pub(crate) fn expect(changes: &BTreeSet<String>, expected: &[&str]) {
    assert_eq!(changes.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[test]
fn a_second_run_changes_nothing() {
    let control_plane = created();
    let again = control_plane.build_desired().unwrap();
    expect(&changed(&control_plane, &again), &[]);
    assert!(again.reissued.is_empty(), "{:?}", again.reissued);
    let live = control_plane.live.named("Deployment", "prod").unwrap();
    assert_eq!(live["spec"]["template"]["metadata"]["annotations"][CHECKSUM], checksum(&again).as_str());
}

#[test]
fn every_example_is_stable_after_one_run() {
    for example in crate::examples::all() {
        let mut control_plane = Plane::new(example.control_plane.spec.clone());
        control_plane.given = example.control_plane.given.clone();
        apply(&mut control_plane, &example.desired);
        expect(&changed(&control_plane, &control_plane.build_desired().unwrap()), &[]);
    }
}

#[test]
fn keys_and_service_are_built_before_the_address_is_known_and_kept_afterwards() {
    let mut control_plane = Plane::new(spec(MINIMAL));
    let address = control_plane.address.take();
    let early = control_plane.build_desired().unwrap();
    assert_eq!(early.step, ApplyStep::Identity);
    assert!(early.write.iter().all(|manifest| manifest.object.kind != "Deployment"));
    apply(&mut control_plane, &early);
    control_plane.address = address;
    let complete = control_plane.build_desired().unwrap();
    assert_eq!((complete.step, complete.ca), (ApplyStep::Complete, early.ca));
}

#[test]
fn an_interrupted_creation_resumes_with_the_existing_keys() {
    let complete = Plane::new(spec(MINIMAL)).build_desired().unwrap();
    for written in 0..=complete.write.len() {
        let mut control_plane = Plane::new(spec(MINIMAL));
        for manifest in &complete.write[..written] {
            control_plane.live.insert(manifest.object.clone(), manifest.body.clone());
        }
        let resumed = control_plane.build_desired().unwrap();
        assert!(resumed.reissued.is_empty(), "after {written} objects: {:?}", resumed.reissued);
        assert!(
            control_plane.live.named("Secret", "prod-ca").is_none() || resumed.ca == complete.ca,
            "after {written} objects"
        );
        for (object, body) in control_plane.live.iter().filter(|(object, _)| object.kind == "Secret") {
            let again = resumed.write.iter().find(|manifest| manifest.object == *object).unwrap();
            assert_eq!(again.body["data"], body["data"], "after {written} objects: {object}");
        }
        apply(&mut control_plane, &resumed);
        expect(&changed(&control_plane, &control_plane.build_desired().unwrap()), &[]);
    }
}

#[test]
fn the_deployment_is_written_last() {
    let desired = created().build_desired().unwrap();
    assert_eq!(desired.write.last().unwrap().object.kind, "Deployment");
}

#[test]
fn an_added_san_reissues_only_the_certificate_of_the_api_server() {
    let mut control_plane = created();
    control_plane.spec.cert_sans.push(San::parse("api.example.com").unwrap());
    let desired = control_plane.build_desired().unwrap();
    assert_eq!(reasons(&desired), ["certificate apiserver: name api.example.com missing"]);
    let objects: BTreeSet<String> = changed(&control_plane, &desired);
    // kubeadm-config contains the spec; the Deployment changes its checksum, so that the pods read the new file.
    expect(
        &objects,
        &["ConfigMap team-a/prod-kubeadmconfig", "Deployment team-a/prod", "Secret team-a/prod-api-server-certificate"],
    );
}

#[test]
fn a_removed_san_alone_reissues_no_certificate() {
    let mut control_plane = created_from(&format!("{MINIMAL}apiServer:\n  certSANs: [api.example.com]\n"));
    control_plane.spec.cert_sans.clear();
    let desired = control_plane.build_desired().unwrap();
    assert!(desired.reissued.is_empty(), "{:?}", desired.reissued);
}

#[test]
fn a_new_endpoint_updates_kubeconfigs_with_the_existing_keys() {
    let mut control_plane = created();
    let address = control_plane.address.as_mut().unwrap();
    address.endpoint = kamaji::model::Endpoint::parse("api.example.com:6443", 0).unwrap();
    let desired = control_plane.build_desired().unwrap();
    assert_eq!(reasons(&desired), ["certificate apiserver: name api.example.com missing"]);
    assert!(changed(&control_plane, &desired).contains("Secret team-a/prod-admin-kubeconfig"));
}

#[test]
fn certificates_are_renewed_before_they_expire_and_cas_are_kept() {
    let mut control_plane = created();
    let first = control_plane.build_desired().unwrap();
    control_plane.now += std::time::Duration::from_secs(8759 * 3600);
    let desired = control_plane.build_desired().unwrap();
    assert_eq!(desired.ca, first.ca);
    assert_eq!(desired.reissued.len(), 10, "{:?}", desired.reissued);
    assert!(desired.reissued.iter().all(|reissued| reissued.reason.contains("expires in")), "{:?}", desired.reissued);
    assert!(desired.certificates_end > first.certificates_end);
    assert_ne!(checksum(&desired), checksum(&first), "the pods must read the new files");
}

#[test]
fn a_lost_ca_is_an_error_and_never_regenerated() {
    for secret in ["prod-ca", "prod-front-proxy-ca-certificate", "prod-sa-certificate"] {
        let mut control_plane = created();
        without(&mut control_plane, secret);
        let refused = control_plane.build_desired().unwrap_err();
        let key = secret == "prod-sa-certificate";
        let expected = if key { "the service account key of" } else { "the CA of" };
        assert!(refused.to_string().starts_with(expected), "{refused}");
        assert!(refused.to_string().contains(&format!("Secret team-a/{secret} does not exist")), "{refused}");
        assert_eq!(refused.kind(), Kind::Failed);
        assert!(refused.hints()[0].contains("restore Secret"), "{:?}", refused.hints());
    }
}

#[test]
fn a_lost_encryption_key_is_an_error_and_never_regenerated() {
    let mut control_plane = created();
    without(&mut control_plane, "prod-encryption-config");
    assert!(control_plane.build_desired().is_err());
}

#[test]
fn a_ca_that_differs_from_the_record_is_an_error() {
    let mut control_plane = created();
    control_plane.recorded_ca = Some("0".repeat(64));
    assert!(matches!(control_plane.build_desired().unwrap_err(), Error::CaChanged { .. }));
}

#[test]
fn supplied_keys_are_used_at_creation_and_different_ones_conflict_later() {
    let given = |ca: KeyAndCertificate| PartialUserPki { ca: Some(ca), ..PartialUserPki::default() };
    let mut control_plane = Plane::new(spec(MINIMAL));
    control_plane.given = given(fixture("ec-sec1"));
    let desired = control_plane.build_desired().unwrap();
    assert_eq!(desired.ca, inspect(&fixture("ec-sec1").certificate).unwrap().public_key_sha256);
    apply(&mut control_plane, &desired);
    assert!(control_plane.build_desired().is_ok(), "the same keys do not conflict");
    control_plane.given = given(fixture("rsa-pkcs1"));
    assert_eq!(control_plane.build_desired().unwrap_err().kind(), Kind::Conflict);
    control_plane.given = PartialUserPki::default();
    assert_eq!(control_plane.build_desired().unwrap().ca, desired.ca, "keys need not be supplied again");
}

#[test]
fn lost_leaf_certificates_are_reissued() {
    let mut control_plane = created();
    without(&mut control_plane, "prod-front-proxy-client-certificate");
    let desired = control_plane.build_desired().unwrap();
    expect(
        &changed(&control_plane, &desired),
        &["Deployment team-a/prod", "Secret team-a/prod-front-proxy-client-certificate"],
    );
}

#[test]
fn a_disruption_budget_exists_only_with_several_replicas() {
    let mut control_plane = created();
    control_plane.spec.replicas = 2;
    let desired = control_plane.build_desired().unwrap();
    expect(&changed(&control_plane, &desired), &["Deployment team-a/prod", "PodDisruptionBudget team-a/prod"]);
    let before = checksum(&desired);
    apply(&mut control_plane, &desired);

    control_plane.spec.replicas = 1;
    let desired = control_plane.build_desired().unwrap();
    expect(&changed(&control_plane, &desired), &["- PodDisruptionBudget team-a/prod", "Deployment team-a/prod"]);
    assert_eq!(checksum(&desired), before, "scaling replaces no pod");
    apply(&mut control_plane, &desired);
    expect(&changed(&control_plane, &control_plane.build_desired().unwrap()), &[]);
}

#[test]
fn drift_is_in_the_plan() {
    let mut control_plane = created();
    let object = ObjectRef {
        api_version: "v1".into(),
        kind: "Service".into(),
        namespace: Some("team-a".into()),
        name: "prod".into(),
    };
    let mut service: Value = control_plane.live.get(&object).unwrap().clone();
    service["spec"]["selector"] = serde_json::json!({"app": "other"});
    control_plane.live.insert(object, service);
    expect(&changed(&control_plane, &control_plane.build_desired().unwrap()), &["Service team-a/prod"]);
}

fn policy(desired: &Desired) -> &Value {
    let policy = desired.write.iter().find(|manifest| manifest.object.kind == "NetworkPolicy");
    &policy.expect("there is a policy").body
}

/// The ranges that a policy denies.
fn denied_cidrs(policy: &Value) -> Vec<String> {
    kamaji::plan::network::management_network::cidrs_in_policy(policy).iter().map(ToString::to_string).collect()
}

#[test]
fn a_network_policy_is_written_before_its_pods() {
    let desired = Plane::new(spec(MINIMAL)).build_desired().unwrap();
    let index = |kind: &str| desired.write.iter().position(|manifest| manifest.object.kind == kind).unwrap();
    assert!(index("NetworkPolicy") < index("Deployment"));
    let pods = &desired.write[index("Deployment")].body["spec"]["template"]["metadata"]["labels"];
    let selected = policy(&desired)["spec"]["podSelector"]["matchLabels"].as_object().unwrap();
    assert!(selected.iter().all(|(key, value)| pods[key] == *value), "{selected:?} of {pods}");
    assert_eq!(selected["kamaji.clastix.io/name"], "prod", "other pods are not selected");
}

#[test]
fn a_new_address_of_the_management_cluster_changes_only_the_policy() {
    let mut control_plane = created();
    assert!(denied_cidrs(policy(&control_plane.build_desired().unwrap())).contains(&"10.89.0.2/31".to_owned()));
    control_plane.live.management_network.cidrs.push("192.0.2.77/32".parse().unwrap());
    let desired = control_plane.build_desired().unwrap();
    expect(&changed(&control_plane, &desired), &["NetworkPolicy team-a/prod-network-policy"]);
    assert!(denied_cidrs(policy(&desired)).contains(&"192.0.2.77/32".to_owned()));
}

#[test]
fn missing_permissions_never_open_the_policy() {
    let mut control_plane = created();
    let known = std::mem::take(&mut control_plane.live.management_network);
    control_plane.live.management_network.unreadable = vec!["the addresses of the nodes".into()];
    expect(&changed(&control_plane, &control_plane.build_desired().unwrap()), &[]);
    // If everything can be read, an address that no longer exists is removed from the policy.
    control_plane.live.management_network =
        ManagementNetwork { cidrs: known.cidrs[1..].to_vec(), ..ManagementNetwork::default() };
    expect(
        &changed(&control_plane, &control_plane.build_desired().unwrap()),
        &["NetworkPolicy team-a/prod-network-policy"],
    );
}

#[test]
fn a_policy_that_is_switched_off_is_deleted() {
    let mut control_plane = created();
    control_plane.spec.isolation.policies = Policies::Off;
    let desired = control_plane.build_desired().unwrap();
    expect(&changed(&control_plane, &desired), &["- NetworkPolicy team-a/prod-network-policy"]);
    apply(&mut control_plane, &desired);
    expect(&changed(&control_plane, &control_plane.build_desired().unwrap()), &[]);
}

#[test]
fn ranges_of_the_user_are_denied_in_addition_to_those_of_the_cluster() {
    let mut control_plane = Plane::new(spec(MINIMAL));
    control_plane.spec.isolation.denied = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
    let desired = control_plane.build_desired().unwrap();
    let denied = denied_cidrs(policy(&desired));
    for range in ["10.0.0.0/8", "fd00::/8", "169.254.0.0/16", "172.31.0.0/20"] {
        assert!(denied.contains(&range.to_owned()), "{range} in {denied:?}");
    }
    assert!(!denied.contains(&"10.89.0.2/31".to_owned()), "it is part of a denied range: {denied:?}");
}
