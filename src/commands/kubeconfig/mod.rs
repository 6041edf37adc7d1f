//! `kamaji kubeconfig`: prints, writes or merges kubeconfigs of control planes. Other contexts are never changed.

mod merge;
mod targets;

use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::Value;

use super::shared::context::{Context, Management};
use super::shared::{age, secure_files};
use crate::cli::{Identity, KubeconfigArgs, KubeconfigUser};
use crate::engine::session;
use crate::engine::session::Session;
use crate::error::{Fault, Kind};
use crate::model::Subject;
use crate::plan::state::record::Record;
use crate::ui::{Format, Report};
use merge::Entry;
use targets::Target;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// How many control planes are processed in parallel.
const PARALLEL: usize = 16;
/// Default lifetime of a certificate.
const DEFAULT_TTL: Duration = Duration::from_secs(8 * 3600);
/// Minimum lifetime of a certificate, as in the Kubernetes certificates API.
const MIN_TTL: Duration = Duration::from_secs(600);

/// The validated user.
enum UserKind {
    Stored(KubeconfigUser),
    Issued(Subject, Duration),
}

/// A kubeconfig and the facts to report about it.
struct Issued {
    namespace: String,
    name: String,
    context: String,
    text: SecretString,
    user: String,
    groups: Vec<String>,
    expires: Timestamp,
}

pub(super) async fn run(args: &KubeconfigArgs, context: &Context) -> Result<(), Fault> {
    let user_kind = user_kind(args)?;
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, REQUEST_TIMEOUT);
    let selection = targets::select(args, &session, &management).await?;
    let total = selection.members.len() + selection.omitted.len();
    let mut warnings = selection.omitted;
    let issued = collect(&session, &management, &selection.members, &user_kind, context.ambient.now()).await;
    let mut ready = Vec::new();
    for (member, issued) in selection.members.iter().zip(issued) {
        match issued {
            Ok(issued) => {
                ready.push(issued);
                warnings.extend(member.availability_warning());
            }
            Err(fault) if total == 1 => return Err(fault),
            Err(fault) => warnings.push(format!("{}: {fault}", member.shown())),
        }
    }
    drop(progress);
    if !ready.is_empty() {
        disambiguate_contexts(&mut ready, &selection.members);
        write_kubeconfig(args, context, &ready, total == 1).await?;
        if matches!(user_kind, UserKind::Issued(..)) {
            let end = ready.iter().map(|issued| issued.expires).min().unwrap_or_default();
            let left = age::left(context.ambient.now(), end);
            context.ui.say(&format!("the certificate expires at {end} (in {left}) and cannot be revoked"));
        }
    }
    for why in &warnings {
        context.ui.warn(why);
    }
    if warnings.is_empty() {
        return Ok(());
    }
    let kind = if ready.is_empty() { Kind::Unavailable } else { Kind::Partial };
    Err(Fault::new(kind, format!("{} of {total} control planes are not ready", warnings.len()))
        .hint("check their status: kamaji status NAME"))
}

fn user_kind(args: &KubeconfigArgs) -> Result<UserKind, Fault> {
    match &args.user {
        Identity::Stored(user) => {
            if args.groups.is_empty() && args.ttl.is_none() && !args.allow_system {
                return Ok(UserKind::Stored(*user));
            }
            Err(Fault::new(Kind::Usage, "--group, --ttl and --allow-system require a user name")
                .hint("add the user, for example --user jane"))
        }
        Identity::Named(user) => {
            let subject = Subject::parse(user, &args.groups, args.allow_system)?;
            let ttl = args.ttl.map_or(DEFAULT_TTL, |ttl| ttl.0);
            if ttl < MIN_TTL {
                return Err(Fault::new(Kind::Usage, "the minimum lifetime of a certificate is 10 minutes")
                    .hint("use --ttl 10m or longer"));
            }
            Ok(UserKind::Issued(subject, ttl))
        }
    }
}

async fn collect(
    session: &Session<'_>,
    management: &Management,
    members: &[Target],
    user_kind: &UserKind,
    now: Timestamp,
) -> Vec<Result<Issued, Fault>> {
    let connection = &management.connection;
    session::at_once(members, PARALLEL, |member| async move {
        let record = &member.record;
        super::shared::control_plane::address(record)?;
        let (text, client) = match user_kind {
            UserKind::Stored(user) => {
                let text = super::shared::control_plane::kubeconfig(connection, record, user.file()).await?;
                let (client, _, _) = crate::pki::kubeconfig_client(text.expose_secret())?;
                (text, client)
            }
            UserKind::Issued(subject, ttl) => targets::sign(session, record, subject, *ttl, now).await?,
        };
        let facts = crate::pki::inspect(&client.certificate)?;
        Ok(Issued {
            namespace: record.spec.namespace.to_string(),
            name: record.spec.name.to_string(),
            context: context_name(record, user_kind),
            text,
            user: facts.common_name,
            groups: facts.organizations,
            expires: facts.not_after,
        })
    })
    .await
}

