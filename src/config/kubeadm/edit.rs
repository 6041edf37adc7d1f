//! Edits recorded kubeadm documents with a partial file or with single changes. The result is loaded like any other
//! file, so all rules are checked again.

use serde_json::{Map, Value, json};

use crate::config::{Error, Source};
use crate::model::{ArgEdit, ComponentName, Edit, Edits, San};
use crate::yaml;

/// The file name in errors about recorded documents.
pub const RECORDED: &str = "the recorded configuration";

const CLUSTER: &str = "ClusterConfiguration";
const INIT: &str = "InitConfiguration";

/// Completes a file without `ClusterConfiguration` with the recorded documents of other kinds. Returns `None` if the
/// file is already complete. The file's own text comes first, so that positions in it stay correct.
pub fn completed(file: &Source<'_>, recorded: &str) -> Result<Option<String>, Error> {
    let kind = |value: &Value| value.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    let kinds: Vec<String> =
        yaml::read_documents(file.name, file.text)?.iter().map(|document| kind(&document.root.to_json())).collect();
    if kinds.is_empty() || kinds.iter().any(|kind| kind == CLUSTER) {
        return Ok(None);
    }
    let rest: Vec<Value> = values(recorded)?.into_iter().filter(|value| !kinds.contains(&kind(value))).collect();
    Ok(Some(format!("{}\n---\n{}", file.text, yaml::write_documents(&rest))))
}

/// Applies the edits to the documents.
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
    Ok(yaml::read_documents(RECORDED, text)?.iter().map(|document| document.root.to_json()).collect())
}

/// The document of a kind; adds an empty one if it is missing. Loading reports required fields that it lacks.
fn document<'a>(all: &'a mut Vec<Value>, kind: &str) -> &'a mut Map<String, Value> {
    let at = all.iter().position(|value| value["kind"] == kind).unwrap_or_else(|| {
        all.push(json!({"apiVersion": crate::config::KubeadmApi::V1beta4.to_string(), "kind": kind}));
        all.len() - 1
    });
    all[at].as_object_mut().expect("a value with a kind is a map")
}

/// The map at a key. Other types cannot occur: they were refused before the documents were recorded.
fn map_at<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let value = map.entry(key).or_insert_with(|| json!({}));
    if !value.is_object() {
        *value = json!({});
    }
    value.as_object_mut().expect("it is one now")
}

fn list_at<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Vec<Value> {
    let value = map.entry(key).or_insert_with(|| json!([]));
    if !value.is_array() {
        *value = json!([]);
    }
    value.as_array_mut().expect("it is one now")
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
            let present: Vec<&str> = sans.iter().filter_map(Value::as_str).collect();
            let rule = match present.as_slice() {
                [] => "certSANs is empty; names that kamaji adds cannot be removed".to_owned(),
                names => format!("certSANs has only {}", names.join(", ")),
            };
            return Err(crate::model::Error::invalid("name to remove", &san.to_string(), rule));
        }
    }
    Ok(())
}

/// The first edit of an argument removes all its recorded values.
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
        let exists = args.iter().any(named);
        if !replaced.contains(&(edit.component, name)) {
            args.retain(|arg| !named(arg));
            replaced.push((edit.component, name));
        }
        match &edit.argument {
            Edit::Add(_) => args.push(json!({"name": name, "value": value})),
            Edit::Remove(_) if exists => {}
            Edit::Remove(_) => {
                let rule = format!(
                    "it is not in extraArgs of {}; arguments that kamaji sets cannot be removed",
                    edit.component
                );
                return Err(crate::model::Error::invalid("argument to remove", name, rule));
            }
        }
    }
    Ok(())
}

/// Removes fields that an edit left empty.
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

/// Removes edited addons from `skipPhases`.
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
    fn names_are_added_and_removed_and_other_fields_stay() {
        let both = edit(FILE, &sans(&["b.example.com", "a.example.com"])).unwrap();
        assert_eq!(both["apiServer"]["certSANs"], json!(["a.example.com", "b.example.com"]));
        assert_eq!(both["kubernetesVersion"], "v1.37.2");
        let none = edit(FILE, &sans(&["a.example.com-"])).unwrap();
        assert_eq!(none["apiServer"], json!({"extraArgs": [{"name": "v", "value": "2"}]}));
        assert!(edit(FILE, &sans(&["c.example.com-"])).unwrap_err().contains("a.example.com"));
    }

    #[test]
    fn an_edited_argument_is_replaced_and_may_be_repeated() {
        let list = |words: &[&str]| edit(FILE, &args(words)).unwrap()["apiServer"]["extraArgs"].to_string();
        assert_eq!(list(&["kube-apiserver:v=4"]), json!([{"name": "v", "value": "4"}]).to_string());
        let twice = list(&["kube-apiserver:x=1", "kube-apiserver:x=2", "kube-apiserver:v-"]);
        assert_eq!(twice, json!([{"name": "x", "value": "1"}, {"name": "x", "value": "2"}]).to_string());
        assert!(edit(FILE, &args(&["kube-scheduler:v-"])).unwrap_err().contains("kube-scheduler"));
    }

    #[test]
    fn enabling_an_addon_edits_disabled_and_skip_phases() {
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
    fn a_partial_file_is_completed_and_keeps_its_positions() {
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
