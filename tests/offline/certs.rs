//! Certificates: what is wrong with them, and which objects a renewal changes. Refusals of the command line.

use std::time::Duration;

use kamaji::ambient::Ambient;
use kamaji::error::Advice as _;
use kamaji::model::LeafName;
use kamaji::pki::{self, PartialUserPki};
use kamaji::plan::apply::live_objects::Live;
use kamaji::plan::certificates::inventory::{CertificateEntry, StoredIn, certificates};
use kamaji::plan::certificates::renewal::RenewalRequest;
use kamaji::plan::certificates::rotation_keys::{key_in, rotation_key};
use kamaji::plan::certificates::rotation_phases::{Rotation, RotationPhase, RotationTarget};
use kamaji::plan::lifecycle::desired::Desired;
use kamaji::plan::state::record::Record;
use kamaji::render::{Write, policy};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::control_plane::{Plane, id, now};
use crate::decide::{apply, changed, created, expect, without};
use crate::program::Place;

fn held(control_plane: &Plane, given: &[&str]) -> Vec<CertificateEntry> {
    let mut record = Record::new(id(), control_plane.spec.clone(), now());
    record.given = given.iter().map(|name| (*name).to_owned()).collect();
    certificates(&record, &control_plane.live)
}

fn problems(control_plane: &Plane) -> Vec<String> {
    let wrong =
        held(control_plane, &[]).into_iter().filter_map(|held| Some(format!("{}: {}", held.name, held.problem?)));
    wrong.collect()
}

#[test]
fn a_new_control_plane_has_everything_and_all_of_it_fits() {
    let control_plane = created();
    let all = held(&control_plane, &[]);
    assert_eq!(all.iter().find_map(|held| held.problem.as_ref()), None);
    let names: Vec<&str> = all.iter().map(|held| held.name).collect();
    let leaves = LeafName::ALL.map(LeafName::as_str);
    assert_eq!(names[..3], ["ca", "front-proxy-ca", "datastore-ca"]);
    assert_eq!(names[3..11], leaves);
    assert_eq!(names[11..], ["service-account-key", "encryption-key", "kubelets"]);
    let admin = all.iter().find(|held| held.name == "admin.conf").unwrap();
    assert_eq!(admin.subject.as_deref(), Some("CN=kubernetes-admin, O=kubeadm:cluster-admins"));
    assert_eq!((admin.authority, admin.managed_by), (Some("ca"), StoredIn::Kamaji));
    assert_eq!(admin.not_after, Some(now() + Duration::from_secs(8760 * 3600)));
    let encryption = all.iter().find(|held| held.name == "encryption-key").unwrap();
    assert_eq!(encryption.note.as_deref(), Some("key1"));
}

#[test]
fn what_the_user_gave_is_not_ours_to_keep() {
    let all = held(&created(), &["ca.key", "sa.key"]);
    let given: Vec<&str> =
        all.iter().filter(|held| held.managed_by == StoredIn::SuppliedFiles).map(|held| held.name).collect();
    assert_eq!(given, ["ca", "service-account-key"]);
}

#[test]
fn what_is_missing_or_of_another_authority_is_told() {
    let mut control_plane = created();
    without(&mut control_plane, "prod-scheduler-kubeconfig");
    without(&mut control_plane, "prod-encryption-config");
    assert_eq!(problems(&control_plane), ["scheduler.conf: missing", "encryption-key: missing"]);

    let (mut control_plane, other) = (created(), created());
    let (object, body) = other.live.iter().find(|(object, _)| object.name == "prod-api-server-certificate").unwrap();
    control_plane.live.insert(object.clone(), body.clone());
    assert_eq!(problems(&control_plane), ["apiserver: not signed by the CA"]);

    let mut control_plane = created();
    without(&mut control_plane, "prod-ca");
    let told = problems(&control_plane);
    assert!(told.contains(&"ca: missing".to_owned()), "{told:?}");
    assert!(told.contains(&"admin.conf: its authority is missing: Secret prod-ca".to_owned()), "{told:?}");
}

#[test]
fn a_renewal_changes_what_is_asked_for_and_the_pods_that_read_it() {
    let mut control_plane = created();
    control_plane.reissue = RenewalRequest {
        leaves: vec![LeafName::Admin, LeafName::SuperAdmin],
        within: None,
        ..RenewalRequest::default()
    };
    let desired = control_plane.desire().unwrap();
    expect(&changed(&control_plane, &desired), &["Secret team-a/prod-admin-kubeconfig"]);
    assert_eq!(desired.reissued.len(), 4, "each for two addresses");

    control_plane.reissue =
        RenewalRequest { leaves: vec![LeafName::FrontProxyClient], within: None, ..RenewalRequest::default() };
    let desired = control_plane.desire().unwrap();
    expect(
        &changed(&control_plane, &desired),
        &["Deployment team-a/prod", "Secret team-a/prod-front-proxy-client-certificate"],
    );

    control_plane.reissue = RenewalRequest {
        leaves: LeafName::ALL.to_vec(),
        within: Some(Duration::from_secs(30 * 86400)),
        ..RenewalRequest::default()
    };
    expect(&changed(&control_plane, &control_plane.desire().unwrap()), &[]);
    control_plane.now += Duration::from_secs(8760 * 3600);
    let desired = control_plane.desire().unwrap();
    assert_eq!(desired.reissued.len(), 10, "they all have expired: {:?}", desired.reissued);
    let before = control_plane.recorded_ca.clone();
    apply(&mut control_plane, &desired);
    assert_eq!(control_plane.recorded_ca, before, "authorities stay");
    expect(&changed(&control_plane, &control_plane.desire().unwrap()), &[]);
}

