//! Changing kept kubeadm documents: by a file that says only a part, or by single edits. What comes out is read again
//! like any file, so that it is held against every rule.

use serde_json::{Map, Value, json};

use crate::config::{Error, Source};
use crate::model::{ArgEdit, ComponentName, Edit, Edits, San};
use crate::yaml;

/// How errors call documents that were made here.
pub const KEPT: &str = "the kept configuration";

const CLUSTER: &str = "ClusterConfiguration";
const INIT: &str = "InitConfiguration";

/// A file without `ClusterConfiguration` says only a part: the rest is what was kept. Otherwise the file is the whole, and
/// this is `None`. The file's own text comes first, so that places in it are right.
pub fn completed(file: &Source<'_>, kept: &str) -> Result<Option<String>, Error> {
    let kind = |value: &Value| value.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    let given: Vec<String> =
        yaml::read_documents(file.name, file.text)?.iter().map(|document| kind(&document.root.to_json())).collect();
    if given.is_empty() || given.iter().any(|kind| kind == CLUSTER) {
        return Ok(None);
    }
    let rest: Vec<Value> = values(kept)?.into_iter().filter(|value| !given.contains(&kind(value))).collect();
    Ok(Some(format!("{}\n---\n{}", file.text, yaml::write_documents(&rest))))
}

/// The documents with the edits.
pub fn edited(documents: &str, edits: &Edits) -> Result<String, crate::error::Fault> {
    let mut all = values(documents)?;
    let cluster = document(&mut all, CLUSTER);
    if let Some(repository) = &edits.image_repository {
        cluster.insert("imageRepository".into(), json!(repository));
    }
    for edit in &edits.cert_sans {
        edit_san(map_at(cluster, "apiServer"), edit)?;
    }
    edit_args(cluster, &edits.extra_args)?;
    for (field, on) in [("dns", edits.coredns), ("proxy", edits.kube_proxy)] {
        let Some(on) = on else { continue };
        let addon = map_at(cluster, field);
        addon.remove("disabled");
        if !on {
            addon.insert("disabled".into(), json!(true));
        }
    }
    prune(cluster);
    if (edits.coredns, edits.kube_proxy) != (None, None) && all.iter().any(|value| value["kind"] == INIT) {
        edit_phases(document(&mut all, INIT), edits);
    }
    Ok(yaml::write_documents(&all))
}

fn values(text: &str) -> Result<Vec<Value>, Error> {
    Ok(yaml::read_documents(KEPT, text)?.iter().map(|document| document.root.to_json()).collect())
}

/// The document of a kind, which is a map; one that is missing is added, and what it lacks is told when it is read.
fn document<'a>(all: &'a mut Vec<Value>, kind: &str) -> &'a mut Map<String, Value> {
    let at = all.iter().position(|value| value["kind"] == kind).unwrap_or_else(|| {
        all.push(json!({"apiVersion": crate::config::KubeadmApi::V1beta4.to_string(), "kind": kind}));
        all.len() - 1
    });
    all[at].as_object_mut().expect("a value with a kind is a map")
}

/// The map at a key; what is none there was refused when the documents were kept.
fn map_at<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let value = map.entry(key).or_insert_with(|| json!({}));
    if !value.is_object() {
        *value = json!({});
    }
    value.as_object_mut().expect("it was just made one")
}

fn list_at<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Vec<Value> {
    let value = map.entry(key).or_insert_with(|| json!([]));
    if !value.is_array() {
        *value = json!([]);
    }
    value.as_array_mut().expect("it was just made one")
}

fn edit_san(api_server: &mut Map<String, Value>, edit: &Edit<San>) -> Result<(), crate::model::Error> {
    let sans = list_at(api_server, "certSANs");
    let (Edit::Add(san) | Edit::Remove(san)) = edit;
    let at = sans.iter().position(|value| value.as_str().and_then(|text| San::parse(text).ok()).as_ref() == Some(san));
    match (edit, at) {
        (Edit::Add(_), Some(_)) => {}
        (Edit::Add(san), None) => sans.push(json!(san.to_string())),
        (Edit::Remove(_), Some(at)) => drop(sans.remove(at)),
        (Edit::Remove(san), None) => {
            let there: Vec<&str> = sans.iter().filter_map(Value::as_str).collect();
            let rule = match there.as_slice() {
                [] => "certSANs has no names; those of its own addresses cannot be taken away".to_owned(),
                there => format!("certSANs has only {}", there.join(", ")),
            };
            return Err(crate::model::Error::invalid("name to take away", &san.to_string(), rule));
        }
    }
    Ok(())
}

/// Of an argument that is named, all that is said is what was typed.
fn edit_args(cluster: &mut Map<String, Value>, edits: &[ArgEdit]) -> Result<(), crate::model::Error> {
    let mut replaced: Vec<(ComponentName, &str)> = Vec::new();
    for edit in edits {
        let field = match edit.component {
            ComponentName::KubeApiserver => "apiServer",
            ComponentName::KubeControllerManager => "controllerManager",
            ComponentName::KubeScheduler => "scheduler",
        };
        let args = list_at(map_at(cluster, field), "extraArgs");
        let (Edit::Add((name, value)) | Edit::Remove((name, value))) = &edit.argument;
        let named = |arg: &Value| arg["name"] == name.as_str();
        let there = args.iter().any(named);
        if !replaced.contains(&(edit.component, name)) {
            args.retain(|arg| !named(arg));
            replaced.push((edit.component, name));
        }
        match &edit.argument {
            Edit::Add(_) => args.push(json!({"name": name, "value": value})),
            Edit::Remove(_) if there => {}
            Edit::Remove(_) => {
                let rule = format!("extraArgs of {} does not have it; kamaji's own stay", edit.component);
                return Err(crate::model::Error::invalid("argument to take away", name, rule));
            }
        }
    }
    Ok(())
}

