//! `kamaji create`: load, look, plan, ask, apply, wait, report.

use std::time::Duration;

use serde::Serialize;

use super::shared::apply_spec::{How, Settled, apply_spec};
use super::shared::context::Context;
use super::shared::spec_source;
use crate::cli::CreateArgs;
use crate::engine::state::record_store;
use crate::error::{Fault, Kind};
use crate::plan::state::record::Record;
use crate::ui::Report;

/// kubeadm's own patience is 4 minutes; pulling images comes on top.
const TIMEOUT: Duration = Duration::from_secs(300);

pub(super) async fn run(args: &CreateArgs, context: &mut Context) -> Result<(), Fault> {
    // A file that is wrong is told before any server is asked.
    let early = context.namespace_or("default")?;
    let loaded = spec_source::load(&args.spec, &early, context).await?;
    let management = context.management().await?;
    let (file_timeout, file_dry_run) = (loaded.timeout, loaded.dry_run);
    let mut request = loaded.in_namespace(context, &management.namespace);

    if args.spec.settings.replicas.is_none() && args.spec.filename.is_none() {
        // Who scaled it, or put it to sleep, is not overruled by a file that says nothing about it.
        let (namespace, name) = (&request.spec.namespace, &request.spec.name);
        match record_store::read_record(&management.connection, namespace, name).await {
            Ok(Some(recorded)) => request.spec.replicas = recorded.record.spec.replicas,
            // What cannot be read is told below, with all that is missing.
            Ok(None) => {}
            Err(fault) if fault.kind() == Kind::Failed => {}
            Err(fault) => return Err(fault),
        }
    }
    let how = How {
        dry_run: args.dry_run || file_dry_run,
        yes: args.yes,
        wait: args.wait,
        timeout: args.timeout.map(|span| span.0).or(file_timeout).unwrap_or(TIMEOUT),
    };
    let control_plane = request.spec.namespaced_name();
    match apply_spec(&request, &how, &management, context).await? {
        Settled::Shown => {}
        Settled::Unchanged(record) => context.ui.report(&Outcome::of(&record, false)),
        Settled::Changed(record, _) => context.ui.report(&Outcome::of(&record, true)),
        Settled::Written => {
            context.ui.say(&format!(
                "{control_plane}: objects written, not waited for; see how it goes: kamaji status {}",
                control_plane.argument()
            ));
        }
    }
    Ok(())
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
