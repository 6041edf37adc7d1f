//! `kamaji token`: bootstrap tokens of a control plane. Also makes the token that `kamaji join` prints.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::shared::context::Context;
use super::shared::control_plane;
use crate::ambient::Ambient;
use crate::cli::{ControlPlaneArgs, TokenCommand, TokenCreateArgs, TokenDeleteArgs};
use crate::engine::session::Session;
use crate::engine::workers::bootstrap_tokens;
use crate::error::{Fault, Kind};
use crate::model::{ControlPlaneName, TokenId, parse_token};
use crate::plan::state::record::Record;
use crate::tenant::{TokenFacts, token_secret};
use crate::ui::{Report, Table};

/// kubeadm's group for workers that join (bootstrap token default).
const GROUP: &str = "system:bootstrappers:kubeadm:default-node-token";
const SHORT: Duration = Duration::from_secs(60);

pub(super) async fn run(command: &TokenCommand, context: &mut Context) -> Result<(), Fault> {
    match command {
        TokenCommand::Create(args) => create(args, context).await,
        TokenCommand::Generate => {
            let token = fresh(&mut context.ambient);
            context.ui.report(&NewToken::of(token, None));
            Ok(())
        }
        TokenCommand::List(args) => list(args, context).await,
        TokenCommand::Delete(args) => delete(args, context).await,
    }
}

/// A new id and a new secret.
fn fresh(ambient: &mut Ambient) -> (TokenId, SecretString) {
    (ambient.word(6), ambient.word(16).into())
}

fn whole(id: &TokenId, secret: &SecretString) -> String {
    format!("{id}.{}", secret.expose_secret())
}

/// A token that was just made.
pub(super) struct Made {
    pub(super) id: String,
    pub(super) token: SecretString,
    pub(super) expires: Option<Timestamp>,
}

/// Makes a token in the tenant and waits until workers can trust `cluster-info` with it.
pub(super) async fn make(
    session: &Session<'_>,
    record: &Record,
    ttl: Duration,
    description: &str,
    ambient: &mut Ambient,
) -> Result<Made, Fault> {
    let reached = control_plane::reach(session, record).await?;
    let (id, secret) = fresh(ambient);
    let expires = (!ttl.is_zero()).then(|| ambient.now() + ttl);
    let usages = ["signing".to_owned(), "authentication".to_owned()];
    let desired = token_secret(&id, &secret, &usages, &[GROUP.to_owned()], description, expires);
    bootstrap_tokens::create_token(&reached.connection, &desired).await?;
    bootstrap_tokens::wait_for_signature(session, &reached.connection, &id).await?;
    Ok(Made { token: whole(&id, &secret).into(), id, expires })
}

/// Deletes a token that was made here.
pub(super) async fn remove(session: &Session<'_>, record: &Record, id: &TokenId) -> Result<(), Fault> {
    let reached = control_plane::reach(session, record).await?;
    bootstrap_tokens::delete_token(&reached.connection, id).await?;
    Ok(())
}

async fn create(args: &TokenCreateArgs, context: &mut Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, args.timeout.0);
    let record = control_plane::record(&session, &management, &args.name).await?;
    let made = make(&session, &record, args.ttl.0, &args.description, &mut context.ambient).await?;
    drop(progress);
    let (id, secret) = parse_token(made.token.expose_secret())?;
    context.ui.report(&NewToken::of((id, secret), made.expires));
    Ok(())
}

async fn list(args: &ControlPlaneArgs, context: &Context) -> Result<(), Fault> {
    let tokens = connect(&args.name, context).await?;
    context.ui.report(&Tokens {
        api_version: "kamaji/v1",
        kind: "TokenList",
        items: tokens.iter().map(|token| Item::of(token, context.ambient.now())).collect(),
    });
    Ok(())
}

async fn connect(name: &ControlPlaneName, context: &Context) -> Result<Vec<TokenFacts>, Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, SHORT);
    let record = control_plane::record(&session, &management, name).await?;
    let reached = control_plane::reach(&session, &record).await?;
    bootstrap_tokens::list_tokens(&reached.connection).await
}

async fn delete(args: &TokenDeleteArgs, context: &Context) -> Result<(), Fault> {
    let id = match parse_token(&args.token) {
        Ok((id, _)) => id,
        // An id is valid where a whole token with any secret would be.
        Err(error) => parse_token(&format!("{}.0000000000000000", args.token)).map_err(|_| error)?.0,
    };
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, SHORT);
    let record = control_plane::record(&session, &management, &args.name).await?;
    let reached = control_plane::reach(&session, &record).await?;
    let existed = bootstrap_tokens::delete_token(&reached.connection, &id).await?;
    drop(progress);
    if !existed {
        return Err(Fault::new(Kind::NotFound, format!("control plane `{}` has no token `{id}`", args.name))
            .hint(format!("see which there are: kamaji token list {}", record.spec.namespaced_name().argument())));
    }
    context.ui.result(&format!("token {id} deleted\n"));
    Ok(())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewToken {
    api_version: &'static str,
    kind: &'static str,
    id: String,
    token: String,
    expires: Option<Timestamp>,
}

impl NewToken {
    fn of((id, secret): (TokenId, SecretString), expires: Option<Timestamp>) -> Self {
        Self { api_version: "kamaji/v1", kind: "Token", token: whole(&id, &secret), id, expires }
    }
}

impl Report for NewToken {
    fn text(&self, _wide: bool) -> String {
        format!("{}\n", self.token)
    }

    fn names(&self) -> Vec<String> {
        vec![format!("token/{}", self.id)]
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tokens {
    api_version: &'static str,
    kind: &'static str,
    items: Vec<Item>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    id: String,
    expires: Option<Timestamp>,
    usages: Vec<String>,
    groups: Vec<String>,
    description: String,
    #[serde(skip)]
    left: String,
}

impl Item {
    fn of(token: &TokenFacts, now: Timestamp) -> Self {
        let left = token.expires.map_or_else(|| "never".to_owned(), |end| super::shared::age::left(now, end));
        Self {
            id: token.id.clone(),
            expires: token.expires,
            usages: token.usages.clone(),
            groups: token.groups.clone(),
            description: token.description.clone(),
            left,
        }
    }
}

impl Report for Tokens {
    fn text(&self, wide: bool) -> String {
        let mut table = Table { headings: vec!["ID", "ENDS IN", "USAGES", "DESCRIPTION"], rows: Vec::new() };
        if wide {
            table.headings.push("GROUPS");
        }
        for item in &self.items {
            let mut row = vec![item.id.clone(), item.left.clone(), item.usages.join(","), item.description.clone()];
            if wide {
                row.push(item.groups.join(","));
            }
            table.rows.push(row);
        }
        if self.items.is_empty() { "no bootstrap tokens\n".to_owned() } else { table.draw() }
    }

    fn names(&self) -> Vec<String> {
        self.items.iter().map(|item| format!("token/{}", item.id)).collect()
    }
}
