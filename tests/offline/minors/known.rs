//! No minor is given a flag or a field that it does not know. `src/model/spec/flags` and `tests/fixtures/minors` have what each
//! knows: flags as the real programs print them (or their sources name them, where a program was not built), fields out of
//! the sources (`tests/minors/facts` writes them).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use kamaji::model::KubeVersion;
use kamaji::render::policy;
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::{minors, render};

/// One of the lists.
struct Known {
    looked_at: BTreeSet<u64>,
    minors: BTreeMap<String, BTreeSet<u64>>,
}

impl Known {
    fn read(name: &str) -> Self {
        let product = name.starts_with("kube-") && name != "kube-proxy.flags";
        let folder = if product { "src/model/spec/flags" } else { "tests/fixtures/minors" };
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(name);
        let text = fs::read_to_string(file).unwrap();
        let heads = text.lines().filter_map(|line| line.strip_prefix("# from ")?.split_once(": "));
        let looked_at = heads.flat_map(|(_, minors)| numbers(minors)).collect();
        let names = text.lines().filter(|line| !line.starts_with('#'));
        let minors = names.map(|line| line.split_once(' ').unwrap());
        let minors = minors.map(|(minors, name)| (name.to_owned(), numbers(minors))).collect();
        Self { looked_at, minors }
    }

    fn knows(&self, minor: u64, name: &str) -> bool {
        self.minors.get(name).is_some_and(|minors| minors.contains(&minor))
    }

    fn fields_of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        self.minors.keys().filter_map(move |name| name.strip_prefix(kind)?.strip_prefix(' '))
    }
}

/// `30-32,35` is 30, 31, 32 and 35.
fn numbers(text: &str) -> BTreeSet<u64> {
    let number = |text: &str| text.parse::<u64>().unwrap();
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        number(first)..=number(last)
    };
    text.split(',').flat_map(range).collect()
}

/// The names of a command line's flags.
fn flags(command: &Value) -> impl Iterator<Item = &str> {
    let words = command.as_array().into_iter().flatten().filter_map(Value::as_str);
    words.filter_map(|word| word.strip_prefix("--")).map(|flag| flag.split('=').next().unwrap())
}

/// Program and command line of each container of an object.
fn commands(body: &Value) -> Vec<(String, Value)> {
    let containers = body.pointer("/spec/template/spec/containers").and_then(Value::as_array);
    let command = |container: &Value| (container["name"].as_str().unwrap().to_owned(), container["command"].clone());
    containers.into_iter().flatten().map(command).collect()
}

/// The files in an object that are configuration of Kubernetes' own kinds.
fn documents(body: &Value) -> Vec<Value> {
    let files = if body["kind"] == "ConfigMap" { body["data"].as_object() } else { None };
    let files = files.into_iter().flatten().filter_map(|(_, text)| serde_saphyr::from_str(text.as_str()?).ok());
    files.filter(|file: &Value| file["kind"].is_string() && file["kind"] != "Config").collect()
}

/// The fields of a document in the notation of the list: `[]` for the items of lists, `{}` for the values of maps.
fn fields(value: &Value, path: &str, known: &[&str], found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields_) => {
            let map = format!("{path}{{}}");
            let is_map = known.iter().any(|field| field.starts_with(&map));
            for (key, value) in fields_ {
                let below =
                    if is_map { map.clone() } else { format!("{path}.{key}").trim_start_matches('.').to_owned() };
                fields(value, &below, known, found);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                fields(item, &format!("{path}[]"), known, found);
            }
        }
        // An empty list or object says nothing of what is in it.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            found.insert(path.to_owned());
        }
    }
}

