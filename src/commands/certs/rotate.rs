//! `kamaji certs rotate-…`: shows the phase of a rotation, or enters another one after confirmation.

use std::time::Duration;

use serde::Serialize;

use super::worker_trust::HostTrust;
use crate::cli::{PhaseArg, RotateArgs};
use crate::commands::shared::apply_spec::show_dry_run;
use crate::commands::shared::context::Context;
use crate::engine::certificates::rotate;
use crate::engine::certificates::rotation_preview::{self, RotationPlan};
use crate::engine::lifecycle::create;
use crate::engine::state::record_store;
use crate::error::{Fault, Kind};
use crate::model::format_time;
use crate::pki::PartialUserPki;
use crate::plan::certificates::rotation_phases::{Rotation, RotationPhase, RotationRequest, RotationTarget};
use crate::plan::state::record::Record;
use crate::ui::{Report, Ui};

/// Additional time to rewrite Secrets, on top of the timeout for pods.
const REWRITE_TIMEOUT: Duration = Duration::from_secs(60);

pub(super) async fn run(args: &RotateArgs, target: RotationTarget, context: &mut Context) -> Result<(), Fault> {
    if let Some(report) = enter_phase(args, target, &PartialUserPki::default(), &[], context).await? {
        context.ui.report(&report);
    }
    Ok(())
}

/// Enters the requested phase, if any, and returns the resulting state; `None` after a dry run. The certificates of
/// `verified_nodes` are up to date.
pub(super) async fn enter_phase(
    args: &RotateArgs,
    target: RotationTarget,
    given: &PartialUserPki,
    verified_nodes: &[String],
    context: &mut Context,
) -> Result<Option<RotationReport>, Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, args.timeout.0 + REWRITE_TIMEOUT);
    let recorded =
        record_store::require_record_to_change(session.management, &management.namespace, &args.name).await?;
    let asked = match (args.phase, args.back) {
        (Some(phase), _) => RotationRequest::Phase(phase_of(phase)),
        (None, true) => RotationRequest::Rollback,
        (None, false) => return Ok(Some(RotationReport::of(&recorded.record, target, false))),
    };
    let RotationPlan { plan, hazards } =
        rotation_preview::plan_rotation(&session, &recorded, target, asked, given, verified_nodes).await?;
    if args.dry_run {
        drop(progress);
        for hazard in &hazards {
            context.ui.warn(hazard);
        }
        show_dry_run(&context.ui, plan);
        return Ok(None);
    }
    if plan.is_empty() {
        create::remove_abandoned_lock(&session, &management.namespace, &args.name).await?;
        return Ok(Some(RotationReport::of(&recorded.record, target, false)));
    }
    context.ui.show_plan(&plan);
    refuse_hazards(&context.ui, target, &hazards, args.force)?;
    if !args.yes {
        confirm(&context.ui, target)?;
    }
    let control_plane = (&management.namespace, &args.name);
    let record =
        rotate::rotate(&session, control_plane, target, asked, given, &plan.approve(), &mut context.ambient).await?;
    Ok(Some(RotationReport::of(&record, target, true)))
}

const fn phase_of(phase: PhaseArg) -> RotationPhase {
    match phase {
        PhaseArg::Trust => RotationPhase::TrustBoth,
        PhaseArg::Use => RotationPhase::SignWithNew,
        PhaseArg::Drop => RotationPhase::RemoveOld,
    }
}

fn refuse_hazards(ui: &Ui, target: RotationTarget, hazards: &[String], force: bool) -> Result<(), Fault> {
    if hazards.is_empty() {
        return Ok(());
    }
    if force {
        for hazard in hazards {
            ui.warn(hazard);
        }
        return Ok(());
    }
    let text = format!("this phase would break:\n  - {}", hazards.join("\n  - "));
    let remedy = match target {
        RotationTarget::ServiceAccountKey | RotationTarget::EncryptionKey => "wait, and recreate what is listed above",
        RotationTarget::CertificateAuthority => {
            "update each worker first: use --host USER@HOST without a phase, or the script from --worker-script"
        }
    };
    Err(Fault::new(Kind::Conflict, text).hint(remedy).hint("to continue anyway: --force"))
}

fn confirm(ui: &Ui, target: RotationTarget) -> Result<(), Fault> {
    if !ui.can_ask() {
        return Err(Fault::new(
            Kind::Declined,
            format!("rotating the {} requires confirmation; nothing was changed", target.description()),
        )
        .hint("confirm with --yes, or preview with --dry-run"));
    }
    if ui.confirm("Enter this phase?")? {
        Ok(())
    } else {
        Err(Fault::new(Kind::Declined, "declined; nothing was changed"))
    }
}

