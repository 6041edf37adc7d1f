//! What must hold for the objects of every example, whatever is in it.

use std::collections::BTreeSet;

use kamaji::model::{ControlPlaneName, ControlPlaneSpec, DatastoreName, Namespace};
use kamaji::plan::lifecycle::desired::object_refs;
use kamaji::render::Manifest;
use kamaji::render::etcd::{EtcdPlan, objects};
use serde_json::{Value, json};

use crate::control_plane::{MINIMAL, Plane, spec};
use crate::examples::{self, Example};

fn list<'a>(value: &'a Value, pointer: &str) -> Vec<&'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten().collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Pod templates with the name of what they are from: all examples, and the default datastore.
fn pods() -> Vec<(String, Value)> {
    let mut pods: Vec<(String, Value)> =
        examples::all().iter().map(|example| (example.name.clone(), example.pod().clone())).collect();
    let (name, namespace) = (DatastoreName::parse("default").unwrap(), Namespace::parse("kamaji-system").unwrap());
    let set =
        objects(&etcd(&name, &namespace)).into_iter().find(|manifest| manifest.object.kind == "StatefulSet").unwrap();
    pods.push(("datastore".into(), set.body["spec"]["template"].clone()));
    pods
}

fn etcd<'a>(name: &'a DatastoreName, namespace: &'a Namespace) -> EtcdPlan<'a> {
    EtcdPlan {
        name,
        namespace,
        members: 3,
        image: "registry.example.com/etcd:3.7.0-0",
        storage_class: None,
        image_pull_secrets: &[],
        volume_size: "8Gi",
    }
}

fn containers() -> Vec<(String, Value)> {
    pods()
        .iter()
        .flat_map(|(name, pod)| {
            let all = list(pod, "/spec/containers").into_iter().chain(list(pod, "/spec/initContainers"));
            all.map(|container| (format!("{name}/{}", text(&container["name"])), container.clone())).collect::<Vec<_>>()
        })
        .collect()
}

fn manifests() -> impl Iterator<Item = (&'static Example, &'static [Manifest])> {
    examples::all().iter().map(|example| (example, example.desired.write.as_slice()))
}

#[test]
fn every_mount_has_a_volume_and_every_volume_a_mount() {
    for (name, pod) in pods() {
        let volumes: BTreeSet<&str> = list(&pod, "/spec/volumes").iter().map(|volume| text(&volume["name"])).collect();
        let mounts: BTreeSet<&str> = list(&pod, "/spec/containers")
            .into_iter()
            .flat_map(|container| list(container, "/volumeMounts"))
            .map(|mount| text(&mount["name"]))
            // The volume of a member's data is a claim of the StatefulSet.
            .filter(|mount| !(name == "datastore" && *mount == "data"))
            .collect();
        assert_eq!(volumes, mounts, "{name}");
    }
}

#[test]
fn every_mounted_object_is_written_before_the_deployment_and_has_the_key() {
    for (example, write) in manifests() {
        let deployment = write.iter().position(|manifest| manifest.object.kind == "Deployment").unwrap();
        let has = |kind: &str, name: &str, key: Option<&str>| {
            let found = write[..deployment].iter().find(|m| m.object.kind == kind && m.object.name == name);
            let body = &found.unwrap_or_else(|| panic!("{}: {kind} {name} is not written", example.name)).body;
            assert!(
                key.is_none_or(|key| body["data"].get(key).is_some()),
                "{}: {name} has no key {key:?}",
                example.name
            );
        };
        for volume in list(&write[deployment].body, "/spec/template/spec/volumes") {
            for source in list(volume, "/projected/sources") {
                for item in list(source, "/secret/items") {
                    has("Secret", text(&source["secret"]["name"]), item["key"].as_str());
                }
            }
            if let Some(name) = volume.pointer("/secret/secretName") {
                has("Secret", text(name), None);
            }
            if let Some(name) = volume.pointer("/configMap/name") {
                has("ConfigMap", text(name), None);
            }
        }
    }
}

#[test]
fn selectors_match_the_pods_labels() {
    for (example, write) in manifests() {
        let deployment = write.iter().find(|manifest| manifest.object.kind == "Deployment").unwrap();
        let labels = deployment.body["spec"]["template"]["metadata"]["labels"].as_object().unwrap();
        for manifest in write {
            let selector =
                manifest.body.pointer("/spec/selector").or_else(|| manifest.body.pointer("/spec/podSelector"));
            let selector = selector.map(|selector| selector.get("matchLabels").unwrap_or(selector));
            for (key, value) in selector.and_then(Value::as_object).into_iter().flatten() {
                assert_eq!(labels.get(key), Some(value), "{}: {}", example.name, manifest.object);
            }
        }
    }
}

