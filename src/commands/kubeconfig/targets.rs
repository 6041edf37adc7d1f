//! Which control planes a command line means, and signing for a user of one.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;

use crate::cli::KubeconfigArgs;
use crate::commands::shared::context::Management;
use crate::commands::shared::control_plane;
use crate::engine::session::Session;
use crate::error::{Fault, Kind};
use crate::model::{LABEL_COMPONENT, Subject};
use crate::pki::{self, KeyAndCertificate};
use crate::plan::apply::live_objects::Live;
use crate::plan::certificates::rotation_keys::{signing_authority, trusted_authorities};
use crate::plan::state::record::{LifecyclePhase, Record};
use crate::render::ObjectRef;

/// What the command line means.
pub(crate) struct Choice {
    pub(crate) members: Vec<Chosen>,
    /// Why others are not among them.
    pub(crate) left_out: Vec<String>,
}

/// A control plane whose kubeconfig is wanted.
pub(crate) struct Chosen {
    pub(crate) record: Record,
    /// Whether one of its pods is ready.
    serving: bool,
}

impl Chosen {
    /// `NAMESPACE/NAME`.
    pub(crate) fn shown(&self) -> String {
        format!("{}/{}", self.record.spec.namespace, self.record.spec.name)
    }

    /// What to tell about a control plane that cannot be used now, though its kubeconfig is right.
    pub(crate) fn not_serving(&self) -> Option<String> {
        (!self.serving).then(|| format!("{}: none of its pods is ready; its kubeconfig is in the result", self.shown()))
    }
}

/// Reads the records of those that are meant.
pub(crate) async fn choose(
    args: &KubeconfigArgs,
    session: &Session<'_>,
    management: &Management,
) -> Result<Choice, Fault> {
    if let [name] = args.names.as_slice() {
        let record = control_plane::record(session, management, name).await?;
        control_plane::address(&record)?;
        // Of one that is asked for by name nothing is said: `status` does.
        return Ok(Choice { members: vec![Chosen { record, serving: true }], left_out: Vec::new() });
    }
    let namespace = (!args.all_namespaces).then(|| management.namespace.to_string());
    let of = |component: &str| format!("{LABEL_COMPONENT}={component}");
    let records = match args.selector.as_deref() {
        None | Some("") => of("record"),
        Some(more) => format!("{},{more}", of("record")),
    };
    let deployments = of("deployment");
    let (records, deployments) = tokio::try_join!(
        session.management.list("v1", "ConfigMap", namespace.as_deref(), &records),
        session.management.list("apps/v1", "Deployment", namespace.as_deref(), &deployments),
    )?;
    let mut choice = sort_out(&records, &deployments);
    if !args.names.is_empty() {
        keep_named(&mut choice, args, management)?;
    }
    if choice.members.is_empty() && choice.left_out.is_empty() {
        let place = namespace.map_or_else(|| "any namespace".to_owned(), |name| format!("namespace `{name}`"));
        return Err(Fault::new(Kind::NotFound, format!("no control plane in {place} is meant"))
            .hint("see which there are: kamaji list -A"));
    }
    Ok(choice)
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn sort_out(records: &[Value], deployments: &[Value]) -> Choice {
    let key =
        |object: &Value| (text(object, "/metadata/namespace").to_owned(), text(object, "/metadata/name").to_owned());
    let ready: BTreeMap<(String, String), u64> = deployments
        .iter()
        .map(|it| (key(it), it.pointer("/status/readyReplicas").and_then(Value::as_u64).unwrap_or(0)))
        .collect();
    let mut choice = Choice { members: Vec::new(), left_out: Vec::new() };
    for object in records {
        match Record::from_object(object) {
            Ok(record) if record.step == LifecyclePhase::Ready && record.address.is_some() => {
                let key = (record.spec.namespace.to_string(), record.spec.name.to_string());
                let serving = ready.get(&key).copied().unwrap_or(0) > 0;
                choice.members.push(Chosen { record, serving });
            }
            Ok(record) => choice.left_out.push(format!(
                "{}/{} is left out: it is {}",
                record.spec.namespace,
                record.spec.name,
                record.step.word()
            )),
            Err(_) => {
                let (namespace, name) = key(object);
                choice.left_out.push(format!("{namespace}/{name} is left out: this record cannot be read"));
            }
        }
    }
    choice.members.sort_by_key(Chosen::shown);
    choice
}

/// Keeps those that are named; all of them must exist.
fn keep_named(choice: &mut Choice, args: &KubeconfigArgs, management: &Management) -> Result<(), Fault> {
    let namespace = &management.namespace;
    choice.members.retain(|member| args.names.contains(&member.record.spec.name));
    let is_named = |line: &String| args.names.iter().any(|name| line.starts_with(&format!("{namespace}/{name} ")));
    choice.left_out.retain(is_named);
    let known = |name: &crate::model::ControlPlaneName| {
        choice.members.iter().any(|member| member.record.spec.name == *name)
            || choice.left_out.iter().any(|line| line.starts_with(&format!("{namespace}/{name} ")))
    };
    let missing: Vec<String> = args.names.iter().filter(|name| !known(name)).map(|name| format!("`{name}`")).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Fault::new(
        Kind::NotFound,
        format!("there is no control plane {} in namespace `{namespace}`", missing.join(", ")),
    )
    .hint("see which there are: kamaji list -A"))
}

/// A new client certificate by the control plane's own authority, in a kubeconfig. Nothing is stored.
pub(crate) async fn sign(
    session: &Session<'_>,
    record: &Record,
    subject: &Subject,
    ttl: Duration,
    now: Timestamp,
) -> Result<(SecretString, KeyAndCertificate), Fault> {
    session.refuse_wrong_clock()?;
    let spec = &record.spec;
    let signer = signing_authority(spec, record.rotation.as_ref());
    let trusted = trusted_authorities(spec, record.rotation.as_ref());
    let mut live = Live::default();
    for object in [&signer, &trusted] {
        if let Some(body) = session.management.get(object).await? {
            live.insert(object.clone(), body);
        }
    }
    let value = |object: &ObjectRef, key: &str| {
        live.secret_value(&object.name, key)
            .ok_or_else(|| Fault::new(Kind::Failed, format!("{object} has no key `{key}`")))
    };
    let text = |value: SecretString| secrecy::ExposeSecret::expose_secret(&value).to_owned();
    let ca = KeyAndCertificate { certificate: text(value(&signer, "ca.crt")?), key: value(&signer, "ca.key")? };
    let trusted = text(value(&trusted, "ca.crt")?);
    let (client, _) = pki::issue_user(subject, ttl, &ca, spec.certificates.algorithm, now)?;
    let server = format!("https://{}", control_plane::address(record)?.endpoint);
    let text = pki::kubeconfig_yaml(spec.name.as_str(), &subject.user, &server, &trusted, &client);
    Ok((text, client))
}
