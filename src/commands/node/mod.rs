//! `kamaji node`: workers of a control plane, seen and moved about through its API server, however that is reached.

mod drain;
mod list;
mod remove;

use std::time::Duration;

use serde::Serialize;

use super::shared::context::Context;
use super::shared::control_plane;
use crate::cli::{DrainOptions, NodeCommand, NodesArgs};
use crate::cluster::Connection;
use crate::engine::workers::drain::Drainable;
use crate::engine::workers::nodes;
use crate::error::{Fault, Kind};
use crate::model::NodeName;
use crate::plan::state::record::Record;
use crate::plan::workers::drain::Consent;
use crate::ui::Report;

const SHORT: Duration = Duration::from_secs(60);
/// How long requests are repeated while the tenant's API server is away for a moment.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn run(command: &NodeCommand, context: &mut Context) -> Result<(), Fault> {
    match command {
        NodeCommand::List(args) => list::run(args, context).await,
        NodeCommand::Drain(args) => drain::run(args, context).await,
        NodeCommand::Cordon(args) => schedule(args, context, false).await,
        NodeCommand::Uncordon(args) => schedule(args, context, true).await,
        NodeCommand::Remove(args) => remove::run(args, context).await,
    }
}

/// The names without those that were typed before.
fn distinct(names: &[NodeName]) -> Vec<NodeName> {
    let mut distinct: Vec<NodeName> = Vec::new();
    for name in names {
        if !distinct.contains(name) {
            distinct.push(name.clone());
        }
    }
    distinct
}

/// Refuses when one of the workers does not exist.
async fn require(connection: &Connection, record: &Record, nodes: &[NodeName]) -> Result<Vec<NodeName>, Fault> {
    let names = distinct(nodes);
    let found = nodes::find_nodes(connection, &names).await?;
    let missing: Vec<&NodeName> =
        names.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(name, _)| name).collect();
    if missing.is_empty() { Ok(names) } else { Err(nodes::no_such_nodes(&record.spec.namespaced_name(), &missing)) }
}

fn consent(how: &DrainOptions) -> Consent {
    Consent { bare_pods: how.force, local_data: how.delete_emptydir_data }
}

/// Refuses when something would be lost that nobody agreed to. Nothing was changed yet.
fn refuse_loss(drainables: &[Drainable]) -> Result<(), Fault> {
    let refused: Vec<_> = drainables.iter().flat_map(|drainable| &drainable.pods.refused).collect();
    if refused.is_empty() {
        return Ok(());
    }
    let mut text = "some pods would be lost; nothing was changed".to_owned();
    for refused in &refused {
        let pod = &refused.pod.object;
        text.push_str(&format!(
            "\n  - pod {}/{} {} ({})",
            pod.namespace.as_deref().unwrap_or_default(),
            pod.name,
            refused.why,
            refused.flag
        ));
    }
    let mut flags: Vec<&str> = refused.iter().map(|refused| refused.flag).collect();
    flags.sort_unstable();
    flags.dedup();
    Err(Fault::new(Kind::Declined, text).hint(format!("agree to it with {}", flags.join(" and "))))
}

async fn schedule(args: &NodesArgs, context: &Context, schedulable: bool) -> Result<(), Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, SHORT);
    let record = control_plane::record(&session, &management, &args.name).await?;
    let reached = control_plane::reach(&session, &record).await?;
    let names = require(&reached.connection, &record, &args.nodes).await?;
    let mut items = Vec::new();
    for name in names {
        let changed = nodes::set_schedulable(&reached.connection, &name, schedulable).await?;
        items.push(Scheduled { node: name.to_string(), schedulable, changed });
    }
    drop(progress);
    context.ui.report(&Schedulings { api_version: "kamaji/v1", kind: "NodeSchedulingList", items });
    Ok(())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Schedulings {
    api_version: &'static str,
    kind: &'static str,
    items: Vec<Scheduled>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Scheduled {
    node: String,
    schedulable: bool,
    changed: bool,
}

impl Report for Schedulings {
    fn text(&self, _wide: bool) -> String {
        let line = |item: &Scheduled| {
            let state = if item.schedulable { "uncordoned" } else { "cordoned" };
            format!("{}: {}{state}\n", item.node, if item.changed { "" } else { "already " })
        };
        self.items.iter().map(line).collect()
    }

    fn names(&self) -> Vec<String> {
        self.items.iter().map(|item| format!("node/{}", item.node)).collect()
    }
}
