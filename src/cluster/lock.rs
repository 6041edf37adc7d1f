//! The lock of one control plane: a Lease beside it, renewed while work goes on, free again when its holder is gone.

#![expect(clippy::disallowed_methods, reason = "edge: who this process is")]

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as Plain, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{Connection, Created, Refusal, Removal};
use crate::model::{ControlPlaneName, Namespace, ObjectNames, format_holder, format_time, labels};
use crate::render::ObjectRef;

/// How long a lock lives without renewal.
const LEASE_SECONDS: i64 = 20;
const RENEW_EVERY: Duration = Duration::from_secs(5);
/// After so long without renewal nothing is written before the lock was renewed: others may be about to take it.
const STALE: Duration = Duration::from_secs(15);
/// How long a renewal, or giving the lock back, is tried.
const PATIENCE: Duration = Duration::from_secs(10);

tokio::task_local! {
    /// The lock under which the present work is done, if there is one.
    static HELD: Option<Arc<Hold>>;
}

/// A lock as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The process that took it.
    pub holder: String,
    /// Since when.
    pub since: String,
    /// Whether its lease has not run out, and the process may still be there.
    pub alive: bool,
}

/// A held lock. Dropped without [`Lock::release`], it runs out by itself.
#[derive(Debug)]
pub struct Lock {
    hold: Arc<Hold>,
    renewal: JoinHandle<()>,
}

/// What the work and the renewal know of the lock.
#[derive(Debug)]
struct Hold {
    connection: Connection,
    object: ObjectRef,
    holder: String,
    clock: fn() -> Timestamp,
    lost: AtomicBool,
    lease: Mutex<Value>,
    renewed: Plain<Renewed>,
}

/// When the lock was renewed last. Both clocks are read: one stands still while a machine sleeps, the other can be set.
#[derive(Debug, Clone, Copy)]
struct Renewed {
    at: Instant,
    time: Timestamp,
}

impl Renewed {
    fn now(clock: fn() -> Timestamp) -> Self {
        Self { at: Instant::now(), time: clock() }
    }

    fn is_stale(self, now: Timestamp) -> bool {
        self.at.elapsed() >= STALE || now.duration_since(self.time).unsigned_abs() >= STALE
    }
}

/// Before a write: fails when the lock that the work is done under is somebody else's by now. Who stood still for so long
/// that nobody can know asks first.
pub(super) async fn still_held() -> Result<(), Refusal> {
    let Ok(Some(hold)) = HELD.try_with(Clone::clone) else { return Ok(()) };
    if hold.renewed().is_stale((hold.clock)()) {
        tracing::debug!("the lock was not renewed for long: asking");
        hold.renew_now().await?;
    }
    hold.check()
}

