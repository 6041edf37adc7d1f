//! `kamaji doctor`: runs all health checks and reports the root cause. Read-only.

use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use super::shared::context::{self, Context};
use super::shared::recreate_command::recreate;
use crate::cli::DoctorArgs;
use crate::engine::doctor::{control_plane, datastore, management_cluster};
use crate::engine::session::Session;
use crate::engine::state::record_store;
use crate::error::{Fault, Kind};
use crate::model::{ControlPlaneName, Namespace};
use crate::plan::doctor::check_graph::{Diagnosis, HealthCheck, HealthCheckState};
use crate::plan::doctor::{diagnose_control_plane, diagnose_shared};
use crate::ui::{Report, safe};

/// The total timeout; each query has its own, shorter one.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(28);

pub(super) async fn run(args: &DoctorArgs, context: &mut Context) -> Result<ExitCode, Fault> {
    let progress = context.ui.progress();
    let (namespace, diagnosis) = diagnose(args.name.as_ref(), context).await?;
    drop(progress);
    let failed = !diagnosis.healthy;
    context.ui.report(&Doctor::of(args.name.as_ref(), &namespace, diagnosis));
    Ok(if failed { ExitCode::from(Kind::Failed.exit_code()) } else { ExitCode::SUCCESS })
}

/// Collects facts and runs the checks. Fails only if no control plane of this name exists.
pub(super) async fn diagnose(
    name: Option<&ControlPlaneName>,
    context: &mut Context,
) -> Result<(Namespace, Diagnosis), Fault> {
    let connection = match context.unasked().await {
        Ok(connection) => connection,
        Err(refusal) => {
            let namespace = context.namespace_or("default")?;
            let facts = management_cluster::no_kubeconfig(refusal, &namespace);
            return Ok((namespace, diagnose_shared(&facts, None)));
        }
    };
    let namespace = context.namespace_or(connection.default_namespace())?;
    let session = Session::quiet(&connection, TOTAL_TIMEOUT, context::clock());
    let diagnosis = match name {
        None => {
            let (management, shared) = datastore::collect_shared_facts(&session, &namespace).await;
            diagnose_shared(&management, shared.as_ref())
        }
        Some(name) => {
            let command = |recorded: Option<&record_store::StoredRecord>| recreate(&namespace, name, recorded);
            let ambient = &mut context.ambient;
            let (management, control_plane) =
                control_plane::collect_control_plane_facts(&session, &namespace, name, command, ambient).await?;
            diagnose_control_plane(&management, control_plane.as_ref())
        }
    };
    Ok((namespace, diagnosis))
}

/// The report. Its JSON is a public interface.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Doctor {
    api_version: &'static str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    namespace: String,
    #[serde(flatten)]
    diagnosis: Diagnosis,
}

impl Doctor {
    pub(super) fn of(name: Option<&ControlPlaneName>, namespace: &Namespace, diagnosis: Diagnosis) -> Self {
        let name = name.map(ToString::to_string);
        Self { api_version: "kamaji/v1", kind: "Diagnosis", name, namespace: namespace.to_string(), diagnosis }
    }
}

impl Report for Doctor {
    fn text(&self, _wide: bool) -> String {
        let width = self.diagnosis.checks.iter().map(|check| check.name.as_str().len()).max().unwrap_or(0);
        let mut text = String::new();
        for check in &self.diagnosis.checks {
            let mark = crate::ui::state_mark(check.state);
            let finding = match check.caused_by {
                Some(cause) => format!("caused by {}: {}", cause.as_str(), check.finding),
                None => check.finding.clone(),
            };
            text.push_str(&format!("{mark}  {:width$}  {}\n", check.name.as_str(), indented(&finding, width + 11)));
            if check.state == HealthCheckState::Warning && check.caused_by.is_none() {
                for line in check.details.iter().map(|line| format!("· {line}")).chain(remedies(check)) {
                    text.push_str(&format!("{:1$}{2}\n", "", width + 11, indented(&line, width + 13)));
                }
            }
        }
        text.push_str(&self.conclusion());
        text
    }

    fn names(&self) -> Vec<String> {
        self.diagnosis.root_cause.iter().map(|name| format!("check/{}", name.as_str())).collect()
    }
}

impl Doctor {
    fn conclusion(&self) -> String {
        let checks = &self.diagnosis.checks;
        let subject = self.name.as_ref().map_or("management cluster", String::as_str);
        let Some(first) = self.diagnosis.first_failed() else {
            let warnings = checks.iter().filter(|check| check.state == HealthCheckState::Warning).count();
            return match warnings {
                0 => format!("\n{subject}: no problems found\n"),
                1 => format!("\n{subject}: no failed checks; one warning\n"),
                many => format!("\n{subject}: no failed checks; {many} warnings\n"),
            };
        };
        let mut text = format!("\nRoot cause: {}: {}\n", first.name.as_str(), indented(&first.finding, 2));
        text.push_str(&details(first));
        let follows: Vec<&str> = checks
            .iter()
            .filter(|check| check.caused_by == Some(first.name))
            .map(|check| check.name.as_str())
            .collect();
        if !follows.is_empty() {
            text.push_str(&format!("  also affected: {}\n", follows.join(", ")));
        }
        let others = checks.iter().filter(|check| {
            check.state == HealthCheckState::Failed && check.caused_by.is_none() && check.name != first.name
        });
        for other in others {
            text.push_str(&format!("\nAlso failed: {}: {}\n", other.name.as_str(), indented(&other.finding, 2)));
            text.push_str(&details(other));
        }
        text
    }
}

fn details(check: &HealthCheck) -> String {
    let lines = check.details.iter().map(|line| format!("· {line}")).chain(remedies(check));
    lines.map(|line| format!("  {}\n", indented(&line, 4))).collect()
}

fn remedies(check: &HealthCheck) -> impl Iterator<Item = String> + '_ {
    check.remedies.iter().map(|remedy| format!("fix: {remedy}"))
}

/// Escapes the text and indents all lines but the first.
fn indented(text: &str, by: usize) -> String {
    safe(text).replace('\n', &format!("\n{:by$}", ""))
}