/// A policy that names labels which nobody has cuts off what it is meant to let through.
#[test]
fn policies_name_the_pods_of_control_planes_and_of_the_datastore_as_they_are() {
    let (name, namespace) = (DatastoreName::parse("default").unwrap(), Namespace::parse("kamaji-system").unwrap());
    let datastore = objects(&etcd(&name, &namespace));
    let labels = |objects: &[Manifest], kind: &str| {
        let found = objects.iter().find(|manifest| manifest.object.kind == kind).unwrap();
        found.body["spec"]["template"]["metadata"]["labels"].clone()
    };
    let find = |selector: &Value, labels: &Value| {
        let wanted = selector["matchLabels"].as_object().unwrap_or_else(|| panic!("it selects all pods: {selector}"));
        assert!(wanted.iter().all(|(key, value)| labels[key] == *value), "{selector} finds {labels}");
    };
    let policy = |objects: &[Manifest]| {
        let found = objects.iter().find(|manifest| manifest.object.kind == "NetworkPolicy").unwrap();
        found.body["spec"].clone()
    };
    let members = labels(&datastore, "StatefulSet");
    let of_datastore = policy(&datastore);
    find(&of_datastore["podSelector"], &members);
    find(&of_datastore["ingress"][1]["from"][0]["podSelector"], &members);
    find(&of_datastore["egress"][1]["to"][0]["podSelector"], &members);
    for (_, write) in manifests() {
        let (pods, spec) = (labels(write, "Deployment"), policy(write));
        find(&spec["podSelector"], &pods);
        find(&of_datastore["ingress"][0]["from"][0]["podSelector"], &pods);
        find(&spec["egress"][1]["to"][0]["podSelector"], &members);
        let port =
            write.iter().find(|manifest| manifest.object.kind == "Service").unwrap().body["spec"]["ports"][0].clone();
        assert_eq!(spec["ingress"][0]["ports"][0]["port"], port["targetPort"]);
    }
}

#[test]
fn names_and_label_values_fit_with_the_longest_control_plane_name() {
    let spec =
        ControlPlaneSpec { name: ControlPlaneName::parse(&"a".repeat(63)).unwrap(), replicas: 2, ..spec(MINIMAL) };
    for manifest in Plane::new(spec).desire().unwrap().write {
        // A Service and a label take a DNS label; Secrets and ConfigMaps take a subdomain.
        let longest = if manifest.object.kind == "Service" { 63 } else { 253 };
        assert!(manifest.object.name.len() <= longest, "{}", manifest.object);
        for (key, value) in manifest.body["metadata"]["labels"].as_object().unwrap() {
            assert!(text(value).len() <= 63, "{}: {key}", manifest.object);
        }
    }
    for (name, pod) in pods() {
        for item in list(&pod, "/spec/volumes").into_iter().chain(list(&pod, "/spec/containers")) {
            assert!(text(&item["name"]).len() <= 63, "{name}: {item}");
        }
    }
}

#[test]
fn every_object_carries_the_labels_that_find_it() {
    for (example, write) in manifests() {
        for manifest in write {
            let labels = &manifest.body["metadata"]["labels"];
            assert_eq!(
                labels["kamaji.clastix.io/name"],
                example.control_plane.spec.name.as_str(),
                "{}",
                manifest.object
            );
            assert_eq!(labels["app.kubernetes.io/managed-by"], "kamaji", "{}", manifest.object);
        }
    }
}

#[test]
fn a_users_labels_are_on_the_deployment_and_the_service_and_replace_no_pod() {
    let mut control_plane = Plane::new(spec(MINIMAL));
    control_plane.spec.labels.insert("tier".into(), "prod".into());
    let write = control_plane.desire().unwrap().write;
    for manifest in &write {
        let labelled = ["Deployment", "Service"].contains(&manifest.object.kind.as_str());
        assert_eq!(manifest.body["metadata"]["labels"].get("tier").is_some(), labelled, "{}", manifest.object);
    }
    let deployment = write.iter().find(|manifest| manifest.object.kind == "Deployment").unwrap();
    assert!(!deployment.body["spec"].to_string().contains("tier\":"), "the template stays as it is");
}

#[test]
fn what_is_written_is_among_the_objects_that_are_read_and_deleted() {
    for (example, write) in manifests() {
        let known = object_refs(&example.control_plane.spec);
        for manifest in write {
            assert!(known.contains(&manifest.object), "{}: {}", example.name, manifest.object);
        }
    }
}

