//! What `upgrade` and `rollback` have in common: show, ask, change the version, report.

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

/// How long saving the data may take.
const SAVING: Duration = Duration::from_secs(600);

/// What is told before the question, and what is saved after it.
pub(crate) struct Before<'a> {
    pub(crate) facts: Vec<String>,
    pub(crate) snapshot: Option<(&'a Record, &'a Path)>,
    /// Whether `rollback` asks for it.
    pub(crate) is_rollback: bool,
}

/// Shows the plan and carries it out if it is agreed to.
pub(crate) async fn apply_version(
    name: &ControlPlaneName,
    version: KubeVersion,
    plan: Plan,
    before: Before<'_>,
    args: &RollArgs,
    management: &Management,
    context: &mut Context,
) -> Result<(), Fault> {
    if args.dry_run {
        for fact in &before.facts {
            context.ui.say(fact);
        }
        show_dry_run(&context.ui, plan);
        return Ok(());
    }
    context.ui.show_plan(&plan);
    for fact in &before.facts {
        context.ui.say(fact);
    }
    if !args.yes {
        ask(&context.ui, &plan)?;
    }
    let approved = plan.approve();
    let progress = context.ui.progress();
    if let Some((record, path)) = before.snapshot {
        let session = management.session(&progress, SAVING);
        snapshot::save(&session, record, path).await?;
        session.say(Event::Done(format!("the data is saved in {}", path.display())));
    }
    let session = management.session(&progress, args.timeout.0);
    let target = Target { namespace: &management.namespace, name, version, is_rollback: before.is_rollback };
    let record = run::roll(&session, &target, &approved, &mut context.ambient).await?;
    drop(progress);
    context.ui.report(&Rolled::of(&record, true));
    Ok(())
}

fn ask(ui: &Ui, plan: &Plan) -> Result<(), Fault> {
    if !ui.can_ask() {
        return Err(Fault::new(Kind::Declined, format!("the version of {} would be changed", plan.control_plane))
            .hint("agree to it with --yes; see it first with --dry-run"));
    }
    if ui.confirm("Change the version?")? {
        Ok(())
    } else {
        Err(Fault::new(Kind::Declined, "declined; nothing was changed"))
    }
}

/// What a change of version ends with. Its JSON is a public interface.
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
        if self.changed { format!("{name} has {version}\n") } else { format!("{name}: unchanged, {version}\n") }
    }

    fn names(&self) -> Vec<String> {
        vec![format!("controlplane/{}", self.name)]
    }
}
