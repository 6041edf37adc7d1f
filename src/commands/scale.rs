//! `kamaji scale`: ask before sleep, scale, report.

use serde::Serialize;

use super::shared::context::Context;
use crate::cli::ScaleArgs;
use crate::engine::lifecycle::{create, scale};
use crate::engine::state::record_store;
use crate::error::{Fault, Kind};
use crate::model::pods_in_words;
use crate::ui::Report;

pub(super) async fn run(args: &ScaleArgs, context: &mut Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, args.timeout.0);
    let recorded =
        record_store::require_record_to_change(session.management, &management.namespace, &args.name).await?;
    let before = recorded.record.spec.replicas;
    // Who was killed in between has written the number, and may not have done more.
    let settled = before == args.replicas && !recorded.record.scaling;
    if settled {
        create::remove_abandoned_lock(&session, &management.namespace, &args.name).await?;
    } else {
        if args.replicas == 0 && !args.yes {
            if !context.ui.can_ask() {
                return Err(Fault::new(Kind::Declined, format!("nobody could use control plane `{}`", args.name))
                    .hint("agree to it with --yes"));
            }
            if !context.ui.confirm("Put it to sleep? Nobody can use it until it is woken")? {
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
        changed: !settled,
    });
    Ok(())
}

/// What `scale` ends with. Its JSON is a public interface.
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
        let pods = pods_in_words(self.replicas);
        match (self.before, self.replicas) {
            _ if !self.changed => format!("{name}: unchanged, {pods}\n"),
            (before, now) if before == now && now > 0 => format!("{name} has {pods}\n"),
            (_, 0) => format!(
                "{name} sleeps; its data stays. Wake it: kamaji scale {name} -n {} --replicas 1\n",
                self.namespace
            ),
            (before, _) => format!("{name} has {pods}, {before} before\n"),
        }
    }

    fn names(&self) -> Vec<String> {
        vec![format!("controlplane/{}", self.name)]
    }
}
