//! `kamaji certs check`: every certificate, kubeconfig and key with its end. Reads Secrets, writes nothing.

use std::process::ExitCode;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::CertsCheckArgs;
use crate::commands::shared::age;
use crate::commands::shared::context::Context;
use crate::commands::shared::selection::{self, Member};
use crate::engine::certificates::renew;
use crate::engine::session::{self, Session};
use crate::error::{DIFFERENCES, Fault, Kind};
use crate::plan::certificates::inventory::{CertificateEntry, StoredIn, certificates};
use crate::ui::{Report, Table};

const SHORT: Duration = Duration::from_secs(60);
/// How many control planes are looked at together.
const PARALLEL: usize = 8;

pub(super) async fn run(args: &CertsCheckArgs, context: &Context) -> Result<ExitCode, Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, SHORT);
    let members = selection::choose(&args.control_planes, &session, &management).await?;
    let alone = members.len() == 1;
    let (now, within) = (context.ambient.now(), args.within.0);
    let looks = session::at_once(members, PARALLEL, |member| look(&session, member, now, within)).await;
    drop(progress);
    let (mut items, mut failed) = (Vec::new(), Vec::new());
    for (name, look) in looks {
        match look {
            Ok(certificates) => items.push(Plane::of(&name, certificates)),
            Err(fault) if alone => return Err(fault),
            Err(fault) => {
                failed.push(fault.kind());
                items.push(Plane { failure: Some(fault.to_string()), ..Plane::of(&name, Vec::new()) });
            }
        }
    }
    let due = items.iter().any(|item| !item.ok && item.failure.is_none());
    let total = items.len();
    context.ui.report(&Check {
        api_version: "kamaji/v1",
        kind: "CertificateCheck",
        ok: !due && failed.is_empty(),
        items,
    });
    if !failed.is_empty() {
        return Err(selection::partial(&failed, total, "could not be looked at"));
    }
    Ok(if due { ExitCode::from(DIFFERENCES) } else { ExitCode::SUCCESS })
}

async fn look(
    session: &Session<'_>,
    (name, recorded): Member,
    now: Timestamp,
    within: Duration,
) -> (String, Result<Vec<Item>, Fault>) {
    let look = async {
        let record = recorded?.record;
        if record.ca.is_none() {
            return Err(Fault::new(Kind::Unavailable, format!("control plane `{name}` has no keys yet"))
                .hint("run the create command again: it goes on where it stopped"));
        }
        let live = renew::read_certificates(session, &record).await?;
        Ok(certificates(&record, &live).into_iter().map(|held| Item::of(held, now, within)).collect())
    };
    let found = look.await;
    (name, found)
}

/// What `certs check` ends with. Its JSON is a public interface.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    api_version: &'static str,
    kind: &'static str,
    ok: bool,
    items: Vec<Plane>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Plane {
    name: String,
    namespace: String,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    certificates: Vec<Item>,
}

impl Plane {
    fn of(place: &str, certificates: Vec<Item>) -> Self {
        let (namespace, name) = place.split_once('/').unwrap_or(("", place));
        let ok = !certificates.is_empty() && certificates.iter().all(|item| item.state.is_fine());
        Self { name: name.to_owned(), namespace: namespace.to_owned(), ok, failure: None, certificates }
    }
}

/// How it stands with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum State {
    Ok,
    EndsSoon,
    Ended,
    Broken,
    /// On the workers, which are not asked.
    Elsewhere,
}

impl State {
    const fn is_fine(self) -> bool {
        matches!(self, Self::Ok | Self::Elsewhere)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    #[serde(flatten)]
    held: CertificateEntry,
    state: State,
    days_left: Option<i64>,
    #[serde(skip)]
    left: String,
}

impl Item {
    fn of(held: CertificateEntry, now: Timestamp, within: Duration) -> Self {
        let soon = |end: Timestamp| now.checked_add(within).is_ok_and(|limit: Timestamp| end <= limit);
        let state = match held.not_after {
            _ if held.problem.is_some() => State::Broken,
            _ if held.managed_by == StoredIn::Kubelets => State::Elsewhere,
            Some(end) if end <= now => State::Ended,
            Some(end) if soon(end) => State::EndsSoon,
            Some(_) | None => State::Ok,
        };
        let left = held.not_after.map(|end| age::left(now, end)).unwrap_or_default();
        let days_left = held.not_after.map(|end| age::days(now, end));
        Self { held, state, days_left, left }
    }

    fn state(&self) -> String {
        match (self.state, &self.held.problem) {
            (State::Ok, _) => "ok".to_owned(),
            (State::EndsSoon, _) => "ENDS SOON".to_owned(),
            (State::Ended, _) => "ENDED".to_owned(),
            (State::Elsewhere, _) => "not looked at".to_owned(),
            (State::Broken, problem) => format!("NOT OK: {}", problem.as_deref().unwrap_or_default()),
        }
    }
}

impl Report for Check {
    fn text(&self, wide: bool) -> String {
        let mut text = String::new();
        for (index, control_plane) in self.items.iter().enumerate() {
            if index > 0 {
                text.push('\n');
            }
            text.push_str(&format!("{}/{}\n", control_plane.namespace, control_plane.name));
            if let Some(failure) = &control_plane.failure {
                text.push_str(&format!("  could not be looked at: {}\n", crate::ui::safe(failure)));
                continue;
            }
            let mut headings = vec!["CERTIFICATE", "ENDS", "LEFT", "CA", "MANAGED BY", "STATE", "SUBJECT"];
            if wide {
                headings.extend(["SECRET", "NOTE"]);
            }
            let rows = control_plane.certificates.iter().map(|item| {
                let held = &item.held;
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                let mut row = vec![
                    held.name.to_owned(),
                    held.not_after.map(|end| end.to_string()).unwrap_or_default(),
                    item.left.clone(),
                    held.authority.unwrap_or_default().to_owned(),
                    held.managed_by.word().to_owned(),
                    item.state(),
                    text(&held.subject),
                ];
                if wide {
                    row.extend([text(&held.secret), text(&held.note)]);
                }
                row
            });
            text.push_str(&Table { headings, rows: rows.collect() }.draw());
        }
        text
    }

    fn names(&self) -> Vec<String> {
        let due = self.items.iter().filter(|control_plane| !control_plane.ok);
        due.map(|control_plane| format!("controlplane/{}", control_plane.name)).collect()
    }
}
