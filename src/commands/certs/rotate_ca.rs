//! `kamaji certs rotate-ca`: rotates the CA and updates workers, over ssh or with a script.

use std::time::Duration;

use serde::Serialize;

use super::rotate::enter_phase;
use crate::ambient::Ambient;
use crate::cli::RotateCaArgs;
use crate::commands::certs::worker_trust::{HostTrust, UpdateOutcome};
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

/// Timeout per host; its kubelet has two minutes to get a new certificate.
const HOST_TIMEOUT: Duration = Duration::from_secs(300);
/// Lifetime of the bootstrap token with which kubelets request new certificates.
const TOKEN_TTL: Duration = Duration::from_secs(3600);
/// Timeout for restarted kubelets to become ready.
const KUBELET_TIMEOUT: Duration = Duration::from_secs(180);

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
                    .hint("put the new CA there, or omit --pki to create one"));
            }
            given
        }
    };
    let enters_phase = args.rotate.phase.is_some() || args.rotate.back;
    let verified =
        if enters_phase && !args.machines.hosts.is_empty() { verified_nodes(args, context).await? } else { Vec::new() };
    let report = enter_phase(&args.rotate, RotationTarget::CertificateAuthority, &given, &verified, context).await?;
    if args.machines.hosts.is_empty() {
        if let Some(report) = report {
            context.ui.report(&report);
        }
        return Ok(());
    }
    // After a dry run of a future phase, it is unknown how workers would have to be updated.
    let Some(mut report) = report else { return Ok(()) };
    report.workers = update_workers(args, context).await?;
    let total = report.workers.len();
    let failed = report.workers.iter().filter(|worker| worker.outcome == UpdateOutcome::Failed).count();
    context.ui.report(&report);
    if args.rotate.dry_run {
        context.ui.say("Dry run: nothing was changed.");
    }
    if failed == 0 {
        return Ok(());
    }
    let kind = if failed == total { Kind::Failed } else { Kind::Partial };
    Err(Fault::new(kind, format!("{failed} of {total} hosts were not updated"))
        .hint("run the command again without a phase; hosts that are up to date are skipped"))
}

async fn print_script(args: &RotateCaArgs, context: &mut Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, args.rotate.timeout.0);
    let record = control_plane::record(&session, &management, &args.rotate.name).await?;
    let following = rotate_ca::following(&session, &record).await?;
    let made = if following.signer_changed {
        Some(
            token::create_token_for(
                &session,
                &record,
                TOKEN_TTL,
                "created by kamaji certs rotate-ca",
                &mut context.ambient,
            )
            .await?,
        )
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

/// The nodes of hosts whose certificates were issued by the current CA.
async fn verified_nodes(args: &RotateCaArgs, context: &Context) -> Result<Vec<String>, Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, args.rotate.timeout.0);
    let record = control_plane::record(&session, &management, &args.rotate.name).await?;
    if record.rotation.as_ref().is_some_and(|rotation| rotation.phase == RotationPhase::RemoveOld) {
        // Already confirmed; also, the CA to compare with may be moving from one Secret to the other.
        return Ok(Vec::new());
    }
    let following = rotate_ca::following(&session, &record).await?;
    let items = probe(args, &following).await?;
    Ok(items.into_iter().filter(HostTrust::has_current_certificate).filter_map(|item| item.node).collect())
}

async fn probe(args: &RotateCaArgs, following: &WorkerCaTrust) -> Result<Vec<HostTrust>, Fault> {
    let hosts = hosts::distinct(&args.machines);
    let hashes = pki::discovery_hashes(&following.trusted)?;
    let seen = hosts::probe_hosts(&hosts::ssh(&args.machines), &hosts, &hashes).await;
    Ok(hosts.iter().zip(seen).map(|(host, seen)| HostTrust::of(host, seen, following)).collect())
}

/// Updates workers and returns the result for each host.
async fn update_workers(args: &RotateCaArgs, context: &mut Context) -> Result<Vec<HostTrust>, Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, args.rotate.timeout.0 + KUBELET_TIMEOUT);
    let record = control_plane::record(&session, &management, &args.rotate.name).await?;
    let following = rotate_ca::following(&session, &record).await?;
    let hosts = hosts::distinct(&args.machines);
    let ssh = hosts::ssh(&args.machines);
    let mut items = probe(args, &following).await?;
    if args.rotate.dry_run || items.iter().all(|item| item.outcome != UpdateOutcome::WouldUpdate) {
        return Ok(items);
    }
    let version = record.spec.version;
    let ready =
        nodes::answering_workers(&session, &control_plane::reach(&session, &record).await?.connection, version).await?;
    let ambient = &mut context.ambient;
    for certificate in [false, true] {
        let group: Vec<usize> = (0..items.len())
            .filter(|index| {
                items[*index].outcome == UpdateOutcome::WouldUpdate && items[*index].missing.certificate == certificate
            })
            .collect();
        if group.is_empty() {
            continue;
        }
        let names: Vec<&str> = group.iter().map(|index| hosts[*index]).collect();
        let ran = run_on(&session, &record, &following, certificate, &ssh, &names, ambient).await?;
        for (index, ran) in group.into_iter().zip(ran) {
            match ran {
                Ok(_) => items[index].outcome = UpdateOutcome::Updated,
                Err(why) => items[index].fail(why),
            }
        }
    }
    let followed =
        items.iter().filter(|item| item.outcome == UpdateOutcome::Updated).filter_map(|item| item.node.as_deref());
    let nodes: Vec<&str> = followed.filter(|node| ready.iter().any(|ready| ready == node)).collect();
    nodes::await_workers(&session, &control_plane::reach(&session, &record).await?.connection, version, &nodes).await?;
    Ok(items)
}

/// Runs the script on hosts, all of which (or none of which) need a new certificate.
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
        return Ok(ssh.run(hosts, &following.script(None, true), HOST_TIMEOUT).await);
    }
    let made = token::create_token_for(session, record, TOKEN_TTL, "created by kamaji certs rotate-ca --host", ambient)
        .await?;
    let ran = ssh.run(hosts, &following.script(Some(&made.token), true), HOST_TIMEOUT).await;
    if let Err(fault) = token::remove(session, record, &made.id).await {
        session.say(Event::Note(format!("token {} could not be deleted and will expire: {fault}", made.id)));
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
