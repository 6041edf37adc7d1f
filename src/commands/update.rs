//! `kamaji update`: merges the file and flags into the recorded spec, then proceeds like create.

use serde::Serialize;

use super::shared::apply_spec::{ApplyOptions, ApplyResult, apply_spec};
use super::shared::context::Context;
use super::shared::merge_spec::{LocalFiles, revise};
use crate::cli::UpdateArgs;
use crate::engine::lifecycle::preview::CreateRequest;
use crate::engine::state::record_store;
use crate::error::{Fault, Kind};
use crate::model::ControlPlaneSpec;
use crate::plan::apply::field_change::FieldChange;
use crate::plan::apply::plan::Plan;
use crate::plan::rollout::settings_diff::diff_settings;
use crate::plan::state::operations::Phase;
use crate::plan::state::record::{LifecyclePhase, Record};
use crate::ui::Report;

pub(super) async fn run(args: &UpdateArgs, context: &mut Context) -> Result<(), Fault> {
    let files = LocalFiles::read(args)?;
    let management = context.management().await?;
    let (name, namespace) = (&args.name, &management.namespace);
    let recorded =
        record_store::require_record_to_change(&management.connection, namespace, name).await.map_err(|fault| {
            let missing = fault.kind() == Kind::NotFound;
            if missing {
                fault.hint(format!("create it: kamaji create {name} -n {namespace} --kubeadm-config FILE"))
            } else {
                fault
            }
        })?;
    if recorded.record.step == LifecyclePhase::Creating {
        return Err(Fault::new(Kind::Conflict, format!("the creation of control plane `{name}` is incomplete"))
            .hint("run the create command again to resume"));
    }
    let before = recorded.record.spec.clone();
    let revised = revise(args, files, &recorded.desired_spec(), context)?;
    let request = match (revised, &recorded.record.update) {
        (Some(request), _) => request,
        // No changes requested: resume an interrupted update or its rollback, and correct drift.
        (None, Some(update)) if update.phase != Phase::RollingBack => CreateRequest::of(update.to.clone()),
        (None, Some(_) | None) => CreateRequest::of(recorded.desired_spec()),
    };
    let options = ApplyOptions {
        dry_run: args.options.dry_run,
        yes: args.options.yes,
        wait: true,
        timeout: args.options.timeout.0,
    };
    let applied = apply_spec(&request, &options, &management, context).await?;
    report(applied, &before, context);
    Ok(())
}

/// Reports the result; `before` is the previous spec.
pub(super) fn report(applied: ApplyResult, before: &ControlPlaneSpec, context: &Context) {
    match applied {
        ApplyResult::Unchanged(record) => context.ui.report(&UpdateReport::of(&record, None, Vec::new())),
        ApplyResult::Changed(record, plan) => {
            let settings = diff_settings(before, &record.spec);
            context.ui.report(&UpdateReport::of(&record, Some(plan), settings));
        }
        ApplyResult::DryRun | ApplyResult::NotAwaited => {}
    }
}

/// The report of `update`. Its JSON is a public interface.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UpdateReport {
    api_version: &'static str,
    kind: &'static str,
    name: String,
    namespace: String,
    version: String,
    endpoint: Option<String>,
    replicas: u32,
    status: &'static str,
    changed: bool,
    /// The changed settings.
    settings: Vec<FieldChange>,
    /// The applied plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Plan>,
}

impl UpdateReport {
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
            status: record.step.as_str(),
            changed: plan.is_some(),
            settings,
            plan,
        }
    }
}

impl Report for UpdateReport {
    fn text(&self, _wide: bool) -> String {
        let (name, endpoint) = (&self.name, self.endpoint.as_deref().unwrap_or("-"));
        if !self.changed {
            return format!("{name}: unchanged, {} at {endpoint}\n", self.version);
        }
        let mut text = format!("{name} updated and ready at {endpoint}\n");
        for change in &self.settings {
            text.push_str(&format!("  {}\n", crate::ui::safe(&change.description())));
        }
        text
    }

    fn names(&self) -> Vec<String> {
        vec![format!("controlplane/{}", self.name)]
    }
}
