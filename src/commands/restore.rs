//! `kamaji restore`: verifies the snapshot, shows what would be lost, confirms, and restores it.

use jiff::Timestamp;
use serde::Serialize;

use super::shared::context::Context;
use super::shared::control_plane;
use super::snapshot;
use crate::cli::RestoreArgs;
use crate::engine::rollout::preflight;
use crate::engine::session;
use crate::engine::snapshot::restore;
use crate::engine::snapshot::sync::Differences;
use crate::engine::state::record_store;
use crate::error::{Fault, Kind};
use crate::model::{CheckName, KubeVersion, format_time};
use crate::plan::rollout::preflight::CheckVerdict;
use crate::plan::snapshot::format::SnapshotHeader;
use crate::plan::state::record::Record;
use crate::ui::Report;

pub(super) async fn run(args: &RestoreArgs, context: &mut Context) -> Result<(), Fault> {
    let (header, mut file) = snapshot::verified(&args.from)?;
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, args.timeout.0);
    let recorded =
        record_store::require_record_to_change(session.management, &management.namespace, &args.name).await?;
    let record = &recorded.record;
    restore::require_restorable(record, &header)?;
    let now = restore::compare_with_snapshot(&session, record, &mut file).await?;
    let kubelets = incompatible_kubelets(&session, record, header.version).await;
    drop(progress);
    context.ui.say(&impact(record, &header, now));
    if let Some(finding) = kubelets {
        context.ui.warn(&finding);
    }
    let mut report = Outcome::of(record, &header, now, false);
    if args.dry_run {
        context.ui.report(&report);
        return Ok(());
    }
    if !args.yes {
        if !context.ui.can_ask() {
            return Err(Fault::new(
                Kind::Declined,
                format!("restoring `{}` would lose everything written since the snapshot", args.name),
            )
            .hint("confirm with --yes, or preview with --dry-run"));
        }
        if !context.ui.confirm("Stop the control plane and restore the snapshot?")? {
            return Err(Fault::new(Kind::Declined, "declined; nothing was changed"));
        }
    }
    let progress = context.ui.progress();
    let session = management.session(&progress, args.timeout.0);
    let control_plane = (&management.namespace, &args.name);
    let restored = restore::restore(&session, control_plane, &header, &mut file, &mut context.ambient).await?;
    drop(progress);
    report = Outcome::of(&restored.record, &header, restored.differences, true);
    context.ui.report(&report);
    Ok(())
}

/// Describes the impact before the user confirms.
fn impact(record: &Record, header: &SnapshotHeader, now: Differences) -> String {
    let spec = &record.spec;
    let version = if header.version == spec.version {
        format!("The version stays {}.", header.version)
    } else {
        format!("The version changes back to {} from {}.", header.version, spec.version)
    };
    format!(
        "{}/{}: the data is restored to {} (revision {}): {} keys are restored, {} newer keys are removed, {} are \
         unchanged. {version}\nThe control plane stops during the restore, and later writes are lost; to save \
         them first: kamaji snapshot {} -n {} FILE",
        spec.namespace,
        spec.name,
        format_time(header.taken),
        header.revision,
        now.put + now.expired,
        now.deleted,
        now.unchanged,
        spec.name,
        spec.namespace
    )
}

/// Finds kubelets that were upgraded since the snapshot and would be newer than the API server.
async fn incompatible_kubelets(session: &session::Session<'_>, record: &Record, to: KubeVersion) -> Option<String> {
    let reached = control_plane::reach(session, record).await.ok()?;
    let outlook = preflight::collect_preflight_facts(session, record, to, Ok(&reached)).await.ok()?;
    let skew = outlook.checks.into_iter().find(|check| check.name == CheckName::KubeletSkew)?;
    (skew.verdict == CheckVerdict::Blocked).then_some(skew.finding)
}

/// The report, also of a dry run. Its JSON is a public interface.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    api_version: &'static str,
    kind: &'static str,
    name: String,
    namespace: String,
    version: String,
    taken: Timestamp,
    revision: i64,
    restored: u64,
    removed: u64,
    unchanged: u64,
    changed: bool,
}

impl Outcome {
    fn of(record: &Record, header: &SnapshotHeader, found: Differences, changed: bool) -> Self {
        Self {
            api_version: "kamaji/v1",
            kind: "Restore",
            name: record.spec.name.to_string(),
            namespace: record.spec.namespace.to_string(),
            version: header.version.to_string(),
            taken: header.taken,
            revision: header.revision,
            restored: found.put + found.expired,
            removed: found.deleted,
            unchanged: found.unchanged,
            changed,
        }
    }
}

impl Report for Outcome {
    fn text(&self, _wide: bool) -> String {
        if !self.changed {
            return "dry run; nothing was changed\n".to_owned();
        }
        format!("{} restored to {}, running {}\n", self.name, format_time(self.taken), self.version)
    }

    fn names(&self) -> Vec<String> {
        vec![format!("controlplane/{}", self.name)]
    }
}
