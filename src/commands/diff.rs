//! `kamaji diff`: what lives against what was asked for. Writes nothing.

use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use super::shared::context::Context;
use crate::cli::ControlPlaneArgs;
use crate::engine::rollout::preflight;
use crate::engine::state::record_store;
use crate::error::{DIFFERENCES, Fault};
use crate::plan::apply::plan::{Action, Plan};
use crate::ui::Report;

const SHORT: Duration = Duration::from_secs(60);

pub(super) async fn run(args: &ControlPlaneArgs, context: &mut Context) -> Result<ExitCode, Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, SHORT);
    let recorded = record_store::require_record(session.management, &management.namespace, &args.name).await?;
    let version = recorded.record.spec.version;
    let plan = preflight::plan_upgrade(&session, &recorded, version, &mut context.ambient).await?;
    drop(progress);
    let differs = !plan.unknown.is_empty() || plan.changes.iter().any(|change| change.action != Action::Unchanged);
    context.ui.report(&Diff { api_version: "kamaji/v1", kind: "Diff", differs, plan });
    Ok(if differs { ExitCode::from(DIFFERENCES) } else { ExitCode::SUCCESS })
}

/// The differences. Its JSON is a public interface.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Diff {
    api_version: &'static str,
    kind: &'static str,
    differs: bool,
    #[serde(flatten)]
    plan: Plan,
}

impl Report for Diff {
    fn text(&self, _wide: bool) -> String {
        if !self.differs {
            return format!("{}: as it was asked for\n", self.plan.control_plane);
        }
        let mut lines = crate::ui::plan_lines(&self.plan);
        if let Some(first) = lines.first_mut() {
            *first = format!(
                "{} differs from what was asked for; `kamaji update` would put back (but for what has a `!`):",
                self.plan.control_plane
            );
        }
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    fn names(&self) -> Vec<String> {
        let changed = self.plan.changes.iter().filter(|change| change.action != Action::Unchanged);
        changed.map(|change| change.what.clone()).collect()
    }
}