impl Lock {
    /// Takes the lock. Of somebody who renews it the error says who and since when; one that is not renewed any more is
    /// waited for, and taken at once when its holder was a process of this machine that has ended.
    pub async fn acquire(
        connection: &Connection,
        namespace: &Namespace,
        control_plane: &ControlPlaneName,
        clock: fn() -> Timestamp,
        waiting: impl Fn(String),
    ) -> Result<Self, Refusal> {
        let object = lease_ref(namespace, control_plane);
        let me = Holder::this_process();
        // All that want the lock go by one clock, that of the server.
        let now = || connection.server_time().unwrap_or_else(clock);
        let spec = || {
            let time = format!("{:.6}", now());
            json!({
                "holderIdentity": me.to_string(), "leaseDurationSeconds": LEASE_SECONDS,
                "acquireTime": time, "renewTime": time,
            })
        };
        let mut seen: Option<String> = None;
        let (renewed, lease) = loop {
            let begun = Renewed::now(clock);
            let body = json!({
                "apiVersion": object.api_version, "kind": object.kind,
                "metadata": {"name": object.name, "namespace": namespace, "labels": labels(control_plane, "lock")},
                "spec": spec(),
            });
            let mut lease = match connection.create(&object, &body).await? {
                Created::New(held) => break (begun, held),
                Created::Existing(lease) => lease,
            };
            if let Some(holding) = Holding::of(&lease, now())
                && !me.outlived(&holding.holder)
            {
                if seen.as_ref().is_some_and(|renewed| *renewed != holding.renewed) {
                    return Err(Refusal::Conflict {
                        what: format!(
                            "control plane `{control_plane}` is being changed by {} since {}",
                            format_holder(&holding.holder),
                            holding.since
                        ),
                        message: "wait until it is done".into(),
                    });
                }
                waiting(format!(
                    "{} holds the lock since {}; its lease runs out if it is gone",
                    format_holder(&holding.holder),
                    holding.since
                ));
                seen = Some(holding.renewed);
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
            let begun = Renewed::now(clock);
            lease["spec"] = spec();
            match connection.replace(&object, &lease).await {
                Ok(held) => break (begun, held),
                // Somebody was faster: look again.
                Err(Refusal::Conflict { .. } | Refusal::NotFound { .. }) => {}
                Err(refusal) => return Err(refusal),
            }
        };
        let hold = Arc::new(Hold {
            connection: connection.clone().patient(PATIENCE),
            object,
            holder: me.to_string(),
            clock,
            lost: AtomicBool::new(false),
            lease: Mutex::new(lease),
            renewed: Plain::new(renewed),
        });
        let renewal = tokio::spawn(keep(Arc::clone(&hold)));
        Ok(Self { hold, renewal })
    }

    /// Does work under the lock: nothing of it is written any more once somebody else has taken the lock.
    pub async fn during<F: Future>(&self, work: F) -> F::Output {
        HELD.scope(Some(Arc::clone(&self.hold)), work).await
    }

    /// Deletes the lock if nobody can be holding it any more.
    pub async fn remove_abandoned(
        connection: &Connection,
        namespace: &Namespace,
        control_plane: &ControlPlaneName,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let object = lease_ref(namespace, control_plane);
        let Some(lease) = connection.get(&object).await? else { return Ok(()) };
        let me = Holder::this_process();
        let now = connection.server_time().unwrap_or(now);
        if Holding::of(&lease, now).is_none_or(|holding| me.outlived(&holding.holder)) {
            let version = lease.pointer("/metadata/resourceVersion").and_then(Value::as_str);
            let only_that = Removal { resource_version: version, ..Removal::default() };
            match connection.delete(&object, &only_that).await {
                // Somebody took it this moment: it is theirs.
                Ok(_) | Err(Refusal::Conflict { .. }) => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(())
    }

    /// Who holds the lock, or left it.
    pub async fn look(
        connection: &Connection,
        namespace: &Namespace,
        control_plane: &ControlPlaneName,
        now: Timestamp,
    ) -> Result<Option<Held>, Refusal> {
        let Some(lease) = connection.get(&lease_ref(namespace, control_plane)).await? else { return Ok(None) };
        let now = connection.server_time().unwrap_or(now);
        let (holder, since) = (text(&lease, "holderIdentity"), since(&lease));
        let alive = Holding::of(&lease, now).is_some() && !Holder::this_process().outlived(&holder);
        Ok((!holder.is_empty()).then_some(Held { holder, since, alive }))
    }

    /// Fails when somebody else took the lock meanwhile. Writes to API servers see to that themselves.
    pub fn check(&self) -> Result<(), Refusal> {
        self.hold.check()
    }

    /// The same before a write that is not to an API server, such as one to a datastore: asks first after a standstill.
    pub async fn confirm(&self) -> Result<(), Refusal> {
        self.during(still_held()).await
    }

    /// Gives the lock back.
    pub async fn release(self) -> Result<(), Refusal> {
        self.renewal.abort();
        let Hold { connection, object, holder, .. } = &*self.hold;
        loop {
            let Some(lease) = connection.get(object).await? else { return Ok(()) };
            if lease.pointer("/spec/holderIdentity").and_then(Value::as_str) != Some(holder.as_str()) {
                return Ok(());
            }
            let version = lease.pointer("/metadata/resourceVersion").and_then(Value::as_str);
            let only_ours = Removal { resource_version: version, ..Removal::default() };
            match connection.delete(object, &only_ours).await {
                // The last renewal came in between: look again.
                Err(Refusal::Conflict { .. }) => tokio::time::sleep(Duration::from_millis(100)).await,
                done => return done.map(drop),
            }
        }
    }
}

impl Hold {
    fn check(&self) -> Result<(), Refusal> {
        if self.lost.load(Ordering::Acquire) {
            return Err(Refusal::LockLost { lock: self.object.to_string() });
        }
        Ok(())
    }

    fn renewed(&self) -> Renewed {
        *self.renewed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Renews the lock. In a box, because every write asks for this, and this is a write.
    fn renew_now(&self) -> Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send + '_>> {
        Box::pin(HELD.scope(None, self.renew()))
    }

    async fn renew(&self) -> Result<(), Refusal> {
        let mut lease = self.lease.lock().await;
        let begun = Renewed::now(self.clock);
        let ours = |lease: &Value| lease["spec"]["holderIdentity"].as_str() == Some(self.holder.as_str());
        loop {
            self.check()?;
            let now = self.connection.server_time().unwrap_or(begun.time);
            lease["spec"]["renewTime"] = json!(format!("{now:.6}"));
            match self.connection.replace(&self.object, &lease).await {
                Ok(renewed) => {
                    *lease = renewed;
                    *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) = begun;
                    return Ok(());
                }
                Err(Refusal::NotFound { .. }) => self.lost.store(true, Ordering::Release),
                // A renewal of ours may have been carried out unheard.
                Err(Refusal::Conflict { .. }) => match self.connection.get(&self.object).await? {
                    Some(now) if ours(&now) => *lease = now,
                    Some(_) | None => self.lost.store(true, Ordering::Release),
                },
                Err(refusal) => return Err(refusal),
            }
        }
    }
}

/// Renews the lock until it is lost.
async fn keep(hold: Arc<Hold>) {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        if let Err(refusal) = hold.renew_now().await {
            if matches!(refusal, Refusal::LockLost { .. }) {
                return;
            }
            tracing::debug!(%refusal, "the lock could not be renewed");
        }
    }
}

fn lease_ref(namespace: &Namespace, control_plane: &ControlPlaneName) -> ObjectRef {
    ObjectRef {
        api_version: "coordination.k8s.io/v1".into(),
        kind: "Lease".into(),
        namespace: Some(namespace.to_string()),
        name: ObjectNames(control_plane).lock(),
    }
}

fn text(lease: &Value, key: &str) -> String {
    lease.pointer(&format!("/spec/{key}")).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// When a lease was taken, for people.
fn since(lease: &Value) -> String {
    let taken = text(lease, "acquireTime");
    taken.parse().map_or(taken, format_time)
}

/// A lease that has not run out.
struct Holding {
    holder: String,
    since: String,
    renewed: String,
}

impl Holding {
    fn of(lease: &Value, now: Timestamp) -> Option<Self> {
        let holding =
            Self { holder: text(lease, "holderIdentity"), since: since(lease), renewed: text(lease, "renewTime") };
        let renewed: Timestamp = holding.renewed.parse().ok()?;
        let seconds = lease.pointer("/spec/leaseDurationSeconds").and_then(Value::as_i64).unwrap_or(LEASE_SECONDS);
        let alive = now.as_second() - renewed.as_second() < seconds;
        (!holding.holder.is_empty() && alive).then_some(holding)
    }
}

/// A process that holds a lock, written `HOST/PID/MACHINE`; the last part tells whether two process ids are comparable.
struct Holder {
    host: String,
    pid: u32,
    machine: String,
}

impl Holder {
    fn this_process() -> Self {
        let line = |path: &str| std::fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
        let namespace =
            std::fs::read_link("/proc/self/ns/pid").map(|link| link.display().to_string()).unwrap_or_default();
        let boot: String = line("/proc/sys/kernel/random/boot_id").chars().take(8).collect();
        let namespace: String = namespace.chars().filter(char::is_ascii_digit).collect();
        Self {
            host: line("/proc/sys/kernel/hostname"),
            pid: std::process::id(),
            machine: format!("{boot}.{namespace}"),
        }
    }

    /// Whether `holder` was a process of this machine that has ended.
    fn outlived(&self, holder: &str) -> bool {
        let mut parts = holder.rsplitn(3, '/');
        let (machine, pid) = (parts.next(), parts.next().and_then(|pid| pid.parse::<u32>().ok()));
        let comparable = machine == Some(self.machine.as_str()) && self.machine.len() > 1;
        comparable && pid.is_some_and(|pid| pid == self.pid || !std::path::Path::new(&format!("/proc/{pid}")).exists())
    }
}

/// This process as locks name it: `HOST/PID/MACHINE`.
#[must_use]
pub fn this_process() -> String {
    Holder::this_process().to_string()
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.host, self.pid, self.machine)
    }
}
