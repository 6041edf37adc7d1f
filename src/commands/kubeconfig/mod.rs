//! `kamaji kubeconfig`: print, write or merge, for one control plane or many. Contexts of others are never touched.

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
use targets::Chosen;

const SHORT: Duration = Duration::from_secs(60);
/// How many control planes are asked for their keys at a time.
const AT_ONCE: usize = 16;
/// How long a certificate lives when nobody says.
const TTL: Duration = Duration::from_secs(8 * 3600);
/// The shortest life of a certificate: what Kubernetes' own certificate API takes.
const SHORTEST: Duration = Duration::from_secs(600);

/// Whose kubeconfigs, checked.
enum Whose {
    Stored(KubeconfigUser),
    Made(Subject, Duration),
}

/// A kubeconfig with what is to be said about it.
struct Made {
    namespace: String,
    name: String,
    context: String,
    text: SecretString,
    user: String,
    groups: Vec<String>,
    expires: Timestamp,
}

pub(super) async fn run(args: &KubeconfigArgs, context: &Context) -> Result<(), Fault> {
    let whose = whose(args)?;
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, SHORT);
    let chosen = targets::choose(args, &session, &management).await?;
    let total = chosen.members.len() + chosen.left_out.len();
    let mut told = chosen.left_out;
    let made = make(&session, &management, &chosen.members, &whose, context.ambient.now()).await;
    let mut ready = Vec::new();
    for (member, made) in chosen.members.iter().zip(made) {
        match made {
            Ok(made) => {
                ready.push(made);
                told.extend(member.not_serving());
            }
            Err(fault) if total == 1 => return Err(fault),
            Err(fault) => told.push(format!("{}: {fault}", member.shown())),
        }
    }
    drop(progress);
    if !ready.is_empty() {
        rename_twins(&mut ready, &chosen.members);
        hand_out(args, context, &ready, total == 1).await?;
        if matches!(whose, Whose::Made(..)) {
            let end = ready.iter().map(|made| made.expires).min().unwrap_or_default();
            let left = age::left(context.ambient.now(), end);
            context.ui.say(&format!("the certificate ends at {end}, in {left}; it cannot be revoked before"));
        }
    }
    for why in &told {
        context.ui.warn(why);
    }
    if told.is_empty() {
        return Ok(());
    }
    let kind = if ready.is_empty() { Kind::Unavailable } else { Kind::Partial };
    Err(Fault::new(kind, format!("{} of {total} control planes are not ready", told.len()))
        .hint("see what is wrong: kamaji status NAME"))
}

fn whose(args: &KubeconfigArgs) -> Result<Whose, Fault> {
    match &args.user {
        Identity::Stored(user) => {
            if args.groups.is_empty() && args.ttl.is_none() && !args.allow_system {
                return Ok(Whose::Stored(*user));
            }
            Err(Fault::new(Kind::Usage, "--group, --ttl and --allow-system are for a certificate that is made now")
                .hint("name its user: --user jane"))
        }
        Identity::Named(user) => {
            let subject = Subject::parse(user, &args.groups, args.allow_system)?;
            let ttl = args.ttl.map_or(TTL, |ttl| ttl.0);
            if ttl < SHORTEST {
                return Err(Fault::new(Kind::Usage, "a certificate must live 10 minutes at least").hint("--ttl 10m"));
            }
            Ok(Whose::Made(subject, ttl))
        }
    }
}

async fn make(
    session: &Session<'_>,
    management: &Management,
    members: &[Chosen],
    whose: &Whose,
    now: Timestamp,
) -> Vec<Result<Made, Fault>> {
    let connection = &management.connection;
    session::at_once(members, AT_ONCE, |member| async move {
        let record = &member.record;
        super::shared::control_plane::address(record)?;
        let (text, client) = match whose {
            Whose::Stored(user) => {
                let text = super::shared::control_plane::kubeconfig(connection, record, user.file()).await?;
                let (client, _, _) = crate::pki::kubeconfig_client(text.expose_secret())?;
                (text, client)
            }
            Whose::Made(subject, ttl) => targets::sign(session, record, subject, *ttl, now).await?,
        };
        let facts = crate::pki::inspect(&client.certificate)?;
        Ok(Made {
            namespace: record.spec.namespace.to_string(),
            name: record.spec.name.to_string(),
            context: context_name(record, whose),
            text,
            user: facts.common_name,
            groups: facts.organizations,
            expires: facts.not_after,
        })
    })
    .await
}

