//! What must hold for the objects of every etcd datastore.

use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;
use crate::model::San;

fn with_plan<T>(members: u32, test: impl FnOnce(&EtcdPlan) -> T) -> T {
    let name = DatastoreName::parse("default").unwrap();
    let namespace = Namespace::parse("kamaji-system").unwrap();
    test(&EtcdPlan {
        name: &name,
        namespace: &namespace,
        members,
        image: "registry.k8s.io/etcd:3.7.3-0",
        image_pull_secrets: &["mirror".to_owned()],
        storage_class: None,
        volume_size: "8Gi",
    })
}

fn stateful_set(plan: &EtcdPlan) -> Value {
    objects(plan).into_iter().find(|manifest| manifest.object.kind == "StatefulSet").unwrap().body
}

fn names_of(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[test]
fn members_are_found_by_their_own_names() {
    with_plan(3, |plan| {
        assert_eq!(member_addresses(plan)[0], "etcd-default-0.etcd-default.kamaji-system.svc:2379");
        let sans = server_sans(plan);
        for address in member_addresses(plan) {
            let host = address.split(':').next().unwrap();
            assert!(sans.contains(&San::parse(host).unwrap()), "{host}");
        }
        for name in ["localhost", "127.0.0.1", "etcd-default.kamaji-system.svc"] {
            assert!(sans.contains(&San::parse(name).unwrap()), "{name}");
        }
        let set = stateful_set(plan);
        let command = set["spec"]["template"]["spec"]["containers"][0]["command"].to_string();
        for n in 0..3 {
            let host = format!("etcd-default-{n}.etcd-default.kamaji-system.svc");
            assert!(command.contains(&format!("etcd-default-{n}=https://{host}:2380")), "{command}");
        }
    });
}

#[test]
fn pods_meet_pod_security_restricted() {
    with_plan(3, |plan| {
        let pod = stateful_set(plan)["spec"]["template"]["spec"].clone();
        let context = &pod["securityContext"];
        assert_eq!(context["runAsNonRoot"], true);
        assert_eq!(context["runAsUser"], 65532);
        assert_eq!(context["fsGroup"], 65532);
        assert_eq!(context["seccompProfile"], json!({ "type": "RuntimeDefault" }));
        assert_eq!(pod["automountServiceAccountToken"], false);
        for container in pod["containers"].as_array().unwrap() {
            let context = &container["securityContext"];
            assert_eq!(context["allowPrivilegeEscalation"], false);
            assert_eq!(context["readOnlyRootFilesystem"], true);
            assert_eq!(context["capabilities"], json!({ "drop": ["ALL"] }));
            assert_eq!(container["terminationMessagePolicy"], "FallbackToLogsOnError");
            assert!(container["resources"]["requests"]["memory"].is_string());
        }
    });
}

#[test]
fn every_mount_has_a_volume_and_every_selector_finds_the_pods() {
    with_plan(1, |plan| {
        let set = stateful_set(plan);
        let template = &set["spec"]["template"];
        let mut volumes = names_of(&template["spec"]["volumes"]);
        for claim in set["spec"]["volumeClaimTemplates"].as_array().unwrap() {
            volumes.push(claim["metadata"]["name"].as_str().unwrap());
        }
        let mounts = names_of(&template["spec"]["containers"][0]["volumeMounts"]);
        assert!(mounts.iter().all(|mount| volumes.contains(mount)), "{mounts:?} {volumes:?}");

        let labels = &template["metadata"]["labels"];
        for manifest in objects(plan) {
            let selector = &manifest.body["spec"]["selector"];
            let wanted = if selector["matchLabels"].is_object() { &selector["matchLabels"] } else { selector };
            for (key, value) in wanted.as_object().into_iter().flatten() {
                assert_eq!(&labels[key], value, "{}", manifest.object);
            }
        }
        assert_eq!(set["spec"]["serviceName"], "etcd-default");
    });
}

#[test]
fn a_control_planes_certificate_cannot_pass_for_a_member() {
    with_plan(1, |plan| {
        let set = stateful_set(plan);
        let command = &set["spec"]["template"]["spec"]["containers"][0]["command"];
        for flag in ["--client-cert-auth=true", "--peer-client-cert-auth=true", "--peer-cert-allowed-cn=etcd-default"] {
            assert!(command.as_array().unwrap().contains(&json!(flag)), "{flag}");
        }
    });
}

#[test]
fn the_keys_are_only_in_the_secrets() {
    with_plan(1, |plan| {
        let key = SecretString::from("the key");
        let ca = ca_secret(plan, "the ca", &key);
        assert_eq!((ca.write, &ca.body["immutable"]), (Write::CreateOnly, &json!(true)));
        let member = tls_secret(plan, TlsUse::Member, "the ca", "the certificate", &key);
        let volumes = stateful_set(plan)["spec"]["template"]["spec"]["volumes"].clone();
        assert_eq!(volumes[0]["secret"]["secretName"], member.object.name.as_str());
        let described = datastore_secret(plan, ("the ca", &key), ("the certificate", &key));
        let keys: Vec<&String> = described.body["data"].as_object().unwrap().keys().collect();
        assert_eq!(
            keys,
            [
                "driver",
                "endpoints",
                "tlsConfig.certificateAuthority.certificate",
                "tlsConfig.certificateAuthority.privateKey",
                "tlsConfig.clientCertificate.certificate",
                "tlsConfig.clientCertificate.privateKey",
            ]
        );
    });
}

#[test]
fn a_name_that_does_not_fit_the_labels_of_pods_is_refused() {
    with_plan(1, |plan| {
        assert!(plan.check().is_ok());
        assert!(EtcdPlan { members: 2, ..*plan }.check().is_err());
        let longest = DatastoreName::parse(&"a".repeat(47)).unwrap();
        let fits = EtcdPlan { name: &longest, ..*plan };
        assert!(fits.check().is_ok());
        for manifest in objects(&fits) {
            assert!(manifest.object.name.len() <= 52, "{}", manifest.object);
        }
        let too_long = DatastoreName::parse(&"a".repeat(48)).unwrap();
        assert!(EtcdPlan { name: &too_long, ..*plan }.check().is_err());
    });
}
