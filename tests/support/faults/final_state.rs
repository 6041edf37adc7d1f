//! The oracle of convergence: what there is of a control plane, as a shape that two runs have in common, and with what
//! must never be made twice. It sees only what kubectl and etcdctl see.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::support::TestNamespace;
use crate::support::cluster::clients::{EtcdClient, KubeClient};
use crate::support::cluster::kubeconfig::decoded;
use crate::support::secrets::{Hidden, of_secret};

/// Secrets that hold what must never be made twice.
const IDENTITY: [&str; 4] = ["ca", "front-proxy-ca-certificate", "sa-certificate", "encryption-config"];
/// Resources whose names Kubernetes makes.
pub(crate) const NAMED_AT_RANDOM: [&str; 5] =
    ["pods", "replicasets.apps", "endpointslices.discovery.k8s.io", "endpoints", "pods.metrics.k8s.io"];

/// What there is of a control plane.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FinalState {
    /// Every object by kind and name, without what differs from one run to the next.
    pub(crate) shape: BTreeMap<String, String>,
    /// What must never be made twice.
    pub(crate) identity: BTreeMap<String, String>,
    /// By object, what changes with every write.
    pub(crate) versions: BTreeMap<String, String>,
    /// The name of its user, role and prefix.
    pub(crate) id: Option<String>,
    /// What must never be told.
    pub(crate) hidden: Vec<Hidden>,
}

impl FinalState {
    /// Looks at a control plane.
    #[track_caller]
    pub(crate) fn of(sandbox: &TestNamespace, root: &EtcdClient, name: &str) -> Self {
        let ours = |object: &Value| {
            let namespaced_name = object["metadata"]["name"].as_str().unwrap_or_default();
            namespaced_name == name || namespaced_name.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'))
        };
        let objects: BTreeMap<String, Value> =
            sandbox.every_object_but(&NAMED_AT_RANDOM).into_iter().filter(|(_, object)| ours(object)).collect();
        let datastore = objects.get(&format!("Secret/{name}-datastore-config"));
        let record = record(&objects);
        let id = datastore
            .and_then(|secret| Some(decoded(secret["data"]["DB_USER"].as_str()?)))
            .or_else(|| record.and_then(|record| Some(content(record)?["id"].as_str()?.to_owned())));
        let secrets = objects.values().filter(|object| object["kind"] == "Secret");
        let hidden = secrets.flat_map(of_secret).collect();
        let mut sight = Self { id: id.clone(), hidden, ..Self::default() };
        let chosen = chosen(&objects, id.as_deref());
        for (key, object) in &objects {
            sight.shape.insert(key.clone(), shape(object, &chosen));
            let field = if object["kind"] == "Deployment" { "generation" } else { "resourceVersion" };
            sight.versions.insert(key.clone(), object["metadata"][field].to_string());
        }
        for secret in IDENTITY {
            if let Some(object) = objects.get(&format!("Secret/{name}-{secret}")) {
                sight.identity.insert(secret.to_owned(), object["data"].to_string());
            }
        }
        if let Some(id) = &id {
            sight.identity.insert("id".to_owned(), id.clone());
            for (what, names) in [("user", root.users()), ("role", root.roles())] {
                sight.shape.insert(format!("etcd {what}"), names.contains(id).to_string());
            }
            // Made at another revision, it would be of another cluster's data.
            if let Some(revision) = root.made_at(&format!("/{id}/registry/namespaces/kube-system")) {
                sight.identity.insert("kube-system".to_owned(), revision.to_string());
            }
        }
        sight
    }

    /// What is different, for people.
    pub(crate) fn against(&self, other: &Self) -> Vec<String> {
        differences(&self.shape, &other.shape)
    }

    /// What was written since.
    pub(crate) fn rewritten<'a>(&'a self, later: &'a Self) -> impl Iterator<Item = &'a str> {
        let as_before = |(key, version): &(&String, &String)| self.versions.get(*key) == Some(*version);
        later.versions.iter().filter(move |entry| !as_before(entry)).map(|(key, _)| key.as_str())
    }

    /// What of the identity of `before` is not the same here.
    pub(crate) fn lost(&self, before: &Self) -> Vec<String> {
        let kept = |key: &str| self.identity.get(key);
        before.identity.iter().filter(|(key, was)| kept(key) != Some(was)).map(|(key, _)| key.clone()).collect()
    }
}

