//! `kamaji rollback`: reverts an interrupted change, or else the last completed one (of settings, or of the version
//! within the same minor).

use super::shared::apply_spec::{ApplyOptions, apply_spec};
use super::shared::apply_version::{Rolled, RolloutContext, apply_version};
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

/// The state to roll back to.
enum Previous {
    Version(KubeVersion),
    Settings(Box<DesiredSpec>),
    /// The current version: running a completed rollback again must not undo it.
    Same,
}

pub(super) async fn run(args: &RollbackArgs, context: &mut Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let recorded =
        record_store::require_record_to_change(&management.connection, &management.namespace, &args.name).await?;
    let previous = previous(&recorded)?;
    if recorded.record.is_rolled_back() {
        context.ui.say(&format!(
            "note: the last change has already been rolled back; list all changes: kamaji history {}",
            recorded.record.spec.namespaced_name().argument()
        ));
    }
    match previous {
        Previous::Same => {
            if !args.options.dry_run {
                let progress = context.ui.progress();
                let session = management.session(&progress, args.options.timeout.0);
                create::remove_abandoned_lock(&session, &management.namespace, &args.name).await?;
            }
            context.ui.report(&Rolled::of(&recorded.record, false));
            Ok(())
        }
        Previous::Version(version) => to_version(args, &recorded, version, &management, context).await,
        Previous::Settings(desired) => {
            let options = ApplyOptions {
                dry_run: args.options.dry_run,
                yes: args.options.yes,
                wait: true,
                timeout: args.options.timeout.0,
            };
            let request = CreateRequest { is_rollback: true, ..CreateRequest::of(*desired) };
            let applied = apply_spec(&request, &options, &management, context).await?;
            update::report(applied, &recorded.record.spec, context);
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
    let session = management.session(&progress, args.options.timeout.0);
    let plan = preflight::plan_upgrade(&session, recorded, version, &mut context.ambient).await?;
    drop(progress);
    apply_version(
        &args.name,
        version,
        plan,
        RolloutContext { facts: Vec::new(), snapshot: None, is_rollback: true },
        &args.options,
        management,
        context,
    )
    .await
}

/// Determines what to roll back to.
fn previous(recorded: &StoredRecord) -> Result<Previous, Fault> {
    let Record { spec, upgrade, update, history, .. } = &recorded.record;
    let name = &spec.name;
    if let Some(upgrade) = upgrade {
        // An interrupted rollback is resumed.
        return Ok(Previous::Version(if upgrade.is_rollback { upgrade.to } else { upgrade.from }));
    }
    if let Some(update) = update {
        let desired = if update.is_rollback { update.to.clone() } else { recorded.desired_spec() };
        return Ok(Previous::Settings(Box::new(desired)));
    }
    let Some(last) = history.first() else {
        return Err(Fault::new(Kind::NotFound, format!("control plane `{name}` has no change to roll back")));
    };
    if recorded.record.is_rolled_back() {
        return Ok(if last.from == last.to {
            Previous::Settings(Box::new(recorded.desired_spec()))
        } else {
            Previous::Same
        });
    }
    if let Some(desired) = &last.before {
        return Ok(Previous::Settings(desired.clone()));
    }
    if last.from == last.to {
        return Err(Fault::new(
            Kind::NotFound,
            format!("the previous settings of control plane `{name}` are not recorded"),
        ));
    }
    if last.from.minor != last.to.minor {
        if last.from > last.to {
            return Err(Fault::new(
                Kind::Usage,
                format!("control plane `{name}` runs {} because a snapshot was restored", last.to),
            )
            .hint(format!(
                "upgrade to {} again: kamaji upgrade {} --to {}",
                last.from,
                spec.namespaced_name().argument(),
                last.from
            )));
        }
        return Err(Fault::new(
            Kind::Usage,
            format!(
                "the completed upgrade of control plane `{name}` from {} to {} cannot be rolled back: an \
                 older minor version cannot read everything that a newer one has written",
                last.from, last.to
            ),
        )
        .hint(format!(
            "restore a snapshot from before the upgrade: kamaji restore {} --from FILE",
            spec.namespaced_name().argument()
        )));
    }
    Ok(if last.from < last.to { Previous::Version(last.from) } else { Previous::Same })
}
