//! What `create` and `update` have in common once a wish is read: look, plan, show, ask, apply, wait.

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

/// How a wish is carried out.
pub(crate) struct How {
    pub(crate) dry_run: bool,
    pub(crate) yes: bool,
    pub(crate) wait: bool,
    pub(crate) timeout: Duration,
}

/// What came of it.
pub(crate) enum Settled {
    /// The plan was shown, and nothing written.
    Shown,
    /// Everything is as it was asked for.
    Unchanged(Box<Record>),
    /// It can be used; by this plan.
    Changed(Box<Record>, Plan),
    /// The objects are written, and nobody waited.
    Written,
}

/// Makes the wish come true, if it is agreed to.
pub(crate) async fn apply_spec(
    request: &CreateRequest,
    how: &How,
    management: &Management,
    context: &mut Context,
) -> Result<Settled, Fault> {
    let progress = context.ui.progress();
    let session = management.session(&progress, how.timeout);
    let prepared = preview::preview(&session, request, &mut context.ambient).await?;
    if how.dry_run {
        drop(progress);
        show_dry_run(&context.ui, prepared.plan);
        return Ok(Settled::Shown);
    }
    if prepared.plan.is_empty()
        && let Some(recorded) = prepared.recorded
    {
        create::remove_abandoned_lock(&session, &request.spec.namespace, &request.spec.name).await?;
        return Ok(Settled::Unchanged(Box::new(recorded.record)));
    }
    context.ui.show_plan(&prepared.plan);
    let exists = prepared.recorded.as_ref().is_some_and(|recorded| recorded.record.step == LifecyclePhase::Ready);
    if exists && !how.yes {
        ask(&context.ui, &prepared.plan)?;
    }
    let approved = prepared.plan.approve();
    let created = create::apply(&session, request, &approved, how.wait, &mut context.ambient).await?;
    drop(progress);
    let Some(ApplyOutcome { record, direct }) = created else { return Ok(Settled::Written) };
    if !direct {
        let endpoint = record.address.as_ref().map(|address| address.endpoint.to_string()).unwrap_or_default();
        context.ui.say(&format!(
            "note: {endpoint} does not answer from here; kamaji went through the management cluster. Workers must reach it."
        ));
    }
    Ok(Settled::Changed(Box::new(record), approved.plan().clone()))
}

/// Changing what exists needs consent; making something new does not.
fn ask(ui: &Ui, plan: &Plan) -> Result<(), Fault> {
    if !ui.can_ask() {
        return Err(Fault::new(
            Kind::Declined,
            format!("control plane {} exists and would be changed", plan.control_plane),
        )
        .hint("agree to it with --yes; see it first with --dry-run"));
    }
    if ui.confirm("Make these changes?")? {
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
        lines.push(
            if self.plan.is_empty() { "No changes." } else { "Nothing was changed: this was a dry run." }.to_owned(),
        );
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    fn names(&self) -> Vec<String> {
        self.plan.changes.iter().filter(|change| change.action.writes()).map(|change| change.what.clone()).collect()
    }
}
