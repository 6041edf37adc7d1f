//! Selects the control planes of `kamaji kubeconfig`, and issues client certificates.

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
use crate::plan::certificates::rotation_keys::{signing_ca, trusted_cas};
use crate::plan::state::record::{LifecyclePhase, Record};
use crate::render::ObjectRef;

/// The selected control planes.
pub(crate) struct Selection {
    pub(crate) members: Vec<Target>,
    /// Why others are omitted.
    pub(crate) omitted: Vec<String>,
}

/// A selected control plane.
pub(crate) struct Target {
    pub(crate) record: Record,
    /// Whether one of its pods is ready.
    serving: bool,
}

impl Target {
    /// `NAMESPACE/NAME`.
    pub(crate) fn shown(&self) -> String {
        format!("{}/{}", self.record.spec.namespace, self.record.spec.name)
    }

    /// A warning for a control plane that is unavailable, although its kubeconfig is valid.
    pub(crate) fn availability_warning(&self) -> Option<String> {
        (!self.serving).then(|| format!("{}: no pod is ready; its kubeconfig is included", self.shown()))
    }
}

/// Reads the records of the selected control planes.
pub(crate) async fn select(
    args: &KubeconfigArgs,
    session: &Session<'_>,
    management: &Management,
) -> Result<Selection, Fault> {
    if let [name] = args.names.as_slice() {
        let record = control_plane::record(session, management, name).await?;
        control_plane::address(&record)?;
        // Do not warn about a single control plane; `status` reports its state.
        return Ok(Selection { members: vec![Target { record, serving: true }], omitted: Vec::new() });
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
    let mut selection = partition_records(&records, &deployments);
    if !args.names.is_empty() {
        keep_named(&mut selection, args, management)?;
    }
    if selection.members.is_empty() && selection.omitted.is_empty() {
        let place = namespace.map_or_else(|| "any namespace".to_owned(), |name| format!("namespace `{name}`"));
        return Err(Fault::new(Kind::NotFound, format!("no control plane in {place} matches"))
            .hint("list control planes: kamaji list -A"));
    }
    Ok(selection)
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn partition_records(records: &[Value], deployments: &[Value]) -> Selection {
    let key =
        |object: &Value| (text(object, "/metadata/namespace").to_owned(), text(object, "/metadata/name").to_owned());
    let ready: BTreeMap<(String, String), u64> = deployments
        .iter()
        .map(|it| (key(it), it.pointer("/status/readyReplicas").and_then(Value::as_u64).unwrap_or(0)))
        .collect();
    let mut selection = Selection { members: Vec::new(), omitted: Vec::new() };
    for object in records {
        match Record::from_object(object) {
            Ok(record) if record.step == LifecyclePhase::Ready && record.address.is_some() => {
                let key = (record.spec.namespace.to_string(), record.spec.name.to_string());
                let serving = ready.get(&key).copied().unwrap_or(0) > 0;
                selection.members.push(Target { record, serving });
            }
            Ok(record) => selection.omitted.push(format!(
                "{}/{} is omitted: its status is {}",
                record.spec.namespace,
                record.spec.name,
                record.step.as_str()
            )),
            Err(_) => {
                let (namespace, name) = key(object);
                selection.omitted.push(format!("{namespace}/{name} is omitted: its record cannot be read"));
            }
        }
    }
    selection.members.sort_by_key(Target::shown);
    selection
}

/// Keeps only the named control planes; fails if one does not exist.
fn keep_named(selection: &mut Selection, args: &KubeconfigArgs, management: &Management) -> Result<(), Fault> {
    let namespace = &management.namespace;
    selection.members.retain(|member| args.names.contains(&member.record.spec.name));
    let is_named = |line: &String| args.names.iter().any(|name| line.starts_with(&format!("{namespace}/{name} ")));
    selection.omitted.retain(is_named);
    let known = |name: &crate::model::ControlPlaneName| {
        selection.members.iter().any(|member| member.record.spec.name == *name)
            || selection.omitted.iter().any(|line| line.starts_with(&format!("{namespace}/{name} ")))
    };
    let missing: Vec<String> = args.names.iter().filter(|name| !known(name)).map(|name| format!("`{name}`")).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Fault::new(
        Kind::NotFound,
        format!("control plane {} not found in namespace `{namespace}`", missing.join(", ")),
    )
    .hint("list control planes: kamaji list -A"))
}

/// Issues a client certificate with the control plane's CA, and returns it in a kubeconfig. Nothing is stored.
pub(crate) async fn sign(
    session: &Session<'_>,
    record: &Record,
    subject: &Subject,
    ttl: Duration,
    now: Timestamp,
) -> Result<(SecretString, KeyAndCertificate), Fault> {
    session.refuse_wrong_clock()?;
    let spec = &record.spec;
    let signer = signing_ca(spec, record.rotation.as_ref());
    let trusted = trusted_cas(spec, record.rotation.as_ref());
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
