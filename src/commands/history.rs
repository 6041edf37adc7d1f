//! `kamaji history`: what a control plane was before.

use std::time::Duration;

use serde::Serialize;

use super::context::Context;
use super::plane;
use crate::cli::PlaneArgs;
use crate::error::Fault;
use crate::plan::Revision;
use crate::ui::{Report, Table};

const SHORT: Duration = Duration::from_secs(30);

pub(super) async fn run(args: &PlaneArgs, context: &Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let quiet = |_| {};
    let session = management.session(&quiet, SHORT);
    let record = plane::record(&session, &management, &args.name).await?;
    context.ui.report(&History {
        api_version: "kamaji/v1",
        kind: "History",
        name: record.spec.name.to_string(),
        namespace: record.spec.namespace.to_string(),
        created: record.created.to_string(),
        items: record.history,
    });
    Ok(())
}

/// The changes of version, the last one first. Its JSON is a public interface.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct History {
    api_version: &'static str,
    kind: &'static str,
    name: String,
    namespace: String,
    created: String,
    items: Vec<Revision>,
}

impl Report for History {
    fn text(&self, _wide: bool) -> String {
        let mut rows: Vec<Vec<String>> = self
            .items
            .iter()
            .map(|item| {
                vec![item.at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(), format!("{} -> {}", item.from, item.to)]
            })
            .collect();
        rows.push(vec![self.created.clone(), "created".into()]);
        Table { headings: vec!["WHEN", "WHAT"], rows }.draw()
    }

    fn names(&self) -> Vec<String> {
        vec![format!("controlplane/{}", self.name)]
    }
}
