//! `kamaji create`: loads the spec, plans, asks for confirmation, applies, waits and reports.

use std::time::Duration;

use serde::Serialize;

use super::shared::apply_spec::{ApplyOptions, ApplyResult, apply_spec};
use super::shared::context::Context;
use super::shared::spec_source;
use crate::cli::CreateArgs;
use crate::engine::state::record_store;
use crate::error::{Fault, Kind};
use crate::plan::state::record::Record;
use crate::ui::Report;

/// kubeadm waits up to 4 minutes for the control plane; this leaves time to pull images.
const TIMEOUT: Duration = Duration::from_secs(300);

pub(super) async fn run(args: &CreateArgs, context: &mut Context) -> Result<(), Fault> {
    // Report errors in the file before contacting any server.
    let early = context.namespace_or("default")?;
    let loaded = spec_source::load(&args.spec, &early, context).await?;
    let management = context.management().await?;
    let (file_timeout, file_dry_run) = (loaded.timeout, loaded.dry_run);
    let mut request = loaded.in_namespace(context, &management.namespace);

    if args.spec.settings.replicas.is_none() && args.spec.filename.is_none() {
        // A kubeadm file does not specify replicas: keep the number that `scale` has set.
        let (namespace, name) = (&request.spec.namespace, &request.spec.name);
        match record_store::read_record(&management.connection, namespace, name).await {
            Ok(Some(recorded)) => request.spec.replicas = recorded.record.spec.replicas,
            // Missing permissions are reported below, all at once.
            Ok(None) => {}
            Err(fault) if fault.kind() == Kind::Failed => {}
            Err(fault) => return Err(fault),
        }
    }
    let options = ApplyOptions {
        dry_run: args.dry_run || file_dry_run,
        yes: args.yes,
        wait: args.wait,
        timeout: args.timeout.map(|span| span.0).or(file_timeout).unwrap_or(TIMEOUT),
    };
    let control_plane = request.spec.namespaced_name();
    match apply_spec(&request, &options, &management, context).await? {
        ApplyResult::DryRun => {}
        ApplyResult::Unchanged(record) => context.ui.report(&CreateReport::of(&record, false)),
        ApplyResult::Changed(record, _) => context.ui.report(&CreateReport::of(&record, true)),
        ApplyResult::NotAwaited => {
            context.ui.say(&format!(
                "{control_plane}: objects applied, not waiting until it is ready; check its status: kamaji status {}",
                control_plane.argument()
            ));
        }
    }
    Ok(())
}

/// The report of `create`. Its JSON is a public interface.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreateReport {
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

impl CreateReport {
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
            status: record.step.as_str(),
            changed,
        }
    }
}

impl Report for CreateReport {
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
             \x20 kamaji join {name}{namespace}                 print the join command for workers\n\
             \x20 kamaji kubeconfig {name}{namespace} --merge   add a context to your kubeconfig\n\
             \x20 kamaji status {name}{namespace}               show its status\n"
        )
    }

    fn names(&self) -> Vec<String> {
        vec![format!("controlplane/{}", self.name)]
    }
}
