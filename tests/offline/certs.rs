//! Tests of `certs`: detected problems, and the objects that renewals and rotations change.

use std::time::Duration;

use kamaji::ambient::Ambient;
use kamaji::error::Advice as _;
use kamaji::model::CertificateName;
use kamaji::pki::{self, PartialUserPki};
use kamaji::plan::apply::live_objects::Live;
use kamaji::plan::certificates::inventory::{CertificateEntry, ManagedBy, certificates};
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
use crate::program::Sandbox;

fn entries(control_plane: &Plane, given: &[&str]) -> Vec<CertificateEntry> {
    let mut record = Record::new(id(), control_plane.spec.clone(), now());
    record.supplied_files = given.iter().map(|name| (*name).to_owned()).collect();
    certificates(&record, &control_plane.live)
}

fn problems(control_plane: &Plane) -> Vec<String> {
    let wrong =
        entries(control_plane, &[]).into_iter().filter_map(|entry| Some(format!("{}: {}", entry.name, entry.problem?)));
    wrong.collect()
}

#[test]
fn a_new_control_plane_has_all_certificates_without_problems() {
    let control_plane = created();
    let all = entries(&control_plane, &[]);
    assert_eq!(all.iter().find_map(|entry| entry.problem.as_ref()), None);
    let names: Vec<&str> = all.iter().map(|entry| entry.name).collect();
    let leaves = CertificateName::ALL.map(CertificateName::as_str);
    assert_eq!(names[..3], ["ca", "front-proxy-ca", "datastore-ca"]);
    assert_eq!(names[3..11], leaves);
    assert_eq!(names[11..], ["service-account-key", "encryption-key", "kubelets"]);
    let admin = all.iter().find(|entry| entry.name == "admin.conf").unwrap();
    assert_eq!(admin.subject.as_deref(), Some("CN=kubernetes-admin, O=kubeadm:cluster-admins"));
    assert_eq!((admin.ca, admin.managed_by), (Some("ca"), ManagedBy::Kamaji));
    assert_eq!(admin.not_after, Some(now() + Duration::from_secs(8760 * 3600)));
    let encryption = all.iter().find(|entry| entry.name == "encryption-key").unwrap();
    assert_eq!(encryption.note.as_deref(), Some("key1"));
}

#[test]
fn supplied_keys_are_managed_by_the_user() {
    let all = entries(&created(), &["ca.key", "sa.key"]);
    let given: Vec<&str> =
        all.iter().filter(|entry| entry.managed_by == ManagedBy::User).map(|entry| entry.name).collect();
    assert_eq!(given, ["ca", "service-account-key"]);
}

#[test]
fn missing_certificates_and_wrong_signers_are_reported() {
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
    let problems = problems(&control_plane);
    assert!(problems.contains(&"ca: missing".to_owned()), "{problems:?}");
    assert!(problems.contains(&"admin.conf: its CA is missing: Secret prod-ca".to_owned()), "{problems:?}");
}

#[test]
fn a_renewal_changes_the_requested_certificates_and_the_pods_that_mount_them() {
    let mut control_plane = created();
    control_plane.reissue = RenewalRequest {
        leaves: vec![CertificateName::Admin, CertificateName::SuperAdmin],
        within: None,
        ..RenewalRequest::default()
    };
    let desired = control_plane.build_desired().unwrap();
    expect(&changed(&control_plane, &desired), &["Secret team-a/prod-admin-kubeconfig"]);
    assert_eq!(desired.reissued.len(), 4, "two kubeconfigs, each for two addresses");

    control_plane.reissue =
        RenewalRequest { leaves: vec![CertificateName::FrontProxyClient], within: None, ..RenewalRequest::default() };
    let desired = control_plane.build_desired().unwrap();
    expect(
        &changed(&control_plane, &desired),
        &["Deployment team-a/prod", "Secret team-a/prod-front-proxy-client-certificate"],
    );

    control_plane.reissue = RenewalRequest {
        leaves: CertificateName::ALL.to_vec(),
        within: Some(Duration::from_secs(30 * 86400)),
        ..RenewalRequest::default()
    };
    expect(&changed(&control_plane, &control_plane.build_desired().unwrap()), &[]);
    control_plane.now += Duration::from_secs(8760 * 3600);
    let desired = control_plane.build_desired().unwrap();
    assert_eq!(desired.reissued.len(), 10, "all have expired: {:?}", desired.reissued);
    let before = control_plane.recorded_ca.clone();
    apply(&mut control_plane, &desired);
    assert_eq!(control_plane.recorded_ca, before, "the CA stays");
    expect(&changed(&control_plane, &control_plane.build_desired().unwrap()), &[]);
}

#[test]
fn an_interrupted_renewal_is_completed_by_a_renewal_with_a_deadline() {
    let mut control_plane = created();
    control_plane.reissue =
        RenewalRequest { leaves: CertificateName::ALL.to_vec(), within: None, ..RenewalRequest::default() };
    let desired = control_plane.build_desired().unwrap();
    // Interrupted before the Deployment was written.
    for manifest in desired.write.iter().filter(|manifest| manifest.object.kind == "Secret") {
        if control_plane.live.get(&manifest.object).is_none_or(|live| live["immutable"] != true) {
            control_plane.live.insert(manifest.object.clone(), manifest.body.clone());
        }
    }
    control_plane.reissue.within = Some(Duration::from_secs(30 * 86400));
    expect(&changed(&control_plane, &control_plane.build_desired().unwrap()), &["Deployment team-a/prod"]);
}