/// Which keys of two maps differ, with the first line that does.
fn differences(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> Vec<String> {
    let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let mut found = Vec::new();
    for key in keys {
        match (one.get(key), other.get(key)) {
            (Some(a), Some(b)) if a == b => {}
            (Some(a), Some(b)) => {
                let (mut a, mut b) = (a.lines(), b.lines());
                let line = loop {
                    match (a.next(), b.next()) {
                        (None, None) => break String::new(),
                        (x, y) if x == y => {}
                        (x, y) => break format!("`{}`, not `{}`", x.unwrap_or("").trim(), y.unwrap_or("").trim()),
                    }
                };
                found.push(format!("{key}: {line}"));
            }
            (Some(_), None) => found.push(format!("{key} is there")),
            (None, _) => found.push(format!("{key} is missing")),
        }
    }
    found
}

fn record(objects: &BTreeMap<String, Value>) -> Option<&Value> {
    objects.values().find(|object| object["data"].get("record.json").is_some())
}

fn content(record: &Value) -> Option<Value> {
    serde_json::from_str(record["data"]["record.json"].as_str()?).ok()
}

/// What servers or dice chose, with a word for it.
fn chosen(objects: &BTreeMap<String, Value>, id: Option<&str>) -> Vec<(String, &'static str)> {
    let mut chosen: Vec<(String, &'static str)> = id.map(|id| (id.to_owned(), "<id>")).into_iter().collect();
    for service in objects.values().filter(|object| object["kind"] == "Service") {
        for port in service["spec"]["ports"].as_array().into_iter().flatten() {
            chosen.extend(port["nodePort"].as_u64().map(|port| (port.to_string(), "<port>")));
        }
        for ip in service["spec"]["clusterIPs"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            chosen.push((ip.to_owned(), "<service IP>"));
        }
    }
    chosen
}

/// An object without what differs from one run to the next.
fn shape(object: &Value, chosen: &[(String, &'static str)]) -> String {
    static RANDOM: LazyLock<[(Regex, &str); 3]> = LazyLock::new(|| {
        let regex = |text| Regex::new(text).expect("a constant, valid expression");
        [
            (regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z"), "<time>"),
            (regex(r"[0-9a-f]{32,}"), "<digits>"),
            (regex(r#"[^\s/"]+/[0-9]+/[0-9a-f]{8}\.[0-9]+"#), "<process>"),
        ]
    });
    let mut object = object.clone();
    if let Some(top) = object.as_object_mut() {
        top.remove("status");
        // Keys and certificates are made anew each time: what counts is which there are.
        if top.get("kind").is_some_and(|kind| kind == "Secret") {
            for value in
                top.get_mut("data").and_then(Value::as_object_mut).into_iter().flat_map(|data| data.values_mut())
            {
                *value = Value::String("<bytes>".into());
            }
        }
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for key in ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"] {
            metadata.remove(key);
        }
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove("deployment.kubernetes.io/revision");
        }
        for owner in metadata.get_mut("ownerReferences").and_then(Value::as_array_mut).into_iter().flatten() {
            owner["uid"] = Value::Null;
        }
    }
    if let Some(mut record) = content(&object) {
        // A sweep goes to and fro for hours.
        record.as_object_mut().map(|record| record.remove("history"));
        object["data"]["record.json"] = record;
    }
    let mut text = serde_json::to_string_pretty(&object).expect("JSON can be written");
    for (what, word) in chosen {
        text = text.replace(what.as_str(), word);
    }
    for (random, word) in RANDOM.iter() {
        text = random.replace_all(&text, *word).into_owned();
    }
    text
}

/// Users of the datastore that are new, but are not the control plane's and not of any other control plane.
#[track_caller]
pub(crate) fn orphans(users: Vec<String>, before: &[String], own: Option<&str>) -> Vec<String> {
    let new = |user: &String| !before.contains(user) && own != Some(user.as_str());
    let new: Vec<String> = users.into_iter().filter(new).collect();
    if new.is_empty() {
        return new;
    }
    let secrets = KubeClient::management().secrets("app.kubernetes.io/managed-by=kamaji");
    let known: Vec<String> =
        secrets.iter().filter_map(|secret| Some(decoded(secret["data"]["DB_USER"].as_str()?))).collect();
    new.into_iter().filter(|user| !known.contains(user)).collect()
}
