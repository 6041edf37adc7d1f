//! What is more to do when the authority is changed than when a key is: what is inside the cluster must be told, and workers
//! must follow. The phases themselves are `rotate.rs`.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::cluster::Connection;
use crate::engine::access::tenant_connection::ask;
use crate::engine::session::Session;
use crate::engine::workers::nodes::list_workers;
use crate::error::{Fault, Kind};
use crate::model::{ControlPlaneSpec, ObjectNames};
use crate::pki::{self, KeyAndCertificate};
use crate::plan::apply::live_objects::Live;
use crate::plan::apply::plan::{Action, Change};
use crate::plan::certificates::ca_trust::{WorkerCaTrust, WorkerTrustStatus, workers_without_new_ca};
use crate::plan::certificates::rotation_keys::{signing_authority, trusted_authorities};
use crate::plan::certificates::rotation_phases::{Rotation, RotationPhase};
use crate::plan::lifecycle::desired::Desired;
use crate::plan::state::record::Record;
use crate::render::ObjectRef;

/// What stops working, and what is worth knowing.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) hazards: Vec<String>,
    pub(crate) notes: Vec<String>,
}

/// Refuses an authority that cannot take the place of the one there is, and to make one where all were given.
pub(crate) fn refuse_authority(
    record: &Record,
    next: &Rotation,
    given: Option<&KeyAndCertificate>,
) -> Result<(), Fault> {
    let name = &record.spec.name;
    let fingerprint =
        given.map(|given| pki::inspect(&given.certificate)).transpose()?.map(|facts| facts.public_key_sha256);
    if fingerprint.is_some() && fingerprint == record.ca && next.key.is_none() {
        return Err(Fault::new(Kind::Usage, format!("--pki gives the authority that control plane `{name}` has"))
            .hint("give a new one, or leave --pki out to have one made"));
    }
    match (&next.key, fingerprint) {
        (Some(key), Some(given)) if *key != given => {
            Err(Fault::new(Kind::Conflict, format!("control plane `{name}` has a new authority already, another one"))
                .hint(format!(
                    "leave --pki out; or let that one go first: kamaji certs rotate-ca {} --back",
                    record.spec.namespaced_name().argument()
                )))
        }
        (None, None) if record.given.iter().any(|given| given == "ca.key") => Err(Fault::new(
            Kind::Usage,
            format!("the authority of control plane `{name}` was given with --pki, and kamaji makes none in its place"),
        )
        .hint("give the new one, ca.crt and ca.key, in a folder of their own: --pki DIR")),
        (Some(_) | None, _) => Ok(()),
    }
}

/// The plan of one phase of a change of the authority.
pub(crate) fn authority_changes(
    spec: &ControlPlaneSpec,
    next: &Rotation,
    (key, bundle, main): (&ObjectRef, &ObjectRef, &ObjectRef),
    deployment: impl Fn(&str) -> Change,
) -> Vec<Change> {
    let names = ObjectNames(&spec.name);
    let secret = |name: String, note: &str| Change::of(ObjectRef { name, ..key.clone() }, Action::Update, note);
    let kubeconfigs = [names.admin_kubeconfig(), names.controller_manager_kubeconfig(), names.scheduler_kubeconfig()];
    let inside = |which: &str| {
        let what = "in the cluster: kube-root-ca.crt of every namespace, cluster-info, and pods of addons";
        Change::of(what, Action::Update, which)
    };
    let mut changes = vec![Change::of(Record::object_ref(spec), Action::Update, &next.to_string())];
    let all = |note: &'static str| {
        let leaves = [names.api_server(), names.kubelet_client()];
        leaves.into_iter().chain(kubeconfigs.clone()).map(move |name| secret(name, note)).collect::<Vec<_>>()
    };
    match next.phase {
        RotationPhase::Trust if next.used => {
            changes.extend(all("by the old authority; both are trusted"));
            changes.push(deployment("the old authority signs and both are trusted"));
        }
        RotationPhase::Trust => {
            if next.key.is_none() {
                changes.push(Change::of(key, Action::Create, "the new authority"));
            }
            changes.push(Change::of(bundle, Action::Create, "the certificates of both"));
            changes.extend(kubeconfigs.clone().map(|name| secret(name, "both are trusted")));
            changes.push(deployment("they trust both, and the old one signs"));
            changes.push(inside("both are trusted"));
        }
        RotationPhase::Use => {
            changes.extend(all("by the new authority; both are trusted"));
            changes.push(deployment("the new authority signs and both are trusted"));
        }
        RotationPhase::Drop => {
            changes.push(Change::of(
                main,
                Action::Update,
                "the new authority in place of the old one; cannot be undone",
            ));
            changes.extend(kubeconfigs.clone().map(|name| secret(name, "the new one is trusted only")));
            changes.push(deployment("they trust the new one only"));
            changes.push(inside("the new one is trusted only"));
        }
        RotationPhase::Back => {
            changes.extend(kubeconfigs.clone().map(|name| secret(name, "the old one is trusted only")));
            changes.push(deployment("they trust the old one only"));
            changes.push(inside("the old one is trusted only"));
        }
    }
    if matches!(next.phase, RotationPhase::Drop | RotationPhase::Back) {
        changes.extend([key, bundle].map(|object| Change::of(object, Action::Delete, "")));
    }
    changes
}

