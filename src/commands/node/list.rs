//! `kamaji node list`: the workers of a control plane.

use jiff::Timestamp;
use serde::Serialize;

use super::SHORT;
use crate::cli::NodeListArgs;
use crate::commands::shared::context::Context;
use crate::commands::shared::{age, control_plane};
use crate::engine::workers::nodes;
use crate::engine::workers::nodes::SeenWorker;
use crate::error::Fault;
use crate::model::Skew;
use crate::ui::{Format, Report, Table};

pub(super) async fn run(args: &NodeListArgs, context: &Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, SHORT);
    let record = control_plane::record(&session, &management, &args.name).await?;
    let reached = control_plane::reach(&session, &record).await?;
    let ask_kubelets = match context.ui.format {
        Format::Wide | Format::Json | Format::Yaml => true,
        Format::Table | Format::Name => false,
    };
    let now = context.ambient.now();
    let seen = nodes::list_workers(&reached.connection, record.spec.version, ask_kubelets, now).await?;
    drop(progress);
    context.ui.report(&Nodes {
        api_version: "kamaji/v1",
        kind: "NodeList",
        control_plane_version: record.spec.version.to_string(),
        items: seen.into_iter().map(|seen| Item::of(seen, now)).collect(),
        argument: record.spec.namespaced_name().argument(),
    });
    Ok(())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Nodes {
    api_version: &'static str,
    kind: &'static str,
    control_plane_version: String,
    items: Vec<Item>,
    /// The control plane, for a command.
    #[serde(skip)]
    argument: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    name: String,
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    why_not_ready: Option<String>,
    schedulable: bool,
    kubelet_version: String,
    /// Negative when the kubelet is newer; null when its version cannot be read.
    minors_older: Option<i64>,
    skew_allowed: bool,
    container_runtime: String,
    os_image: String,
    kernel: String,
    architecture: String,
    internal_address: Option<String>,
    pods: usize,
    pod_capacity: Option<u64>,
    created: Option<Timestamp>,
    certificate_ends: Option<Timestamp>,
    certificate_rotates: Option<bool>,
    #[serde(skip)]
    status: String,
    #[serde(skip)]
    skew: Skew,
    #[serde(skip)]
    age: String,
    #[serde(skip)]
    certificate: String,
}

impl Item {
    fn of(seen: SeenWorker, now: Timestamp) -> Self {
        let SeenWorker { worker, pods, certificate } = seen;
        let signed = |minors: u64| i64::try_from(minors).unwrap_or(i64::MAX);
        let shown = certificate.map(|certificate| {
            let left = certificate.ends.map_or_else(|| "unknown".to_owned(), |end| format!("{}d", age::days(now, end)));
            if certificate.rotates { left } else { format!("{left}, not renewed") }
        });
        Self {
            status: worker.status(),
            name: worker.name,
            ready: worker.ready,
            why_not_ready: worker.why_not_ready,
            schedulable: worker.schedulable,
            kubelet_version: worker.kubelet,
            minors_older: match worker.skew {
                Skew::Same => Some(0),
                Skew::Older(minors) => Some(signed(minors)),
                Skew::Newer(minors) => Some(-signed(minors)),
                Skew::Unknown => None,
            },
            skew_allowed: worker.skew.is_allowed(),
            skew: worker.skew,
            container_runtime: worker.runtime,
            os_image: worker.system,
            kernel: worker.kernel,
            architecture: worker.architecture,
            internal_address: worker.address,
            pods,
            pod_capacity: worker.capacity,
            age: worker.created.map(|created| age::age(now, created)).unwrap_or_default(),
            created: worker.created,
            certificate_ends: certificate.and_then(|certificate| certificate.ends),
            certificate_rotates: certificate.map(|certificate| certificate.rotates),
            certificate: shown.unwrap_or_default(),
        }
    }
}

impl Report for Nodes {
    fn text(&self, wide: bool) -> String {
        if self.items.is_empty() {
            return format!("no workers yet: kamaji join {}\n", self.argument);
        }
        let mut headings = vec!["NAME", "STATUS", "VERSION", "SKEW", "RUNTIME", "ADDRESS", "PODS", "AGE"];
        if wide {
            headings.extend(["OS", "KERNEL", "ARCH", "CERT"]);
        }
        let mut details = String::new();
        let rows = self.items.iter().map(|item| {
            if let Some(why) = &item.why_not_ready {
                details.push_str(&format!("{} is not ready: {}\n", item.name, crate::ui::safe(why)));
            }
            if !item.skew_allowed {
                details.push_str(&format!(
                    "{} is outside of what Kubernetes supports: kubelet {} with control plane {} (up to 3 minors older, never newer)\n",
                    item.name,
                    crate::ui::safe(&item.kubelet_version),
                    self.control_plane_version
                ));
            }
            let pods = match item.pod_capacity {
                Some(capacity) => format!("{}/{capacity}", item.pods),
                None => item.pods.to_string(),
            };
            let mut row = vec![
                item.name.clone(),
                item.status.clone(),
                item.kubelet_version.clone(),
                item.skew.to_string(),
                item.container_runtime.clone(),
                item.internal_address.clone().unwrap_or_default(),
                pods,
                item.age.clone(),
            ];
            if wide {
                row.extend([
                    item.os_image.clone(),
                    item.kernel.clone(),
                    item.architecture.clone(),
                    item.certificate.clone(),
                ]);
            }
            row
        });
        let table = Table { headings, rows: rows.collect() }.draw();
        if details.is_empty() { table } else { format!("{table}\n{details}") }
    }

    fn names(&self) -> Vec<String> {
        self.items.iter().map(|item| format!("node/{}", item.name)).collect()
    }
}
