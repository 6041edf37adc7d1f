//! `kamaji create`: load, look, plan, ask, apply, wait, report.

use std::time::Duration;

use serde::Serialize;

use super::context::Context;
use super::source;
use crate::cli::CreateArgs;
use crate::engine::{self, Created};
use crate::error::{Fault, Kind};
use crate::plan::{Action, Plan, Record};
use crate::ui::{Report, Ui};

/// kubeadm's own patience is 4 minutes; pulling images comes on top.
const TIMEOUT: Duration = Duration::from_secs(300);

pub(super) async fn run(args: &CreateArgs, context: &mut Context) -> Result<(), Fault> {
    // A file that is wrong is told before any server is asked.
    let early = context.namespace_or("default")?;
    let loaded = source::load(&args.spec, &early, context).await?;
    let management = context.management().await?;
    let (file_timeout, file_dry_run) = (loaded.timeout, loaded.dry_run);
    let mut request = loaded.in_namespace(context, &management.namespace);

    let progress = context.ui.progress();
    let timeout = args.timeout.map(|span| span.0).or(file_timeout).unwrap_or(TIMEOUT);
    let session = management.session(&progress, timeout);
    if args.spec.replicas.is_none() && args.spec.filename.is_none() {
        // Who scaled it, or put it to sleep, is not overruled by a file that says nothing about it.
        let (namespace, name) = (&request.spec.namespace, &request.spec.name);
        match engine::read_record(session.management, namespace, name).await {
            Ok(Some(recorded)) => request.spec.replicas = recorded.record.spec.replicas,
            // What cannot be read is told below, with all that is missing.
            Ok(None) => {}
            Err(fault) if fault.kind() == Kind::Failed => {}
            Err(fault) => return Err(fault),
        }
    }
    let prepared = engine::prepare(&session, &request, &mut context.ambient).await?;
    if args.dry_run || file_dry_run {
        drop(progress);
        show_dry_run(&context.ui, prepared.plan);
        return Ok(());
    }
    if prepared.plan.is_empty() {
        engine::tidy(&session, &request.spec.namespace, &request.spec.name).await?;
        drop(progress);
        if let Some(recorded) = &prepared.recorded {
            context.ui.report(&Outcome::of(&recorded.record, false));
        }
        return Ok(());
    }
    context.ui.show_plan(&prepared.plan);
    let exists = prepared.recorded.as_ref().is_some_and(|recorded| recorded.record.step == crate::plan::Step::Ready);
    if exists && !args.yes {
        ask(&context.ui, &prepared.plan)?;
    }
    let approved = prepared.plan.approve();
    let created = engine::converge(&session, &request, &approved, args.wait, &mut context.ambient).await?;
    drop(progress);
    match created {
        Some(Created { record, direct }) => {
            if !direct {
                let endpoint = record.address.as_ref().map(|address| address.endpoint.to_string()).unwrap_or_default();
                context.ui.say(&format!(
                    "note: {endpoint} does not answer from here; kamaji went through the management cluster. Workers must reach it."
                ));
            }
            context.ui.report(&Outcome::of(&record, true));
        }
        None => context.ui.say(&format!(
            "{}: objects written, not waited for; see how it goes: kamaji status {}",
            request.spec.name, request.spec.name
        )),
    }
    Ok(())
}

/// Changing what exists needs consent; making something new does not.
fn ask(ui: &Ui, plan: &Plan) -> Result<(), Fault> {
    if !ui.can_ask() {
        return Err(Fault::new(
            Kind::Declined,
            format!("control plane {} exists and would be changed", plan.control_plane),
        )
        .hint("agree to it with --yes; see it first with --dry-run"));
    }
    if ui.confirm("Make these changes?")? {
        Ok(())
    } else {
        Err(Fault::new(Kind::Declined, "declined; nothing was changed"))
    }
}

pub(super) fn show_dry_run(ui: &Ui, plan: Plan) {
    ui.report(&DryRun { api_version: "kamaji/v1", kind: "Plan", plan });
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DryRun {
    api_version: &'static str,
    kind: &'static str,
    #[serde(flatten)]
    plan: Plan,
}

impl Report for DryRun {
    fn text(&self, _wide: bool) -> String {
        let mut lines = crate::ui::plan_lines(&self.plan);
        lines.push(
            if self.plan.is_empty() { "No changes." } else { "Nothing was changed: this was a dry run." }.to_owned(),
        );
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    fn names(&self) -> Vec<String> {
        self.plan
            .changes
            .iter()
            .filter(|change| change.action != Action::Unchanged)
            .map(|change| change.what.clone())
            .collect()
    }
}

/// What `create` ends with. Its JSON is a public interface.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    api_version: &'static str,
    kind: &'static str,
    name: String,
    namespace: String,
    id: String,
    version: String,
    endpoint: Option<String>,
    replicas: u32,
    datastore: String,
    status: &'static str,
    changed: bool,
}

impl Outcome {
    fn of(record: &Record, changed: bool) -> Self {
        let spec = &record.spec;
        Self {
            api_version: "kamaji/v1",
            kind: "ControlPlane",
            name: spec.name.to_string(),
            namespace: spec.namespace.to_string(),
            id: record.id.to_string(),
            version: spec.version.to_string(),
            endpoint: record.address.as_ref().map(|address| address.endpoint.to_string()),
            replicas: spec.replicas,
            datastore: spec.datastore.to_string(),
            status: record.step.word(),
            changed,
        }
    }
}

impl Report for Outcome {
    fn text(&self, _wide: bool) -> String {
        let endpoint = self.endpoint.as_deref().unwrap_or("-");
        let (name, version) = (&self.name, &self.version);
        if !self.changed {
            return format!("{name}: unchanged, {version} at {endpoint}\n");
        }
        let namespace = if self.namespace == "default" { String::new() } else { format!(" -n {}", self.namespace) };
        format!(
            "{name} is ready: {version} at {endpoint}\n\n\
             Next:\n\
             \x20 kamaji join {name}{namespace}                 the line for its workers\n\
             \x20 kamaji kubeconfig {name}{namespace} --merge   a context for kubectl\n\
             \x20 kamaji status {name}{namespace}               what there is\n"
        )
    }

    fn names(&self) -> Vec<String> {
        vec![format!("controlplane/{}", self.name)]
    }
}