/// The state of a rotation. Its JSON is a public interface.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RotationReport {
    api_version: &'static str,
    kind: &'static str,
    name: String,
    namespace: String,
    target: RotationTarget,
    /// `None` if this key is not being rotated.
    rotation: Option<Rotation>,
    changed: bool,
    /// The results for the workers that were updated for a CA rotation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) workers: Vec<HostTrust>,
    #[serde(skip)]
    other: Option<Rotation>,
}

impl RotationReport {
    fn of(record: &Record, target: RotationTarget, changed: bool) -> Self {
        let (own, other) = match record.rotation.clone() {
            Some(rotation) if rotation.target == target => (Some(rotation), None),
            other => (None, other),
        };
        Self {
            api_version: "kamaji/v1",
            kind: "KeyRotation",
            name: record.spec.name.to_string(),
            namespace: record.spec.namespace.to_string(),
            target,
            rotation: own,
            changed,
            workers: Vec::new(),
            other,
        }
    }

    /// The commands that can be run next.
    fn next(&self) -> Vec<String> {
        let enter_phase = |flag: &str, what: &str| {
            format!("  kamaji certs {} {} -n {} {flag:<13}  {what}\n", self.target.command(), self.name, self.namespace)
        };
        let (key, taken) = match self.target {
            RotationTarget::ServiceAccountKey | RotationTarget::EncryptionKey => ("key", "accepted"),
            RotationTarget::CertificateAuthority => ("CA", "trusted"),
        };
        match &self.rotation {
            None if self.other.is_some() || self.changed => Vec::new(),
            None => vec![enter_phase(
                "--phase trust",
                &format!("create a new {key} that is {taken} in addition to the old one"),
            )],
            Some(Rotation { phase, done: false, .. }) => match phase {
                RotationPhase::Rollback => vec![enter_phase("--back", "resume")],
                RotationPhase::RemoveOld => vec![enter_phase("--phase drop", "resume")],
                RotationPhase::TrustBoth | RotationPhase::SignWithNew => {
                    vec![
                        enter_phase(&format!("--phase {}", phase.as_str()), "resume"),
                        enter_phase("--back", "or return to the previous phase"),
                    ]
                }
            },
            Some(Rotation { phase: RotationPhase::TrustBoth, .. }) => {
                vec![
                    enter_phase("--phase use", &format!("use the new {key}")),
                    enter_phase("--back", &format!("or delete the new {key}")),
                ]
            }
            Some(Rotation { phase: RotationPhase::SignWithNew, .. }) => {
                vec![
                    enter_phase("--phase drop", &format!("delete the old {key}; cannot be undone")),
                    enter_phase("--back", &format!("or use the old {key} again")),
                ]
            }
            Some(Rotation { phase: RotationPhase::RemoveOld | RotationPhase::Rollback, .. }) => Vec::new(),
        }
    }

    /// How to update workers; omitted if this run has updated some.
    fn workers_next(&self) -> Option<String> {
        let reached = self.rotation.as_ref().map_or(self.changed, |rotation| rotation.done);
        if self.target != RotationTarget::CertificateAuthority || !reached || !self.workers.is_empty() {
            return None;
        }
        let why = match &self.rotation {
            Some(_) => "Update each worker before the next phase",
            None => "Update each worker once more, to remove the trust in the old CA",
        };
        let command = format!("  kamaji certs {} {} -n {}", self.target.command(), self.name, self.namespace);
        Some(format!(
            "\n{why}:\n{command} --host USER@WORKER  (can be repeated)\nor, if the worker is not reachable from \
             here, as root on the worker:\n{command} --worker-script | ssh root@WORKER sh -s\n"
        ))
    }
}

impl Report for RotationReport {
    fn text(&self, _wide: bool) -> String {
        let what = self.target.description();
        let mut text = match (&self.rotation, &self.other) {
            (Some(rotation), _) => format!("{}: {rotation}, since {}\n", self.name, format_time(rotation.since)),
            (None, Some(other)) => {
                format!("{}: the {what} is not being rotated; another rotation is in progress ({other})\n", self.name)
            }
            (None, None) => format!("{}: no rotation of the {what} in progress\n", self.name),
        };
        let next = self.next();
        if !next.is_empty() {
            text.push_str("\nNext:\n");
            text.push_str(&next.concat());
        }
        text.push_str(&self.workers_next().unwrap_or_default());
        text.push_str(&HostTrust::table(&self.workers));
        text
    }

    fn names(&self) -> Vec<String> {
        vec![format!("controlplane/{}", self.name)]
    }
}
