//! `kamaji certs renew`: plan for each, show, ask, renew, report.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::ambient::Ambient;
use crate::cli::CertsRenewArgs;
use crate::commands::shared::context::{Context, Management};
use crate::commands::shared::selection;
use crate::engine::certificates::renew::{self, Renewed};
use crate::engine::lifecycle::{create, permissions};
use crate::engine::session::{self, Session};
use crate::engine::state::record_store::StoredRecord;
use crate::error::{Fault, Kind};
use crate::model::LeafName;
use crate::plan::apply::plan::{Approved, Plan};
use crate::plan::certificates::renewal::RenewalRequest;
use crate::ui::{Report, Ui};

const SHORT: Duration = Duration::from_secs(60);

/// One control plane on its way.
struct Member {
    place: String,
    state: Result<(StoredRecord, Plan), Fault>,
}

pub(super) async fn run(args: &CertsRenewArgs, context: &mut Context) -> Result<(), Fault> {
    let leaves = if args.only.is_empty() { LeafName::ALL.to_vec() } else { args.only.clone() };
    let reissue = RenewalRequest { leaves, within: args.within.map(|span| span.0), ..RenewalRequest::default() };
    let management = context.management().await?;
    let members = plan(args, &reissue, &management, context).await?;
    let alone = members.len() == 1;
    if args.dry_run {
        return dry_run(&context.ui, members, alone);
    }
    let mut work = false;
    for member in &members {
        match &member.state {
            Ok((_, plan)) if plan.is_empty() => {}
            Ok((_, plan)) => {
                work = true;
                context.ui.show_plan(plan);
            }
            Err(fault) => context.ui.warn(&format!("{} cannot be renewed: {fault}", member.place)),
        }
    }
    if work && !args.yes {
        ask(&context.ui)?;
    }
    let so_many = usize::from(args.parallel);
    let progress = context.ui.progress();
    let outcomes = session::at_once(members, so_many, |member| async {
        let session = management.session(&progress, args.timeout.0);
        let Member { place, state } = member;
        let outcome = match state {
            Ok((recorded, plan)) => carry_out(&session, &recorded, plan, &reissue).await,
            Err(fault) => Err(fault),
        };
        (place, outcome)
    })
    .await;
    drop(progress);
    let (mut items, mut failed) = (Vec::new(), Vec::new());
    for (place, outcome) in outcomes {
        match outcome {
            Err(fault) if alone => return Err(fault),
            Err(fault) => {
                failed.push(fault.kind());
                items.push(Item::of(&place, None, Some(fault.to_string())));
            }
            Ok(renewed) => items.push(Item::of(&place, renewed, None)),
        }
    }
    let total = items.len();
    context.ui.report(&Renewal { api_version: "kamaji/v1", kind: "CertificateRenewalList", items });
    if failed.is_empty() {
        return Ok(());
    }
    Err(selection::partial(&failed, total, "were not renewed")
        .hint("run the command again with --within 1d or longer: those that are done are left alone"))
}

async fn plan(
    args: &CertsRenewArgs,
    reissue: &RenewalRequest,
    management: &Management,
    context: &Context,
) -> Result<Vec<Member>, Fault> {
    let progress = context.ui.progress();
    let session = management.session(&progress, SHORT);
    let chosen = match selection::choose(&args.control_planes, &session, management).await {
        Err(fault) if !args.control_planes.all_namespaces => {
            return Err(permissions::with_missing_rights(&management.connection, &management.namespace, fault).await);
        }
        chosen => chosen?,
    };
    let alone = chosen.len() == 1;
    let planned = session::at_once(chosen, usize::from(args.parallel), |(place, recorded)| async {
        let plan = async {
            let recorded = recorded?;
            let plan = renew::plan_renewal(&session, &recorded, reissue, &mut Ambient::real()).await?;
            Ok((recorded, plan))
        };
        let state = plan.await;
        Member { place, state }
    })
    .await;
    if alone {
        return planned
            .into_iter()
            .map(|member| member.state.map(|state| Member { state: Ok(state), ..member }))
            .collect();
    }
    Ok(planned)
}

