//! `kamaji certs rotate-ca`: what is more to do than for a key: workers follow, over ssh or by a script.

use std::time::Duration;

use serde::Serialize;

use super::rotate::go;
use crate::ambient::Ambient;
use crate::cli::RotateCaArgs;
use crate::commands::certs::worker_trust::{HostTrust, Outcome};
use crate::commands::shared::context::Context;
use crate::commands::shared::{control_plane, hosts, secure_files};
use crate::commands::token;
use crate::engine::certificates::rotate_ca;
use crate::engine::session::Session;
use crate::engine::workers::{nodes, ssh};
use crate::error::{Fault, Kind};
use crate::event::Event;
use crate::pki::{self, PartialUserPki};
use crate::plan::certificates::ca_trust::WorkerCaTrust;
use crate::plan::certificates::rotation_phases::{RotationPhase, RotationTarget};
use crate::plan::state::record::Record;
use crate::ui::Report;

/// How long one machine may take: its kubelet is given two minutes for a new certificate.
const PER_HOST: Duration = Duration::from_secs(300);
/// How long the token lives by which kubelets get new certificates.
const TOKEN: Duration = Duration::from_secs(3600);
/// How long kubelets are waited for that were started anew.
const BACK_AGAIN: Duration = Duration::from_secs(180);

pub(super) async fn run(args: &RotateCaArgs, context: &mut Context) -> Result<(), Fault> {
    if args.worker_script {
        return print_script(args, context).await;
    }
    let given = match &args.pki {
        None => PartialUserPki::default(),
        Some(folder) => {
            let given = pki::read_user_pki(&secure_files::read_pki(folder)?, context.ambient.now())?;
            if given.ca.is_none() {
                return Err(Fault::new(Kind::Usage, format!("{} has no ca.crt and ca.key", folder.display()))
                    .hint("put the new authority there, or leave --pki out to have one made"));
            }
            given
        }
    };
    let goes = args.rotate.phase.is_some() || args.rotate.back;
    let looked_at = if goes && !args.machines.hosts.is_empty() { look(args, context).await? } else { Vec::new() };
    let stand = go(&args.rotate, RotationTarget::CertificateAuthority, &given, &looked_at, context).await?;
    if args.machines.hosts.is_empty() {
        if let Some(stand) = stand {
            context.ui.report(&stand);
        }
        return Ok(());
    }
    // After a dry run of a phase that is not there yet, nothing is known of what they would have to follow.
    let Some(mut stand) = stand else { return Ok(()) };
    stand.workers = follow(args, context).await?;
    let total = stand.workers.len();
    let failed = stand.workers.iter().filter(|worker| worker.outcome == Outcome::Failed).count();
    context.ui.report(&stand);
    if args.rotate.dry_run {
        context.ui.say("Nothing was changed: this was a dry run.");
    }
    if failed == 0 {
        return Ok(());
    }
    let kind = if failed == total { Kind::Failed } else { Kind::Partial };
    Err(Fault::new(kind, format!("{failed} of {total} machines do not follow"))
        .hint("run the command again without a phase: a machine that follows already is left alone"))
}

async fn print_script(args: &RotateCaArgs, context: &mut Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, args.rotate.timeout.0);
    let record = control_plane::record(&session, &management, &args.rotate.name).await?;
    let following = rotate_ca::following(&session, &record).await?;
    let made = if following.renews {
        Some(token::make(&session, &record, TOKEN, "made by kamaji certs rotate-ca", &mut context.ambient).await?)
    } else {
        None
    };
    drop(progress);
    let script = following.script(made.as_ref().map(|made| &made.token), false);
    context.ui.report(&Script {
        api_version: "kamaji/v1",
        kind: "WorkerScript",
        name: record.spec.name.to_string(),
        text: script,
    });
    Ok(())
}

