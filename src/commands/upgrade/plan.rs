//! `kamaji upgrade plan`: for each control plane where it can go, what changes, what is done by hand, what is in the way.

use std::time::Duration;

use serde::Serialize;

use super::going_back;
use crate::cli::UpgradePlanArgs;
use crate::commands::shared::context::{Context, Management};
use crate::commands::shared::control_plane;
use crate::engine::rollout::preflight;
use crate::engine::session;
use crate::engine::session::Session;
use crate::error::{Fault, Kind};
use crate::model::{KubeVersion, LABEL_COMPONENT, release_of};
use crate::plan::rollout::preflight::{Check, CheckVerdict, Worker};
use crate::plan::rollout::version_skew::{VersionStep, judge, targets};
use crate::plan::state::record::{LifecyclePhase, Record};
use crate::ui::{Report, Table, mark};

const SHORT: Duration = Duration::from_secs(30);
/// How many control planes are looked at together.
const PARALLEL: usize = 8;

pub(crate) async fn run(args: &UpgradePlanArgs, context: &Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, SHORT);
    let records = records(args, &session, &management).await?;
    let looks = session::at_once(&records, PARALLEL, |record| look(&session, record, args.to)).await;
    drop(progress);
    let outlooks = looks.into_iter().collect::<Result<Vec<UpgradePlanItem>, Fault>>()?;
    let blocked = outlooks.iter().any(UpgradePlanItem::is_blocked);
    let report = UpgradePlan { api_version: "kamaji/v1", kind: "UpgradePlan", items: outlooks };
    context.ui.report(&report);
    if blocked && args.to.is_some() {
        return Err(Fault::new(Kind::Failed, "something stands in the way; see above"));
    }
    Ok(())
}

async fn records(args: &UpgradePlanArgs, session: &Session<'_>, management: &Management) -> Result<Vec<Record>, Fault> {
    let mut records = Vec::new();
    if args.names.is_empty() {
        let namespace = (!args.all_namespaces).then(|| management.namespace.to_string());
        let selector = match args.selector.as_str() {
            "" => format!("{LABEL_COMPONENT}=record"),
            more => format!("{LABEL_COMPONENT}=record,{more}"),
        };
        for object in session.management.list("v1", "ConfigMap", namespace.as_deref(), &selector).await? {
            records.extend(Record::from_object(&object).ok());
        }
    }
    for name in &args.names {
        records.push(control_plane::record(session, management, name).await?);
    }
    Ok(records)
}

async fn look(session: &Session<'_>, record: &Record, asked: Option<KubeVersion>) -> Result<UpgradePlanItem, Fault> {
    let spec = &record.spec;
    let mut outlook = UpgradePlanItem {
        name: spec.name.to_string(),
        namespace: spec.namespace.to_string(),
        version: spec.version,
        note: None,
        can_go_to: targets(spec.version),
        target: None,
        components: Vec::new(),
        checks: Vec::new(),
        way_back: None,
        by_hand: Vec::new(),
    };
    if record.step != LifecyclePhase::Ready {
        outlook.note = Some(format!("{}, not ready to be upgraded", record.step.word()));
        return Ok(outlook);
    }
    if let Some(upgrade) = &record.upgrade {
        outlook.note = Some(format!("an upgrade is not finished ({upgrade}); finish it with --to {}", upgrade.to));
        return Ok(outlook);
    }
    let to = match asked {
        Some(to) => judge(spec, to, false)?.map(|_| to),
        None => outlook.can_go_to.last().copied(),
    };
    let Some(to) = to else {
        // What is left of the last upgrade.
        outlook.by_hand = match control_plane::reach(session, record).await {
            Ok(reached) => {
                let found = preflight::collect_preflight_facts(session, record, spec.version, Ok(&reached)).await?;
                by_hand(record, spec.version, found.workers.as_deref().unwrap_or_default())
            }
            Err(_) => Vec::new(),
        };
        return Ok(outlook);
    };
    let reached = control_plane::reach(session, record).await.map_err(|fault| fault.to_string());
    let found = preflight::collect_preflight_facts(session, record, to, reached.as_ref().map_err(Clone::clone)).await?;
    outlook.target = Some(to);
    let step = if to.minor > spec.version.minor { VersionStep::Minor } else { VersionStep::Patch };
    outlook.way_back = Some(going_back(step, &spec.version.to_string(), &to.to_string()));
    outlook.components = components(record, to, found.workers.as_deref());
    outlook.by_hand = by_hand(record, to, found.workers.as_deref().unwrap_or_default());
    outlook.checks = found.checks;
    Ok(outlook)
}

fn components(record: &Record, to: KubeVersion, workers: Option<&[Worker]>) -> Vec<Component> {
    let spec = &record.spec;
    let row = |name: &str, current: String, target: String, how: &'static str| Component {
        name: name.to_owned(),
        current,
        target,
        how,
    };
    let version = |version: KubeVersion| version.to_string();
    let mut rows: Vec<Component> = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"]
        .into_iter()
        .map(|name| row(name, version(spec.version), version(to), "new pods beside the old"))
        .collect();
    if spec.addons.kube_proxy {
        rows.push(row("kube-proxy", version(spec.version), version(to), "DaemonSet, node by node"));
    }
    if let Some(dns) = &spec.addons.coredns {
        let tag = |version: KubeVersion| {
            let release = release_of(version).map(|release| release.coredns_tag).unwrap_or_default();
            dns.image_tag.clone().unwrap_or_else(|| release.to_owned())
        };
        rows.push(row("coredns", tag(spec.version), tag(to), "Deployment; your Corefile stays"));
    }
    let mut kubelets: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for worker in workers.unwrap_or_default() {
        *kubelets.entry(worker.kubelet.as_str()).or_default() += 1;
    }
    for (kubelet, count) in kubelets {
        rows.push(row(&format!("kubelet ({count})"), kubelet.to_owned(), version(to), "by hand, see below"));
    }
    rows
}