#[test]
fn invalid_arguments_are_refused() {
    let place = Sandbox::new();
    let refused = |arguments: &[&str], message: &str| {
        let ran = place.run(arguments);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(message), "{}", ran.stderr);
    };
    refused(&["certs", "renew", "--yes"], "<NAME|--all-namespaces|--selector <SELECTOR>>");
    refused(&["certs", "renew", "prod", "-A"], "--all-namespaces");
    refused(&["certs", "renew", "prod", "--only", "ca"], "apiserver, apiserver-kubelet-client");
    refused(&["certs", "check", "prod", "--within", "soon"], "30d");
}

/// A control plane during a rotation, with the new key created.
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
        target: of,
        phase,
        done: true,
        began: now(),
        since: now(),
        used: false,
        key,
        supplied: false,
        signers: Vec::new(),
    });
    control_plane
}

/// The Secret from which the desired pods read a file in the volume.
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
fn during_a_service_account_key_rotation_both_keys_verify_and_one_signs() {
    let of = RotationTarget::ServiceAccountKey;
    let (api_server, manager) = ("api-server-pki", "controller-manager-pki");
    for (phase, signs) in
        [(RotationPhase::TrustBoth, "prod-sa-certificate"), (RotationPhase::SignWithNew, "prod-rotation-key")]
    {
        let control_plane = rotating(of, phase);
        let desired = control_plane.build_desired().unwrap();
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
    for phase in [RotationPhase::RemoveOld, RotationPhase::Rollback] {
        let desired = rotating(of, phase).build_desired().unwrap();
        assert_eq!(source(&desired, api_server, "sa.pub"), "prod-sa-certificate");
        assert_eq!(source(&desired, api_server, "sa.key"), "prod-sa-certificate");
        assert!(!desired.write.iter().any(|manifest| manifest.object.name.contains("rotation")));
    }
}

#[test]
fn during_an_encryption_key_rotation_both_keys_decrypt_and_one_encrypts() {
    let names = |phase| {
        let desired = rotating(RotationTarget::EncryptionKey, phase).build_desired().unwrap();
        assert_eq!(source(&desired, "encryption-config", "-"), "prod-rotation-bundle");
        let text = value(&desired, "prod-rotation-bundle", "encryption.yaml");
        let keys = policy::encryption_keys(&text).unwrap();
        keys.into_iter().map(|key| key.name).collect::<Vec<_>>()
    };
    assert_eq!(names(RotationPhase::TrustBoth), ["key1", "key2"]);
    assert_eq!(names(RotationPhase::SignWithNew), ["key2", "key1"]);
}

#[test]
fn during_a_ca_rotation_both_cas_are_trusted_and_one_signs() {
    let manager = "controller-manager-pki";
    for (phase, signs) in [(RotationPhase::TrustBoth, "prod-ca"), (RotationPhase::SignWithNew, "prod-rotation-key")] {
        let control_plane = rotating(RotationTarget::CertificateAuthority, phase);
        let desired = control_plane.build_desired().unwrap();
        let certificate =
            |secret: &str| control_plane.live.secret_value(secret, "ca.crt").unwrap().expose_secret().to_owned();
        let both = format!("{}{}", certificate("prod-ca"), certificate("prod-rotation-key"));
        assert_eq!(value(&desired, "prod-rotation-bundle", "ca.crt"), both);
        assert_eq!(desired.ca_certificate, both, "clients inside the cluster trust both");
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
        assert_eq!(reissued.is_empty(), phase == RotationPhase::TrustBoth, "{reissued:?}");
    }
    for phase in [RotationPhase::RemoveOld, RotationPhase::Rollback] {
        let control_plane = rotating(RotationTarget::CertificateAuthority, phase);
        assert_eq!(control_plane.build_desired().unwrap().write.len(), created().build_desired().unwrap().write.len());
        assert_eq!(source(&control_plane.build_desired().unwrap(), manager, "ca.crt"), "prod-ca");
    }
}

#[test]
fn a_lost_rotation_key_is_never_replaced_silently() {
    for of in [RotationTarget::ServiceAccountKey, RotationTarget::EncryptionKey, RotationTarget::CertificateAuthority] {
        let mut control_plane = rotating(of, RotationPhase::SignWithNew);
        without(&mut control_plane, "prod-rotation-key");
        let error = control_plane.build_desired().unwrap_err();
        assert!(error.to_string().contains("prod-rotation-key"), "{error}");
        let mut control_plane = rotating(of, RotationPhase::TrustBoth);
        control_plane.rotation.as_mut().unwrap().key = Some("another".into());
        let error = control_plane.build_desired().unwrap_err();
        assert!(error.hints().iter().any(|hint| hint.contains("--back")), "{:?}", error.hints());
    }
}

#[test]
fn unknown_phases_and_a_phase_with_back_are_refused() {
    let place = Sandbox::new();
    for words in [&["--phase", "later"][..], &["--phase", "use", "--back"]] {
        let ran = place.run(&[&["certs", "rotate-sa-key", "prod"], words].concat());
        assert_eq!(ran.code, 2, "{}", ran.stderr);
    }
}