fn context_name(record: &Record, user_kind: &UserKind) -> String {
    let suffix = match user_kind {
        UserKind::Stored(KubeconfigUser::Admin) => String::new(),
        UserKind::Stored(KubeconfigUser::SuperAdmin) => "-super-admin".to_owned(),
        UserKind::Issued(subject, _) => format!("-{}", subject.user),
    };
    format!("kamaji-{}-{}{suffix}", record.spec.namespace, record.spec.name)
}

/// Appends the ID to ambiguous context names, such as `b-c` in namespace `a` and `c` in namespace `a-b`.
fn disambiguate_contexts(issued: &mut [Issued], members: &[Target]) {
    let names: Vec<String> = issued.iter().map(|issued| issued.context.clone()).collect();
    for issued in issued.iter_mut().filter(|issued| names.iter().filter(|name| **name == issued.context).count() > 1) {
        let of = members.iter().map(|member| &member.record).find(|record| {
            record.spec.name.as_str() == issued.name && record.spec.namespace.as_str() == issued.namespace
        });
        if let Some(record) = of {
            issued.context = format!("{}-{}", issued.context, record.id.as_str().chars().take(8).collect::<String>());
        }
    }
}

/// Prints, writes or merges. A single kubeconfig that is not merged is kept as kubeadm writes it.
async fn write_kubeconfig(args: &KubeconfigArgs, context: &Context, issued: &[Issued], one: bool) -> Result<(), Fault> {
    let entries: Vec<Entry<'_>> =
        issued.iter().map(|issued| Entry { name: &issued.context, text: &issued.text }).collect();
    let names: Vec<&str> = issued.iter().map(|issued| issued.context.as_str()).collect();
    let text = if one { issued[0].text.clone() } else { merge::new_file(&entries)? };
    let mut file = args.file.clone();
    if args.merge {
        let path = secure_files::own_kubeconfig()?;
        let _lock = secure_files::KubeconfigLock::acquire(&path).await?;
        secure_files::write_secret(&path, &merge::merge_into(&path, &entries)?)?;
        let noun = if one { "context" } else { "contexts" };
        context.ui.say(&format!(
            "{noun} {} added to {}; use it: kubectl --context {} get nodes",
            names.join(", "),
            path.display(),
            names[0]
        ));
        file = Some(path);
    } else if let Some(path) = &args.file {
        secure_files::write_secret(path, &text)?;
        let select = if one { String::new() } else { format!(" --context {}", names[0]) };
        let path = path.display();
        context.ui.say(&format!("{path} written; use it: kubectl --kubeconfig {path}{select} get nodes"));
    }
    match context.ui.format {
        Format::Table | Format::Wide if file.is_some() => {}
        Format::Table | Format::Wide => context.ui.result(text.expose_secret()),
        Format::Json | Format::Yaml | Format::Name => {
            context.ui.report(&Kubeconfigs::of(issued, file.as_deref(), &text)?);
        }
    }
    Ok(())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Kubeconfigs {
    api_version: &'static str,
    kind: &'static str,
    items: Vec<Item>,
    /// The path of the file that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// The kubeconfig, if it was not written to a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    kubeconfig: Option<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    name: String,
    namespace: String,
    context: String,
    user: String,
    groups: Vec<String>,
    expires: Timestamp,
}

impl Kubeconfigs {
    fn of(issued: &[Issued], file: Option<&std::path::Path>, text: &SecretString) -> Result<Self, Fault> {
        let kubeconfig = match file {
            Some(_) => None,
            None => Some(Value::Object(merge::parse("the kubeconfig", text.expose_secret())?)),
        };
        let item = |issued: &Issued| Item {
            name: issued.name.clone(),
            namespace: issued.namespace.clone(),
            context: issued.context.clone(),
            user: issued.user.clone(),
            groups: issued.groups.clone(),
            expires: issued.expires,
        };
        Ok(Self {
            api_version: "kamaji/v1",
            kind: "KubeconfigList",
            items: issued.iter().map(item).collect(),
            file: file.map(|file| file.display().to_string()),
            kubeconfig,
        })
    }
}

impl Report for Kubeconfigs {
    fn text(&self, _wide: bool) -> String {
        self.names().join("\n")
    }

    fn names(&self) -> Vec<String> {
        self.items.iter().map(|item| format!("context/{}", item.context)).collect()
    }
}
