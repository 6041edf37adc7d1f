//! `kamaji node`: lists, cordons, drains and removes workers of a control plane.

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

const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Retry budget for requests while the tenant's API server is unavailable.
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) async fn run(command: &NodeCommand, context: &mut Context) -> Result<(), Fault> {
    match command {
        NodeCommand::List(args) => list::run(args, context).await,
        NodeCommand::Drain(args) => drain::run(args, context).await,
        NodeCommand::Cordon(args) => schedule(args, context, false).await,
        NodeCommand::Uncordon(args) => schedule(args, context, true).await,
        NodeCommand::Remove(args) => remove::run(args, context).await,
    }
}

/// The names without duplicates.
fn distinct(names: &[NodeName]) -> Vec<NodeName> {
    let mut distinct: Vec<NodeName> = Vec::new();
    for name in names {
        if !distinct.contains(name) {
            distinct.push(name.clone());
        }
    }
    distinct
}

/// Fails if a worker does not exist.
async fn require(connection: &Connection, record: &Record, nodes: &[NodeName]) -> Result<Vec<NodeName>, Fault> {
    let names = distinct(nodes);
    let found = nodes::find_nodes(connection, &names).await?;
    let missing: Vec<&NodeName> =
        names.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(name, _)| name).collect();
    if missing.is_empty() { Ok(names) } else { Err(nodes::no_such_nodes(&record.spec.namespaced_name(), &missing)) }
}

fn consent(options: &DrainOptions) -> Consent {
    Consent { bare_pods: options.force, local_data: options.delete_emptydir_data }
}

/// Fails if pods or data would be lost without the user's consent. Called before any change.
fn refuse_loss(drainables: &[Drainable]) -> Result<(), Fault> {
    let refused: Vec<_> = drainables.iter().flat_map(|drainable| &drainable.pods.refused).collect();
    if refused.is_empty() {
        return Ok(());
    }
    let mut text = "some pods or their data would be lost; nothing was changed".to_owned();
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
    Err(Fault::new(Kind::Declined, text).hint(format!("to continue anyway, use {}", flags.join(" and "))))
}

async fn schedule(args: &NodesArgs, context: &Context, schedulable: bool) -> Result<(), Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, REQUEST_TIMEOUT);
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
