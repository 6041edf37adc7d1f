//! Settings of the pods as they are rendered: they reach the Deployment, and change nothing that must not change.

use std::collections::BTreeMap;

use clap::Parser as _;
use kamaji::cli::{Cli, Command};
use kamaji::model::{Exposure, PodSettings, Size};
use kamaji::plan::state::record::immutable_changes;
use serde_json::{Value, json};

use crate::control_plane::{MINIMAL, Plane, spec};

fn settings(flags: &str) -> PodSettings {
    let line = format!("kamaji create prod --kubeadm-config x {flags}");
    let Command::Create(args) = Cli::try_parse_from(line.split_whitespace()).unwrap().command else { panic!("{line}") };
    let mut pods = PodSettings::default();
    args.spec.settings.pods.apply(&mut pods).unwrap();
    pods
}

fn object(control_plane: &Plane, kind: &str) -> Value {
    let write = control_plane.desire().unwrap().write;
    write.into_iter().find(|manifest| manifest.object.kind == kind).unwrap().body
}

fn deployment(flags: &str) -> Value {
    let mut control_plane = Plane::new(spec(MINIMAL));
    control_plane.spec.pods = settings(flags);
    object(&control_plane, "Deployment")
}

fn container<'a>(deployment: &'a Value, name: &str) -> &'a Value {
    let containers = deployment["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    containers.iter().find(|container| container["name"] == name).unwrap()
}

fn env(container: &Value) -> BTreeMap<&str, &str> {
    let all = container["env"].as_array().unwrap();
    let pairs: BTreeMap<&str, &str> =
        all.iter().map(|var| (var["name"].as_str().unwrap(), var["value"].as_str().unwrap())).collect();
    assert_eq!(pairs.len(), all.len(), "no variable is there twice");
    pairs
}

#[test]
fn every_setting_reaches_the_pods() {
    let deployment = deployment(
        "--image-pull-secret a --image-pull-secret b --toleration d=x:NoSchedule --toleration e:NoExecute \
         --node-selector pool=a --priority-class tenants --requests kube-scheduler=cpu=1",
    );
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["imagePullSecrets"], json!([{"name": "a"}, {"name": "b"}]));
    assert_eq!(
        pod["tolerations"],
        json!([
            {"key": "d", "operator": "Equal", "value": "x", "effect": "NoSchedule"},
            {"key": "e", "operator": "Exists", "effect": "NoExecute"},
        ])
    );
    assert_eq!(pod["nodeSelector"], json!({"pool": "a"}));
    assert_eq!(pod["priorityClassName"], "tenants");
    assert_eq!(container(&deployment, "kube-scheduler")["resources"]["requests"]["cpu"], "1");
}

#[test]
fn go_is_told_of_the_memory_limit_and_stays_below_it() {
    for size in Size::ALL {
        let deployment = deployment(&format!("--size {}", size.as_str()));
        for name in ["kube-apiserver", "kube-controller-manager", "kube-scheduler"] {
            let container = container(&deployment, name);
            let limit = container["resources"]["limits"]["memory"].as_str().unwrap();
            let limit = kamaji::model::Quantity::parse(limit).unwrap().whole() / 1024 / 1024;
            let heap: u128 = env(container)["GOMEMLIMIT"].strip_suffix("MiB").unwrap().parse().unwrap();
            assert!(heap > limit / 2 && heap < limit * 9 / 10, "{name}: {heap} of {limit}");
        }
    }
    let unlimited = deployment("--limits kube-apiserver=memory=0");
    assert!(container(&unlimited, "kube-apiserver")["resources"].get("limits").is_none());
    assert!(!env(container(&unlimited, "kube-apiserver")).contains_key("GOMEMLIMIT"));
}

#[test]
fn a_users_variable_wins() {
    let text =
        format!("{MINIMAL}apiServer:\n  extraEnvs: [{{name: GOMEMLIMIT, value: 100MiB}}, {{name: TZ, value: UTC}}]\n");
    let deployment = object(&Plane::new(spec(&text)), "Deployment");
    let env = env(container(&deployment, "kube-apiserver"));
    assert_eq!((env["GOMEMLIMIT"], env["TZ"], env["GOGC"]), ("100MiB", "UTC", "50"));
}