#[test]
fn an_interrupted_renewal_is_finished_by_another_with_a_time() {
    let mut control_plane = created();
    control_plane.reissue =
        RenewalRequest { leaves: LeafName::ALL.to_vec(), within: None, ..RenewalRequest::default() };
    let desired = control_plane.desire().unwrap();
    // Killed before the Deployment was written.
    for manifest in desired.write.iter().filter(|manifest| manifest.object.kind == "Secret") {
        if control_plane.live.get(&manifest.object).is_none_or(|live| live["immutable"] != true) {
            control_plane.live.insert(manifest.object.clone(), manifest.body.clone());
        }
    }
    control_plane.reissue.within = Some(Duration::from_secs(30 * 86400));
    expect(&changed(&control_plane, &control_plane.desire().unwrap()), &["Deployment team-a/prod"]);
}

#[test]
fn a_renewal_says_which_control_plane_and_which_certificates_it_is_about() {
    let place = Place::new();
    let refused = |words: &[&str], said: &str| {
        let ran = place.run(words);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    };
    refused(&["certs", "renew", "--yes"], "<NAME|--all-namespaces|--selector <SELECTOR>>");
    refused(&["certs", "renew", "prod", "-A"], "--all-namespaces");
    refused(&["certs", "renew", "prod", "--only", "ca"], "apiserver, apiserver-kubelet-client");
    refused(&["certs", "check", "prod", "--within", "soon"], "30d");
}

/// A control plane whose keys are being changed, with the new key made.
fn rotating(of: RotationTarget, phase: RotationPhase) -> Plane {
    let mut control_plane = created();
    let given = PartialUserPki::default();
    let manifest =
        rotation_key(&control_plane.spec, of, &control_plane.live, &given, &mut Ambient::fixed(now(), 3)).unwrap();
    assert_eq!((manifest.write, &manifest.body["immutable"]), (Write::CreateOnly, &Value::Bool(true)));
    control_plane.live.insert(manifest.object.clone(), manifest.body);
    let key = key_in(of, &control_plane.live, "prod-rotation-key");
    assert!(key.is_some());
    control_plane.rotation = Some(Rotation {
        of,
        phase,
        done: true,
        began: now(),
        since: now(),
        used: false,
        key,
        given: false,
        signers: Vec::new(),
    });
    control_plane
}

/// The Secret from which the pods of a decision read a file of that volume.
fn source(desired: &Desired, volume: &str, file: &str) -> String {
    let deployment = desired.write.iter().find(|manifest| manifest.object.kind == "Deployment").unwrap();
    let volumes = deployment.body["spec"]["template"]["spec"]["volumes"].as_array().unwrap();
    let volume = volumes.iter().find(|one| one["name"] == volume).unwrap();
    let has = |source: &&Value| source["secret"]["items"].as_array().unwrap().iter().any(|item| item["path"] == file);
    let projected = volume["projected"]["sources"].as_array().and_then(|sources| sources.iter().find(has));
    let name = projected.map_or(&volume["secret"]["secretName"], |source| &source["secret"]["name"]);
    name.as_str().unwrap().to_owned()
}

fn value(desired: &Desired, secret: &str, key: &str) -> String {
    let mut live = Live::default();
    let manifest = desired.write.iter().find(|manifest| manifest.object.name == secret).unwrap();
    live.insert(manifest.object.clone(), manifest.body.clone());
    live.secret_value(secret, key).unwrap().expose_secret().to_owned()
}

#[test]
fn while_the_service_account_key_changes_both_are_trusted_and_one_signs() {
    let of = RotationTarget::ServiceAccountKey;
    let (api_server, manager) = ("api-server-pki", "controller-manager-pki");
    for (phase, signs) in [(RotationPhase::Trust, "prod-sa-certificate"), (RotationPhase::Use, "prod-rotation-key")] {
        let control_plane = rotating(of, phase);
        let desired = control_plane.desire().unwrap();
        assert_eq!(source(&desired, api_server, "sa.pub"), "prod-rotation-bundle");
        assert_eq!(source(&desired, api_server, "sa.key"), signs);
        assert_eq!(source(&desired, manager, "sa.key"), signs);
        let bundle = value(&desired, "prod-rotation-bundle", "sa.pub");
        for secret in ["prod-sa-certificate", "prod-rotation-key"] {
            let public = control_plane.live.secret_value(secret, "sa.pub").unwrap();
            assert!(bundle.contains(public.expose_secret()), "{secret}");
        }
        assert!(!bundle.contains("PRIVATE"));
    }
    for phase in [RotationPhase::Drop, RotationPhase::Back] {
        let desired = rotating(of, phase).desire().unwrap();
        assert_eq!(source(&desired, api_server, "sa.pub"), "prod-sa-certificate");
        assert_eq!(source(&desired, api_server, "sa.key"), "prod-sa-certificate");
        assert!(!desired.write.iter().any(|manifest| manifest.object.name.contains("rotation")));
    }
}

