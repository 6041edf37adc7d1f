//! Arguments and patches lead to what kubeadm makes of them: `tests/fixtures/kubeadm-manifests` is what the real kubeadm
//! wrote (`tests/kubeadm-manifests`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kamaji::config::{self, Settings, Source};
use kamaji::model::PatchTarget;
use kamaji::render;
use kamaji::yaml;
use serde_json::Value;

use crate::control_plane::Plane;
use crate::patches::{document, load_patched, without_defaults};

/// Command lines by component.
type Commands = BTreeMap<String, Vec<String>>;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kubeadm-manifests").join(name)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn of_kamaji(case: &str) -> Commands {
    let text = read(&folder("arguments").join(format!("{case}.yaml")));
    let new = Settings::new("prod".parse().unwrap(), "team-a".parse().unwrap(), "default".parse().unwrap());
    let settings = Settings { allow_experimental: true, ..new };
    let spec = config::load(&Source { name: case, text: &text }, settings).unwrap().spec;
    let written = Plane::new(spec).desire().unwrap().write;
    let deployment = written.into_iter().find(|manifest| manifest.object.kind == "Deployment").unwrap().body;
    let containers = deployment["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    let command = |container: &Value| -> Vec<String> {
        // The kubelet reads `$$` as one `$`.
        container["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap().replace("$$", "$")).collect()
    };
    containers.iter().map(|one| (one["name"].as_str().unwrap().to_owned(), command(one))).collect()
}

fn of_kubeadm(case: &str) -> Commands {
    serde_json::from_str(&read(&folder("arguments").join(format!("{case}.json")))).unwrap()
}

fn split(line: &str) -> (&str, &str) {
    line.strip_prefix("--").and_then(|flag| flag.split_once('=')).unwrap_or((line, ""))
}

/// The lines that are other than without arguments, in order, with `<base>` for the value that there is without.
fn changed(with: &[String], without: &[String]) -> Vec<String> {
    let base =
        |name: &str| without.iter().map(|line| split(line)).find(|(one, _)| *one == name).map(|(_, value)| value);
    let other = with.iter().filter(|line| !without.contains(line));
    other
        .map(|line| {
            let (name, value) = split(line);
            let base = base(name).filter(|base| !base.is_empty());
            format!("--{name}={}", base.map_or_else(|| value.to_owned(), |base| value.replacen(base, "<base>", 1)))
        })
        .collect()
}

#[test]
fn arguments_lead_to_the_command_lines_that_kubeadm_makes() {
    let mut cases = 0;
    let (our_base, their_base) = (of_kamaji("none"), of_kubeadm("none"));
    for path in files(&folder("arguments")).iter().filter(|path| path.extension().is_some_and(|end| end == "yaml")) {
        let case = path.file_stem().unwrap().to_str().unwrap();
        let (ours, theirs) = (of_kamaji(case), of_kubeadm(case));
        for component in ["kube-apiserver", "kube-controller-manager", "kube-scheduler"] {
            let our = changed(&ours[component], &our_base[component]);
            let their = changed(&theirs[component], &their_base[component]);
            assert_eq!(our, their, "{case}: {component}");
            cases += our.len();
        }
    }
    assert!(cases > 25, "only {cases} lines differ from the base");
}

#[test]
fn patches_lead_to_the_static_pods_that_kubeadm_writes() {
    let targets = [
        ("kube-apiserver", PatchTarget::KubeApiserver),
        ("kube-controller-manager", PatchTarget::KubeControllerManager),
        ("kube-scheduler", PatchTarget::KubeScheduler),
    ];
    for case in files(&folder("patches")) {
        let patches: Vec<(String, String)> = files(&case.join("files"))
            .iter()
            .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), read(path)))
            .collect();
        let patches: Vec<(&str, &str)> = patches.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let spec = load_patched(&patches).unwrap();
        for (name, target) in targets {
            let before = document(&read(&folder("patches/none/after").join(format!("{name}.yaml"))));
            let after = render::patch_object(&spec, target, before).unwrap();
            let expected = document(&read(&case.join("after").join(format!("{name}.yaml"))));
            assert_eq!(
                yaml::write(&without_defaults(after)),
                yaml::write(&without_defaults(expected)),
                "{}: {name}",
                case.display()
            );
        }
    }
}
