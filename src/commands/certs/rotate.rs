//! `kamaji certs rotate-…`: where a change of keys stands; plan, ask, go to a phase, report.

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

/// What reaching a phase may take on top of the pods: Secrets that are written anew.
const MORE: Duration = Duration::from_secs(60);

pub(super) async fn run(args: &RotateArgs, of: RotationTarget, context: &mut Context) -> Result<(), Fault> {
    if let Some(stand) = go(args, of, &PartialUserPki::default(), &[], context).await? {
        context.ui.report(&stand);
    }
    Ok(())
}

/// Goes to the phase that is asked for, if one is. The certificates of the workers `looked_at` are as they should be. Where it stands then; nothing after a dry run that would do something.
pub(super) async fn go(
    args: &RotateArgs,
    of: RotationTarget,
    given: &PartialUserPki,
    looked_at: &[String],
    context: &mut Context,
) -> Result<Option<Stand>, Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, args.timeout.0 + MORE);
    let recorded =
        record_store::require_record_to_change(session.management, &management.namespace, &args.name).await?;
    let asked = match (args.phase, args.back) {
        (Some(phase), _) => RotationRequest::Phase(phase_of(phase)),
        (None, true) => RotationRequest::Back,
        (None, false) => return Ok(Some(Stand::of(&recorded.record, of, false))),
    };
    let RotationPlan { plan, hazards } =
        rotation_preview::plan_rotation(&session, &recorded, of, asked, given, looked_at).await?;
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
        return Ok(Some(Stand::of(&recorded.record, of, false)));
    }
    context.ui.show_plan(&plan);
    refuse_hazards(&context.ui, of, &hazards, args.force)?;
    if !args.yes {
        ask(&context.ui, of)?;
    }
    let control_plane = (&management.namespace, &args.name);
    let record =
        rotate::rotate(&session, control_plane, of, asked, given, &plan.approve(), &mut context.ambient).await?;
    Ok(Some(Stand::of(&record, of, true)))
}

const fn phase_of(phase: PhaseArg) -> RotationPhase {
    match phase {
        PhaseArg::Trust => RotationPhase::Trust,
        PhaseArg::Use => RotationPhase::Use,
        PhaseArg::Drop => RotationPhase::Drop,
    }
}

fn refuse_hazards(ui: &Ui, of: RotationTarget, hazards: &[String], force: bool) -> Result<(), Fault> {
    if hazards.is_empty() {
        return Ok(());
    }
    if force {
        for hazard in hazards {
            ui.warn(hazard);
        }
        return Ok(());
    }
    let text = format!("something would stop working:\n  - {}", hazards.join("\n  - "));
    let remedy = match of {
        RotationTarget::ServiceAccountKey | RotationTarget::EncryptionKey => "wait, and make anew what is named",
        RotationTarget::CertificateAuthority => {
            "let each worker follow first: --host USER@HOST without a phase, or by what --worker-script prints"
        }
    };
    Err(Fault::new(Kind::Conflict, text).hint(remedy).hint("or go on all the same: --force"))
}

fn ask(ui: &Ui, of: RotationTarget) -> Result<(), Fault> {
    if !ui.can_ask() {
        return Err(Fault::new(Kind::Declined, format!("the {} would be changed; nothing was changed", of.words()))
            .hint("agree to it with --yes; see it first with --dry-run"));
    }
    if ui.confirm("Go to this phase?")? {
        Ok(())
    } else {
        Err(Fault::new(Kind::Declined, "declined; nothing was changed"))
    }
}

/// Where a change of keys stands. Its JSON is a public interface.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stand {
    api_version: &'static str,
    kind: &'static str,
    name: String,
    namespace: String,
    of: RotationTarget,
    /// Nothing while this key is not being changed.
    rotation: Option<Rotation>,
    changed: bool,
    /// What became of the workers that were to follow a change of the authority.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) workers: Vec<HostTrust>,
    #[serde(skip)]
    other: Option<Rotation>,
}

impl Stand {
    fn of(record: &Record, of: RotationTarget, changed: bool) -> Self {
        let (own, other) = match record.rotation.clone() {
            Some(rotation) if rotation.of == of => (Some(rotation), None),
            other => (None, other),
        };
        Self {
            api_version: "kamaji/v1",
            kind: "KeyRotation",
            name: record.spec.name.to_string(),
            namespace: record.spec.namespace.to_string(),
            of,
            rotation: own,
            changed,
            workers: Vec::new(),
            other,
        }
    }

    /// The commands that may come now.
    fn next(&self) -> Vec<String> {
        let go = |how: &str, what: &str| {
            format!("  kamaji certs {} {} -n {} {how:<13}  {what}\n", self.of.verb(), self.name, self.namespace)
        };
        let (key, taken) = match self.of {
            RotationTarget::ServiceAccountKey | RotationTarget::EncryptionKey => ("key", "taken"),
            RotationTarget::CertificateAuthority => ("authority", "trusted"),
        };
        match &self.rotation {
            None if self.other.is_some() || self.changed => Vec::new(),
            None => vec![go("--phase trust", &format!("make a new {key} that is {taken} beside the old one"))],
            Some(Rotation { phase, done: false, .. }) => match phase {
                RotationPhase::Back => vec![go("--back", "finish it")],
                RotationPhase::Drop => vec![go("--phase drop", "finish it")],
                RotationPhase::Trust | RotationPhase::Use => {
                    vec![go(&format!("--phase {}", phase.word()), "finish it"), go("--back", "or go back")]
                }
            },
            Some(Rotation { phase: RotationPhase::Trust, .. }) => {
                vec![
                    go("--phase use", &format!("use the new {key}")),
                    go("--back", &format!("or let the new {key} go")),
                ]
            }
            Some(Rotation { phase: RotationPhase::Use, .. }) => {
                vec![
                    go("--phase drop", &format!("let the old {key} go; cannot be undone")),
                    go("--back", &format!("or use the old {key} again")),
                ]
            }
            Some(Rotation { phase: RotationPhase::Drop | RotationPhase::Back, .. }) => Vec::new(),
        }
    }

    /// How workers follow; not said again to who let some follow.
    fn workers_next(&self) -> Option<String> {
        let reached = self.rotation.as_ref().map_or(self.changed, |rotation| rotation.done);
        if self.of != RotationTarget::CertificateAuthority || !reached || !self.workers.is_empty() {
            return None;
        }
        let why = match &self.rotation {
            Some(_) => "Each worker must follow before the next phase",
            None => "Each worker should follow once more, to trust one authority only",
        };
        let command = format!("  kamaji certs {} {} -n {}", self.of.verb(), self.name, self.namespace);
        Some(format!(
            "\n{why}:\n{command} --host USER@WORKER  (can be repeated)\nor without a way there from here, as root on the \
             worker:\n{command} --worker-script | ssh root@WORKER sh -s\n"
        ))
    }
}

impl Report for Stand {
    fn text(&self, _wide: bool) -> String {
        let what = self.of.words();
        let mut text = match (&self.rotation, &self.other) {
            (Some(rotation), _) => format!("{}: {rotation}, since {}\n", self.name, format_time(rotation.since)),
            (None, Some(other)) => format!("{}: the {what} is not being changed; another is ({other})\n", self.name),
            (None, None) => format!("{}: there is one {what}\n", self.name),
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
