//! `kamaji doctor`: look at everything, judge the chain, tell the first broken link. Writes nothing.

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
use crate::plan::doctor::check_graph::{Diagnosis, Link, LinkState};
use crate::plan::doctor::{diagnose_control_plane, diagnose_shared};
use crate::ui::{Report, safe};

/// Every look has its own limit; together they end before this.
const TOGETHER: Duration = Duration::from_secs(28);

pub(super) async fn run(args: &DoctorArgs, context: &mut Context) -> Result<ExitCode, Fault> {
    let progress = context.ui.progress();
    let (namespace, diagnosis) = examine(args.name.as_ref(), context).await?;
    drop(progress);
    let sick = !diagnosis.healthy;
    context.ui.report(&Doctor::of(args.name.as_ref(), &namespace, diagnosis));
    Ok(if sick { ExitCode::from(Kind::Failed.exit_code()) } else { ExitCode::SUCCESS })
}

/// Looks and judges; fails only when there is no control plane of this name.
pub(super) async fn examine(
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
    let session = Session::quiet(&connection, TOGETHER, context::clock());
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

/// The diagnosis. Its JSON is a public interface.
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
        let width = self.diagnosis.links.iter().map(|link| link.name.as_str().len()).max().unwrap_or(0);
        let mut text = String::new();
        for link in &self.diagnosis.links {
            let mark = crate::ui::state_mark(link.state);
            let finding = match link.follows_from {
                Some(cause) => format!("follows from {}: {}", cause.as_str(), link.finding),
                None => link.finding.clone(),
            };
            text.push_str(&format!("{mark}  {:width$}  {}\n", link.name.as_str(), indented(&finding, width + 11)));
            if link.state == LinkState::Warning && link.follows_from.is_none() {
                for line in link.details.iter().map(|line| format!("· {line}")).chain(remedies(link)) {
                    text.push_str(&format!("{:1$}{2}\n", "", width + 11, indented(&line, width + 13)));
                }
            }
        }
        text.push_str(&self.conclusion());
        text
    }

    fn names(&self) -> Vec<String> {
        self.diagnosis.broken.iter().map(|name| format!("link/{}", name.as_str())).collect()
    }
}

impl Doctor {
    fn conclusion(&self) -> String {
        let links = &self.diagnosis.links;
        let whom = self.name.as_ref().map_or("what is shared", String::as_str);
        let Some(first) = self.diagnosis.first() else {
            let warnings = links.iter().filter(|link| link.state == LinkState::Warning).count();
            return match warnings {
                0 => format!("\n{whom}: nothing is broken\n"),
                1 => format!("\n{whom}: nothing is broken; one warning\n"),
                many => format!("\n{whom}: nothing is broken; {many} warnings\n"),
            };
        };
        let mut text = format!("\nThe first broken link is {}: {}\n", first.name.as_str(), indented(&first.finding, 2));
        text.push_str(&details(first));
        let follows: Vec<&str> =
            links.iter().filter(|link| link.follows_from == Some(first.name)).map(|link| link.name.as_str()).collect();
        if !follows.is_empty() {
            text.push_str(&format!("  from it follow: {}\n", follows.join(", ")));
        }
        let others = links
            .iter()
            .filter(|link| link.state == LinkState::Broken && link.follows_from.is_none() && link.name != first.name);
        for other in others {
            text.push_str(&format!("\nAlso broken is {}: {}\n", other.name.as_str(), indented(&other.finding, 2)));
            text.push_str(&details(other));
        }
        text
    }
}

fn details(link: &Link) -> String {
    let lines = link.details.iter().map(|line| format!("· {line}")).chain(remedies(link));
    lines.map(|line| format!("  {}\n", indented(&line, 4))).collect()
}

fn remedies(link: &Link) -> impl Iterator<Item = String> + '_ {
    link.remedies.iter().map(|remedy| format!("to do: {remedy}"))
}

/// Text of others, with its later lines under its first.
fn indented(text: &str, by: usize) -> String {
    safe(text).replace('\n', &format!("\n{:by$}", ""))
}
