//! `kamaji update`: what is on record with what is named changed, then as create: look, plan, ask, apply, wait, report.

use serde::Serialize;

use super::shared::apply_spec::{How, Settled, apply_spec};
use super::shared::context::Context;
use super::shared::merge_spec::{Brought, revise};
use crate::cli::UpdateArgs;
use crate::engine::lifecycle::preview::CreateRequest;
use crate::engine::state::record_store;
use crate::error::{Fault, Kind};
use crate::model::ControlPlaneSpec;
use crate::plan::apply::field_change::FieldChange;
use crate::plan::apply::plan::Plan;
use crate::plan::rollout::settings_diff::changes_of_settings;
use crate::plan::state::operations::Phase;
use crate::plan::state::record::{LifecyclePhase, Record};
use crate::ui::Report;

pub(super) async fn run(args: &UpdateArgs, context: &mut Context) -> Result<(), Fault> {
    let brought = Brought::read(args)?;
    let management = context.management().await?;
    let (name, namespace) = (&args.name, &management.namespace);
    let recorded =
        record_store::require_record_to_change(&management.connection, namespace, name).await.map_err(|fault| {
            let missing = fault.kind() == Kind::NotFound;
            if missing {
                fault.hint(format!("make it: kamaji create {name} -n {namespace} --kubeadm-config FILE"))
            } else {
                fault
            }
        })?;
    if recorded.record.step == LifecyclePhase::Creating {
        return Err(Fault::new(Kind::Conflict, format!("the creation of control plane `{name}` is not finished"))
            .hint("run the create command again: it goes on where it stopped"));
    }
    let before = recorded.record.spec.clone();
    let revised = revise(args, brought, &recorded.desired_spec(), context)?;
    let request = match (revised, &recorded.record.update) {
        (Some(request), _) => request,
        // Nothing was named: what is on its way is finished, forth or back, and what drifted is put back.
        (None, Some(update)) if update.phase != Phase::Back => CreateRequest::of(update.to.clone()),
        (None, Some(_) | None) => CreateRequest::of(recorded.desired_spec()),
    };
    let how = How { dry_run: args.how.dry_run, yes: args.how.yes, wait: true, timeout: args.how.timeout.0 };
    let settled = apply_spec(&request, &how, &management, context).await?;
    report(settled, &before, context);
    Ok(())
}

/// Tells what came of it; `before` are the settings before.
pub(super) fn report(settled: Settled, before: &ControlPlaneSpec, context: &Context) {
    match settled {
        Settled::Unchanged(record) => context.ui.report(&Outcome::of(&record, None, Vec::new())),
        Settled::Changed(record, plan) => {
            let settings = changes_of_settings(before, &record.spec);
            context.ui.report(&Outcome::of(&record, Some(plan), settings));
        }
        Settled::Shown | Settled::Written => {}
    }
}

/// What `update` ends with. Its JSON is a public interface.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    api_version: &'static str,
    kind: &'static str,
    name: String,
    namespace: String,
    version: String,
    endpoint: Option<String>,
    replicas: u32,
    status: &'static str,
    changed: bool,
    /// The settings that are different now.
    settings: Vec<FieldChange>,
    /// What was done for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Plan>,
}

impl Outcome {
    fn of(record: &Record, plan: Option<Plan>, settings: Vec<FieldChange>) -> Self {
        let spec = &record.spec;
        Self {
            api_version: "kamaji/v1",
            kind: "Update",
            name: spec.name.to_string(),
            namespace: spec.namespace.to_string(),
            version: spec.version.to_string(),
            endpoint: record.address.as_ref().map(|address| address.endpoint.to_string()),
            replicas: spec.replicas,
            status: record.step.word(),
            changed: plan.is_some(),
            settings,
            plan,
        }
    }
}

impl Report for Outcome {
    fn text(&self, _wide: bool) -> String {
        let (name, endpoint) = (&self.name, self.endpoint.as_deref().unwrap_or("-"));
        if !self.changed {
            return format!("{name}: unchanged, {} at {endpoint}\n", self.version);
        }
        let mut text = format!("{name} is updated and ready at {endpoint}\n");
        for change in &self.settings {
            text.push_str(&format!("  {}\n", crate::ui::safe(&change.words())));
        }
        text
    }

    fn names(&self) -> Vec<String> {
        vec![format!("controlplane/{}", self.name)]
    }
}
