//! Applies a spec for `create`, `update` and `rollback`: plans, asks for confirmation, applies and waits.

use std::time::Duration;

use serde::Serialize;

use super::context::{Context, Management};
use crate::engine::lifecycle::create;
use crate::engine::lifecycle::objects::ApplyOutcome;
use crate::engine::lifecycle::preview::{self, CreateRequest};
use crate::error::{Fault, Kind};
use crate::plan::apply::plan::Plan;
use crate::plan::state::record::{LifecyclePhase, Record};
use crate::ui::{Report, Ui};

/// Options for applying a spec.
pub(crate) struct ApplyOptions {
    pub(crate) dry_run: bool,
    pub(crate) yes: bool,
    pub(crate) wait: bool,
    pub(crate) timeout: Duration,
}

/// The result of applying a spec.
pub(crate) enum ApplyResult {
    /// A dry run: the plan was shown.
    DryRun,
    /// The plan was empty.
    Unchanged(Box<Record>),
    /// The plan was applied, and the control plane is ready.
    Changed(Box<Record>, Plan),
    /// The objects were applied, without waiting.
    NotAwaited,
}

/// Applies the spec after confirmation.
pub(crate) async fn apply_spec(
    request: &CreateRequest,
    options: &ApplyOptions,
    management: &Management,
    context: &mut Context,
) -> Result<ApplyResult, Fault> {
    let progress = context.ui.progress();
    let session = management.session(&progress, options.timeout);
    let prepared = preview::preview(&session, request, &mut context.ambient).await?;
    if options.dry_run {
        drop(progress);
        show_dry_run(&context.ui, prepared.plan);
        return Ok(ApplyResult::DryRun);
    }
    if prepared.plan.is_empty()
        && let Some(recorded) = prepared.recorded
    {
        create::remove_abandoned_lock(&session, &request.spec.namespace, &request.spec.name).await?;
        return Ok(ApplyResult::Unchanged(Box::new(recorded.record)));
    }
    context.ui.show_plan(&prepared.plan);
    let exists = prepared.recorded.as_ref().is_some_and(|recorded| recorded.record.step == LifecyclePhase::Ready);
    if exists && !options.yes {
        confirm(&context.ui, &prepared.plan)?;
    }
    let approved = prepared.plan.approve();
    let created = create::apply(&session, request, &approved, options.wait, &mut context.ambient).await?;
    drop(progress);
    let Some(ApplyOutcome { record, direct }) = created else { return Ok(ApplyResult::NotAwaited) };
    if !direct {
        let endpoint = record.address.as_ref().map(|address| address.endpoint.to_string()).unwrap_or_default();
        context.ui.say(&format!(
            "note: {endpoint} is not reachable from here; kamaji connected through the management cluster. \
             Workers must be able to reach it."
        ));
    }
    Ok(ApplyResult::Changed(Box::new(record), approved.plan().clone()))
}

/// Changes to an existing control plane require confirmation; creation does not.
fn confirm(ui: &Ui, plan: &Plan) -> Result<(), Fault> {
    if !ui.can_ask() {
        return Err(Fault::new(
            Kind::Declined,
            format!("changing the existing control plane {} requires confirmation", plan.control_plane),
        )
        .hint("confirm with --yes, or preview with --dry-run"));
    }
    if ui.confirm("Apply these changes?")? {
        Ok(())
    } else {
        Err(Fault::new(Kind::Declined, "declined; nothing was changed"))
    }
}

pub(crate) fn show_dry_run(ui: &Ui, plan: Plan) {
    ui.report(&DryRun { api_version: "kamaji/v1", kind: "Plan", plan });
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DryRun {
    api_version: &'static str,
    kind: &'static str,
    #[serde(flatten)]
    plan: Plan,
}

impl Report for DryRun {
    fn text(&self, _wide: bool) -> String {
        let mut lines = crate::ui::plan_lines(&self.plan);
        lines.push(if self.plan.is_empty() { "No changes." } else { "Dry run: nothing was changed." }.to_owned());
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    fn names(&self) -> Vec<String> {
        self.plan.changes.iter().filter(|change| change.action.writes()).map(|change| change.target.clone()).collect()
    }
}
