//! Damaged kubeadm files, `TenantControlPlane`s and patches.

use std::path::Path;

use kamaji::config::operator::tenant_control_plane;
use kamaji::config::operator::tenant_control_plane::Overrides;
use kamaji::config::{self, KubeadmApi, Problem, Settings, Source};
use kamaji::error::Advice as _;
use kamaji::model::{ControlPlaneSpec, KeyAlgorithm, PatchTarget, SuppliedFiles};
use kamaji::{render, tenant, yaml};

use super::for_a_while;
use super::mutate::{damaged, damaged_one};
use crate::control_plane::Plane;

const TENANT: &str = "apiVersion: kamaji.clastix.io/v1alpha1\nkind: TenantControlPlane\nmetadata: {name: prod, labels: {a: b}}\n\
    spec:\n  dataStore: main\n  controlPlane:\n    deployment:\n      replicas: 2\n      nodeSelector: {disk: ssd}\n\
    \x20     tolerations: [{key: a, operator: Exists, effect: NoSchedule}]\n\
    \x20     resources: {apiServer: {requests: {cpu: 250m, memory: 512Mi}, limits: {memory: 1Gi}}}\n\
    \x20     probes: {liveness: {periodSeconds: 5}}\n      extraArgs: {apiServer: ['--v=2', '--feature-gates=A=true']}\n\
    \x20     additionalVolumes: [{name: v, configMap: {name: c}}]\n\
    \x20     additionalVolumeMounts: {apiServer: [{name: v, mountPath: /x, readOnly: true}]}\n\
    \x20   service: {serviceType: LoadBalancer, additionalPorts: [{name: x, port: 80, targetPort: 8080}]}\n\
    \x20 kubernetes: {version: v1.37.2, kubelet: {cgroupfs: systemd}}\n\
    \x20 networkProfile: {port: 6443, certSANs: [a.example], loadBalancerClass: c, loadBalancerSourceRanges: [192.0.2.0/24]}\n\
    \x20 addons: {coreDNS: {}, kubeProxy: {}}\n";

fn corpus() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kubeadm");
    let mut paths: Vec<_> = ["accepted", "refused"]
        .into_iter()
        .flat_map(|verdict| std::fs::read_dir(folder.join(verdict)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() > 100);
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn settings() -> Settings {
    let new = Settings::new("prod".parse().unwrap(), "team-a".parse().unwrap(), "default".parse().unwrap());
    Settings { allow_experimental: true, ..new }
}

/// What is told can be shown, has a remedy, and is not endless.
fn can_be_told(problems: &[Problem]) {
    for problem in problems {
        let said = problem.to_string();
        assert!(said.len() < 2000, "{} bytes", said.len());
        assert!(said.chars().all(|c| c == '\n' || !c.is_control()), "{said:?}");
        assert!(!problem.remedy.is_empty() || problem.text.contains("more problems"), "no remedy: {said}");
    }
}

/// A wish leads to objects, or to an error; twice to the same.
fn decided(spec: &ControlPlaneSpec) {
    let slow = [KeyAlgorithm::Rsa2048, KeyAlgorithm::Rsa3072, KeyAlgorithm::Rsa4096];
    if !slow.contains(&spec.certificates.algorithm) {
        drop(Plane::new(spec.clone()).desire());
    }
}

#[test]
fn no_damage_to_a_kubeadm_file_makes_reading_it_fail() {
    let corpus = corpus();
    let read = std::cell::Cell::new(0);
    for_a_while(
        |random| damaged_one(&corpus, random),
        |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let source = Source { name: "a.yaml", text: &text };
            can_be_told(&config::validate(&source, true, &SuppliedFiles::default()).problems);
            let Ok(loaded) = config::load(&source, settings()) else { return };
            read.set(read.get() + 1);
            // What the record keeps means the same as the file.
            let kept = Source { name: "kept", text: &loaded.documents };
            let mut again = config::load(&kept, settings()).unwrap();
            again.spec.bootstrap_tokens.clone_from(&loaded.spec.bootstrap_tokens);
            assert_eq!(json(&again.spec), json(&loaded.spec), "{}", loaded.documents);
            assert_eq!(again.documents, loaded.documents);
            if let Ok(converted) = config::convert(&source, KubeadmApi::V1beta4, true) {
                let again = config::load(&Source { name: "converted", text: &converted }, settings()).unwrap();
                assert_eq!(json(&again.spec), json(&loaded.spec), "{converted}");
            }
            decided(&loaded.spec);
        },
    );
    assert!(read.get() > 0, "no damaged file is a file");
}

fn json(spec: &ControlPlaneSpec) -> serde_json::Value {
    let value = serde_json::to_value(spec).unwrap();
    let again: ControlPlaneSpec = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(serde_json::to_value(&again).unwrap(), value, "a record is read as it was written");
    value
}

#[test]
fn no_damage_to_a_tenant_control_plane_makes_reading_it_fail() {
    let corpus = corpus();
    for_a_while(
        |random| damaged(TENANT.as_bytes(), random.one_of::<Vec<u8>>(&corpus), random),
        |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let source = Source { name: "a.yaml", text: &text };
            match tenant_control_plane::load(&source, Overrides::default()) {
                Ok(loaded) => {
                    json(&loaded.spec);
                    decided(&loaded.spec);
                }
                Err(error) => {
                    assert!(!error.hints().is_empty(), "no remedy: {error}");
                    can_be_told(error.problems());
                }
            }
        },
    );
}

#[test]
fn no_damage_to_yaml_makes_reading_or_writing_it_fail() {
    let corpus = corpus();
    for_a_while(
        |random| damaged_one(&corpus, random),
        |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let Ok(documents) = yaml::read_documents("a.yaml", &text) else { return };
            let values: Vec<_> = documents.iter().map(|document| document.root.to_json()).collect();
            let written = yaml::write_documents(&values);
            let again = yaml::read_documents("written", &written).unwrap();
            let again: Vec<_> = again.iter().map(|document| document.root.to_json()).collect();
            assert_eq!(again, values, "{written}");
        },
    );
}

#[test]
fn no_damage_to_a_patch_makes_applying_it_fail() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kubeadm-patches");
    let read = |path: &Path| std::fs::read(path).unwrap();
    let mut paths: Vec<_> =
        std::fs::read_dir(folder.join("patches")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let patches: Vec<Vec<u8>> = paths.iter().map(|path| read(path)).collect();
    let names =
        ["kube-apiserver.yaml", "kube-apiserver+json.yaml", "kube-apiserver+merge.yaml", "corednsdeployment.yaml"];
    for_a_while(
        |random| damaged_one(&patches, random),
        |bytes| {
            for name in names {
                let Ok(spec) = crate::patches::load_patched(&[(name, &String::from_utf8_lossy(bytes))]) else {
                    continue;
                };
                if render::check_pod_patches(&spec).and_then(|()| tenant::check_patches(&spec)).is_ok() {
                    decided(&spec);
                }
                let pod = serde_json::json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "kube-apiserver"}]}});
                drop(render::patch_object(&spec, PatchTarget::KubeApiserver, pod));
            }
        },
    );
}
