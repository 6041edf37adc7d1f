//! `kamaji history`: what a control plane was before.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::shared::context::Context;
use super::shared::control_plane;
use crate::cli::ControlPlaneArgs;
use crate::error::Fault;
use crate::model::{KubeVersion, format_time, host_of_process};
use crate::plan::state::operations::{Revision, RevisionKind};
use crate::ui::{Report, Table};

const SHORT: Duration = Duration::from_secs(30);

pub(super) async fn run(args: &ControlPlaneArgs, context: &Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let quiet = |_| {};
    let session = management.session(&quiet, SHORT);
    let record = control_plane::record(&session, &management, &args.name).await?;
    context.ui.report(&History {
        api_version: "kamaji/v1",
        kind: "History",
        name: record.spec.name.to_string(),
        namespace: record.spec.namespace.to_string(),
        created: record.created,
        items: record.history.into_iter().map(Item::of).collect(),
    });
    Ok(())
}

/// The changes, the last one first. Its JSON is a public interface.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct History {
    api_version: &'static str,
    kind: &'static str,
    name: String,
    namespace: String,
    created: Timestamp,
    items: Vec<Item>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    at: Timestamp,
    from: KubeVersion,
    to: KubeVersion,
    /// Host, process and machine of the kamaji that did it.
    by: String,
    /// The settings that changed, in a few words each.
    what: Vec<String>,
    /// Whether it was a change, a rollback of one, or a change that was taken back before it was finished.
    kind: RevisionKind,
    /// Whether `rollback` can take it back, as far as the record tells.
    reversible: bool,
}

impl Item {
    fn of(revision: Revision) -> Self {
        let Revision { at, from, to, by, what, before, kind } = revision;
        let known = before.is_some() || (what.is_empty() && from.minor == to.minor);
        Self { at, from, to, by, what, kind, reversible: known && kind == RevisionKind::Change }
    }
}

impl Report for History {
    fn text(&self, _wide: bool) -> String {
        let mut rows = Vec::new();
        for item in &self.items {
            let mut what = item.what.clone();
            if item.from != item.to {
                what.insert(0, format!("{} -> {}", item.from, item.to));
            }
            if what.is_empty() {
                what.push("the kubeadm file, without effect on settings".to_owned());
            }
            match item.kind {
                RevisionKind::Change => {}
                RevisionKind::Rollback => what[0].insert_str(0, "rollback: "),
                RevisionKind::RolledBack => what[0].insert_str(0, "taken back: "),
            }
            let host = host_of_process(&item.by).to_owned();
            for (index, what) in what.into_iter().enumerate() {
                let first = index == 0;
                let cell = |text: String| if first { text } else { " ".to_owned() };
                rows.push(vec![cell(format_time(item.at)), cell(host.clone()), what]);
            }
        }
        rows.push(vec![format_time(self.created), String::new(), "created".into()]);
        Table { headings: vec!["WHEN", "BY", "WHAT"], rows }.draw()
    }

    fn names(&self) -> Vec<String> {
        vec![format!("controlplane/{}", self.name)]
    }
}
