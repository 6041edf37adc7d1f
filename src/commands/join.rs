//! `kamaji join`: a token, and what makes a machine a worker; or the machines made workers over ssh.

use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde::Serialize;

use super::shared::context::Context;
use super::shared::{control_plane, hosts};
use super::token;
use crate::ambient::Ambient;
use crate::cli::{JoinArgs, JoinFormat};
use crate::engine::session::Session;
use crate::error::{Fault, Kind};
use crate::event::Event;
use crate::pki;
use crate::plan::state::record::Record;
use crate::plan::workers::host_probe::{HostMembership, HostProbe};
use crate::tenant::{Joining, join_command};
use crate::ui::{Report, Table};

/// How long one machine may take: kubeadm itself waits 5 minutes for discovery and for the kubelet.
const PER_HOST: Duration = Duration::from_secs(600);

pub(super) async fn run(args: &JoinArgs, context: &mut Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, args.timeout.0);
    let record = control_plane::record(&session, &management, &args.name).await?;
    let endpoint = control_plane::address(&record)?.endpoint.clone();
    let admin = control_plane::kubeconfig(&management.connection, &record, "admin.conf").await?;
    let (_, _, ca) = pki::kubeconfig_client(admin.expose_secret())?;
    let hashes = pki::discovery_hashes(&ca)?;
    if !args.machines.hosts.is_empty() {
        let items = join_hosts(args, &session, &record, &hashes, &mut context.ambient).await?;
        drop(progress);
        return report_hosts(context, args.dry_run, items);
    }
    let made = token::make(&session, &record, args.ttl.0, "made by kamaji join", &mut context.ambient).await?;
    let joining = Joining { endpoint: &endpoint, token: &made.token, ca_hashes: &hashes, version: record.spec.version };
    drop(progress);
    let text = match args.format {
        JoinFormat::Command => format!("{}\n", join_command(&endpoint, made.token.expose_secret(), &hashes)),
        JoinFormat::KubeadmConfig => crate::yaml::write(&joining.configuration()),
        JoinFormat::CloudInit => joining.cloud_init(),
        JoinFormat::Script => joining.script(),
    };
    context.ui.report(&Join {
        api_version: "kamaji/v1",
        kind: "Join",
        command: join_command(&endpoint, made.token.expose_secret(), &hashes),
        endpoint: endpoint.to_string(),
        ca_cert_hash: hashes[0].clone(),
        ca_cert_hashes: hashes,
        token_id: made.id,
        expires: made.expires,
        text,
    });
    Ok(())
}

/// Looks at the machines, and joins those that are free with a token that is deleted afterwards.
async fn join_hosts(
    args: &JoinArgs,
    session: &Session<'_>,
    record: &Record,
    hashes: &[String],
    ambient: &mut Ambient,
) -> Result<Vec<HostItem>, Fault> {
    let hosts = hosts::distinct(&args.machines);
    let ssh = hosts::ssh(&args.machines);
    let seen = hosts::look(&ssh, &hosts, hashes).await;
    let mut items: Vec<HostItem> = hosts.iter().zip(seen).map(|(host, seen)| HostItem::of(host, seen)).collect();
    let free: Vec<&str> =
        items.iter().zip(&hosts).filter(|(item, _)| item.outcome == Outcome::Free).map(|(_, host)| *host).collect();
    if args.dry_run || free.is_empty() {
        return Ok(items);
    }
    let made = token::make(session, record, args.ttl.0, "made by kamaji join --host", ambient).await?;
    let endpoint = &control_plane::address(record)?.endpoint;
    let joining = Joining { endpoint, token: &made.token, ca_hashes: hashes, version: record.spec.version };
    let mut joined = ssh.run(&free, &joining.script(), PER_HOST).await.into_iter();
    for item in items.iter_mut().filter(|item| item.outcome == Outcome::Free) {
        match joined.next() {
            Some(Ok(_)) => item.outcome = Outcome::Joined,
            Some(Err(why)) => item.fail(why),
            None => item.fail("nothing is known about it".to_owned()),
        }
    }
    // It has done its work. Where it cannot be deleted, it ends by itself.
    if let Err(fault) = token::remove(session, record, &made.id).await {
        session.say(Event::Note(format!("token {} was not deleted and ends by itself: {fault}", made.id)));
    }
    Ok(items)
}

