//! `kamaji pause` and `kamaji resume`.

use std::time::Duration;

use serde::Serialize;

use super::shared::context::Context;
use crate::cli::{ControlPlaneArgs, PauseArgs};
use crate::engine::lifecycle::pause;
use crate::error::Fault;
use crate::model::format_time;
use crate::plan::state::record::{Pause, Record};
use crate::ui::Report;

/// Long enough for a lease to run out whose holder is gone.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn run(args: &PauseArgs, context: &Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, PATIENCE);
    let record = pause::pause(&session, &management.namespace, &args.name, &args.reason).await?;
    drop(progress);
    context.ui.report(&Outcome::of(record));
    Ok(())
}

pub(super) async fn resume(args: &ControlPlaneArgs, context: &Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, PATIENCE);
    let record = pause::resume(&session, &management.namespace, &args.name).await?;
    drop(progress);
    context.ui.report(&Outcome::of(record));
    Ok(())
}

/// What both end with. Its JSON is a public interface.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    api_version: &'static str,
    kind: &'static str,
    name: String,
    namespace: String,
    paused: Option<Pause>,
}

impl Outcome {
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

impl Report for Outcome {
    fn text(&self, _wide: bool) -> String {
        match &self.paused {
            Some(pause) => format!("{} is paused since {}\n", self.name, format_time(pause.since)),
            None => format!("{} may be changed\n", self.name),
        }
    }

    fn names(&self) -> Vec<String> {
        vec![format!("controlplane/{}", self.name)]
    }
}