/// The nodes of those machines whose certificates are of the authority that signs now.
async fn look(args: &RotateCaArgs, context: &Context) -> Result<Vec<String>, Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, args.rotate.timeout.0);
    let record = control_plane::record(&session, &management, &args.rotate.name).await?;
    if record.rotation.as_ref().is_some_and(|rotation| rotation.phase == RotationPhase::Drop) {
        // It was agreed to, and what to compare with may be on its way from one Secret to the other.
        return Ok(Vec::new());
    }
    let following = rotate_ca::following(&session, &record).await?;
    let items = examine(args, &following).await?;
    Ok(items.into_iter().filter(HostTrust::has_certificate).filter_map(|item| item.node).collect())
}

async fn examine(args: &RotateCaArgs, following: &WorkerCaTrust) -> Result<Vec<HostTrust>, Fault> {
    let hosts = hosts::distinct(&args.machines);
    let hashes = pki::discovery_hashes(&following.trusted)?;
    let seen = hosts::look(&hosts::ssh(&args.machines), &hosts, &hashes).await;
    Ok(hosts.iter().zip(seen).map(|(host, seen)| HostTrust::of(host, seen, following)).collect())
}

/// Lets machines follow, each with its outcome.
async fn follow(args: &RotateCaArgs, context: &mut Context) -> Result<Vec<HostTrust>, Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, args.rotate.timeout.0 + BACK_AGAIN);
    let record = control_plane::record(&session, &management, &args.rotate.name).await?;
    let following = rotate_ca::following(&session, &record).await?;
    let hosts = hosts::distinct(&args.machines);
    let ssh = hosts::ssh(&args.machines);
    let mut items = examine(args, &following).await?;
    if args.rotate.dry_run || items.iter().all(|item| item.outcome != Outcome::WouldFollow) {
        return Ok(items);
    }
    let version = record.spec.version;
    let ready =
        nodes::answering_workers(&session, &control_plane::reach(&session, &record).await?.connection, version).await?;
    let ambient = &mut context.ambient;
    for certificate in [false, true] {
        let group: Vec<usize> = (0..items.len())
            .filter(|index| {
                items[*index].outcome == Outcome::WouldFollow && items[*index].lack.certificate == certificate
            })
            .collect();
        if group.is_empty() {
            continue;
        }
        let names: Vec<&str> = group.iter().map(|index| hosts[*index]).collect();
        let ran = run_on(&session, &record, &following, certificate, &ssh, &names, ambient).await?;
        for (index, ran) in group.into_iter().zip(ran) {
            match ran {
                Ok(_) => items[index].outcome = Outcome::Followed,
                Err(why) => items[index].fail(why),
            }
        }
    }
    let followed =
        items.iter().filter(|item| item.outcome == Outcome::Followed).filter_map(|item| item.node.as_deref());
    let nodes: Vec<&str> = followed.filter(|node| ready.iter().any(|ready| ready == node)).collect();
    nodes::await_workers(&session, &control_plane::reach(&session, &record).await?.connection, version, &nodes).await?;
    Ok(items)
}

/// Runs the script on machines of which all lack a certificate, or none.
async fn run_on(
    session: &Session<'_>,
    record: &Record,
    following: &WorkerCaTrust,
    certificate: bool,
    ssh: &ssh::Ssh,
    hosts: &[&str],
    ambient: &mut Ambient,
) -> Result<Vec<Result<String, String>>, Fault> {
    if !certificate {
        return Ok(ssh.run(hosts, &following.script(None, true), PER_HOST).await);
    }
    let made = token::make(session, record, TOKEN, "made by kamaji certs rotate-ca --host", ambient).await?;
    let ran = ssh.run(hosts, &following.script(Some(&made.token), true), PER_HOST).await;
    if let Err(fault) = token::remove(session, record, &made.id).await {
        session.say(Event::Note(format!("token {} was not deleted and ends by itself: {fault}", made.id)));
    }
    Ok(ran)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Script {
    api_version: &'static str,
    kind: &'static str,
    name: String,
    #[serde(rename = "script")]
    text: String,
}

impl Report for Script {
    fn text(&self, _wide: bool) -> String {
        self.text.clone()
    }

    fn names(&self) -> Vec<String> {
        vec![format!("controlplane/{}", self.name)]
    }
}
