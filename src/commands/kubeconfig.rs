//! `kamaji kubeconfig`: print, write or merge. Contexts of others are never touched.

use std::path::Path;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

use super::context::Context;
use super::{files, plane};
use crate::cli::{KubeconfigArgs, KubeconfigUser};
use crate::error::{Fault, Kind};
use crate::plan::Record;
use crate::yaml;

const SHORT: Duration = Duration::from_secs(60);

pub(super) async fn run(args: &KubeconfigArgs, context: &Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, SHORT);
    let record = plane::record(&session, &management, &args.name).await?;
    plane::address(&record)?;
    let file = match args.user {
        KubeconfigUser::Admin => "admin.conf",
        KubeconfigUser::SuperAdmin => "super-admin.conf",
    };
    let text = plane::kubeconfig(&management.connection, &record, file).await?;
    drop(progress);
    if args.merge {
        let path = files::own_kubeconfig()?;
        let name = context_name(&record, args.user);
        let _lock = files::KubeconfigLock::acquire(&path).await?;
        let merged = merge(&path, &text, &name)?;
        files::write_secret(&path, &merged)?;
        context.ui.say(&format!("context {name} is in {}; use it: kubectl --context {name} get nodes", path.display()));
    } else if let Some(path) = &args.file {
        files::write_secret(path, &text)?;
        context.ui.say(&format!(
            "written: {}; use it: kubectl --kubeconfig {} get nodes",
            path.display(),
            path.display()
        ));
    } else {
        context.ui.result(text.expose_secret());
    }
    Ok(())
}

fn context_name(record: &Record, user: KubeconfigUser) -> String {
    let suffix = match user {
        KubeconfigUser::Admin => "",
        KubeconfigUser::SuperAdmin => "-super-admin",
    };
    format!("kamaji-{}-{}{suffix}", record.spec.namespace, record.spec.name)
}

/// The existing file with one cluster, user and context more, all three called `name`.
fn merge(path: &Path, ours: &SecretString, name: &str) -> Result<SecretString, Fault> {
    let mut existing = if files::exists(path) {
        let (shown, text) = files::read_text(path)?;
        parse(&shown, &text)?
    } else {
        Map::new()
    };
    let ours = parse("the control plane's kubeconfig", ours.expose_secret())?;
    let part = |list: &str, key: &str| -> Value {
        ours.get(list).and_then(|list| list.get(0)).and_then(|entry| entry.get(key)).cloned().unwrap_or(Value::Null)
    };
    let entries = [
        ("clusters", json!({"name": name, "cluster": part("clusters", "cluster")})),
        ("users", json!({"name": name, "user": part("users", "user")})),
        ("contexts", json!({"name": name, "context": {"cluster": name, "user": name}})),
    ];
    let is_empty = existing.get("contexts").and_then(Value::as_array).is_none_or(Vec::is_empty);
    existing.entry("apiVersion").or_insert_with(|| json!("v1"));
    existing.entry("kind").or_insert_with(|| json!("Config"));
    for (key, entry) in entries {
        let slot = existing.entry(key).or_insert_with(|| json!([]));
        if slot.is_null() {
            *slot = json!([]);
        }
        let list = slot.as_array_mut().ok_or_else(|| {
            Fault::new(Kind::Failed, format!("{}: `{key}` is not a list, so nothing is merged into it", path.display()))
        })?;
        match list.iter_mut().find(|item| item["name"] == name) {
            Some(item) => *item = entry,
            None => list.push(entry),
        }
    }
    if is_empty {
        existing.insert("current-context".into(), json!(name));
    }
    Ok(yaml::write(&Value::Object(existing)).into())
}

fn parse(name: &str, text: &str) -> Result<Map<String, Value>, Fault> {
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    let mut documents = yaml::read_documents(name, text)?;
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