#[test]
fn another_number_of_replicas_replaces_no_pod() {
    let mut control_plane = Plane::new(spec(MINIMAL));
    let mut one = object(&control_plane, "Deployment");
    control_plane.spec.replicas = 2;
    let mut two = object(&control_plane, "Deployment");
    for deployment in [&mut one, &mut two] {
        // Over keys that are new at each run.
        deployment["spec"]["template"]["metadata"]["annotations"] = Value::Null;
        deployment["spec"]["replicas"] = Value::Null;
    }
    assert_eq!(one, two);
}

#[test]
fn labels_of_the_user_never_change_what_selects_the_pods() {
    let mut control_plane = Plane::new(spec(MINIMAL));
    let taken = ("kamaji.clastix.io/name".to_owned(), "other".to_owned());
    for metadata in [
        &mut control_plane.spec.pods.metadata,
        &mut control_plane.spec.pods.pod_metadata,
        &mut control_plane.spec.service.metadata,
    ] {
        metadata.labels = BTreeMap::from([taken.clone(), ("team".into(), "blue".into())]);
        metadata.annotations.insert("note".into(), "kept".into());
    }
    let (deployment, service) = (object(&control_plane, "Deployment"), object(&control_plane, "Service"));
    for metadata in [&deployment["metadata"], &deployment["spec"]["template"]["metadata"], &service["metadata"]] {
        assert_eq!(metadata["labels"]["kamaji.clastix.io/name"], "prod");
        assert_eq!((&metadata["labels"]["team"], &metadata["annotations"]["note"]), (&json!("blue"), &json!("kept")));
    }
}

#[test]
fn a_spread_without_a_selector_is_about_the_pods_of_this_control_plane() {
    let mut control_plane = Plane::new(spec(MINIMAL));
    let given = json!([{"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]);
    control_plane.spec.pods.topology_spread = serde_json::from_value(given).unwrap();
    let spread = &object(&control_plane, "Deployment")["spec"]["template"]["spec"]["topologySpreadConstraints"];
    assert_eq!(spread.as_array().unwrap().len(), 1, "the user's are instead of kamaji's");
    assert_eq!(spread[0]["labelSelector"], json!({"matchLabels": {"kamaji.clastix.io/name": "prod"}}));
}

#[test]
fn what_only_a_load_balancer_can_do_is_left_to_one() {
    let mut control_plane = Plane::new(spec(MINIMAL));
    control_plane.spec.service.load_balancer_class = Some("internal".into());
    control_plane.spec.service.load_balancer_source_ranges = vec!["192.0.2.0/24".parse().unwrap()];
    control_plane.spec.service.allocate_load_balancer_node_ports = Some(false);
    let balanced = object(&control_plane, "Service")["spec"].clone();
    assert_eq!(balanced["loadBalancerClass"], "internal");
    assert_eq!(balanced["loadBalancerSourceRanges"], json!(["192.0.2.0/24"]));
    control_plane.exposure = (Exposure::NodePort, 31000, Some(31000));
    let on_nodes = object(&control_plane, "Service")["spec"].clone();
    assert!(!on_nodes.to_string().contains("oadBalancer"), "{on_nodes}");

    let mut other = control_plane.spec.clone();
    other.service.load_balancer_class = None;
    let changes = immutable_changes(&control_plane.spec, &other);
    assert_eq!(changes.iter().map(|change| change.field).collect::<Vec<_>>(), ["networkProfile.loadBalancerClass"]);
}

#[test]
fn a_record_without_these_settings_is_read() {
    let mut old = serde_json::to_value(spec(MINIMAL)).unwrap();
    for key in ["pods", "service", "kubelet_patches"] {
        assert!(old.as_object_mut().unwrap().remove(key).is_some(), "{key}");
    }
    old["addons"].as_object_mut().unwrap().remove("kube_proxy_image").unwrap();
    let read: kamaji::model::ControlPlaneSpec = serde_json::from_value(old).unwrap();
    assert_eq!(read.pods, PodSettings::default());
}

#[test]
fn flags_that_cannot_be_are_refused_before_anything_is_read() {
    for flags in [
        "--size huge",
        "--requests kube-apiserver=memory=512m",
        "--limits etcd=memory=1Gi",
        "--image-pull-secret A_b",
        "--toleration dedicated",
        "--toleration dedicated=x:Never",
        "--node-selector pool",
        "--priority-class a/b",
        "--allow-system-priority",
    ] {
        let line = format!("kamaji create prod --kubeadm-config x {flags}");
        let error = Cli::try_parse_from(line.split_whitespace()).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{flags}");
    }
}
