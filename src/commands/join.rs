//! `kamaji join`: a token, and what makes a machine a worker; or the machines made workers over ssh.

use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde::Serialize;

use super::context::Context;
use super::{plane, token};
use crate::cli::{JoinArgs, JoinFormat};
use crate::engine::{self, HostOutcome};
use crate::error::{Fault, Kind};
use crate::pki;
use crate::tenant::{Joining, join_command};
use crate::ui::{Report, Table};

/// How long one machine may take: kubeadm itself waits 5 minutes for discovery and for the kubelet.
const PER_HOST: Duration = Duration::from_secs(600);

pub(super) async fn run(args: &JoinArgs, context: &mut Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, args.timeout.0);
    let record = plane::record(&session, &management, &args.name).await?;
    let endpoint = plane::address(&record)?.endpoint.clone();
    if args.dry_run {
        drop(progress);
        for host in &args.hosts {
            context.ui.result(&format!("{host}: would join {} at {endpoint} with kubeadm over ssh\n", args.name));
        }
        return Ok(());
    }
    let admin = plane::kubeconfig(&management.connection, &record, "admin.conf").await?;
    let (_, _, ca) = pki::kubeconfig_client(admin.expose_secret())?;
    let hash = pki::discovery_hash(&ca)?;
    let made = token::make(&session, &record, args.ttl.0, "made by kamaji join", &mut context.ambient).await?;
    let joining = Joining { endpoint: &endpoint, token: &made.token, ca_hash: &hash, version: record.spec.version };
    if !args.hosts.is_empty() {
        let outcomes = engine::join_hosts(&args.hosts, &joining.script(), PER_HOST).await;
        drop(progress);
        return report_hosts(context, outcomes);
    }
    drop(progress);
    let text = match args.format {
        JoinFormat::Command => format!("{}\n", join_command(&endpoint, made.token.expose_secret(), &hash)),
        JoinFormat::KubeadmConfig => crate::yaml::write(&joining.configuration()),
        JoinFormat::CloudInit => joining.cloud_init(),
        JoinFormat::Script => joining.script(),
    };
    context.ui.report(&Join {
        api_version: "kamaji/v1",
        kind: "Join",
        command: join_command(&endpoint, made.token.expose_secret(), &hash),
        endpoint: endpoint.to_string(),
        ca_cert_hash: hash,
        token_id: made.id,
        expires: made.expires,
        text,
    });
    Ok(())
}

fn report_hosts(context: &Context, outcomes: Vec<HostOutcome>) -> Result<(), Fault> {
    let total = outcomes.len();
    let failed = outcomes.iter().filter(|outcome| outcome.failure.is_some()).count();
    let items = outcomes
        .into_iter()
        .map(|outcome| HostItem { host: outcome.host, joined: outcome.failure.is_none(), failure: outcome.failure })
        .collect();
    context.ui.report(&Hosts { api_version: "kamaji/v1", kind: "JoinOutcomeList", items });
    if failed == 0 {
        return Ok(());
    }
    let kind = if failed == total { Kind::Failed } else { Kind::Partial };
    Err(Fault::new(kind, format!("{failed} of {total} machines did not join"))
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
    joined: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

impl Report for Hosts {
    fn text(&self, _wide: bool) -> String {
        let mut table = Table { headings: vec!["HOST", "OUTCOME"], rows: Vec::new() };
        let mut details = String::new();
        for item in &self.items {
            table.rows.push(vec![item.host.clone(), if item.joined { "joined" } else { "FAILED" }.to_owned()]);
            if let Some(failure) = &item.failure {
                details.push_str(&format!("\n{}:\n  {}\n", item.host, crate::ui::safe(failure).replace('\n', "\n  ")));
            }
        }
        format!("{}{details}", table.draw())
    }

    fn names(&self) -> Vec<String> {
        self.items.iter().filter(|item| item.joined).map(|item| format!("host/{}", item.host)).collect()
    }
}