fn context_name(record: &Record, whose: &Whose) -> String {
    let suffix = match whose {
        Whose::Stored(KubeconfigUser::Admin) => String::new(),
        Whose::Stored(KubeconfigUser::SuperAdmin) => "-super-admin".to_owned(),
        Whose::Made(subject, _) => format!("-{}", subject.user),
    };
    format!("kamaji-{}-{}{suffix}", record.spec.namespace, record.spec.name)
}

/// `a-b` in namespace `c` and `b` in namespace `c-a` would have one name: they get their ids too.
fn rename_twins(whole: &mut [Made], members: &[Chosen]) {
    let names: Vec<String> = whole.iter().map(|made| made.context.clone()).collect();
    for made in whole.iter_mut().filter(|made| names.iter().filter(|name| **name == made.context).count() > 1) {
        let of = members
            .iter()
            .map(|member| &member.record)
            .find(|record| record.spec.name.as_str() == made.name && record.spec.namespace.as_str() == made.namespace);
        if let Some(record) = of {
            made.context = format!("{}-{}", made.context, record.id.as_str().chars().take(8).collect::<String>());
        }
    }
}

/// Prints, writes or merges. One alone, not merged, stays as kubeadm writes it.
async fn hand_out(args: &KubeconfigArgs, context: &Context, whole: &[Made], one: bool) -> Result<(), Fault> {
    let entries: Vec<Entry<'_>> = whole.iter().map(|made| Entry { name: &made.context, text: &made.text }).collect();
    let names: Vec<&str> = whole.iter().map(|made| made.context.as_str()).collect();
    let text = if one { whole[0].text.clone() } else { merge::new_file(&entries)? };
    let mut file = args.file.clone();
    if args.merge {
        let path = secure_files::own_kubeconfig()?;
        let _lock = secure_files::KubeconfigLock::acquire(&path).await?;
        secure_files::write_secret(&path, &merge::merge_into(&path, &entries)?)?;
        let (are, them) = if one { ("context", "is") } else { ("contexts", "are") };
        context.ui.say(&format!(
            "{are} {} {them} in {}; use it: kubectl --context {} get nodes",
            names.join(", "),
            path.display(),
            names[0]
        ));
        file = Some(path);
    } else if let Some(path) = &args.file {
        secure_files::write_secret(path, &text)?;
        let choose = if one { String::new() } else { format!(" --context {}", names[0]) };
        let path = path.display();
        context.ui.say(&format!("written: {path}; use it: kubectl --kubeconfig {path}{choose} get nodes"));
    }
    match context.ui.format {
        Format::Table | Format::Wide if file.is_some() => {}
        Format::Table | Format::Wide => context.ui.result(text.expose_secret()),
        Format::Json | Format::Yaml | Format::Name => {
            context.ui.report(&Kubeconfigs::of(whole, file.as_deref(), &text)?);
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
    /// Where it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// The kubeconfig itself, where it was not written to a file.
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
    fn of(whole: &[Made], file: Option<&std::path::Path>, text: &SecretString) -> Result<Self, Fault> {
        let kubeconfig = match file {
            Some(_) => None,
            None => Some(Value::Object(merge::parse("the kubeconfig", text.expose_secret())?)),
        };
        let item = |made: &Made| Item {
            name: made.name.clone(),
            namespace: made.namespace.clone(),
            context: made.context.clone(),
            user: made.user.clone(),
            groups: made.groups.clone(),
            expires: made.expires,
        };
        Ok(Self {
            api_version: "kamaji/v1",
            kind: "KubeconfigList",
            items: whole.iter().map(item).collect(),
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