/// Nothing for a control plane whose plan is empty.
async fn carry_out(
    session: &Session<'_>,
    recorded: &StoredRecord,
    plan: Plan,
    reissue: &RenewalRequest,
) -> Result<Option<Renewed>, Fault> {
    let spec = &recorded.record.spec;
    if plan.is_empty() {
        create::remove_abandoned_lock(session, &spec.namespace, &spec.name).await?;
        return Ok(None);
    }
    let approved: Approved = plan.approve();
    renew::renew(session, &spec.namespace, &spec.name, reissue, &approved, &mut Ambient::real()).await.map(Some)
}

fn ask(ui: &Ui) -> Result<(), Fault> {
    if !ui.can_ask() {
        return Err(Fault::new(Kind::Declined, "certificates would be made anew; nothing was changed")
            .hint("agree to it with --yes; see it first with --dry-run"));
    }
    if ui.confirm("Renew them?")? { Ok(()) } else { Err(Fault::new(Kind::Declined, "declined; nothing was changed")) }
}

fn dry_run(ui: &Ui, members: Vec<Member>, alone: bool) -> Result<(), Fault> {
    let (mut items, mut failed) = (Vec::new(), Vec::new());
    let total = members.len();
    for member in members {
        match member.state {
            Ok((_, plan)) => items.push(plan),
            Err(fault) => {
                ui.warn(&format!("{} cannot be renewed: {fault}", member.place));
                failed.push(fault.kind());
            }
        }
    }
    match (alone, items.pop()) {
        (true, Some(plan)) => crate::commands::shared::apply_spec::show_dry_run(ui, plan),
        (_, last) => {
            items.extend(last);
            ui.report(&Plans { api_version: "kamaji/v1", kind: "PlanList", items });
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(selection::partial(&failed, total, "cannot be renewed")) }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Plans {
    api_version: &'static str,
    kind: &'static str,
    items: Vec<Plan>,
}

impl Report for Plans {
    fn text(&self, _wide: bool) -> String {
        let mut lines: Vec<String> = self.items.iter().flat_map(crate::ui::plan_lines).collect();
        lines.push("Nothing was changed: this was a dry run.".to_owned());
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    fn names(&self) -> Vec<String> {
        let changed = self.items.iter().filter(|plan| !plan.is_empty());
        changed.map(|plan| format!("controlplane/{}", plan.control_plane)).collect()
    }
}

/// What `certs renew` ends with. Its JSON is a public interface.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Renewal {
    api_version: &'static str,
    kind: &'static str,
    items: Vec<Item>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    name: String,
    namespace: String,
    renewed: Vec<LeafName>,
    /// When the first certificate ends now; unknown where nothing was done.
    certificates_end: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

impl Item {
    fn of(place: &str, renewed: Option<Renewed>, failure: Option<String>) -> Self {
        let (namespace, name) = place.split_once('/').unwrap_or(("", place));
        let mut names: Vec<LeafName> = Vec::new();
        for reissued in renewed.iter().flat_map(|renewed| &renewed.reissued) {
            if !names.contains(&reissued.leaf) {
                names.push(reissued.leaf);
            }
        }
        Self {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            renewed: names,
            certificates_end: renewed.and_then(|renewed| renewed.record.certificates_end),
            failure,
        }
    }
}

impl Report for Renewal {
    fn text(&self, _wide: bool) -> String {
        let line = |item: &Item| {
            let names: Vec<&str> = item.renewed.iter().map(|leaf| leaf.as_str()).collect();
            let what = match (&item.failure, names.as_slice(), item.certificates_end) {
                (Some(failure), ..) => format!("FAILED: {}", crate::ui::safe(failure)),
                (None, [], None) => "unchanged".to_owned(),
                (None, [], Some(_)) => "brought to what was asked for; no certificate is new".to_owned(),
                (None, names, _) => format!("renewed {}", names.join(", ")),
            };
            format!("{}/{}: {what}\n", item.namespace, item.name)
        };
        self.items.iter().map(line).collect()
    }

    fn names(&self) -> Vec<String> {
        let done = self.items.iter().filter(|item| item.failure.is_none() && !item.renewed.is_empty());
        done.map(|item| format!("controlplane/{}", item.name)).collect()
    }
}
