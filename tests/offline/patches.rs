//! Patches: applied as kubeadm applies them, and refused where they would lead to what must not be.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use kamaji::config::{self, Settings, Source};
use kamaji::model::{ControlPlaneSpec, Keep, PatchTarget, SuppliedFile, SuppliedFiles};
use kamaji::render;
use kamaji::tenant;
use kamaji::yaml;
use serde_json::Value;

use crate::control_plane::{MINIMAL, Plane};

fn patched(files: &[(&str, &str)]) -> ControlPlaneSpec {
    load_patched(files).unwrap()
}

/// The wish of a file that names a folder with these patches.
pub(crate) fn load_patched(files: &[(&str, &str)]) -> Result<ControlPlaneSpec, config::Error> {
    let files: BTreeMap<String, String> = files.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect();
    let folder = SuppliedFile {
        path: "/p".into(),
        keep: Keep::Secret,
        folder: true,
        keys: files.keys().map(|name| (name.clone(), name.clone())).collect(),
        digest: String::new(),
        content: Some(files.into_iter().map(|(name, text)| (name, text.into_bytes().into())).collect()),
    };
    let text = format!(
        "{MINIMAL}---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\npatches: {{directory: /p}}\n"
    );
    let given = SuppliedFiles { files: vec![folder], ..SuppliedFiles::default() };
    let new = Settings::new("prod".parse().unwrap(), "team-a".parse().unwrap(), "default".parse().unwrap());
    config::load(&Source { name: "kubeadm.yaml", text: &text }, Settings { given, ..new }).map(|loaded| loaded.spec)
}

/// Why the patches are refused.
fn refusal(files: &[(&str, &str)]) -> String {
    let spec = patched(files);
    let refused = render::check_pod_patches(&spec).and_then(|()| tenant::check_patches(&spec));
    refused.expect_err("these patches are accepted").to_string()
}

pub(crate) fn document(text: &str) -> Value {
    yaml::read_documents("fixture", text).unwrap()[0].root.to_json()
}

/// What kubeadm's Go types leave out, or add, because it is the same as nothing.
pub(crate) fn without_defaults(value: Value) -> Value {
    let nothing = |key: &str, value: &Value| {
        *value == false
            || (matches!(key, "resources" | "status") && value.as_object().is_some_and(serde_json::Map::is_empty))
    };
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(key, value)| !nothing(key, value));
            kept.map(|(key, value)| (key, without_defaults(value))).collect()
        }
        Value::Array(items) => items.into_iter().map(without_defaults).collect(),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    }
}

#[test]
fn patches_lead_to_what_kubeadm_made_of_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kubeadm-patches");
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    let entries = fs::read_dir(folder.join("patches")).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<(String, String)> =
        entries.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), read(&path))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let before = document(&read(&folder.join("before.yaml")));
    let after = render::patch_object(&patched(&files), PatchTarget::KubeApiserver, before).unwrap();
    let expected = document(&read(&folder.join("after.yaml")));
    assert_eq!(yaml::write(&without_defaults(after)), yaml::write(&without_defaults(expected)));
}

#[test]
fn a_patch_of_a_component_reaches_its_container_in_the_pods() {
    let files = [
        (
            "kube-scheduler.yaml",
            "spec: {nodeSelector: {disk: ssd}, containers: [{name: kube-scheduler, resources: {limits: {memory: 1Gi}}}]}",
        ),
        ("kube-apiserver+json.yaml", "- {op: replace, path: /spec/containers/0/resources/requests/cpu, value: '2'}"),
        (
            "kube-controller-manager.yaml",
            "spec: {containers: [{name: sidecar, image: x, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]}",
        ),
    ];
    let control_plane = Plane::new(patched(&files));
    let desired = control_plane.desire().unwrap();
    let deployment = desired.write.iter().find(|manifest| manifest.object.kind == "Deployment").unwrap();
    let pod = &deployment.body["spec"]["template"]["spec"];
    let names: Vec<&str> =
        pod["containers"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "sidecar"]);
    assert_eq!(pod["containers"][2]["resources"]["limits"]["memory"], "1Gi");
    assert_eq!(pod["containers"][0]["resources"]["requests"]["cpu"], "2");
    assert_eq!(pod["nodeSelector"]["disk"], "ssd");
    assert!(deployment.body["spec"]["template"]["metadata"].get("name").is_none());
}

#[test]
fn a_patch_that_breaks_out_or_takes_what_is_kamajis_is_refused_by_name() {
    let mut said = String::new();
    for (name, text) in [
        ("kube-apiserver.yaml", "spec: {hostNetwork: true}"),
        ("kube-apiserver.yaml", "spec: {volumes: [{name: x, hostPath: {path: /}}]}"),
        ("kube-apiserver.yaml", "spec: {containers: [{name: kube-apiserver, securityContext: {privileged: true}}]}"),
        ("kube-apiserver.yaml", "spec: {containers: [{name: x, image: y}]}"),
        ("kube-apiserver.yaml", "spec: {containers: [{name: kube-apiserver, $patch: delete}]}"),
        ("kube-apiserver.yaml", "spec: {containers: [{name: kube-apiserver, command: [sh]}]}"),
        ("kube-apiserver+json.yaml", "- {op: add, path: /spec/containers/0/command/-, value: --etcd-servers=x}"),
        ("kube-apiserver+json.yaml", "- {op: add, path: /spec/containers/0/args, value: [--client-ca-file=/x]}"),
        (
            "kube-apiserver+json.yaml",
            "- {op: add, path: /spec/containers/0/command/-, value: --authorization-mode=AlwaysAllow}",
        ),
        ("kube-apiserver+json.yaml", "- {op: remove, path: /spec/volumes/0}"),
        ("kube-apiserver+json.yaml", "- {op: remove, path: /spec/containers/0/volumeMounts}"),
        ("kube-apiserver+json.yaml", "- {op: remove, path: /nowhere}"),
        ("kube-apiserver+json.yaml", "- {op: burn, path: /spec}"),
        ("kube-scheduler+merge.yaml", "metadata: {labels: {kamaji.clastix.io/name: other}}"),
        ("kube-scheduler+merge.yaml", "spec: {serviceAccountName: other}"),
        ("kube-scheduler+merge.yaml", "spec: {containers: []}"),
        ("kube-scheduler+merge.yaml", "spec: {terminationGracePeriodSeconds: soon}"),
        (
            "kube-scheduler.yaml",
            "spec: {containers: [{name: kube-apiserver, image: x, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]}",
        ),
        ("corednsdeployment+merge.yaml", "metadata: {name: other}"),
        ("kubeproxydaemonset+json.yaml", "- {op: remove, path: /spec/nothing}"),
        ("kubeletconfiguration+merge.yaml", "kind: Other"),
    ] {
        said.push_str(&format!("{}\n", refusal(&[(name, text)])));
    }
    insta::assert_snapshot!("refused_patches", said);
}