/// The commands for each worker whose kubelet is not of the target yet.
fn by_hand(record: &Record, to: KubeVersion, workers: &[Worker]) -> Vec<ByHand> {
    let (target, name, namespace) = (to.to_string(), &record.spec.name, &record.spec.namespace);
    let bare = target.trim_start_matches('v');
    let install = |programs: &[&str]| {
        let packages: Vec<String> = programs.iter().map(|program| format!("{program}='{bare}-*'")).collect();
        format!(
            "# install {} {bare}; on Debian: apt-get install -y --allow-change-held-packages {}",
            programs.join(" and "),
            packages.join(" ")
        )
    };
    workers
        .iter()
        .filter(|worker| worker.kubelet != target)
        .map(|worker| {
            let node = &worker.name;
            ByHand {
                node: node.clone(),
                kubelet: worker.kubelet.clone(),
                before: vec![format!("kamaji node drain {name} {node} -n {namespace}")],
                on_the_node: vec![
                    install(&["kubeadm"]),
                    "kubeadm upgrade node".to_owned(),
                    install(&["kubelet", "kubectl"]),
                    "systemctl daemon-reload && systemctl restart kubelet".to_owned(),
                ],
                after: vec![format!("kamaji node uncordon {name} {node} -n {namespace}")],
            }
        })
        .collect()
}

/// What a person does for one worker, command by command.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ByHand {
    node: String,
    kubelet: String,
    before: Vec<String>,
    on_the_node: Vec<String>,
    after: Vec<String>,
}

impl ByHand {
    fn lines(&self) -> Vec<String> {
        let here = |commands: &[String]| commands.iter().map(|line| format!("  {line}")).collect::<Vec<_>>();
        let there = self.on_the_node.iter().map(|line| format!("  {}$ {line}", self.node));
        let mut lines = vec![format!("{} ({})", self.node, self.kubelet)];
        lines.extend(here(&self.before));
        lines.extend(there);
        lines.extend(here(&self.after));
        lines
    }
}

/// What is known about the next upgrade of several control planes. Its JSON is a public interface.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UpgradePlan {
    api_version: &'static str,
    kind: &'static str,
    items: Vec<UpgradePlanItem>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UpgradePlanItem {
    name: String,
    namespace: String,
    version: KubeVersion,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    can_go_to: Vec<KubeVersion>,
    target: Option<KubeVersion>,
    components: Vec<Component>,
    checks: Vec<Check>,
    /// Whether the version before can serve again once the target has served.
    #[serde(skip_serializing_if = "Option::is_none")]
    way_back: Option<String>,
    by_hand: Vec<ByHand>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Component {
    #[serde(rename = "component")]
    name: String,
    current: String,
    target: String,
    how: &'static str,
}

impl UpgradePlanItem {
    fn is_blocked(&self) -> bool {
        self.checks.iter().any(|check| check.verdict == CheckVerdict::Blocked)
    }

    fn by_hand_text(&self, heading: &str) -> String {
        if self.by_hand.is_empty() {
            return String::new();
        }
        let mut text = format!("\n  {heading}\n");
        for line in self.by_hand.iter().flat_map(ByHand::lines) {
            text.push_str(&format!("    {}\n", crate::ui::safe(&line)));
        }
        text
    }

    fn text(&self) -> String {
        let versions: Vec<String> = self.can_go_to.iter().map(ToString::to_string).collect();
        let where_to = if versions.is_empty() {
            "nowhere: it has the newest version known".to_owned()
        } else {
            versions.join(", ")
        };
        let mut text = format!("{}/{}  {}  can go to: {where_to}\n", self.namespace, self.name, self.version);
        if let Some(note) = &self.note {
            text.push_str(&format!("  {note}\n"));
        }
        let Some(target) = self.target else {
            text.push_str(&self.by_hand_text("By hand, one worker after the other:"));
            return text;
        };
        let indented = |table: Table| table.draw().lines().map(|line| format!("  {line}\n")).collect::<String>();
        let rows = self
            .components
            .iter()
            .map(|row| vec![row.name.clone(), row.current.clone(), row.target.clone(), row.how.to_owned()]);
        text.push('\n');
        text.push_str(&indented(Table {
            headings: vec!["COMPONENT", "CURRENT", "TARGET", "HOW"],
            rows: rows.collect(),
        }));
        text.push('\n');
        for check in &self.checks {
            let verdict = match check.verdict {
                CheckVerdict::Ok => mark(true),
                CheckVerdict::Warning => "warning".to_owned(),
                CheckVerdict::Blocked => mark(false),
            };
            text.push_str(&format!("  {verdict}  {}: {}\n", check.name, crate::ui::safe(&check.finding)));
            if !check.remedy.is_empty() {
                text.push_str(&format!("      {}\n", crate::ui::safe(&check.remedy)));
            }
        }
        if let Some(way_back) = &self.way_back {
            text.push_str(&format!("\n  {way_back}\n"));
        }
        text.push_str(&self.by_hand_text("Afterwards, by hand, one worker after the other:"));
        text.push_str(&format!("\n  kamaji upgrade {} -n {} --to {target}\n", self.name, self.namespace));
        text
    }
}

impl Report for UpgradePlan {
    fn text(&self, _wide: bool) -> String {
        if self.items.is_empty() {
            return "no control planes\n".to_owned();
        }
        self.items.iter().map(UpgradePlanItem::text).collect::<Vec<_>>().join("\n")
    }

    fn names(&self) -> Vec<String> {
        self.items.iter().map(|item| format!("controlplane/{}", item.name)).collect()
    }
}