fn report_hosts(context: &Context, dry_run: bool, items: Vec<HostItem>) -> Result<(), Fault> {
    let total = items.len();
    let failed = items.iter().filter(|item| item.outcome == Outcome::Failed).count();
    context.ui.report(&Hosts { api_version: "kamaji/v1", kind: "JoinOutcomeList", items });
    if dry_run {
        context.ui.say("Nothing was changed: this was a dry run.");
    }
    if failed == 0 {
        return Ok(());
    }
    let kind = if failed == total { Kind::Failed } else { Kind::Partial };
    let text = if dry_run { "cannot join" } else { "did not join" };
    Err(Fault::new(kind, format!("{failed} of {total} machines {text}"))
        .hint("run the command again: a machine that has joined is left alone"))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Join {
    api_version: &'static str,
    kind: &'static str,
    command: String,
    endpoint: String,
    ca_cert_hash: String,
    /// More than one while the authority is changed for another one: any of them will do.
    ca_cert_hashes: Vec<String>,
    token_id: String,
    expires: Option<jiff::Timestamp>,
    #[serde(skip)]
    text: String,
}

impl Report for Join {
    fn text(&self, _wide: bool) -> String {
        self.text.clone()
    }

    fn names(&self) -> Vec<String> {
        vec![format!("token/{}", self.token_id)]
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Hosts {
    api_version: &'static str,
    kind: &'static str,
    items: Vec<HostItem>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HostItem {
    host: String,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

/// What became of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Outcome {
    /// It can join.
    #[serde(rename = "WouldJoin")]
    Free,
    Joined,
    AlreadyJoined,
    Failed,
}

impl HostItem {
    fn of(host: &str, seen: Result<HostProbe, String>) -> Self {
        let mut item = Self { host: host.to_owned(), outcome: Outcome::Free, node: None, failure: None };
        match seen {
            Err(why) => item.fail(why),
            Ok(HostProbe { membership: HostMembership::Elsewhere(server), .. }) => item.fail(format!(
                "it is in another cluster ({server}); take it out there first, with kubeadm reset on the machine"
            )),
            Ok(HostProbe { membership: HostMembership::Here(node), .. }) => {
                item.outcome = Outcome::AlreadyJoined;
                item.node = node;
            }
            Ok(HostProbe { has_kubeadm: false, .. }) => item.fail(
                "kubeadm is not installed; install kubeadm, kubelet and a container runtime of the control plane's version"
                    .to_owned(),
            ),
            Ok(HostProbe { has_kubeadm: true, membership: HostMembership::Free, .. }) => {}
        }
        item
    }

    fn fail(&mut self, why: String) {
        self.outcome = Outcome::Failed;
        self.failure = Some(why);
    }
}

impl Report for Hosts {
    fn text(&self, _wide: bool) -> String {
        let mut table = Table { headings: vec!["HOST", "OUTCOME"], rows: Vec::new() };
        let mut details = String::new();
        for item in &self.items {
            let outcome = match (item.outcome, &item.node) {
                (Outcome::Free, _) => "would join".to_owned(),
                (Outcome::Joined, _) => "joined".to_owned(),
                (Outcome::AlreadyJoined, Some(node)) => format!("has joined already, as node {node}"),
                (Outcome::AlreadyJoined, None) => "has joined already".to_owned(),
                (Outcome::Failed, _) => "FAILED".to_owned(),
            };
            table.rows.push(vec![item.host.clone(), outcome]);
            if let Some(failure) = &item.failure {
                details.push_str(&format!("\n{}:\n  {}\n", item.host, crate::ui::safe(failure).replace('\n', "\n  ")));
            }
        }
        format!("{}{details}", table.draw())
    }

    fn names(&self) -> Vec<String> {
        let there = |item: &&HostItem| matches!(item.outcome, Outcome::Joined | Outcome::AlreadyJoined);
        self.items.iter().filter(there).map(|item| format!("host/{}", item.host)).collect()
    }
}
