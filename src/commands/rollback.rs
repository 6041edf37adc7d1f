//! `kamaji rollback`: an interrupted change is taken back, or the last finished one: of settings, or of the version within
//! its minor.

use super::shared::apply_spec::{How, apply_spec};
use super::shared::apply_version::{Before as Prior, Rolled, apply_version};
use super::shared::context::{Context, Management};
use super::update;
use crate::cli::RollbackArgs;
use crate::engine::lifecycle::create;
use crate::engine::lifecycle::preview::CreateRequest;
use crate::engine::rollout::preflight;
use crate::engine::state::record_store;
use crate::engine::state::record_store::StoredRecord;
use crate::error::{Fault, Kind};
use crate::model::KubeVersion;
use crate::plan::state::operations::DesiredSpec;
use crate::plan::state::record::Record;

/// What a control plane was before.
enum Before {
    Version(KubeVersion),
    Settings(Box<DesiredSpec>),
    /// The version that it has: who runs a finished command again does not want to go forward.
    Same,
}

pub(super) async fn run(args: &RollbackArgs, context: &mut Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let recorded =
        record_store::require_record_to_change(&management.connection, &management.namespace, &args.name).await?;
    let before = before(&recorded)?;
    if recorded.record.is_rolled_back() {
        context.ui.say(&format!(
            "note: the last change is taken back already; see them all: kamaji history {}",
            recorded.record.spec.namespaced_name().argument()
        ));
    }
    match before {
        Before::Same => {
            if !args.how.dry_run {
                let progress = context.ui.progress();
                let session = management.session(&progress, args.how.timeout.0);
                create::remove_abandoned_lock(&session, &management.namespace, &args.name).await?;
            }
            context.ui.report(&Rolled::of(&recorded.record, false));
            Ok(())
        }
        Before::Version(version) => to_version(args, &recorded, version, &management, context).await,
        Before::Settings(desired) => {
            let how = How { dry_run: args.how.dry_run, yes: args.how.yes, wait: true, timeout: args.how.timeout.0 };
            let request = CreateRequest { is_rollback: true, ..CreateRequest::of(*desired) };
            let settled = apply_spec(&request, &how, &management, context).await?;
            update::report(settled, &recorded.record.spec, context);
            Ok(())
        }
    }
}

async fn to_version(
    args: &RollbackArgs,
    recorded: &StoredRecord,
    version: KubeVersion,
    management: &Management,
    context: &mut Context,
) -> Result<(), Fault> {
    let progress = context.ui.progress();
    let session = management.session(&progress, args.how.timeout.0);
    let plan = preflight::plan_upgrade(&session, recorded, version, &mut context.ambient).await?;
    drop(progress);
    apply_version(
        &args.name,
        version,
        plan,
        Prior { facts: Vec::new(), snapshot: None, is_rollback: true },
        &args.how,
        management,
        context,
    )
    .await
}

/// What to go back to.
fn before(recorded: &StoredRecord) -> Result<Before, Fault> {
    let Record { spec, upgrade, update, history, .. } = &recorded.record;
    let name = &spec.name;
    if let Some(upgrade) = upgrade {
        // Its own work that was interrupted is finished.
        return Ok(Before::Version(if upgrade.is_rollback { upgrade.to } else { upgrade.from }));
    }
    if let Some(update) = update {
        let desired = if update.is_rollback { update.to.clone() } else { recorded.desired_spec() };
        return Ok(Before::Settings(Box::new(desired)));
    }
    let Some(last) = history.first() else {
        return Err(Fault::new(Kind::NotFound, format!("control plane `{name}` was never changed")));
    };
    if recorded.record.is_rolled_back() {
        return Ok(if last.from == last.to {
            Before::Settings(Box::new(recorded.desired_spec()))
        } else {
            Before::Same
        });
    }
    if let Some(desired) = &last.before {
        return Ok(Before::Settings(desired.clone()));
    }
    if last.from == last.to {
        return Err(Fault::new(Kind::NotFound, format!("what control plane `{name}` was before is not on record")));
    }
    if last.from.minor != last.to.minor {
        if last.from > last.to {
            return Err(Fault::new(
                Kind::Usage,
                format!("control plane `{name}` has {} since a snapshot was put back", last.to),
            )
            .hint(format!(
                "go to {} again: kamaji upgrade {} --to {}",
                last.from,
                spec.namespaced_name().argument(),
                last.from
            )));
        }
        return Err(Fault::new(
            Kind::Usage,
            format!("the upgrade of control plane `{name}` from {} to {} is finished: an older minor cannot read everything that a newer one has written", last.from, last.to),
        )
        .hint(format!("put a snapshot from before the upgrade back: kamaji restore {} --from FILE", spec.namespaced_name().argument())));
    }
    Ok(if last.from < last.to { Before::Version(last.from) } else { Before::Same })
}
