//! Reaching a tenant's API server, and waiting until it answers.

use std::time::Duration;

use futures::{StreamExt as _, stream};
use secrecy::SecretString;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::cluster::{Connection, Created, Refusal, Removal, Tunnel, Way};
use crate::engine::session::Session;
use crate::error::{Fault, Kind};
use crate::event::Event;
use crate::model::{ControlPlaneName, ControlPlaneSpec, LABEL_NAME, Namespace, ObjectNames};
use crate::plan::apply::conflict::without_conflicting_fields;
use crate::plan::apply::live_objects::Live;
use crate::plan::apply::managed_fields::is_ours;
use crate::plan::apply::noop::apply_is_noop;
use crate::plan::apply::plan::{Action, Change, change_owned_by_others, compare};
use crate::plan::lifecycle::pod_status::causes_of_pods;
use crate::render::{Address, Manifest, ObjectRef, Write};

/// How long a tenant that answered is asked again when it does not: pods come and go, and connections end with them.
const HICCUP: Duration = Duration::from_secs(2);

/// A connection to a tenant; a tunnel it goes through closes with it.
#[derive(Debug)]
pub struct TenantConnection {
    /// The connection.
    pub connection: Connection,
    way: Way,
    /// Open for as long as the connection is used.
    _tunnel: Option<Tunnel>,
}

impl TenantConnection {
    /// By a way that has just answered.
    fn new(connection: Connection, way: Way, tunnel: Option<Tunnel>) -> Self {
        Self { connection: connection.patient(HICCUP), way, _tunnel: tunnel }
    }

    /// Whether it goes straight to the endpoint.
    #[must_use]
    pub const fn is_direct(&self) -> bool {
        matches!(self.way, Way::Endpoint(_))
    }

    /// The near end of the tunnel; `None` where the endpoint answers.
    #[must_use]
    pub const fn local(&self) -> Option<std::net::SocketAddr> {
        match self.way {
            Way::Endpoint(_) => None,
            Way::Tunnel(local) => Some(local),
        }
    }

    /// The same way with other credentials.
    pub async fn with(&self, kubeconfig: &str, name: &ControlPlaneName) -> Result<Connection, Refusal> {
        let connection = Connection::to_tenant(kubeconfig, &self.way, name.as_str()).await?;
        connection.ends_with(&self.connection);
        Ok(connection)
    }
}

/// The pods of a control plane.
pub(crate) async fn pods(
    session: &Session<'_>,
    namespace: &Namespace,
    name: &ControlPlaneName,
) -> Result<Vec<Value>, Fault> {
    let selector = format!("{LABEL_NAME}={name}");
    Ok(session.management.list("v1", "Pod", Some(namespace.as_str()), &selector).await?)
}

/// How many of these pods are ending.
pub(crate) fn ending(pods: &[Value]) -> u32 {
    u32::try_from(pods.iter().filter(|pod| is_ending(pod)).count()).unwrap_or(u32::MAX)
}

fn is_ending(pod: &Value) -> bool {
    pod.pointer("/metadata/deletionTimestamp").is_some()
}

/// One of the administrators' kubeconfigs, if there is one: `admin.conf` or `super-admin.conf`.
pub async fn kubeconfig(
    connection: &Connection,
    namespace: &Namespace,
    name: &ControlPlaneName,
    file: &str,
) -> Result<Option<SecretString>, Fault> {
    let secret = ObjectRef {
        api_version: "v1".into(),
        kind: "Secret".into(),
        namespace: Some(namespace.to_string()),
        name: ObjectNames(name).admin_kubeconfig(),
    };
    let mut live = Live::default();
    if let Some(body) = connection.get(&secret).await? {
        live.insert(secret.clone(), body);
    }
    Ok(live.secret_value(&secret.name, file))
}

