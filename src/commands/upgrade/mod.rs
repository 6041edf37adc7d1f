//! `kamaji upgrade`: runs preflight checks, plans, asks for confirmation and changes the version.

mod plan;

use std::path::Path;

use super::shared::apply_version::{Rolled, RolloutContext, apply_version};
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
use crate::plan::rollout::version_skew::{VersionStep, check_version_step};
use crate::plan::state::record::Record;

pub(super) async fn run(args: &UpgradeArgs, context: &mut Context) -> Result<(), Fault> {
    if let Some(UpgradeCommand::Plan(plan)) = &args.command {
        return plan::run(plan, context).await;
    }
    let (Some(name), Some(to)) = (&args.name, args.to) else {
        return Err(
            Fault::new(Kind::Usage, "specify a control plane and a version").hint("kamaji upgrade NAME --to VERSION")
        );
    };
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, args.options.timeout.0);
    let recorded = record_store::require_record_to_change(session.management, &management.namespace, name).await?;
    let record = &recorded.record;
    if let Some(path) = &args.snapshot {
        refuse_snapshot(record, path)?;
    }
    // An interrupted upgrade was validated when it started.
    let on_its_way = record.upgrade.as_ref().filter(|way| [way.from, way.to].contains(&to));
    let forward = match on_its_way {
        Some(way) if way.is_rollback || way.to != to => None,
        Some(_) => check_version_step(&record.spec, to, true)?,
        None => check_version_step(&record.spec, to, args.allow_patch_downgrade)?,
    };
    if forward.is_none() && on_its_way.is_none() {
        if !args.options.dry_run {
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
    let rollback = forward.map(|step| rollback_note(step, &record.spec.version.to_string(), &to.to_string()));
    let mut facts = Vec::from_iter(rollback);
    facts.extend(args.snapshot.as_ref().map(|path| format!("A snapshot is saved to {} first.", path.display())));
    if kubelets > 0 {
        facts.push(format!(
            "Kubelets are not upgraded. Afterwards, upgrade the {kubelets} kubelets of other versions, one worker \
             at a time; `kamaji upgrade plan {}` prints the commands.",
            record.spec.namespaced_name().argument()
        ));
    }
    // An interrupted upgrade has already saved its snapshot.
    let snapshot = args.snapshot.as_deref().filter(|_| record.upgrade.is_none()).map(|path| (record, path));
    apply_version(
        name,
        to,
        plan,
        RolloutContext { facts, snapshot, is_rollback: false },
        &args.options,
        &management,
        context,
    )
    .await
}

/// Fails if the snapshot cannot be saved to this file. If the upgrade has already started, the file must be a snapshot
/// from before, because a snapshot with data of the new version is no way back.
fn refuse_snapshot(record: &Record, path: &Path) -> Result<(), Fault> {
    let Some(way) = &record.upgrade else { return snapshot::ensure_replaceable(record, path) };
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
            .context(format!("the upgrade has already started: the snapshot must be one of {} from before", way.from))
            .hint("omit --snapshot to resume the upgrade")
    })
}

fn refuse_blocked(checks: &[Check], waived: &[CheckName]) -> Result<(), Fault> {
    let blocking: Vec<&Check> =
        checks.iter().filter(|check| check.verdict == CheckVerdict::Blocked && !waived.contains(&check.name)).collect();
    if blocking.is_empty() {
        return Ok(());
    }
    let mut text = "preflight checks failed; the upgrade was not started:".to_owned();
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
    Err(fault.hint(format!("to continue anyway: {}", waivers.join(" "))))
}

/// Whether the upgrade can be rolled back; shown before it starts.
pub(super) fn rollback_note(step: VersionStep, from: &str, to: &str) -> String {
    match step {
        VersionStep::Minor => format!(
            "If {to} does not become ready, it is rolled back to {from} automatically without data loss. Once {to} \
             serves, it writes objects that {from} may not be able to read: from then on, the only way back is a \
             snapshot from before the upgrade (save one with --snapshot FILE, restore it with `kamaji restore`)."
        ),
        VersionStep::Patch | VersionStep::PatchDowngrade => format!(
            "If {to} does not become ready, it is rolled back to {from} automatically. Both versions store objects in \
             the same format, so `kamaji rollback` also works later, without data loss."
        ),
    }
}