/// What a document has and the minor does not know.
fn unknown_fields(known: &Known, minor: u64, document: &Value) -> Vec<String> {
    let kind = format!("{} {}", document["apiVersion"].as_str().unwrap(), document["kind"].as_str().unwrap());
    let all: Vec<&str> = known.fields_of(&kind).collect();
    let mut found = BTreeSet::new();
    fields(document, "", &all, &mut found);
    let is_known = |field: &String| {
        let name = format!("{kind} {field}");
        known.knows(minor, &name)
            || all.iter().any(|longer| {
                longer.strip_prefix(field.as_str()).is_some_and(|rest| rest.starts_with(['.', '[', '{']))
                    && known.knows(minor, &format!("{kind} {longer}"))
            })
    };
    found.iter().filter(|field| !is_known(field)).map(|field| format!("v1.{minor}: {kind} {field}")).collect()
}

#[test]
fn every_minor_was_looked_at() {
    let all: BTreeSet<u64> = minors().into_iter().collect();
    for file in
        ["fields", "kube-apiserver.flags", "kube-controller-manager.flags", "kube-scheduler.flags", "kube-proxy.flags"]
    {
        assert_eq!(Known::read(file).looked_at, all, "{file}: run tests/minors/facts");
    }
}

#[test]
fn no_minor_is_given_a_flag_that_it_does_not_know() {
    let mut known = BTreeMap::new();
    let mut unknown = Vec::new();
    for minor in minors() {
        for rendered in render(minor) {
            for (program, command) in rendered.objects().flat_map(|manifest| commands(&manifest.body)) {
                if program == "coredns" {
                    continue; // not part of Kubernetes
                }
                let known = known.entry(program.clone()).or_insert_with(|| Known::read(&format!("{program}.flags")));
                let missing = flags(&command).filter(|flag| !known.knows(minor, flag));
                unknown.extend(missing.map(|flag| format!("v1.{minor}: {program} --{flag} ({})", rendered.example)));
            }
        }
    }
    assert_eq!(known.len(), 4, "{:?}", known.keys());
    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn no_minor_is_given_a_field_that_it_does_not_know() {
    let known = Known::read("fields");
    let mut unknown = Vec::new();
    let mut kinds = BTreeSet::new();
    for minor in minors() {
        let encryption =
            serde_json::from_str(policy::encryption(&[policy::EncryptionKey::first(&[7; 32])]).expose_secret())
                .unwrap();
        let rendered = render(minor);
        let files =
            rendered.iter().flat_map(|rendered| rendered.objects().flat_map(|manifest| documents(&manifest.body)));
        for document in files.chain([encryption]) {
            kinds.insert(document["kind"].as_str().unwrap().to_owned());
            unknown.extend(unknown_fields(&known, minor, &document));
        }
    }
    let expected = [
        "AuthenticationConfiguration",
        "ClusterConfiguration",
        "EncryptionConfiguration",
        "KubeProxyConfiguration",
        "KubeletConfiguration",
        "Policy",
    ];
    assert!(kinds.iter().eq(expected.iter()), "{kinds:?}");
    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn an_unknown_field_is_found() {
    let known = Known::read("fields");
    let anonymous = policy::authentication(KubeVersion { major: 1, minor: 34, patch: 0 }).unwrap();
    assert_eq!(unknown_fields(&known, 34, &anonymous), Vec::<String>::new());
    assert!(!unknown_fields(&known, 33, &anonymous).is_empty(), "v1 of this API came with 1.34");
    let failing = serde_json::json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": false,
        "evictionHard": { "memory.available": "1Mi" },
    });
    assert_eq!(
        unknown_fields(&known, 30, &failing),
        ["v1.30: kubelet.config.k8s.io/v1beta1 KubeletConfiguration failCgroupV1"]
    );
    assert!(unknown_fields(&known, 31, &failing).is_empty(), "failCgroupV1 came with 1.31");
}

/// The field is there in 1.31, but behind a feature gate that is off.
#[test]
fn conditions_on_anonymous_requests_come_with_1_32() {
    let has = |minor| policy::authentication(KubeVersion { major: 1, minor, patch: 0 }).is_some();
    assert_eq!([30, 31, 32, 37].map(has), [false, false, true, true]);
    for rendered in render(31) {
        for manifest in rendered.management {
            assert!(
                !manifest.body.to_string().contains("authentication.yaml"),
                "{}: {}",
                rendered.example,
                manifest.object
            );
        }
    }
}
