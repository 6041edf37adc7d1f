//! `kamaji list`: the fleet, from records and Deployments. No Secret is read.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::shared::age;
use super::shared::context::Context;
use crate::cli::ListArgs;
use crate::engine::state::interrupted;
use crate::error::Fault;
use crate::model::LABEL_COMPONENT;
use crate::plan::state::interrupted::Unfinished;
use crate::plan::state::record::Record;
use crate::ui::{Report, Table};

const SHORT: Duration = Duration::from_secs(60);

pub(super) async fn run(args: &ListArgs, context: &Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, SHORT);
    let namespace = (!args.all_namespaces).then(|| management.namespace.to_string());
    let connection = session.management;
    let selector = |component: &str, more: &str| match more {
        "" => format!("{LABEL_COMPONENT}={component}"),
        more => format!("{LABEL_COMPONENT}={component},{more}"),
    };
    let (record_selector, deployment_selector) = (selector("record", &args.selector), selector("deployment", ""));
    let (records, deployments) = tokio::try_join!(
        connection.list("v1", "ConfigMap", namespace.as_deref(), &record_selector),
        connection.list("apps/v1", "Deployment", namespace.as_deref(), &deployment_selector),
    )?;
    let text =
        |object: &Value, pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let ready: BTreeMap<(String, String), u64> = deployments
        .iter()
        .map(|deployment| {
            let key = (text(deployment, "/metadata/namespace"), text(deployment, "/metadata/name"));
            (key, deployment.pointer("/status/readyReplicas").and_then(Value::as_u64).unwrap_or(0))
        })
        .collect();
    let mut items = Vec::new();
    for object in &records {
        match Record::from_object(object) {
            Ok(record) => {
                let key = (record.spec.namespace.to_string(), record.spec.name.to_string());
                let unfinished = interrupted::unfinished(&session, &record).await;
                let ready = ready.get(&key).copied().unwrap_or(0);
                items.push(Item::of(&record, ready, unfinished, context.ambient.now()));
            }
            Err(verdict) => context.ui.warn(&format!(
                "the record {}/{} cannot be read: {verdict:?}",
                text(object, "/metadata/namespace"),
                text(object, "/metadata/name")
            )),
        }
    }
    drop(progress);
    items.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    let all = args.all_namespaces;
    context.ui.report(&ControlPlanes {
        api_version: "kamaji/v1",
        kind: "ControlPlaneList",
        items,
        all,
        where_: management.namespace.to_string(),
    });
    Ok(())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ControlPlanes {
    api_version: &'static str,
    kind: &'static str,
    items: Vec<Item>,
    #[serde(skip)]
    all: bool,
    #[serde(skip)]
    where_: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    name: String,
    namespace: String,
    id: String,
    version: String,
    status: String,
    ready_replicas: u64,
    replicas: u32,
    endpoint: Option<String>,
    datastore: String,
    certificates_end: Option<Timestamp>,
    created: Timestamp,
    pod_subnets: Vec<String>,
    service_subnets: Vec<String>,
    /// What was begun and is not finished, and what ends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    unfinished: Option<Unfinished>,
    #[serde(skip)]
    days: Option<i64>,
    #[serde(skip)]
    age: String,
}

impl Item {
    fn of(record: &Record, ready: u64, unfinished: Option<Unfinished>, now: Timestamp) -> Self {
        let spec = &record.spec;
        let list = |nets: &[ipnet::IpNet]| nets.iter().map(ToString::to_string).collect();
        Self {
            name: spec.name.to_string(),
            namespace: spec.namespace.to_string(),
            id: record.id.to_string(),
            version: spec.version.to_string(),
            status: record.state(ready).to_owned(),
            ready_replicas: ready,
            replicas: spec.replicas,
            endpoint: record.address.as_ref().map(|address| address.endpoint.to_string()),
            datastore: spec.datastore.to_string(),
            certificates_end: record.certificates_end,
            created: record.created,
            pod_subnets: list(&spec.networking.pod_subnets),
            service_subnets: list(&spec.networking.service_subnets),
            unfinished,
            days: record.certificates_end.map(|end| age::days(now, end)),
            age: age::age(now, record.created),
        }
    }
}

impl Report for ControlPlanes {
    fn text(&self, wide: bool) -> String {
        if self.items.is_empty() {
            let place = if self.all { "in any namespace".to_owned() } else { format!("in namespace {}", self.where_) };
            return format!("no control planes {place}\n");
        }
        let mut headings = vec!["NAME", "VERSION", "STATUS", "READY", "ENDPOINT", "DATASTORE", "CERTS", "AGE"];
        if self.all {
            headings.insert(0, "NAMESPACE");
        }
        if wide {
            headings.extend(["PODS", "SERVICES", "ID"]);
        }
        let rows = self.items.iter().map(|item| {
            let mut row = vec![
                item.name.clone(),
                item.version.clone(),
                item.status.clone(),
                format!("{}/{}", item.ready_replicas, item.replicas),
                item.endpoint.clone().unwrap_or_default(),
                item.datastore.clone(),
                item.days.map(|days| format!("{days}d")).unwrap_or_default(),
                item.age.clone(),
            ];
            if self.all {
                row.insert(0, item.namespace.clone());
            }
            if wide {
                row.extend([item.pod_subnets.join(","), item.service_subnets.join(","), item.id.clone()]);
            }
            row
        });
        let mut text = Table { headings, rows: rows.collect() }.draw();
        for item in &self.items {
            if let Some(unfinished) = &item.unfinished {
                let lines = crate::ui::safe(&unfinished.lines());
                text.push_str(&format!("{}/{}: {lines}", item.namespace, item.name));
            }
        }
        text
    }

    fn names(&self) -> Vec<String> {
        self.items.iter().map(|item| format!("controlplane/{}", item.name)).collect()
    }
}
