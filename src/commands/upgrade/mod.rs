//! `kamaji upgrade`: judge the step, check, plan, ask, roll, report.

mod plan;

use std::path::Path;

use super::shared::apply_version::{Before, Rolled, apply_version};
use super::shared::context::Context;
use super::shared::control_plane;
use super::snapshot;
use crate::cli::{UpgradeArgs, UpgradeCommand};
use crate::engine::lifecycle::create;
use crate::engine::rollout::preflight;
use crate::engine::state::{ensure_changeable, record_store};
use crate::error::{Fault, Kind};
use crate::model::CheckName;
use crate::plan::rollout::preflight::{Check, CheckVerdict};
use crate::plan::rollout::version_skew::{VersionStep, judge};
use crate::plan::state::record::Record;

pub(super) async fn run(args: &UpgradeArgs, context: &mut Context) -> Result<(), Fault> {
    if let Some(UpgradeCommand::Plan(plan)) = &args.command {
        return plan::run(plan, context).await;
    }
    let (Some(name), Some(to)) = (&args.name, args.to) else {
        return Err(Fault::new(Kind::Usage, "name a control plane and the version it is to have")
            .hint("kamaji upgrade NAME --to VERSION"));
    };
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, args.how.timeout.0);
    let recorded = record_store::require_record_to_change(session.management, &management.namespace, name).await?;
    let record = &recorded.record;
    if let Some(path) = &args.snapshot {
        refuse_snapshot(record, path)?;
    }
    // An upgrade on its way was judged when it began.
    let on_its_way = record.upgrade.as_ref().filter(|way| [way.from, way.to].contains(&to));
    let forward = match on_its_way {
        Some(way) if way.is_rollback || way.to != to => None,
        Some(_) => judge(&record.spec, to, true)?,
        None => judge(&record.spec, to, args.allow_patch_downgrade)?,
    };
    if forward.is_none() && on_its_way.is_none() {
        if !args.how.dry_run {
            create::remove_abandoned_lock(&session, &management.namespace, name).await?;
        }
        drop(progress);
        context.ui.report(&Rolled::of(record, false));
        return Ok(());
    }
    let mut kubelets = 0;
    if record.upgrade.is_none() {
        ensure_changeable::ensure_not_busy(record)?;
        let reached = control_plane::reach(&session, record).await.map_err(|fault| fault.to_string());
        let outlook =
            preflight::collect_preflight_facts(&session, record, to, reached.as_ref().map_err(Clone::clone)).await?;
        for check in outlook.checks.iter().filter(|check| check.verdict == CheckVerdict::Warning) {
            context.ui.warn(&format!("{}: {}", check.name, check.finding));
        }
        refuse_blocked(&outlook.checks, &args.skip_checks)?;
        let target = to.to_string();
        kubelets = outlook.workers.iter().flatten().filter(|worker| worker.kubelet != target).count();
    }
    let plan = preflight::plan_upgrade(&session, &recorded, to, &mut context.ambient).await?;
    drop(progress);
    let way_back = forward.map(|step| going_back(step, &record.spec.version.to_string(), &to.to_string()));
    let mut facts = Vec::from_iter(way_back);
    facts.extend(args.snapshot.as_ref().map(|path| format!("First its data is saved in {}.", path.display())));
    if kubelets > 0 {
        facts.push(format!(
            "Kubelets stay as they are. {kubelets} of another version are then upgraded by you, one worker after the other; \
             `kamaji upgrade plan {}` prints the commands.",
            record.spec.namespaced_name().argument()
        ));
    }
    // Of one that has begun, the snapshot is there.
    let snapshot = args.snapshot.as_deref().filter(|_| record.upgrade.is_none()).map(|path| (record, path));
    apply_version(name, to, plan, Before { facts, snapshot, is_rollback: false }, &args.how, &management, context).await
}

/// Whether the data can be saved in this file, or has been when the upgrade began: what the new version may have written
/// is no way back.
fn refuse_snapshot(record: &Record, path: &Path) -> Result<(), Fault> {
    let Some(way) = &record.upgrade else { return snapshot::refuse_other(record, path) };
    let there = snapshot::verified(path)
        .and_then(|(header, _)| Ok(header.require_of(record).map(|()| header)?))
        .and_then(|header| {
            if header.version == way.from {
                return Ok(());
            }
            Err(Fault::new(Kind::Usage, format!("{} was written by {}", path.display(), header.version)))
        });
    there.map_err(|fault| {
        fault
            .context(format!("the upgrade has begun, so that a snapshot of {} can only be one from before", way.from))
            .hint("leave --snapshot out to finish the upgrade")
    })
}

fn refuse_blocked(checks: &[Check], waived: &[CheckName]) -> Result<(), Fault> {
    let blocking: Vec<&Check> =
        checks.iter().filter(|check| check.verdict == CheckVerdict::Blocked && !waived.contains(&check.name)).collect();
    if blocking.is_empty() {
        return Ok(());
    }
    let mut text = "the upgrade is not begun:".to_owned();
    for check in &blocking {
        text.push_str(&format!("\n  - {}: {}", check.name, check.finding));
    }
    let mut fault = Fault::new(Kind::Failed, text);
    for check in &blocking {
        if !check.remedy.is_empty() {
            fault = fault.hint(format!("{}: {}", check.name, check.remedy));
        }
    }
    let waivers: Vec<String> = blocking.iter().map(|check| format!("--skip-check {}", check.name)).collect();
    Err(fault.hint(format!("to go on all the same: {}", waivers.join(" "))))
}

/// Said before anything begins: whether there is a way back.
pub(super) fn going_back(step: VersionStep, from: &str, to: &str) -> String {
    match step {
        VersionStep::Minor => format!(
            "If {to} does not become ready, {from} is put back by itself, and nothing is lost. Once {to} serves, it writes \
             objects that {from} may not read completely: from then on there is no way back but a snapshot from before \
             (--snapshot FILE saves one first, `kamaji restore` puts it back)."
        ),
        VersionStep::Patch | VersionStep::PatchBack => format!(
            "If {to} does not become ready, {from} is put back by itself. Later too: both store objects alike, so \
             `kamaji rollback` goes back without loss."
        ),
    }
}