/// What going to a phase does to those inside the cluster. The certificates of the workers `looked_at` are as they should be.
pub(crate) async fn effects(
    session: &Session<'_>,
    record: &Record,
    next: &Rotation,
    looked_at: &[String],
) -> Result<Effects, Fault> {
    let Some(now) = &record.rotation else { return Ok(Effects::default()) };
    let looks = match next.phase {
        RotationPhase::Trust => false,
        // Who was there before knows both.
        RotationPhase::Use => !now.used,
        RotationPhase::Drop => true,
        RotationPhase::Back => now.used,
    };
    if !looks {
        return Ok(Effects::default());
    }
    let spec = &record.spec;
    let super_admin = crate::engine::access::tenant_connection::kubeconfig(
        session.management,
        &spec.namespace,
        &spec.name,
        "super-admin.conf",
    )
    .await?;
    let seen = match (record.address.as_ref(), super_admin) {
        (Some(address), Some(text)) => {
            let look = async |connection: &Connection| {
                effects_inside(session, connection, spec, (now, next.phase), looked_at).await
            };
            ask(session, spec, address, text.expose_secret(), look).await?.ok()
        }
        _ => None,
    };
    Ok(seen.unwrap_or_else(|| Effects {
        hazards: vec!["whether workers follow cannot be looked up: the API server does not answer".into()],
        ..Effects::default()
    }))
}

/// What it does to workers, and to pods that look at the authority themselves.
async fn effects_inside(
    session: &Session<'_>,
    connection: &Connection,
    spec: &ControlPlaneSpec,
    (now, next): (&Rotation, RotationPhase),
    looked_at: &[String],
) -> Result<Effects, Fault> {
    let mut effects = Effects::default();
    let seen = list_workers(connection, spec.version, true, (session.clock)()).await?;
    let workers: Vec<WorkerTrustStatus> = seen
        .into_iter()
        .map(|seen| WorkerTrustStatus {
            name: seen.worker.name,
            ready: seen.worker.ready,
            started: seen.certificate.and_then(|certificate| certificate.started),
            ends: seen.certificate.and_then(|certificate| certificate.ends),
        })
        .collect();
    effects.hazards = workers_without_new_ca(spec, now, next, &workers, looked_at);
    let silent: Vec<&str> = workers.iter().filter(|worker| !worker.ready).map(|worker| worker.name.as_str()).collect();
    if !silent.is_empty() {
        effects.notes.push(format!("not Ready, so nothing is known of them: {}", silent.join(", ")));
    }
    if next == RotationPhase::Use {
        let ready: BTreeSet<&str> =
            workers.iter().filter(|worker| worker.ready).map(|worker| worker.name.as_str()).collect();
        old_pods(connection, &ready, now.began, &mut effects).await?;
        effects.notes.push(
            "kubeconfigs that were handed out before phase trust know the old authority only; hand out new ones first"
                .into(),
        );
    }
    Ok(effects)
}

