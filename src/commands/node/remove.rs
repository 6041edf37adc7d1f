//! `kamaji node remove`: look at workers and machines, show the plan, ask, drain, reset, delete, report.

use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde::Serialize;

use super::drain::changes;
use super::{PATIENCE, consent, distinct, refuse_loss};
use crate::cli::RemoveArgs;
use crate::cluster::Connection;
use crate::commands::shared::context::Context;
use crate::commands::shared::{control_plane, hosts};
use crate::engine::session::Session;
use crate::engine::workers::drain::{self, Drainable};
use crate::engine::workers::nodes;
use crate::error::{Fault, Kind};
use crate::model::NodeName;
use crate::pki;
use crate::plan::apply::plan::{Action, Approved, Change, Plan};
use crate::plan::state::record::Record;
use crate::plan::workers::host_probe::{HostMembership, HostProbe, reset_script};
use crate::plan::workers::node_status::NodeState;
use crate::ui::Report;

/// How long resetting one machine may take.
const RESET: Duration = Duration::from_secs(300);

/// One worker that is to go.
struct Leaving<'a> {
    node: NodeName,
    exists: bool,
    /// Why it is not drained.
    not_drained: Option<&'static str>,
    host: Option<&'a str>,
}

pub(super) async fn run(args: &RemoveArgs, context: &Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, args.how.timeout.0);
    let record = control_plane::record(&session, &management, &args.of.name).await?;
    let reached = control_plane::reach(&session, &record).await?;
    let connection = reached.connection.clone().patient(PATIENCE);
    let leaving = look(args, &session, &connection, &record).await?;
    let to_drain: Vec<NodeName> = leaving
        .iter()
        .filter(|leaving| leaving.exists && leaving.not_drained.is_none())
        .map(|leaving| leaving.node.clone())
        .collect();
    let drainables = drain::prepare_drain(&connection, &to_drain, consent(&args.how)).await?;
    let plan = plan(&record, &leaving, &drainables);
    context.ui.show_plan(&plan);
    for leaving in &leaving {
        if let Some(why) = leaving.not_drained {
            context.ui.say(&format!("node {} is not drained: {why}", leaving.node));
        }
    }
    refuse_loss(&drainables)?;
    if args.how.dry_run {
        drop(progress);
        context.ui.result("Nothing was changed: this was a dry run.\n");
        return Ok(());
    }
    if !args.yes {
        if !context.ui.can_ask() {
            return Err(Fault::new(Kind::Declined, "removing workers needs consent; nothing was changed")
                .hint("agree to it with --yes; see what goes with --dry-run"));
        }
        if !context.ui.confirm(&format!("Remove {} workers?", leaving.len()))? {
            return Err(Fault::new(Kind::Declined, "declined; nothing was changed"));
        }
    }
    let outcomes = carry_out(args, &session, &connection, &leaving, &drainables, &plan.approve()).await?;
    drop(progress);
    report(context, outcomes)
}

/// Which workers there are, and which machines they are. Refuses what is unclear before anything is changed.
async fn look<'a>(
    args: &'a RemoveArgs,
    session: &Session<'_>,
    connection: &Connection,
    record: &Record,
) -> Result<Vec<Leaving<'a>>, Fault> {
    let names = distinct(&args.of.nodes);
    let found = nodes::find_nodes(connection, &names).await?;
    let hosts = hosts::distinct(&args.machines);
    let mut of_host: Vec<(NodeName, &str)> = Vec::new();
    if !hosts.is_empty() {
        let admin = control_plane::kubeconfig(session.management, record, "admin.conf").await?;
        let (_, _, ca) = pki::kubeconfig_client(admin.expose_secret())?;
        let seen = hosts::look(&hosts::ssh(&args.machines), &hosts, &pki::discovery_hashes(&ca)?).await;
        for (host, seen) in hosts.into_iter().zip(seen) {
            of_host.push((node_of(host, seen, &names)?, host));
        }
    }
    let missing: Vec<&NodeName> = names
        .iter()
        .zip(&found)
        .filter(|(name, found)| found.is_none() && !of_host.iter().any(|(node, _)| node == *name))
        .map(|(name, _)| name)
        .collect();
    if !missing.is_empty() {
        return Err(nodes::no_such_nodes(&record.spec.namespaced_name(), &missing));
    }
    let leaving = names.into_iter().zip(found).map(|(node, found)| {
        let ready = found.as_ref().is_some_and(|found| NodeState::of(found, record.spec.version).ready);
        let not_drained = match (args.no_drain, found.is_some(), ready) {
            (true, ..) => Some("--no-drain was given"),
            (false, true, false) => Some("it is not ready, so nobody there would end the pods"),
            (false, false, _) => Some("its Node is deleted already"),
            (false, true, true) => None,
        };
        let host = of_host.iter().find(|(of, _)| *of == node).map(|(_, host)| *host);
        Leaving { exists: found.is_some(), not_drained, host, node }
    });
    Ok(leaving.collect())
}

