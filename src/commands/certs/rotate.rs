//! `kamaji certs rotate-…`: where a change of keys stands; plan, ask, go to a phase, report.

use std::time::Duration;

use serde::Serialize;

use super::super::context::Context;
use super::super::settle::show_dry_run;
use crate::cli::{PhaseArg, RotateArgs};
use crate::engine::{self, RotationPlan};
use crate::error::{Fault, Kind};
use crate::plan::{Asked, Record, Rotated, Rotation, RotationPhase};
use crate::ui::{Report, Ui};

/// What reaching a phase may take on top of the pods: Secrets that are written anew.
const MORE: Duration = Duration::from_secs(60);

pub(super) async fn run(args: &RotateArgs, of: Rotated, context: &mut Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, args.timeout.0 + MORE);
    let recorded = engine::require_record(session.management, &management.namespace, &args.name).await?;
    let asked = match (args.phase, args.back) {
        (Some(phase), _) => Asked::Phase(phase_of(phase)),
        (None, true) => Asked::Back,
        (None, false) => {
            drop(progress);
            context.ui.report(&Stand::of(&recorded.record, of, false));
            return Ok(());
        }
    };
    let RotationPlan { plan, hazards } = engine::plan_rotation(&session, &recorded, of, asked).await?;
    if args.dry_run {
        drop(progress);
        for hazard in &hazards {
            context.ui.warn(hazard);
        }
        show_dry_run(&context.ui, plan);
        return Ok(());
    }
    if plan.is_empty() {
        drop(progress);
        context.ui.report(&Stand::of(&recorded.record, of, false));
        return Ok(());
    }
    context.ui.show_plan(&plan);
    refuse_hazards(&context.ui, &hazards, args.force)?;
    if !args.yes {
        ask(&context.ui, of)?;
    }
    let plane = (&management.namespace, &args.name);
    let record = engine::rotate(&session, plane, of, asked, &plan.approve(), &mut context.ambient).await?;
    drop(progress);
    context.ui.report(&Stand::of(&record, of, true));
    Ok(())
}

const fn phase_of(phase: PhaseArg) -> RotationPhase {
    match phase {
        PhaseArg::Trust => RotationPhase::Trust,
        PhaseArg::Use => RotationPhase::Use,
        PhaseArg::Drop => RotationPhase::Drop,
    }
}

fn refuse_hazards(ui: &Ui, hazards: &[String], force: bool) -> Result<(), Fault> {
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
    Err(Fault::new(Kind::Conflict, text).hint("wait, and make anew what is named; or go on all the same: --force"))
}

fn ask(ui: &Ui, of: Rotated) -> Result<(), Fault> {
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
struct Stand {
    api_version: &'static str,
    kind: &'static str,
    name: String,
    namespace: String,
    of: Rotated,
    /// Nothing while this key is not being changed.
    rotation: Option<Rotation>,
    changed: bool,
    #[serde(skip)]
    other: Option<Rotation>,
}

impl Stand {
    fn of(record: &Record, of: Rotated, changed: bool) -> Self {
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
            other,
        }
    }

    /// The commands that may come now.
    fn next(&self) -> Vec<String> {
        let go = |how: &str, what: &str| {
            format!("  kamaji certs {} {} -n {} {how:<13}  {what}\n", self.of.verb(), self.name, self.namespace)
        };
        match &self.rotation {
            None if self.other.is_some() || self.changed => Vec::new(),
            None => vec![go("--phase trust", "make a new key that is taken beside the old one")],
            Some(Rotation { phase, done: false, .. }) => match phase {
                RotationPhase::Back => vec![go("--back", "finish it")],
                RotationPhase::Drop => vec![go("--phase drop", "finish it")],
                RotationPhase::Trust | RotationPhase::Use => {
                    vec![go(&format!("--phase {}", phase.word()), "finish it"), go("--back", "or go back")]
                }
            },
            Some(Rotation { phase: RotationPhase::Trust, .. }) => {
                vec![go("--phase use", "use the new key"), go("--back", "or let the new key go")]
            }
            Some(Rotation { phase: RotationPhase::Use, .. }) => {
                vec![
                    go("--phase drop", "let the old key go; cannot be undone"),
                    go("--back", "or use the old key again"),
                ]
            }
            Some(Rotation { phase: RotationPhase::Drop | RotationPhase::Back, .. }) => Vec::new(),
        }
    }
}

impl Report for Stand {
    fn text(&self, _wide: bool) -> String {
        let what = self.of.words();
        let mut text = match (&self.rotation, &self.other) {
            (Some(rotation), _) => format!("{}: {rotation}, since {}\n", self.name, rotation.since),
            (None, Some(other)) => format!("{}: the {what} is not being changed; another is ({other})\n", self.name),
            (None, None) => format!("{}: there is one {what}\n", self.name),
        };
        let next = self.next();
        if !next.is_empty() {
            text.push_str("\nNext:\n");
            text.push_str(&next.concat());
        }
        text
    }

    fn names(&self) -> Vec<String> {
        vec![format!("controlplane/{}", self.name)]
    }
}
