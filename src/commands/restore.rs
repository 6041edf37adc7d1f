//! `kamaji restore`: check the file, show what would be lost, ask, put back, report.

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
    let kubelets = kubelets_in_the_way(&session, record, header.version).await;
    drop(progress);
    context.ui.say(&said(record, &header, now));
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
            return Err(Fault::new(Kind::Declined, format!("what `{}` wrote since would be lost", args.name))
                .hint("agree to it with --yes; see what it is with --dry-run"));
        }
        if !context.ui.confirm("Stop it and put the snapshot back?")? {
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

/// What is told before the question.
fn said(record: &Record, header: &SnapshotHeader, now: Differences) -> String {
    let spec = &record.spec;
    let version = if header.version == spec.version {
        format!("It has {} as now.", header.version)
    } else {
        format!("It then has {} again instead of {}.", header.version, spec.version)
    };
    format!(
        "{}/{}: the data becomes what it was on {} (revision {}): {} keys are put back, {} that came since are removed, {} \
         stay. {version}\nThe control plane stops meanwhile, and what was written since is lost; to keep that: kamaji \
         snapshot {} -n {} FILE",
        spec.namespace,
        spec.name,
        format_time(header.taken),
        header.revision,
        now.put + now.ended,
        now.deleted,
        now.unchanged,
        spec.name,
        spec.namespace
    )
}

/// Kubelets that were upgraded since are newer than the API server would be.
async fn kubelets_in_the_way(session: &session::Session<'_>, record: &Record, to: KubeVersion) -> Option<String> {
    let reached = control_plane::reach(session, record).await.ok()?;
    let outlook = preflight::collect_preflight_facts(session, record, to, Ok(&reached)).await.ok()?;
    let skew = outlook.checks.into_iter().find(|check| check.name == CheckName::KubeletSkew)?;
    (skew.verdict == CheckVerdict::Blocked).then_some(skew.finding)
}

/// What `restore` ends with, or would. Its JSON is a public interface.
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
    put_back: u64,
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
            put_back: found.put + found.ended,
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
        format!("{} has the data of {} and {}\n", self.name, format_time(self.taken), self.version)
    }

    fn names(&self) -> Vec<String> {
        vec![format!("controlplane/{}", self.name)]
    }
}
