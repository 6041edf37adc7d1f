//! `kamaji status`: a tree of what there is; what is wrong stands out with its cause.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::shared::context::Context;
use super::shared::{age, control_plane};
use crate::cli::ControlPlaneArgs;
use crate::cluster::Connection;
use crate::engine::datastore::admin;
use crate::engine::network::management_network;
use crate::engine::session::Session;
use crate::engine::state::{interrupted, observe};
use crate::error::Fault;
use crate::model::{LABEL_NAME, ObjectNames, Policies, format_holder, format_time};
use crate::plan::apply::live_objects::Live;
use crate::plan::certificates::inventory::{CertificateEntry, SOON_DAYS, StoredIn};
use crate::plan::lifecycle::addon_status::addon_states;
use crate::plan::lifecycle::pod_status::{causes_of_pods, pod_summary};
use crate::plan::network::management_network::cidrs_in_policy;
use crate::plan::state::blockers::updating;
use crate::plan::state::record::{LifecyclePhase, Record};
use crate::ui::Report;

/// How long to try to reach what may be gone.
const SHORT: Duration = Duration::from_secs(8);
pub(super) async fn run(args: &ControlPlaneArgs, context: &Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let quiet = |_| {};
    let session = management.session(&quiet, SHORT);
    let record = control_plane::record(&session, &management, &args.name).await?;
    let now = context.ambient.now();
    let observed = observe::observe(&session, &record.spec).await?;
    let (control_plane, network, datastore, inside) = tokio::join!(
        pods(&session, &record, &observed.live),
        network(&session, &record, &observed.live),
        datastore(&session, &record),
        inside(&session, &record),
    );
    let sections = vec![
        control_plane?,
        service(&record, &observed.live),
        network?,
        datastore,
        certificates(&record, &observed.live, now),
        inside,
    ];
    drop(progress);
    let unfinished = interrupted::unfinished(&session, &record).await;
    let healthy = sections.iter().all(|section| section.ok)
        && record.step == LifecyclePhase::Ready
        && unfinished.is_none()
        && !record.is_changing()
        && record.rotation.as_ref().is_none_or(|rotation| rotation.done);
    let step = if record.restore.is_some() {
        "Restoring"
    } else if record.spec.replicas == 0 {
        "Asleep"
    } else {
        record.step.word()
    };
    context.ui.report(&Status {
        api_version: "kamaji/v1",
        kind: "ControlPlaneStatus",
        name: record.spec.name.to_string(),
        namespace: record.spec.namespace.to_string(),
        version: record.spec.version.to_string(),
        endpoint: record.address.as_ref().map(|address| address.endpoint.to_string()),
        step,
        paused: record.paused.clone(),
        upgrade: record.upgrade.clone(),
        update: Updating::of(&record),
        unfinished,
        rotation: record.rotation.clone(),
        healthy,
        sections,
    });
    Ok(())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    api_version: &'static str,
    kind: &'static str,
    name: String,
    namespace: String,
    version: String,
    endpoint: Option<String>,
    #[serde(rename = "status")]
    step: &'static str,
    /// Set while nobody may change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<crate::plan::state::record::Pause>,
    /// A change of version on its way, or interrupted.
    #[serde(skip_serializing_if = "Option::is_none")]
    upgrade: Option<crate::plan::state::operations::Upgrade>,
    /// A change of settings on its way, or interrupted.
    #[serde(skip_serializing_if = "Option::is_none")]
    update: Option<Updating>,
    /// What was begun and is not finished, and what ends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    unfinished: Option<crate::plan::state::interrupted::Unfinished>,
    /// A change of keys on its way.
    #[serde(skip_serializing_if = "Option::is_none")]
    rotation: Option<crate::plan::certificates::rotation_phases::Rotation>,
    healthy: bool,
    sections: Vec<Section>,
}

/// A change of settings on its way.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Updating {
    what: Vec<String>,
    phase: crate::plan::state::operations::Phase,
    began: jiff::Timestamp,
    by: String,
    #[serde(skip)]
    words: String,
    /// What ends it, as commands.
    #[serde(skip)]
    remedies: Vec<String>,
}

