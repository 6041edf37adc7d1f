//! `kamaji join`: prints join instructions with a new bootstrap token, or joins hosts over ssh.

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
use crate::tenant::{JoinParameters, join_command};
use crate::ui::{Report, Table};

/// Timeout per host; kubeadm itself waits 5 minutes for discovery and for the kubelet.
const HOST_TIMEOUT: Duration = Duration::from_secs(600);

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
    let made =
        token::create_token_for(&session, &record, args.ttl.0, "created by kamaji join", &mut context.ambient).await?;
    let joining =
        JoinParameters { endpoint: &endpoint, token: &made.token, ca_hashes: &hashes, version: record.spec.version };
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

/// Checks the hosts, and joins those that are not in a cluster with a token that is deleted afterwards.
async fn join_hosts(
    args: &JoinArgs,
    session: &Session<'_>,
    record: &Record,
    hashes: &[String],
    ambient: &mut Ambient,
) -> Result<Vec<HostItem>, Fault> {
    let hosts = hosts::distinct(&args.machines);
    let ssh = hosts::ssh(&args.machines);
    let seen = hosts::probe_hosts(&ssh, &hosts, hashes).await;
    let mut items: Vec<HostItem> = hosts.iter().zip(seen).map(|(host, seen)| HostItem::of(host, seen)).collect();
    let free: Vec<&str> =
        items.iter().zip(&hosts).filter(|(item, _)| item.outcome == HostOutcome::Free).map(|(_, host)| *host).collect();
    if args.dry_run || free.is_empty() {
        return Ok(items);
    }
    let made = token::create_token_for(session, record, args.ttl.0, "created by kamaji join --host", ambient).await?;
    let endpoint = &control_plane::address(record)?.endpoint;
    let joining = JoinParameters { endpoint, token: &made.token, ca_hashes: hashes, version: record.spec.version };
    let mut joined = ssh.run(&free, &joining.script(), HOST_TIMEOUT).await.into_iter();
    for item in items.iter_mut().filter(|item| item.outcome == HostOutcome::Free) {
        match joined.next() {
            Some(Ok(_)) => item.outcome = HostOutcome::Joined,
            Some(Err(why)) => item.fail(why),
            None => item.fail("no result from ssh".to_owned()),
        }
    }
    // The token is no longer needed; if it cannot be deleted, it expires.
    if let Err(fault) = token::remove(session, record, &made.id).await {
        session.say(Event::Note(format!("token {} could not be deleted and will expire: {fault}", made.id)));
    }
    Ok(items)
}

fn report_hosts(context: &Context, dry_run: bool, items: Vec<HostItem>) -> Result<(), Fault> {
    let total = items.len();
    let failed = items.iter().filter(|item| item.outcome == HostOutcome::Failed).count();
    context.ui.report(&Hosts { api_version: "kamaji/v1", kind: "JoinOutcomeList", items });
    if dry_run {
        context.ui.say("Dry run: nothing was changed.");
    }
    if failed == 0 {
        return Ok(());
    }
    let kind = if failed == total { Kind::Failed } else { Kind::Partial };
    let text = if dry_run { "cannot join" } else { "did not join" };
    Err(Fault::new(kind, format!("{failed} of {total} hosts {text}"))
        .hint("run the command again; hosts that have joined are skipped"))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Join {
    api_version: &'static str,
    kind: &'static str,
    command: String,
    endpoint: String,
    ca_cert_hash: String,
    /// Several during a CA rotation; any of them can be used.
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
    outcome: HostOutcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

/// The result for a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum HostOutcome {
    /// Not in a cluster; it can join.
    #[serde(rename = "WouldJoin")]
    Free,
    Joined,
    AlreadyJoined,
    Failed,
}

impl HostItem {
    fn of(host: &str, seen: Result<HostProbe, String>) -> Self {
        let mut item = Self { host: host.to_owned(), outcome: HostOutcome::Free, node: None, failure: None };
        match seen {
            Err(why) => item.fail(why),
            Ok(HostProbe { membership: HostMembership::Elsewhere(server), .. }) => item.fail(format!(
                "it has joined another cluster ({server}); remove it there first, and run kubeadm reset on the host"
            )),
            Ok(HostProbe { membership: HostMembership::Here(node), .. }) => {
                item.outcome = HostOutcome::AlreadyJoined;
                item.node = node;
            }
            Ok(HostProbe { has_kubeadm: false, .. }) => item.fail(
                "kubeadm is not installed; install kubeadm and kubelet of the control plane's version and a container runtime"
                    .to_owned(),
            ),
            Ok(HostProbe { has_kubeadm: true, membership: HostMembership::Free, .. }) => {}
        }
        item
    }

    fn fail(&mut self, why: String) {
        self.outcome = HostOutcome::Failed;
        self.failure = Some(why);
    }
}

impl Report for Hosts {
    fn text(&self, _wide: bool) -> String {
        let mut table = Table { headings: vec!["HOST", "OUTCOME"], rows: Vec::new() };
        let mut details = String::new();
        for item in &self.items {
            let outcome = match (item.outcome, &item.node) {
                (HostOutcome::Free, _) => "would join".to_owned(),
                (HostOutcome::Joined, _) => "joined".to_owned(),
                (HostOutcome::AlreadyJoined, Some(node)) => format!("already joined as node {node}"),
                (HostOutcome::AlreadyJoined, None) => "already joined".to_owned(),
                (HostOutcome::Failed, _) => "FAILED".to_owned(),
            };
            table.rows.push(vec![item.host.clone(), outcome]);
            if let Some(failure) = &item.failure {
                details.push_str(&format!("\n{}:\n  {}\n", item.host, crate::ui::safe(failure).replace('\n', "\n  ")));
            }
        }
        format!("{}{details}", table.draw())
    }

    fn names(&self) -> Vec<String> {
        let there = |item: &&HostItem| matches!(item.outcome, HostOutcome::Joined | HostOutcome::AlreadyJoined);
        self.items.iter().filter(there).map(|item| format!("host/{}", item.host)).collect()
    }
}