/// Which of the workers a machine is.
fn node_of(host: &str, seen: Result<HostProbe, String>, names: &[NodeName]) -> Result<NodeName, Fault> {
    let refuse = |kind, why: String| {
        Err(Fault::new(kind, format!("{host} {why}; nothing was changed"))
            .hint("leave --host out to take the node out of the cluster only"))
    };
    match seen.map(|machine| machine.membership) {
        Err(why) => refuse(Kind::Unavailable, format!("cannot be looked at: {why}")),
        Ok(HostMembership::Free) => refuse(Kind::Usage, "is in no cluster, so there is nothing to reset".to_owned()),
        Ok(HostMembership::Elsewhere(server)) => {
            refuse(Kind::Conflict, format!("is in another cluster ({server}) and is not reset"))
        }
        Ok(HostMembership::Here(node)) => {
            let node = node.unwrap_or_else(|| "unknown".to_owned());
            match names.iter().find(|name| name.as_str() == node) {
                Some(name) => Ok(name.clone()),
                None => refuse(Kind::Usage, format!("is node `{node}`, which is not among those to be removed")),
            }
        }
    }
}

fn plan(record: &Record, leaving: &[Leaving<'_>], drainables: &[Drainable]) -> Plan {
    let mut plan = Plan { control_plane: format!("{}/{}", record.spec.namespace, record.spec.name), ..Plan::default() };
    for leaving in leaving {
        if let Some(drainable) = drainables.iter().find(|drainable| drainable.node == leaving.node) {
            plan.changes.extend(changes(leaving.node.as_str(), &drainable.pods));
        }
        if let Some(host) = leaving.host {
            let what = format!("machine {host}, node {}", leaving.node);
            plan.changes.push(Change::of(what, Action::Delete, "kubeadm reset"));
        }
        if leaving.exists {
            let note = "with its lease and certificate requests";
            plan.changes.push(Change::of(format!("Node {}", leaving.node), Action::Delete, note));
        }
    }
    plan
}

async fn carry_out(
    args: &RemoveArgs,
    session: &Session<'_>,
    connection: &Connection,
    leaving: &[Leaving<'_>],
    drainables: &[Drainable],
    approved: &Approved,
) -> Result<Vec<Item>, Fault> {
    let drained = drain::drain(session, connection, drainables, args.how.grace_period, approved).await?;
    let blocked = |node: &NodeName| {
        drained.iter().find(|drained| drained.node == *node && drained.failure.is_some()).map(|drained| {
            (drained.failure.unwrap_or(Kind::Failed), format!("pods did not leave: {}", drained.blocked.join("; ")))
        })
    };
    // The machine before the Node: a kubelet that still runs would register it again.
    let to_reset: Vec<&Leaving<'_>> =
        leaving.iter().filter(|leaving| leaving.host.is_some() && blocked(&leaving.node).is_none()).collect();
    let hosts: Vec<&str> = to_reset.iter().filter_map(|leaving| leaving.host).collect();
    let reset = hosts::ssh(&args.machines).run(&hosts, &reset_script(), RESET).await;
    let mut items = Vec::new();
    for leaving in leaving {
        let reset = to_reset.iter().position(|to_reset| to_reset.node == leaving.node).map(|index| &reset[index]);
        let failure = match (blocked(&leaving.node), reset) {
            (Some(blocked), _) => Some(blocked),
            (None, Some(Err(why))) => Some((Kind::Failed, format!("its machine was not reset: {why}"))),
            (None, Some(Ok(_)) | None) => {
                let removed = nodes::remove_node(connection, &leaving.node, approved).await;
                removed.err().map(|fault| (fault.kind(), fault.to_string()))
            }
        };
        items.push(Item {
            node: leaving.node.to_string(),
            removed: failure.is_none(),
            reset: matches!(reset, Some(Ok(_))),
            failure: failure.as_ref().map(|(_, why)| why.clone()),
            kind: failure.map(|(kind, _)| kind),
        });
    }
    Ok(items)
}

fn report(context: &Context, items: Vec<Item>) -> Result<(), Fault> {
    let total = items.len();
    let kinds: Vec<Kind> = items.iter().filter_map(|item| item.kind).collect();
    context.ui.report(&Removals { api_version: "kamaji/v1", kind: "NodeRemovalList", items });
    let Some(first) = kinds.first() else { return Ok(()) };
    let kind = if kinds.len() == total { *first } else { Kind::Partial };
    Err(Fault::new(kind, format!("{} of {total} workers are not removed", kinds.len()))
        .hint("run the same command again: it goes on where this one stopped"))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Removals {
    api_version: &'static str,
    kind: &'static str,
    items: Vec<Item>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    node: String,
    removed: bool,
    reset: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    #[serde(skip)]
    kind: Option<Kind>,
}

impl Report for Removals {
    fn text(&self, _wide: bool) -> String {
        let line = |item: &Item| match &item.failure {
            Some(why) => format!("{}: NOT removed\n  - {}\n", item.node, crate::ui::safe(why).replace('\n', "\n    ")),
            None if item.reset => format!("{}: removed, its machine is reset\n", item.node),
            None => format!("{}: removed; its machine was not touched\n", item.node),
        };
        self.items.iter().map(line).collect()
    }

    fn names(&self) -> Vec<String> {
        self.items.iter().filter(|item| item.removed).map(|item| format!("node/{}", item.node)).collect()
    }
}