/// Pods that read the authorities before there were two.
async fn old_pods(
    connection: &Connection,
    ready: &BTreeSet<&str>,
    began: Timestamp,
    effects: &mut Effects,
) -> Result<(), Fault> {
    let pods = connection.list_by_field("v1", "Pod", "spec.nodeName!=,status.phase=Running").await?;
    let mut others = Vec::new();
    for pod in &pods {
        let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let made: Option<Timestamp> = text("/metadata/creationTimestamp").parse().ok();
        let asks = pod.pointer("/spec/volumes").and_then(Value::as_array).into_iter().flatten().any(|volume| {
            let sources = volume.pointer("/projected/sources").and_then(Value::as_array);
            sources.into_iter().flatten().any(|source| source.get("serviceAccountToken").is_some())
        });
        let ends = pod.pointer("/metadata/deletionTimestamp").is_some();
        if !asks || ends || made.is_none_or(|made| made >= began) || !ready.contains(text("/spec/nodeName")) {
            continue;
        }
        let name = format!("{}/{}", text("/metadata/namespace"), text("/metadata/name"));
        let ours = text("/metadata/namespace") == "kube-system"
            && matches!(text("/metadata/labels/k8s-app"), "kube-proxy" | "kube-dns");
        if ours {
            effects.hazards.push(format!(
                "pod {name} is from before phase trust and knows the old authority only: it is made anew now, or by kubectl \
                 rollout restart"
            ));
        } else {
            others.push(name);
        }
    }
    if !others.is_empty() {
        const SHOWN: usize = 5;
        let more = others.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        effects.notes.push(format!(
            "pods from before phase trust may have read the old authority only; start anew those that talk to the API \
             server and do not read it again: {}{more}",
            others.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ")
        ));
    }
    Ok(())
}

/// Waits until every namespace's `kube-root-ca.crt` holds the authorities: pods that start from then on trust them.
pub(crate) async fn await_root_certificates(
    session: &Session<'_>,
    connection: &Connection,
    desired: &Desired,
) -> Result<(), Fault> {
    const NAME: &str = "kube-root-ca.crt";
    let name =
        |object: &Value, pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let named = format!("metadata.name={NAME}");
    loop {
        let (namespaces, published) = tokio::try_join!(
            connection.list("v1", "Namespace", None, ""),
            connection.list_by_field("v1", "ConfigMap", &named),
        )?;
        let ending: BTreeSet<String> = namespaces
            .iter()
            .filter(|namespace| namespace.pointer("/metadata/deletionTimestamp").is_some())
            .map(|namespace| name(namespace, "/metadata/name"))
            .collect();
        let told = |object: &&Value| {
            let text = object.get("data").and_then(|data| data.get("ca.crt")).and_then(Value::as_str);
            text.unwrap_or_default().trim() == desired.ca_certificate.trim()
        };
        let stale: Vec<String> = published
            .iter()
            .filter(|object| !told(object))
            .map(|object| name(object, "/metadata/namespace"))
            .filter(|namespace| !ending.contains(namespace))
            .collect();
        if stale.is_empty() {
            return Ok(());
        }
        let causes = [format!("the controller manager has not written ConfigMap {}/{NAME} yet", stale[0])];
        session
            .wait(Duration::from_millis(500), "pods inside the cluster to be given the authorities", &causes)
            .await?;
    }
}

/// What workers are to have now.
pub async fn following(session: &Session<'_>, record: &Record) -> Result<WorkerCaTrust, Fault> {
    let (spec, rotation) = (&record.spec, record.rotation.as_ref());
    let objects: [ObjectRef; 2] = [signing_authority(spec, rotation), trusted_authorities(spec, rotation)];
    let reads = stream::iter(objects.iter().map(|object| session.management.get(object)));
    let bodies: Vec<_> = reads.buffered(2).collect().await;
    let mut live = Live::default();
    for (object, body) in objects.iter().zip(bodies) {
        if let Some(body) = body? {
            live.insert(object.clone(), body);
        }
    }
    WorkerCaTrust::of(record, &live).ok_or_else(|| {
        let secret = ObjectNames(&spec.name).ca();
        Fault::new(
            Kind::Failed,
            format!("the authority of `{}` is not there: Secret {secret} or its address", spec.name),
        )
        .hint(format!("see what is wrong: kamaji doctor {}", spec.namespaced_name().argument()))
    })
}
