//! `kamaji node drain`: look, refuse what would be lost, cordon, evict, wait, report.

use serde::Serialize;

use super::{PATIENCE, consent, refuse_loss, require};
use crate::cli::DrainArgs;
use crate::commands::shared::context::Context;
use crate::commands::shared::control_plane;
use crate::engine::workers::drain;
use crate::engine::workers::drain::Drained;
use crate::error::{Fault, Kind};
use crate::plan::apply::plan::{Action, Change, Plan};
use crate::plan::workers::drain::{DrainPlan, PodOn};
use crate::ui::{Report, Table};

pub(super) async fn run(args: &DrainArgs, context: &Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, args.how.timeout.0);
    let record = control_plane::record(&session, &management, &args.of.name).await?;
    let reached = control_plane::reach(&session, &record).await?;
    let connection = reached.connection.clone().patient(PATIENCE);
    let names = require(&connection, &record, &args.of.nodes).await?;
    let drainables = drain::prepare_drain(&connection, &names, consent(&args.how)).await?;
    if args.how.dry_run {
        let mut pods = Vec::new();
        for drainable in &drainables {
            let waits = drain::preview_drain(&connection, drainable).await?;
            pods.extend(previews(drainable.node.as_str(), &drainable.pods, &waits));
        }
        drop(progress);
        context.ui.report(&Previews { api_version: "kamaji/v1", kind: "DrainPlan", pods });
        context.ui.say("Nothing was changed: this was a dry run.");
        return refuse_loss(&drainables);
    }
    refuse_loss(&drainables)?;
    let mut plan = Plan { control_plane: format!("{}/{}", record.spec.namespace, record.spec.name), ..Plan::default() };
    for drainable in &drainables {
        plan.changes.extend(changes(drainable.node.as_str(), &drainable.pods));
    }
    let drained = drain::drain(&session, &connection, &drainables, args.how.grace_period, &plan.approve()).await?;
    drop(progress);
    let stay: Vec<usize> = drainables.iter().map(|drainable| drainable.pods.stay.len()).collect();
    context.ui.report(&Drains {
        api_version: "kamaji/v1",
        kind: "DrainOutcomeList",
        items: drained.iter().zip(stay).map(|(drained, stay)| Item::of(drained, stay)).collect(),
    });
    failure(&drained)
}

/// The failure of some or all, if there is one.
pub(super) fn failure(drained: &[Drained]) -> Result<(), Fault> {
    let failed: Vec<Kind> = drained.iter().filter_map(|drained| drained.failure).collect();
    let Some(first) = failed.first() else { return Ok(()) };
    let kind = if failed.len() == drained.len() { *first } else { Kind::Partial };
    let text = format!("{} of {} nodes still have pods that should leave", failed.len(), drained.len());
    Err(Fault::new(kind, text)
        .hint("run the same command again: it goes on where this one stopped; --timeout gives it longer"))
}

/// What draining one worker changes.
pub(super) fn changes(node: &str, pods: &DrainPlan) -> Vec<Change> {
    let mut changes = vec![Change::of(format!("Node {node}"), Action::Update, "no new pods come")];
    let of = |pod: &PodOn, action, note: &str| Change::of(format!("{} on {node}", pod.object), action, note);
    changes.extend(pods.leave.iter().map(|pod| of(pod, Action::Delete, "evicted")));
    changes.extend(pods.stay.iter().map(|(pod, why)| of(pod, Action::Unchanged, why)));
    changes
}

fn previews(node: &str, plan: &DrainPlan, waits: &std::collections::BTreeMap<String, String>) -> Vec<Preview> {
    let of = |pod: &PodOn, action, why: String| Preview {
        node: node.to_owned(),
        pod: format!("{}/{}", pod.object.namespace.as_deref().unwrap_or_default(), pod.object.name),
        action,
        why,
    };
    let leave = plan.leave.iter().map(|pod| match waits.get(&pod.uid) {
        Some(cause) => of(pod, "Wait", cause.clone()),
        None => of(pod, "Evict", String::new()),
    });
    let refused =
        plan.refused.iter().map(|refused| of(&refused.pod, "Refuse", format!("{} ({})", refused.why, refused.flag)));
    let stay = plan.stay.iter().map(|(pod, why)| of(pod, "Stay", (*why).to_owned()));
    leave.chain(refused).chain(stay).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Previews {
    api_version: &'static str,
    kind: &'static str,
    pods: Vec<Preview>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Preview {
    node: String,
    pod: String,
    action: &'static str,
    why: String,
}

impl Report for Previews {
    fn text(&self, _wide: bool) -> String {
        if self.pods.is_empty() {
            return "no pods would leave\n".to_owned();
        }
        let row = |pod: &Preview| vec![pod.node.clone(), pod.pod.clone(), pod.action.to_owned(), pod.why.clone()];
        Table { headings: vec!["NODE", "POD", "ACTION", "WHY"], rows: self.pods.iter().map(row).collect() }.draw()
    }

    fn names(&self) -> Vec<String> {
        self.pods.iter().filter(|pod| pod.action == "Evict").map(|pod| format!("pod/{}", pod.pod)).collect()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Drains {
    api_version: &'static str,
    kind: &'static str,
    items: Vec<Item>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    node: String,
    drained: bool,
    pods_left: usize,
    pods_stay: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    blocked: Vec<String>,
}

impl Item {
    fn of(drained: &Drained, stay: usize) -> Self {
        Self {
            node: drained.node.to_string(),
            drained: drained.failure.is_none(),
            pods_left: drained.left,
            pods_stay: stay,
            blocked: drained.blocked.clone(),
        }
    }
}

impl Report for Drains {
    fn text(&self, _wide: bool) -> String {
        let mut text = String::new();
        for item in &self.items {
            let outcome = if item.drained { "drained" } else { "NOT drained" };
            text.push_str(&format!(
                "{}: {outcome}, {} pods left it, {} stay\n",
                item.node, item.pods_left, item.pods_stay
            ));
            for cause in &item.blocked {
                text.push_str(&format!("  - {}\n", crate::ui::safe(cause)));
            }
        }
        text
    }

    fn names(&self) -> Vec<String> {
        self.items.iter().filter(|item| item.drained).map(|item| format!("node/{}", item.node)).collect()
    }
}
