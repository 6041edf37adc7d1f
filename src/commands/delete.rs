//! `kamaji delete`: plans, asks for the name as confirmation, deletes and reports.

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
    let outcome = |status| DeleteReport {
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
            return Err(Fault::new(Kind::Declined, format!("deleting control plane `{name}` requires confirmation"))
                .hint("confirm with --yes, or preview with --dry-run"));
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
struct DeleteReport {
    api_version: &'static str,
    kind: &'static str,
    name: String,
    namespace: String,
    status: &'static str,
}

impl Report for DeleteReport {
    fn text(&self, _wide: bool) -> String {
        let Self { name, namespace, .. } = self;
        match self.status {
            "Absent" => format!("{name} does not exist in namespace {namespace}; nothing to delete\n"),
            "DryRun" => "Dry run: nothing was deleted.\n".to_owned(),
            _ => format!("{name} deleted\n"),
        }
    }

    fn names(&self) -> Vec<String> {
        vec![format!("controlplane/{}", self.name)]
    }
}