impl Updating {
    fn of(record: &Record) -> Option<Self> {
        let (update, remedies) = (record.update.as_ref()?, updating(record)?.remedies);
        let (what, by, words) = (update.what.clone(), update.by.clone(), update.to_string());
        Some(Self { what, phase: update.phase, began: update.began, by, words, remedies })
    }
}

/// One branch of the tree.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Section {
    name: &'static str,
    ok: bool,
    summary: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    items: Vec<Item>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    name: String,
    ok: bool,
    state: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<String>,
}

impl Section {
    fn of(name: &'static str, summary: impl Into<String>, items: Vec<Item>) -> Self {
        Self { name, ok: items.iter().all(|item| item.ok), summary: summary.into(), items }
    }

    fn bad(name: &'static str, why: impl Into<String>) -> Self {
        Self { name, ok: false, summary: why.into(), items: Vec::new() }
    }
}

impl Item {
    fn of(name: impl Into<String>, ok: bool, state: impl Into<String>) -> Self {
        Self { name: name.into(), ok, state: state.into(), causes: Vec::new() }
    }
}

impl Report for Status {
    fn text(&self, _wide: bool) -> String {
        let mark = crate::ui::mark;
        let endpoint = self.endpoint.as_deref().unwrap_or("no address yet");
        let state = if self.step == "Asleep" {
            "asleep".to_owned()
        } else if self.healthy {
            "healthy".to_owned()
        } else {
            format!("{}, not healthy", self.step)
        };
        let mut text = format!("{}/{}  {}  {endpoint}  {state}\n", self.namespace, self.name, self.version);
        if let Some(pause) = &self.paused {
            let reason =
                if pause.reason.is_empty() { String::new() } else { format!(": {}", crate::ui::safe(&pause.reason)) };
            text.push_str(&format!(
                "paused since {} by {}{reason}\n",
                format_time(pause.since),
                crate::ui::safe(&format_holder(&pause.by))
            ));
        }
        if let Some(unfinished) = &self.unfinished {
            text.push_str(&crate::ui::safe(&unfinished.lines()));
        }
        if let Some(update) = &self.update {
            text.push_str(&format!(
                "a change of settings is not finished: {}, since {}\n",
                crate::ui::safe(&update.words),
                format_time(update.began)
            ));
            for remedy in &update.remedies {
                text.push_str(&format!("  {remedy}\n"));
            }
        }
        if let Some(rotation) = &self.rotation {
            let (name, namespace, verb) = (&self.name, &self.namespace, rotation.of.verb());
            text.push_str(&format!(
                "{rotation}, since {}\n  see how it goes on: kamaji certs {verb} {name} -n {namespace}\n",
                format_time(rotation.since)
            ));
        }
        for (index, section) in self.sections.iter().enumerate() {
            let last = index + 1 == self.sections.len();
            let (branch, stem) = if last { ("└─", "   ") } else { ("├─", "│  ") };
            text.push_str(&format!(
                "{branch} {}  {}  {}\n",
                section.name,
                mark(section.ok),
                crate::ui::safe(&section.summary)
            ));
            for (index, item) in section.items.iter().enumerate() {
                let twig = if index + 1 == section.items.len() { "└─" } else { "├─" };
                let sign = if item.ok { String::new() } else { format!("{}  ", mark(false)) };
                text.push_str(&format!(
                    "{stem}{twig} {sign}{}  {}\n",
                    crate::ui::safe(&item.name),
                    crate::ui::safe(&item.state)
                ));
                for cause in &item.causes {
                    let cause = crate::ui::safe(cause).replace('\n', &format!("\n{stem}      "));
                    text.push_str(&format!("{stem}   · {cause}\n"));
                }
            }
        }
        text
    }

