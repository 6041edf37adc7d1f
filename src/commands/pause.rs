//! `kamaji pause` and `kamaji resume`: pause and resume changes to a control plane.

use std::time::Duration;

use serde::Serialize;

use super::shared::context::Context;
use crate::cli::{ControlPlaneArgs, PauseArgs};
use crate::engine::lifecycle::pause;
use crate::error::Fault;
use crate::model::format_time;
use crate::plan::state::record::{Pause, Record};
use crate::ui::Report;

/// Long enough for the Lease of a killed process to expire.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);

pub(super) async fn run(args: &PauseArgs, context: &Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, LOCK_TIMEOUT);
    let record = pause::pause(&session, &management.namespace, &args.name, &args.reason).await?;
    drop(progress);
    context.ui.report(&PauseReport::of(record));
    Ok(())
}

pub(super) async fn resume(args: &ControlPlaneArgs, context: &Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, LOCK_TIMEOUT);
    let record = pause::resume(&session, &management.namespace, &args.name).await?;
    drop(progress);
    context.ui.report(&PauseReport::of(record));
    Ok(())
}

/// The report of both commands. Its JSON is a public interface.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PauseReport {
    api_version: &'static str,
    kind: &'static str,
    name: String,
    namespace: String,
    paused: Option<Pause>,
}

impl PauseReport {
    fn of(record: Record) -> Self {
        Self {
            api_version: "kamaji/v1",
            kind: "Pause",
            name: record.spec.name.to_string(),
            namespace: record.spec.namespace.to_string(),
            paused: record.paused,
        }
    }
}

impl Report for PauseReport {
    fn text(&self, _wide: bool) -> String {
        match &self.paused {
            Some(pause) => format!("{} is paused (since {})\n", self.name, format_time(pause.since)),
            None => format!("{} is not paused\n", self.name),
        }
    }

    fn names(&self) -> Vec<String> {
        vec![format!("controlplane/{}", self.name)]
    }
}