#[test]
fn while_the_encryption_key_changes_both_are_read_and_one_writes() {
    let names = |phase| {
        let desired = rotating(RotationTarget::EncryptionKey, phase).desire().unwrap();
        assert_eq!(source(&desired, "encryption-config", "-"), "prod-rotation-bundle");
        let text = value(&desired, "prod-rotation-bundle", "encryption.yaml");
        let keys = policy::encryption_keys(&text).unwrap();
        keys.into_iter().map(|key| key.name).collect::<Vec<_>>()
    };
    assert_eq!(names(RotationPhase::Trust), ["key1", "key2"]);
    assert_eq!(names(RotationPhase::Use), ["key2", "key1"]);
}

#[test]
fn while_the_authority_changes_both_are_trusted_and_one_signs() {
    let manager = "controller-manager-pki";
    for (phase, signs) in [(RotationPhase::Trust, "prod-ca"), (RotationPhase::Use, "prod-rotation-key")] {
        let control_plane = rotating(RotationTarget::CertificateAuthority, phase);
        let desired = control_plane.desire().unwrap();
        let certificate =
            |secret: &str| control_plane.live.secret_value(secret, "ca.crt").unwrap().expose_secret().to_owned();
        let both = format!("{}{}", certificate("prod-ca"), certificate("prod-rotation-key"));
        assert_eq!(value(&desired, "prod-rotation-bundle", "ca.crt"), both);
        assert_eq!(desired.ca_certificate, both, "what is inside the cluster trusts both");
        assert_eq!(source(&desired, "api-server-pki", "ca.crt"), "prod-rotation-bundle");
        assert_eq!(source(&desired, manager, "ca.crt"), "prod-rotation-bundle");
        assert_eq!(source(&desired, manager, "ca.key"), signs);
        assert_eq!(source(&desired, manager, "signer.crt"), signs);
        let deployment = desired.write.iter().find(|manifest| manifest.object.kind == "Deployment").unwrap();
        assert!(deployment.body.to_string().contains("--cluster-signing-cert-file=/etc/kubernetes/pki/signer.crt"));
        let signer = certificate(signs);
        let (client, _, trusted) =
            pki::kubeconfig_client(&value(&desired, "prod-admin-kubeconfig", "admin.conf")).unwrap();
        assert!(pki::is_signed_by(&client.certificate, &signer) && trusted == both);
        for (secret, key) in [
            ("prod-api-server-certificate", "apiserver.crt"),
            ("prod-api-server-kubelet-client-certificate", "apiserver-kubelet-client.crt"),
        ] {
            assert!(pki::is_signed_by(&value(&desired, secret, key), &signer), "{secret}");
        }
        let reissued: Vec<&str> = desired.reissued.iter().map(|reissued| reissued.leaf.as_str()).collect();
        assert_eq!(reissued.is_empty(), phase == RotationPhase::Trust, "{reissued:?}");
    }
    for phase in [RotationPhase::Drop, RotationPhase::Back] {
        let control_plane = rotating(RotationTarget::CertificateAuthority, phase);
        assert_eq!(control_plane.desire().unwrap().write.len(), created().desire().unwrap().write.len());
        assert_eq!(source(&control_plane.desire().unwrap(), manager, "ca.crt"), "prod-ca");
    }
}

#[test]
fn a_new_key_that_is_lost_is_never_replaced_silently() {
    for of in [RotationTarget::ServiceAccountKey, RotationTarget::EncryptionKey, RotationTarget::CertificateAuthority] {
        let mut control_plane = rotating(of, RotationPhase::Use);
        without(&mut control_plane, "prod-rotation-key");
        let error = control_plane.desire().unwrap_err();
        assert!(error.to_string().contains("prod-rotation-key"), "{error}");
        let mut control_plane = rotating(of, RotationPhase::Trust);
        control_plane.rotation.as_mut().unwrap().key = Some("another".into());
        let error = control_plane.desire().unwrap_err();
        assert!(error.hints().iter().any(|hint| hint.contains("--back")), "{:?}", error.hints());
    }
}

#[test]
fn a_phase_is_one_that_there_is_and_not_also_back() {
    let place = Place::new();
    for words in [&["--phase", "later"][..], &["--phase", "use", "--back"]] {
        let ran = place.run(&[&["certs", "rotate-sa-key", "prod"], words].concat());
        assert_eq!(ran.code, 2, "{}", ran.stderr);
    }
}
