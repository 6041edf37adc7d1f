//! `kamaji rollback`: an interrupted upgrade is taken back, or the last one within its minor.

use super::context::Context;
use super::roll::carry_out;
use crate::cli::RollbackArgs;
use crate::engine;
use crate::error::{Fault, Kind};
use crate::model::KubeVersion;
use crate::plan::Record;

pub(super) async fn run(args: &RollbackArgs, context: &mut Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, args.how.timeout.0);
    let recorded = engine::require_record(session.management, &management.namespace, &args.name).await?;
    let version = before(&recorded.record)?;
    let plan = engine::plan_upgrade(&session, &recorded, version, &mut context.ambient).await?;
    drop(progress);
    carry_out(&args.name, version, plan, &[], &args.how, &management, context).await
}

/// The version to go back to.
fn before(record: &Record) -> Result<KubeVersion, Fault> {
    let name = &record.spec.name;
    if let Some(upgrade) = &record.upgrade {
        return Ok(upgrade.from);
    }
    let Some(last) = record.history.first() else {
        return Err(Fault::new(Kind::NotFound, format!("control plane `{name}` was never upgraded")));
    };
    if last.from.minor != last.to.minor {
        return Err(Fault::new(
            Kind::Usage,
            format!("the upgrade of control plane `{name}` from {} to {} is finished: an older minor cannot read everything that a newer one has written", last.from, last.to),
        )
        .hint("restore a snapshot from before the upgrade into a new control plane"));
    }
    Ok(last.from)
}
