//! `kamaji delete`: look, name what goes, ask for the name, remove, report.

use serde::Serialize;

use super::shared::context::Context;
use crate::cli::DeleteArgs;
use crate::engine::lifecycle::create;
use crate::engine::lifecycle::delete::{self, DeleteRequest};
use crate::error::{Fault, Kind};
use crate::ui::Report;

pub(super) async fn run(args: &DeleteArgs, context: &mut Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let request =
        DeleteRequest { namespace: management.namespace.clone(), name: args.name.clone(), keep_data: args.keep_data };
    let progress = context.ui.progress();
    let session = management.session(&progress, args.timeout.0);
    let plan = delete::prepare_delete(&session, &request).await?;
    let outcome = |status| Outcome {
        api_version: "kamaji/v1",
        kind: "Deletion",
        name: args.name.to_string(),
        namespace: management.namespace.to_string(),
        status,
    };
    if plan.is_empty() {
        if !args.dry_run {
            create::remove_abandoned_lock(&session, &request.namespace, &request.name).await?;
        }
        drop(progress);
        context.ui.report(&outcome("Absent"));
        return Ok(());
    }
    context.ui.show_plan(&plan);
    if args.dry_run {
        drop(progress);
        context.ui.report(&outcome("DryRun"));
        return Ok(());
    }
    if !args.yes {
        let name = args.name.as_str();
        if !context.ui.can_ask() {
            return Err(Fault::new(Kind::Declined, format!("deleting control plane `{name}` needs consent"))
                .hint("agree to it with --yes; see what goes with --dry-run"));
        }
        if !context.ui.confirm_by_name("Type the name of the control plane to delete it", name)? {
            return Err(Fault::new(Kind::Declined, "declined; nothing was deleted"));
        }
    }
    delete::delete(&session, &request, &plan.approve()).await?;
    drop(progress);
    context.ui.report(&outcome("Deleted"));
    Ok(())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    api_version: &'static str,
    kind: &'static str,
    name: String,
    namespace: String,
    status: &'static str,
}

impl Report for Outcome {
    fn text(&self, _wide: bool) -> String {
        let Self { name, namespace, .. } = self;
        match self.status {
            "Absent" => format!("{name}: nothing to delete in namespace {namespace}\n"),
            "DryRun" => "Nothing was deleted: this was a dry run.\n".to_owned(),
            _ => format!("{name} is deleted: nothing of it is left\n"),
        }
    }

    fn names(&self) -> Vec<String> {
        vec![format!("controlplane/{}", self.name)]
    }
}
