//! `kamaji join`: a token, and the one line that makes a machine a worker.

use secrecy::ExposeSecret as _;
use serde::Serialize;

use super::context::Context;
use super::{plane, token};
use crate::cli::JoinArgs;
use crate::error::Fault;
use crate::pki;
use crate::tenant::join_command;
use crate::ui::Report;

pub(super) async fn run(args: &JoinArgs, context: &mut Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, args.timeout.0);
    let record = plane::record(&session, &management, &args.name).await?;
    let endpoint = plane::address(&record)?.endpoint.clone();
    let admin = plane::kubeconfig(&management.connection, &record, "admin.conf").await?;
    let (_, _, ca) = pki::kubeconfig_client(admin.expose_secret())?;
    let hash = pki::discovery_hash(&ca)?;
    let made = token::make(&session, &record, args.ttl.0, "made by kamaji join", &mut context.ambient).await?;
    drop(progress);
    context.ui.report(&Join {
        api_version: "kamaji/v1",
        kind: "Join",
        command: join_command(&endpoint, made.token.expose_secret(), &hash),
        endpoint: endpoint.to_string(),
        ca_cert_hash: hash,
        token_id: made.id,
        expires: made.expires,
    });
    Ok(())
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
}

impl Report for Join {
    fn text(&self, _wide: bool) -> String {
        format!("{}\n", self.command)
    }

    fn names(&self) -> Vec<String> {
        vec![format!("token/{}", self.token_id)]
    }
}
