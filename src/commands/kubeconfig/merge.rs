//! Kubeconfigs as values: entries of control planes put into a file, those of others left as they are.

use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

use crate::commands::shared::secure_files;
use crate::error::{Fault, Kind};
use crate::yaml;

/// A kubeconfig of one control plane, and what its cluster, user and context are to be called.
pub(super) struct Entry<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a SecretString,
}

/// The existing file with these entries.
pub(super) fn merge_into(path: &Path, entries: &[Entry<'_>]) -> Result<SecretString, Fault> {
    let existing = if secure_files::exists(path) {
        let (shown, text) = secure_files::read_kubeconfig(path)?;
        parse(&shown, &text)?
    } else {
        Map::new()
    };
    Ok(yaml::write(&with_entries(existing, entries, &path.display().to_string())?).into())
}

/// A new file with these entries. With several, none is current: who names no context must not hit any of them.
pub(super) fn new_file(entries: &[Entry<'_>]) -> Result<SecretString, Fault> {
    let mut file = with_entries(Map::new(), entries, "the new file")?;
    if entries.len() > 1 {
        file["current-context"] = json!("");
    }
    Ok(yaml::write(&file).into())
}

fn with_entries(mut existing: Map<String, Value>, entries: &[Entry<'_>], file: &str) -> Result<Value, Fault> {
    let is_empty = existing.get("contexts").and_then(Value::as_array).is_none_or(Vec::is_empty);
    existing.entry("apiVersion").or_insert_with(|| json!("v1"));
    existing.entry("kind").or_insert_with(|| json!("Config"));
    for entry in entries {
        add(&mut existing, entry, file)?;
    }
    if is_empty && let Some(first) = entries.first() {
        existing.insert("current-context".into(), json!(first.name));
    }
    Ok(Value::Object(existing))
}

fn add(existing: &mut Map<String, Value>, entry: &Entry<'_>, file: &str) -> Result<(), Fault> {
    let name = entry.name;
    let ours = parse("the control plane's kubeconfig", entry.text.expose_secret())?;
    let part = |list: &str, key: &str| -> Value {
        ours.get(list).and_then(|list| list.get(0)).and_then(|entry| entry.get(key)).cloned().unwrap_or(Value::Null)
    };
    let parts = [
        ("clusters", json!({"name": name, "cluster": part("clusters", "cluster")})),
        ("users", json!({"name": name, "user": part("users", "user")})),
        ("contexts", json!({"name": name, "context": {"cluster": name, "user": name}})),
    ];
    for (key, part) in parts {
        let slot = existing.entry(key).or_insert_with(|| json!([]));
        if slot.is_null() {
            *slot = json!([]);
        }
        let list = slot.as_array_mut().ok_or_else(|| {
            Fault::new(Kind::Failed, format!("{file}: `{key}` is not a list, so nothing is merged into it"))
        })?;
        match list.iter_mut().find(|item| item["name"] == name) {
            Some(item) => *item = part,
            None => list.push(part),
        }
    }
    Ok(())
}

/// A kubeconfig as a map; an empty text is an empty one.
pub(super) fn parse(name: &str, text: &str) -> Result<Map<String, Value>, Fault> {
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    let mut documents = yaml::read_long(name, text)?;
    let value = match documents.len() {
        0 => return Ok(Map::new()),
        1 => documents.remove(0).root.to_json(),
        _ => {
            return Err(Fault::new(
                Kind::Failed,
                format!("{name} holds several documents, so nothing is merged into it"),
            ));
        }
    };
    match value {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(Fault::new(Kind::Failed, format!("{name} is no kubeconfig, so nothing is merged into it")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kubeconfig(server: &str) -> SecretString {
        format!("apiVersion: v1\nclusters:\n- name: a\n  cluster: {{server: '{server}'}}\nusers:\n- name: a\n  user: {{token: t}}\n").into()
    }

    #[test]
    fn a_file_of_one_is_used_without_a_word_and_a_file_of_many_is_not() {
        let (one, two) = (kubeconfig("https://one"), kubeconfig("https://two"));
        let entries = [Entry { name: "kamaji-a-one", text: &one }, Entry { name: "kamaji-b-two", text: &two }];
        let read = |file: &SecretString| Value::Object(parse("file", file.expose_secret()).unwrap());
        let single = read(&new_file(&entries[..1]).unwrap());
        assert_eq!(single["current-context"], "kamaji-a-one");
        let several = read(&new_file(&entries).unwrap());
        assert_eq!(several["current-context"], "");
        assert_eq!(several["clusters"][1], json!({"name": "kamaji-b-two", "cluster": {"server": "https://two"}}));
        assert_eq!(several["contexts"].as_array().unwrap().len(), 2);
    }
}
