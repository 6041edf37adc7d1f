//! Changes the version for `upgrade` and `rollback`, after confirmation.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::apply_spec::show_dry_run;
use super::context::{Context, Management};
use crate::cli::RollArgs;
use crate::commands::snapshot;
use crate::engine::rollout::run;
use crate::engine::rollout::run::Target;
use crate::error::{Fault, Kind};
use crate::event::Event;
use crate::model::{ControlPlaneName, KubeVersion};
use crate::plan::apply::plan::Plan;
use crate::plan::state::record::Record;
use crate::ui::{Report, Ui};

/// Timeout for saving the snapshot.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(600);

/// What to report before the confirmation, and the snapshot to save after it.
pub(crate) struct RolloutContext<'a> {
    pub(crate) facts: Vec<String>,
    pub(crate) snapshot: Option<(&'a Record, &'a Path)>,
    /// Whether this is a rollback.
    pub(crate) is_rollback: bool,
}

/// Shows the plan and applies it after confirmation.
pub(crate) async fn apply_version(
    name: &ControlPlaneName,
    version: KubeVersion,
    plan: Plan,
    rollout_context: RolloutContext<'_>,
    args: &RollArgs,
    management: &Management,
    context: &mut Context,
) -> Result<(), Fault> {
    if args.dry_run {
        for fact in &rollout_context.facts {
            context.ui.say(fact);
        }
        show_dry_run(&context.ui, plan);
        return Ok(());
    }
    context.ui.show_plan(&plan);
    for fact in &rollout_context.facts {
        context.ui.say(fact);
    }
    if !args.yes {
        confirm(&context.ui, &plan)?;
    }
    let approved = plan.approve();
    let progress = context.ui.progress();
    if let Some((record, path)) = rollout_context.snapshot {
        let session = management.session(&progress, SNAPSHOT_TIMEOUT);
        snapshot::save(&session, record, path).await?;
        session.say(Event::Done(format!("snapshot saved to {}", path.display())));
    }
    let session = management.session(&progress, args.timeout.0);
    let target = Target { namespace: &management.namespace, name, version, is_rollback: rollout_context.is_rollback };
    let record = run::roll(&session, &target, &approved, &mut context.ambient).await?;
    drop(progress);
    context.ui.report(&Rolled::of(&record, true));
    Ok(())
}

fn confirm(ui: &Ui, plan: &Plan) -> Result<(), Fault> {
    if !ui.can_ask() {
        return Err(Fault::new(
            Kind::Declined,
            format!("changing the version of {} requires confirmation", plan.control_plane),
        )
        .hint("confirm with --yes, or preview with --dry-run"));
    }
    if ui.confirm("Change the version?")? {
        Ok(())
    } else {
        Err(Fault::new(Kind::Declined, "declined; nothing was changed"))
    }
}

/// The report of a change of version. Its JSON is a public interface.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rolled {
    api_version: &'static str,
    kind: &'static str,
    name: String,
    namespace: String,
    version: String,
    changed: bool,
}

impl Rolled {
    pub(crate) fn of(record: &Record, changed: bool) -> Self {
        Self {
            api_version: "kamaji/v1",
            kind: "Upgrade",
            name: record.spec.name.to_string(),
            namespace: record.spec.namespace.to_string(),
            version: record.spec.version.to_string(),
            changed,
        }
    }
}

impl Report for Rolled {
    fn text(&self, _wide: bool) -> String {
        let (name, version) = (&self.name, &self.version);
        if self.changed { format!("{name} now runs {version}\n") } else { format!("{name}: unchanged, {version}\n") }
    }

    fn names(&self) -> Vec<String> {
        vec![format!("controlplane/{}", self.name)]
    }
}
