//! `kamaji scale`: sets the number of replicas; asks for confirmation before scaling to zero.

use serde::Serialize;

use super::shared::context::Context;
use crate::cli::ScaleArgs;
use crate::engine::lifecycle::{create, scale};
use crate::engine::state::record_store;
use crate::error::{Fault, Kind};
use crate::model::format_pod_count;
use crate::ui::Report;

pub(super) async fn run(args: &ScaleArgs, context: &mut Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, args.timeout.0);
    let recorded =
        record_store::require_record_to_change(session.management, &management.namespace, &args.name).await?;
    let before = recorded.record.spec.replicas;
    // An interrupted run may have recorded the number without scaling the Deployment.
    let unchanged = before == args.replicas && !recorded.record.scaling;
    if unchanged {
        create::remove_abandoned_lock(&session, &management.namespace, &args.name).await?;
    } else {
        if args.replicas == 0 && !args.yes {
            if !context.ui.can_ask() {
                return Err(Fault::new(
                    Kind::Declined,
                    format!("scaling control plane `{}` to zero requires confirmation", args.name),
                )
                .hint("confirm with --yes"));
            }
            if !context.ui.confirm("Scale to zero? The API server will be unavailable until it is scaled up")? {
                return Err(Fault::new(Kind::Declined, "declined; nothing was changed"));
            }
        }
        scale::scale(&session, &management.namespace, &args.name, args.replicas, &mut context.ambient).await?;
    }
    drop(progress);
    context.ui.report(&Scaled {
        api_version: "kamaji/v1",
        kind: "Scale",
        name: args.name.to_string(),
        namespace: management.namespace.to_string(),
        replicas: args.replicas,
        before,
        changed: !unchanged,
    });
    Ok(())
}

/// The report of `scale`. Its JSON is a public interface.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Scaled {
    api_version: &'static str,
    kind: &'static str,
    name: String,
    namespace: String,
    replicas: u32,
    before: u32,
    changed: bool,
}

impl Report for Scaled {
    fn text(&self, _wide: bool) -> String {
        let name = &self.name;
        let pods = format_pod_count(self.replicas);
        match (self.before, self.replicas) {
            _ if !self.changed => format!("{name}: unchanged, {pods}\n"),
            (before, now) if before == now && now > 0 => format!("{name} has {pods}\n"),
            (_, 0) => format!(
                "{name} scaled to zero; its data is kept. Start it again: kamaji scale {name} -n {} --replicas 1\n",
                self.namespace
            ),
            (before, _) => format!("{name} scaled from {before} to {pods}\n"),
        }
    }

    fn names(&self) -> Vec<String> {
        vec![format!("controlplane/{}", self.name)]
    }
}