#[test]
fn pods_are_admitted_under_pod_security_restricted() {
    for (name, pod) in pods() {
        let spec = &pod["spec"];
        for forbidden in ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"] {
            assert!(spec.get(forbidden).is_none(), "{name}: {forbidden}");
        }
        assert_eq!(spec["automountServiceAccountToken"], false, "{name}");
        assert_eq!(spec["securityContext"]["runAsNonRoot"], true, "{name}");
        assert_ne!(spec["securityContext"]["runAsUser"].as_i64().unwrap_or(0), 0, "{name}");
        assert!(spec["securityContext"].get("sysctls").is_none(), "{name}");
        for volume in list(&pod, "/spec/volumes") {
            let kinds = ["configMap", "secret", "projected", "emptyDir", "downwardAPI"];
            assert!(kinds.iter().any(|kind| volume.get(kind).is_some()), "{name}: {volume}");
        }
    }
    for (name, container) in containers() {
        let context = &container["securityContext"];
        assert_eq!(context["allowPrivilegeEscalation"], false, "{name}");
        assert_ne!(context["privileged"], true, "{name}");
        assert_eq!(context["readOnlyRootFilesystem"], true, "{name}");
        assert_eq!(context["capabilities"]["drop"], json!(["ALL"]), "{name}");
        let added = list(context, "/capabilities/add");
        assert!(added.iter().all(|capability| *capability == "NET_BIND_SERVICE"), "{name}: {added:?}");
        assert_ne!(context["runAsNonRoot"], false, "{name}");
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            assert!(container[probe].pointer("/httpGet/host").is_none(), "{name}: {probe} of another host");
        }
        for port in list(&container, "/ports") {
            assert!(port.get("hostPort").is_none(), "{name}: {port}");
        }
    }
}

#[test]
fn every_container_has_probes_requests_and_an_exact_image() {
    for (name, container) in containers() {
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            assert!(container.get(probe).is_some(), "{name} has no {probe}");
        }
        assert!(container.pointer("/resources/requests/memory").is_some(), "{name}");
        assert!(container.pointer("/resources/limits/memory").is_some(), "{name}: one tenant could eat a node");
        let image = text(&container["image"]);
        let (_, tag) = image.rsplit_once(':').unwrap();
        assert!(tag != "latest" && tag.starts_with(|c: char| c == 'v' || c.is_ascii_digit()), "{name}: {image}");
        assert_ne!(container["imagePullPolicy"], "Always", "{name}");
    }
}

#[test]
fn secrets_are_mounted_read_only_and_not_for_everybody() {
    for example in examples::all() {
        let pod = example.pod();
        for container in list(pod, "/spec/containers") {
            for mount in list(container, "/volumeMounts") {
                // What the user asked for to write to holds nothing when the pod starts.
                let empty = text(&mount["name"]).starts_with("empty-");
                assert!(empty || mount["readOnly"] == true, "{}: {mount}", example.name);
            }
        }
        for volume in list(pod, "/spec/volumes") {
            let modes = [volume.pointer("/projected/defaultMode"), volume.pointer("/secret/defaultMode")];
            for mode in modes.into_iter().flatten() {
                assert_eq!(mode.as_i64().unwrap() & 0o007, 0, "{}: {volume}", example.name);
            }
        }
    }
}

#[test]
fn the_key_of_the_authority_is_in_the_controller_manager_only() {
    for example in examples::all() {
        let pod = example.pod();
        let with_key: BTreeSet<&str> = list(pod, "/spec/volumes")
            .into_iter()
            .filter(|volume| volume.to_string().contains("\"ca.key\""))
            .map(|volume| text(&volume["name"]))
            .collect();
        let holders: Vec<&str> = list(pod, "/spec/containers")
            .into_iter()
            .filter(|container| list(container, "/volumeMounts").iter().any(|m| with_key.contains(text(&m["name"]))))
            .map(|container| text(&container["name"]))
            .collect();
        assert_eq!(holders, ["kube-controller-manager"], "{}", example.name);
    }
}

#[test]
fn no_private_key_is_outside_of_secrets() {
    for (example, write) in manifests() {
        for manifest in write.iter().filter(|manifest| !manifest.is_secret()) {
            assert!(!manifest.body.to_string().contains("PRIVATE KEY"), "{}: {}", example.name, manifest.object);
        }
    }
}

#[test]
fn keys_that_somebody_brings_are_the_keys_that_are_used() {
    let example = examples::named("own-pki");
    let given = example.control_plane.given.ca.as_ref().unwrap();
    assert_eq!(example.desired.ca_certificate, given.certificate);
}