    fn names(&self) -> Vec<String> {
        vec![format!("controlplane/{}", self.name)]
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

async fn pods(session: &Session<'_>, record: &Record, live: &Live) -> Result<Section, Fault> {
    let spec = &record.spec;
    let selector = format!("{LABEL_NAME}={}", spec.name);
    let namespace = Some(spec.namespace.as_str());
    let (pods, events) = tokio::try_join!(
        session.management.list("v1", "Pod", namespace, &selector),
        session.management.list("v1", "Event", namespace, ""),
    )?;
    let mut ready = 0;
    let mut items = Vec::new();
    for pod in &pods {
        let (state, ok) = pod_summary(pod);
        ready += u32::from(ok);
        let node = text(pod, "/spec/nodeName");
        let mut item = Item::of(
            text(pod, "/metadata/name"),
            ok,
            format!("{state} on {}", if node.is_empty() { "no node" } else { node }),
        );
        if !ok {
            item.causes = causes_of_pods(std::slice::from_ref(pod), &events);
        }
        items.push(item);
    }
    if live.named("Deployment", &ObjectNames(&spec.name).deployment()).is_none() {
        return Ok(Section::bad("pods", format!("the Deployment does not exist: {}", mended_by(record))));
    }
    // More than are wanted, while new ones start beside the old.
    let there = items.len().max(spec.replicas as usize);
    let mut section = Section::of("pods", format!("{ready} of {there} ready"), items);
    section.ok = ready >= spec.replicas;
    if pods.is_empty() && spec.replicas > 0 {
        section.items =
            causes_of_pods(&pods, &events).into_iter().map(|cause| Item::of("no pods", false, cause)).collect();
    }
    Ok(section)
}

/// What makes again what is missing: `create`, with the file, while it never served; afterwards the record has the wish.
fn mended_by(record: &Record) -> String {
    match record.step {
        LifecyclePhase::Creating | LifecyclePhase::Deleting => "run the create command again".to_owned(),
        LifecyclePhase::Ready => format!("kamaji update {}", record.spec.namespaced_name().argument()),
    }
}

fn service(record: &Record, live: &Live) -> Section {
    let Some(service) = live.named("Service", &ObjectNames(&record.spec.name).service()) else {
        return Section::bad("service", format!("the Service does not exist: {}", mended_by(record)));
    };
    let address =
        record.address.as_ref().map_or_else(|| "no address yet".to_owned(), |address| address.endpoint.to_string());
    let mut section = Section::of("service", format!("{} {address}", text(service, "/spec/type")), Vec::new());
    section.ok = record.address.is_some();
    section
}

/// Whether the pods are kept away from the management cluster, and whether anything sees to it.
async fn network(session: &Session<'_>, record: &Record, live: &Live) -> Result<Section, Fault> {
    let (name, spec) = ("network policy", &record.spec);
    if spec.isolation.policies == Policies::Off {
        return Ok(Section::of(name, "off: its API server reaches whatever pods of this cluster reach", Vec::new()));
    }
    let Some(policy) = live.named("NetworkPolicy", &ObjectNames(&spec.name).network_policy()) else {
        return Ok(Section::bad(name, format!("the NetworkPolicy does not exist: {}", mended_by(record))));
    };
    let summary = match management_network::enforced_by(session).await? {
        Some(enforcer) => format!("enforced by {enforcer}"),
        None => "written; whether anything here enforces it is not known".to_owned(),
    };
    let closed = cidrs_in_policy(policy);
    let wished = live.management_network.denied_cidrs(spec, Some(policy));
    let missing = wished.iter().filter(|range| !closed.iter().any(|closed| closed.contains(*range)));
    let open =
        missing.map(|range| Item::of(range.to_string(), false, format!("is not closed yet: {}", mended_by(record))));
    let unknown =
        live.management_network.uncovered_sources().into_iter().map(|what| Item::of("not closed", true, what));
    Ok(Section::of(name, summary, open.chain(unknown).collect()))
}

async fn datastore(session: &Session<'_>, record: &Record) -> Section {
    let name = &record.spec.datastore;
    match admin::datastore_state(session, name, &record.id).await {
        Ok((version, keys)) => {
            Section::of("datastore", format!("{name}: etcd {version}, {keys} keys under /{}/", record.id), Vec::new())
        }
        Err(fault) => Section::bad("datastore", format!("{name}: {fault}")),
    }
}

fn certificates(record: &Record, live: &Live, now: jiff::Timestamp) -> Section {
    let mut first: Option<i64> = None;
    let item = |held: CertificateEntry| {
        if let Some(problem) = held.problem {
            return Item::of(held.name, false, format!("{problem}: {}", mended_by(record)));
        }
        let Some(end) = held.not_after else { return Item::of(held.name, true, held.note.unwrap_or_default()) };
        let days = age::days(now, end);
        first = Some(first.map_or(days, |first| first.min(days)));
        let state = if days < 0 { format!("ended {} days ago", -days) } else { format!("{days} days left") };
        Item::of(held.name, days >= SOON_DAYS, state)
    };
    let ours = crate::plan::certificates::inventory::certificates(record, live)
        .into_iter()
        .filter(|held| held.managed_by != StoredIn::Kubelets);
    let items = ours.map(item).collect();
    let summary = first.map_or_else(|| "none".to_owned(), |days| format!("the first ends in {days} days"));
    Section::of("certificates", summary, items)
}

async fn inside(session: &Session<'_>, record: &Record) -> Section {
    let name = "cluster";
    if record.spec.replicas == 0 {
        return Section::of(
            name,
            format!("asleep; wake it: kamaji scale {} --replicas 1", record.spec.namespaced_name().argument()),
            Vec::new(),
        );
    }
    match control_plane::reach(session, record).await {
        Ok(reached) => match look_inside(&reached.connection, record).await {
            Ok(mut section) => {
                section.summary = format!(
                    "{}; reached {}",
                    section.summary,
                    if reached.is_direct() { "directly" } else { "through the management cluster" }
                );
                section
            }
            Err(fault) => Section::bad(name, fault.to_string()),
        },
        Err(fault) => Section::bad(name, fault.causes().join(": ")),
    }
}

async fn look_inside(connection: &Connection, record: &Record) -> Result<Section, Fault> {
    let system = Some("kube-system");
    let (nodes, deployments, daemon_sets) = tokio::try_join!(
        connection.list("v1", "Node", None, ""),
        connection.list("apps/v1", "Deployment", system, "k8s-app=kube-dns"),
        connection.list("apps/v1", "DaemonSet", system, "k8s-app=kube-proxy"),
    )?;
    let addons = addon_states(&record.spec, &deployments, &daemon_sets).into_iter().map(|addon| {
        let name = format!("addon {}", addon.name);
        match addon.ready {
            // Without a worker CoreDNS cannot run, and that is nobody's fault.
            Some((ready, wanted)) => {
                Item::of(name, addon.is_ready() || nodes.is_empty(), format!("{ready} of {wanted} ready"))
            }
            None => Item::of(name, false, format!("missing: {}", mended_by(record))),
        }
    });
    let mut items: Vec<Item> = addons.collect();
    let mut ready_nodes = 0;
    for node in &nodes {
        let conditions = node.pointer("/status/conditions").and_then(Value::as_array).cloned().unwrap_or_default();
        let ready = conditions.iter().find(|condition| condition["type"] == "Ready");
        let ok = ready.is_some_and(|condition| condition["status"] == "True");
        ready_nodes += usize::from(ok);
        let version = text(node, "/status/nodeInfo/kubeletVersion");
        let mut item = Item::of(
            format!("node {}", text(node, "/metadata/name")),
            ok,
            format!("{} {version}", if ok { "Ready" } else { "NotReady" }),
        );
        if !ok && let Some(message) = ready.and_then(|condition| condition["message"].as_str()) {
            item.causes.push(message.to_owned());
        }
        items.push(item);
    }
    let summary = if nodes.is_empty() {
        format!("no workers yet: kamaji join {}", record.spec.namespaced_name().argument())
    } else {
        format!("{ready_nodes} of {} nodes ready", nodes.len())
    };
    Ok(Section::of("cluster", summary, items))
}
