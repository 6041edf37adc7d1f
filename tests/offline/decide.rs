//! Decisions on what lives: what one decision wrote is fed to the next as the live objects.

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

/// Writes what was decided, as a server would keep it.
pub(crate) fn apply(control_plane: &mut Plane, desired: &Desired) {
    let mut live = Live::within(control_plane.live.management_network.clone());
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

/// A control plane that was created.
pub(crate) fn created() -> Plane {
    created_from(MINIMAL)
}

fn created_from(text: &str) -> Plane {
    let mut control_plane = Plane::new(spec(text));
    let desired = control_plane.desire().unwrap();
    apply(&mut control_plane, &desired);
    control_plane
}

/// The objects that another decision would change.
pub(crate) fn changed(control_plane: &Plane, desired: &Desired) -> BTreeSet<String> {
    let changes = desired.write.iter().map(|manifest| {
        let live = control_plane.live.get(&manifest.object);
        // An object that is made once stays as it lives.
        let kept = manifest.write == Write::CreateOnly && live.is_some();
        compare(manifest, live, if kept { live } else { Some(&manifest.body) })
    });
    let deleted = desired.delete.iter().map(|object| format!("- {object}"));
    changes.filter(|change| change.action != Action::Unchanged).map(|change| change.what).chain(deleted).collect()
}

pub(crate) fn without(control_plane: &mut Plane, secret: &str) {
    let mut live = Live::within(control_plane.live.management_network.clone());
    for (object, body) in control_plane.live.iter().filter(|(object, _)| object.name != secret) {
        live.insert(object.clone(), body.clone());
    }
    control_plane.live = live;
}

fn checksum(desired: &Desired) -> String {
    let deployment = desired.write.iter().find(|manifest| manifest.object.kind == "Deployment").unwrap();
    deployment.body["spec"]["template"]["metadata"]["annotations"][CHECKSUM].as_str().unwrap().to_owned()
}

/// Why certificates are made anew.
fn reasons(desired: &Desired) -> Vec<String> {
    desired.reissued.iter().map(ToString::to_string).collect()
}

pub(crate) fn expect(changes: &BTreeSet<String>, expected: &[&str]) {
    assert_eq!(changes.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[test]
fn deciding_again_changes_nothing() {
    let control_plane = created();
    let again = control_plane.desire().unwrap();
    expect(&changed(&control_plane, &again), &[]);
    assert!(again.reissued.is_empty(), "{:?}", again.reissued);
    let live = control_plane.live.named("Deployment", "prod").unwrap();
    assert_eq!(live["spec"]["template"]["metadata"]["annotations"][CHECKSUM], checksum(&again).as_str());
}

#[test]
fn a_file_of_every_shape_settles_after_one_decision() {
    for example in crate::examples::all() {
        let mut control_plane = Plane::new(example.control_plane.spec.clone());
        control_plane.given = example.control_plane.given.clone();
        apply(&mut control_plane, &example.desired);
        expect(&changed(&control_plane, &control_plane.desire().unwrap()), &[]);
    }
}

#[test]
fn without_an_address_keys_and_service_are_decided_and_kept_afterwards() {
    let mut control_plane = Plane::new(spec(MINIMAL));
    let address = control_plane.address.take();
    let early = control_plane.desire().unwrap();
    assert_eq!(early.step, ApplyStep::Identity);
    assert!(early.write.iter().all(|manifest| manifest.object.kind != "Deployment"));
    apply(&mut control_plane, &early);
    control_plane.address = address;
    let complete = control_plane.desire().unwrap();
    assert_eq!((complete.step, complete.ca), (ApplyStep::Complete, early.ca));
}

#[test]
fn a_creation_that_ends_after_any_object_goes_on_with_the_keys_that_are_there() {
    let complete = Plane::new(spec(MINIMAL)).desire().unwrap();
    for written in 0..=complete.write.len() {
        let mut control_plane = Plane::new(spec(MINIMAL));
        for manifest in &complete.write[..written] {
            control_plane.live.insert(manifest.object.clone(), manifest.body.clone());
        }
        let resumed = control_plane.desire().unwrap();
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
        expect(&changed(&control_plane, &control_plane.desire().unwrap()), &[]);
    }
}

#[test]
fn the_deployment_is_written_last() {
    let desired = created().desire().unwrap();
    assert_eq!(desired.write.last().unwrap().object.kind, "Deployment");
}

#[test]
fn an_added_name_makes_the_api_servers_certificate_anew_and_no_other() {
    let mut control_plane = created();
    control_plane.spec.cert_sans.push(San::parse("api.example.com").unwrap());
    let desired = control_plane.desire().unwrap();
    assert_eq!(reasons(&desired), ["certificate apiserver: name api.example.com missing"]);
    let objects: BTreeSet<String> = changed(&control_plane, &desired);
    // kubeadm-config repeats the wish; the Deployment changes by its checksum, so that the pods see the new file.
    expect(
        &objects,
        &["ConfigMap team-a/prod-kubeadmconfig", "Deployment team-a/prod", "Secret team-a/prod-api-server-certificate"],
    );
}

#[test]
fn a_removed_name_changes_no_certificate() {
    let mut control_plane = created_from(&format!("{MINIMAL}apiServer:\n  certSANs: [api.example.com]\n"));
    control_plane.spec.cert_sans.clear();
    let desired = control_plane.desire().unwrap();
    assert!(desired.reissued.is_empty(), "{:?}", desired.reissued);
}

#[test]
fn another_endpoint_makes_kubeconfigs_for_it_with_the_keys_that_exist() {
    let mut control_plane = created();
    let address = control_plane.address.as_mut().unwrap();
    address.endpoint = kamaji::model::Endpoint::parse("api.example.com:6443", 0).unwrap();
    let desired = control_plane.desire().unwrap();
    assert_eq!(reasons(&desired), ["certificate apiserver: name api.example.com missing"]);
    assert!(changed(&control_plane, &desired).contains("Secret team-a/prod-admin-kubeconfig"));
}

#[test]
fn certificates_are_renewed_before_they_end_and_authorities_stay() {
    let mut control_plane = created();
    let first = control_plane.desire().unwrap();
    control_plane.now += std::time::Duration::from_secs(8759 * 3600);
    let desired = control_plane.desire().unwrap();
    assert_eq!(desired.ca, first.ca);
    assert_eq!(desired.reissued.len(), 10, "{:?}", desired.reissued);
    assert!(desired.reissued.iter().all(|reissued| reissued.why.contains("expires in")), "{:?}", desired.reissued);
    assert!(desired.certificates_end > first.certificates_end);
    assert_ne!(checksum(&desired), checksum(&first), "the pods must see the new files");
}

#[test]
fn a_lost_authority_is_refused_and_never_made_anew() {
    for secret in ["prod-ca", "prod-front-proxy-ca-certificate", "prod-sa-certificate"] {
        let mut control_plane = created();
        without(&mut control_plane, secret);
        let refused = control_plane.desire().unwrap_err();
        let key = secret == "prod-sa-certificate";
        let words = if key { "the service account key of" } else { "the certificate authority of" };
        assert!(refused.to_string().starts_with(words), "{refused}");
        assert!(refused.to_string().contains(&format!("Secret team-a/{secret} does not exist any more")), "{refused}");
        assert_eq!(refused.kind(), Kind::Failed);
        assert!(refused.hints()[0].contains("restore Secret"), "{:?}", refused.hints());
    }
}

#[test]
fn a_lost_encryption_key_is_refused_and_never_made_anew() {
    let mut control_plane = created();
    without(&mut control_plane, "prod-encryption-config");
    assert!(control_plane.desire().is_err());
}

#[test]
fn another_authority_than_the_recorded_one_is_refused() {
    let mut control_plane = created();
    control_plane.recorded_ca = Some("0".repeat(64));
    assert!(matches!(control_plane.desire().unwrap_err(), Error::AuthorityChanged { .. }));
}

#[test]
fn given_keys_are_taken_at_first_and_conflict_with_other_ones_later() {
    let given = |ca: KeyAndCertificate| PartialUserPki { ca: Some(ca), ..PartialUserPki::default() };
    let mut control_plane = Plane::new(spec(MINIMAL));
    control_plane.given = given(fixture("ec-sec1"));
    let desired = control_plane.desire().unwrap();
    assert_eq!(desired.ca, inspect(&fixture("ec-sec1").certificate).unwrap().public_key_sha256);
    apply(&mut control_plane, &desired);
    assert!(control_plane.desire().is_ok(), "the same keys again are no conflict");
    control_plane.given = given(fixture("rsa-pkcs1"));
    assert_eq!(control_plane.desire().unwrap_err().kind(), Kind::Conflict);
    control_plane.given = PartialUserPki::default();
    assert_eq!(control_plane.desire().unwrap().ca, desired.ca, "keys need not be given again");
}

#[test]
fn lost_leaf_certificates_are_made_anew() {
    let mut control_plane = created();
    without(&mut control_plane, "prod-front-proxy-client-certificate");
    let desired = control_plane.desire().unwrap();
    expect(
        &changed(&control_plane, &desired),
        &["Deployment team-a/prod", "Secret team-a/prod-front-proxy-client-certificate"],
    );
}

#[test]
fn a_second_replica_brings_a_disruption_budget_and_one_takes_it_away() {
    let mut control_plane = created();
    control_plane.spec.replicas = 2;
    let desired = control_plane.desire().unwrap();
    expect(&changed(&control_plane, &desired), &["Deployment team-a/prod", "PodDisruptionBudget team-a/prod"]);
    let before = checksum(&desired);
    apply(&mut control_plane, &desired);

    control_plane.spec.replicas = 1;
    let desired = control_plane.desire().unwrap();
    expect(&changed(&control_plane, &desired), &["- PodDisruptionBudget team-a/prod", "Deployment team-a/prod"]);
    assert_eq!(checksum(&desired), before, "another number of pods replaces none of them");
    apply(&mut control_plane, &desired);
    expect(&changed(&control_plane, &control_plane.desire().unwrap()), &[]);
}

#[test]
fn what_other_hands_changed_is_in_the_plan() {
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
    expect(&changed(&control_plane, &control_plane.desire().unwrap()), &["Service team-a/prod"]);
}

fn policy(desired: &Desired) -> &Value {
    let policy = desired.write.iter().find(|manifest| manifest.object.kind == "NetworkPolicy");
    &policy.expect("there is a policy").body
}

/// What the pods may not reach although they reach everything.
fn closed(policy: &Value) -> Vec<String> {
    kamaji::plan::network::management_network::cidrs_in_policy(policy).iter().map(ToString::to_string).collect()
}

#[test]
fn a_policy_is_written_before_the_pods_it_is_for() {
    let desired = Plane::new(spec(MINIMAL)).desire().unwrap();
    let place = |kind: &str| desired.write.iter().position(|manifest| manifest.object.kind == kind).unwrap();
    assert!(place("NetworkPolicy") < place("Deployment"));
    let pods = &desired.write[place("Deployment")].body["spec"]["template"]["metadata"]["labels"];
    let selected = policy(&desired)["spec"]["podSelector"]["matchLabels"].as_object().unwrap();
    assert!(selected.iter().all(|(key, value)| pods[key] == *value), "{selected:?} of {pods}");
    assert_eq!(selected["kamaji.clastix.io/name"], "prod", "pods of others are not touched");
}

#[test]
fn a_management_cluster_with_another_address_changes_the_policy_and_nothing_else() {
    let mut control_plane = created();
    assert!(closed(policy(&control_plane.desire().unwrap())).contains(&"10.89.0.2/31".to_owned()));
    control_plane.live.management_network.closed.push("192.0.2.77/32".parse().unwrap());
    let desired = control_plane.desire().unwrap();
    expect(&changed(&control_plane, &desired), &["NetworkPolicy team-a/prod-network-policy"]);
    assert!(closed(policy(&desired)).contains(&"192.0.2.77/32".to_owned()));
}

#[test]
fn whoever_may_read_less_opens_nothing() {
    let mut control_plane = created();
    let known = std::mem::take(&mut control_plane.live.management_network);
    control_plane.live.management_network.unread = vec!["the addresses of its nodes".into()];
    expect(&changed(&control_plane, &control_plane.desire().unwrap()), &[]);
    // What may be read is the truth: an address that nothing of the cluster has any more is let go.
    control_plane.live.management_network =
        ManagementNetwork { closed: known.closed[1..].to_vec(), ..ManagementNetwork::default() };
    expect(&changed(&control_plane, &control_plane.desire().unwrap()), &["NetworkPolicy team-a/prod-network-policy"]);
}

#[test]
fn a_policy_that_nobody_wants_any_more_is_removed() {
    let mut control_plane = created();
    control_plane.spec.isolation.policies = Policies::Off;
    let desired = control_plane.desire().unwrap();
    expect(&changed(&control_plane, &desired), &["- NetworkPolicy team-a/prod-network-policy"]);
    apply(&mut control_plane, &desired);
    expect(&changed(&control_plane, &control_plane.desire().unwrap()), &[]);
}

#[test]
fn ranges_of_the_user_are_closed_beside_those_of_the_cluster() {
    let mut control_plane = Plane::new(spec(MINIMAL));
    control_plane.spec.isolation.closed = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
    let desired = control_plane.desire().unwrap();
    let closed = closed(policy(&desired));
    for range in ["10.0.0.0/8", "fd00::/8", "169.254.0.0/16", "172.31.0.0/20"] {
        assert!(closed.contains(&range.to_owned()), "{range} in {closed:?}");
    }
    assert!(!closed.contains(&"10.89.0.2/31".to_owned()), "it is in a range that is closed: {closed:?}");
}