/// Takes away what an edit emptied.
fn prune(cluster: &mut Map<String, Value>) {
    let empty =
        |value: &Value| value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty);
    for field in ["apiServer", "controllerManager", "scheduler", "dns", "proxy"] {
        let Some(part) = cluster.get_mut(field).and_then(Value::as_object_mut) else { continue };
        part.retain(|_, value| !empty(value));
        if part.is_empty() {
            cluster.remove(field);
        }
    }
}

/// `skipPhases` says of addons what the edits do not.
fn edit_phases(init: &mut Map<String, Value>, edits: &Edits) {
    const ADDONS: [&str; 2] = ["addon/coredns", "addon/kube-proxy"];
    let Some(phases) = init.get_mut("skipPhases").and_then(Value::as_array_mut) else { return };
    if let Some(at) = phases.iter().position(|phase| phase == "addon") {
        phases.splice(at..=at, ADDONS.map(Value::from));
    }
    for (phase, edit) in ADDONS.into_iter().zip([edits.coredns, edits.kube_proxy]) {
        if edit.is_some() {
            phases.retain(|value| value != phase);
        }
    }
    if phases.is_empty() {
        init.remove("skipPhases");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{parse_arg_edit, parse_san_edit};

    const FILE: &str = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.37.2\n\
        apiServer:\n  certSANs: [a.example.com]\n  extraArgs:\n  - {name: v, value: '2'}\n";

    fn edit(documents: &str, edits: &Edits) -> Result<Value, String> {
        let text = edited(documents, edits).map_err(|fault| fault.to_string())?;
        Ok(values(&text).unwrap().into_iter().next().unwrap())
    }

    fn args(words: &[&str]) -> Edits {
        Edits { extra_args: words.iter().map(|word| parse_arg_edit(word).unwrap()).collect(), ..Edits::default() }
    }

    fn sans(words: &[&str]) -> Edits {
        Edits { cert_sans: words.iter().map(|word| parse_san_edit(word).unwrap()).collect(), ..Edits::default() }
    }

    #[test]
    fn names_come_and_go_and_the_rest_stays() {
        let both = edit(FILE, &sans(&["b.example.com", "a.example.com"])).unwrap();
        assert_eq!(both["apiServer"]["certSANs"], json!(["a.example.com", "b.example.com"]));
        assert_eq!(both["kubernetesVersion"], "v1.37.2");
        let none = edit(FILE, &sans(&["a.example.com-"])).unwrap();
        assert_eq!(none["apiServer"], json!({"extraArgs": [{"name": "v", "value": "2"}]}));
        assert!(edit(FILE, &sans(&["c.example.com-"])).unwrap_err().contains("a.example.com"));
    }

    #[test]
    fn an_argument_that_is_named_is_replaced_and_may_be_repeated() {
        let list = |words: &[&str]| edit(FILE, &args(words)).unwrap()["apiServer"]["extraArgs"].to_string();
        assert_eq!(list(&["kube-apiserver:v=4"]), json!([{"name": "v", "value": "4"}]).to_string());
        let twice = list(&["kube-apiserver:x=1", "kube-apiserver:x=2", "kube-apiserver:v-"]);
        assert_eq!(twice, json!([{"name": "x", "value": "1"}, {"name": "x", "value": "2"}]).to_string());
        assert!(edit(FILE, &args(&["kube-scheduler:v-"])).unwrap_err().contains("kube-scheduler"));
    }

    #[test]
    fn an_addon_is_switched_wherever_the_documents_speak_of_it() {
        let init =
            format!("{FILE}---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nskipPhases: [addon]\n");
        let edits = Edits { coredns: Some(true), ..Edits::default() };
        let all = values(&edited(&init, &edits).unwrap()).unwrap();
        assert_eq!((&all[1]["skipPhases"], all[0].get("dns")), (&json!(["addon/kube-proxy"]), None));
        let off = edit(FILE, &Edits { kube_proxy: Some(false), ..Edits::default() }).unwrap();
        assert_eq!(off["proxy"], json!({"disabled": true}));
        assert_eq!(edit(FILE, &Edits::default()).unwrap(), values(FILE).unwrap()[0]);
    }

    #[test]
    fn a_file_with_a_part_is_completed_and_keeps_its_places() {
        let part = Source {
            name: "part.yaml",
            text: "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmaxPods: 50",
        };
        let whole = completed(&part, FILE).unwrap().unwrap();
        assert!(whole.starts_with(part.text), "{whole}");
        assert_eq!(values(&whole).unwrap().len(), 2);
        assert_eq!(completed(&Source { name: "whole.yaml", text: FILE }, FILE).unwrap(), None);
        assert_eq!(completed(&Source { name: "empty.yaml", text: "" }, FILE).unwrap(), None);
    }
}