/// Connects to a tenant: directly when its endpoint answers, else through the management cluster. `Err` holds causes.
pub async fn reach(
    session: &Session<'_>,
    namespace: &Namespace,
    name: &ControlPlaneName,
    address: &Address,
    kubeconfig: &str,
) -> Result<Result<TenantConnection, Vec<String>>, Fault> {
    let pods = pods(session, namespace, name).await?;
    reach_by(session, &pods, namespace, name, address, kubeconfig).await
}

/// Asks a tenant what has no effect. Where its endpoint answered and does not any more, as when its Service has just been
/// removed, it is asked once more by the way that leads to it then. `Err` holds causes.
pub(crate) async fn ask<T>(
    session: &Session<'_>,
    spec: &ControlPlaneSpec,
    address: &Address,
    kubeconfig: &str,
    question: impl AsyncFn(&Connection) -> Result<T, Fault>,
) -> Result<Result<T, Vec<String>>, Fault> {
    let mut first = true;
    loop {
        let reached = match reach(session, &spec.namespace, &spec.name, address, kubeconfig).await? {
            Ok(reached) => reached,
            Err(causes) => return Ok(Err(causes)),
        };
        match question(&reached.connection).await {
            Ok(answer) => return Ok(Ok(answer)),
            Err(fault) if fault.kind() != Kind::Unavailable => return Err(fault),
            Err(_) if first && reached.is_direct() => first = false,
            Err(fault) => return Ok(Err(fault.causes())),
        }
    }
}

async fn reach_by(
    session: &Session<'_>,
    pods: &[Value],
    namespace: &Namespace,
    name: &ControlPlaneName,
    address: &Address,
    kubeconfig: &str,
) -> Result<Result<TenantConnection, Vec<String>>, Fault> {
    if let Some(reached) = reach_directly(session, name, address, kubeconfig, Duration::from_millis(500)).await {
        return Ok(Ok(reached));
    }
    let Some(pod) = pods.iter().find(|pod| serves(pod)) else { return Ok(Err(causes_of_pods(pods, &[]))) };
    let pod_name = pod.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let tunnel = Tunnel::open(session.management, namespace.as_str(), pod_name, address.secure_port).await?;
    let way = Way::Tunnel(tunnel.local());
    let connection = Connection::to_tenant(kubeconfig, &way, name.as_str()).await?;
    connection.ends_with(session.management);
    match timeout(Duration::from_secs(5), connection.text("/readyz")).await {
        Ok(Ok(_)) => Ok(Ok(TenantConnection::new(connection, way, Some(tunnel)))),
        Ok(Err(refusal)) => Ok(Err(vec![refusal.to_string()])),
        Err(_) => Ok(Err(vec![format!("the API server in pod {pod_name} does not answer")])),
    }
}

async fn reach_directly(
    session: &Session<'_>,
    name: &ControlPlaneName,
    address: &Address,
    kubeconfig: &str,
    patience: Duration,
) -> Option<TenantConnection> {
    let reached = direct(address, kubeconfig, name, patience).await?;
    reached.connection.ends_with(session.management);
    Some(reached)
}

/// A connection straight to the endpoint, if it answers and is the one it should be; `patience` is for the first packet
/// to come back.
async fn direct(
    address: &Address,
    kubeconfig: &str,
    name: &ControlPlaneName,
    patience: Duration,
) -> Option<TenantConnection> {
    let host = address.endpoint.host.to_string();
    let connected = timeout(patience, TcpStream::connect((host.as_str(), address.endpoint.port))).await;
    connected.ok()?.ok()?;
    let way = Way::Endpoint(address.endpoint.clone());
    let connection = Connection::to_tenant(kubeconfig, &way, name.as_str()).await.ok()?;
    timeout(Duration::from_secs(2), connection.text("/readyz")).await.ok()?.ok()?;
    Some(TenantConnection::new(connection, way, None))
}

/// Whether the endpoint answers from here, within the moment that Services take to be served everywhere.
pub(crate) async fn answers_directly_soon(address: &Address, kubeconfig: &str, name: &ControlPlaneName) -> bool {
    const MOMENT: Duration = Duration::from_secs(4);
    let begun = Instant::now();
    loop {
        if direct(address, kubeconfig, name, Duration::from_millis(500)).await.is_some() {
            return true;
        }
        if begun.elapsed() > MOMENT {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Whether the API server of a pod has passed its first probe.
fn serves(pod: &Value) -> bool {
    api_server_is(pod, |status| status["started"] == true)
}

/// Whether the API server of a pod runs; it may not answer yet.
fn runs(pod: &Value) -> bool {
    api_server_is(pod, |status| !status["state"]["running"].is_null())
}

fn api_server_is(pod: &Value, state: impl Fn(&Value) -> bool) -> bool {
    let statuses = pod.pointer("/status/containerStatuses").and_then(Value::as_array);
    !is_ending(pod)
        && statuses.is_some_and(|list| list.iter().any(|status| status["name"] == "kube-apiserver" && state(status)))
}

/// Waits until the API server answers, saying why it does not yet.
pub(crate) async fn await_answer(
    session: &Session<'_>,
    spec: &ControlPlaneSpec,
    address: &Address,
    kubeconfig: &str,
) -> Result<TenantConnection, Fault> {
    /// Events are many; they are asked less often than pods.
    const LOOK_CLOSER: Duration = Duration::from_secs(2);
    /// Where the endpoint is farther than this, looking at it would take longer than waiting for the probe.
    const NEARBY: Duration = Duration::from_millis(100);
    let goal = format!("the API server of `{}` to answer", spec.name);
    let mut looked: Option<Instant> = None;
    let mut closer = Vec::new();
    loop {
        let pods = pods(session, &spec.namespace, &spec.name).await?;
        let mut causes = Vec::new();
        if pods.iter().any(serves) {
            match reach_by(session, &pods, &spec.namespace, &spec.name, address, kubeconfig).await? {
                Ok(reached) => return Ok(reached),
                Err(why) => causes = why,
            }
        } else if pods.iter().any(runs)
            && let Some(reached) = reach_directly(session, &spec.name, address, kubeconfig, NEARBY).await
        {
            return Ok(reached);
        }
        if causes.is_empty() {
            if looked.is_none_or(|at| at.elapsed() > LOOK_CLOSER) {
                closer = why_not_ready(session, spec, &pods).await?;
                looked = Some(Instant::now());
            }
            causes.clone_from(&closer);
        }
        session.wait(Duration::from_millis(200), &goal, &causes).await?;
    }
}

/// Why pods are missing or not ready, with what the Deployment's events say.
async fn why_not_ready(session: &Session<'_>, spec: &ControlPlaneSpec, pods: &[Value]) -> Result<Vec<String>, Fault> {
    let events = session.management.list("v1", "Event", Some(spec.namespace.as_str()), "").await?;
    let mut causes = causes_of_pods(pods, &events);
    if pods.is_empty() {
        causes.extend(crate::plan::lifecycle::pod_status::warnings(&events, "ReplicaSet", spec.name.as_str()));
    }
    Ok(causes)
}

/// What writing the objects inside the tenant would change, and what of them others took or added, which stays.
pub(crate) async fn preview(connection: &Connection, manifests: &[Manifest]) -> Result<Vec<Change>, Fault> {
    let looks = stream::iter(manifests.iter().map(|manifest| preview_one(connection, manifest)))
        .buffered(8)
        .collect::<Vec<_>>()
        .await;
    let mut changes = Vec::new();
    for look in looks {
        for mut change in look? {
            change.what = format!("in the cluster: {}", change.what);
            if change.action != Action::Unchanged {
                changes.push(change);
            }
        }
    }
    Ok(changes)
}

async fn preview_one(connection: &Connection, manifest: &Manifest) -> Result<Vec<Change>, Refusal> {
    let live = connection.get(&manifest.object).await?;
    let mut taken = None;
    let preview = match &live {
        None => None,
        Some(live) if manifest.write == Write::CreateOnly || apply_is_noop(&manifest.body, live) => None,
        Some(live) => match connection.preview(manifest).await {
            Ok(preview) => Some(preview),
            Err(Refusal::Conflict { message, .. }) if manifest.write == Write::ApplyUnlessTaken => {
                // By force it would be as it was asked for; but what others took is theirs.
                let forced = Manifest { write: Write::Apply, ..manifest.clone() };
                let whole = compare(&forced, Some(live), Some(&connection.preview(&forced).await?));
                taken = Some(Change {
                    action: Action::Left,
                    note: "others changed it; it is left to them".into(),
                    ..whole
                });
                match without_conflicting_fields(manifest, &message) {
                    Some(manifest) => connection.preview(&manifest).await.ok(),
                    None => None,
                }
            }
            Err(refusal) => return Err(refusal),
        },
    };
    let left = live.as_ref().and_then(|live| change_owned_by_others(manifest, live));
    let change = compare(manifest, live.as_ref(), preview.as_ref());
    if let Some(taken) = &mut taken {
        taken.fields.retain(|field| !change.fields.iter().any(|written| written.field == field.field));
    }
    Ok(std::iter::once(change).chain(taken.filter(|taken| !taken.fields.is_empty())).chain(left).collect())
}

/// Those of the objects that are there and that kamaji made.
async fn made_here(connection: &Connection, objects: &[ObjectRef]) -> Result<Vec<ObjectRef>, Refusal> {
    let mut found = Vec::new();
    for object in objects {
        if let Some(live) = connection.get(object).await?
            && is_ours(&live)
        {
            found.push(object.clone());
        }
    }
    Ok(found)
}

/// What would go of the addons that are switched off.
pub(crate) async fn preview_unwanted(connection: &Connection, objects: &[ObjectRef]) -> Result<Vec<Change>, Fault> {
    let found = made_here(connection, objects).await?;
    let change = |object: &ObjectRef| Change::of(format!("in the cluster: {object}"), Action::Delete, "");
    Ok(found.iter().map(change).collect())
}

/// Removes what kamaji made of the addons that are switched off; what others made under these names stays.
pub(crate) async fn remove_unwanted(
    session: &Session<'_>,
    connection: &Connection,
    objects: &[ObjectRef],
) -> Result<(), Fault> {
    for object in made_here(connection, objects).await? {
        connection.delete(&object, &Removal::default()).await?;
        session.say(Event::Done(format!("in the cluster: {object} removed")));
    }
    Ok(())
}

/// Writes the objects inside the tenant. What users changed is left to them, and told.
pub(crate) async fn apply(session: &Session<'_>, connection: &Connection, manifests: &[Manifest]) -> Result<(), Fault> {
    let results: Vec<Result<Option<String>, Refusal>> = stream::iter(manifests.iter().map(|manifest| async move {
        match manifest.write {
            Write::CreateOnly => match connection.create(&manifest.object, &manifest.body).await? {
                Created::New(_) | Created::Existing(_) => Ok(None),
            },
            Write::Apply | Write::ApplyUnlessTaken => match connection.apply(manifest).await {
                Ok(_) => Ok(None),
                Err(Refusal::Conflict { message, .. }) if manifest.write == Write::ApplyUnlessTaken => {
                    let rest = match without_conflicting_fields(manifest, &message) {
                        Some(manifest) => connection.apply(&manifest).await,
                        None => Err(Refusal::Conflict { what: manifest.object.to_string(), message }),
                    };
                    match rest {
                        Ok(_) => Ok(None),
                        Err(Refusal::Conflict { message, .. }) => {
                            Ok(Some(format!("{} is left as it is: others changed it ({message})", manifest.object)))
                        }
                        Err(refusal) => Err(refusal),
                    }
                }
                Err(refusal) => Err(refusal),
            },
        }
    }))
    .buffered(8)
    .collect()
    .await;
    for result in results {
        if let Some(note) = result? {
            session.say(Event::Note(note));
        }
    }
    Ok(())
}
