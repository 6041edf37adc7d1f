//! The lock of one control plane: a Lease beside it, renewed while work goes on, free again when its holder is gone.

#![expect(clippy::disallowed_methods, reason = "edge: who this process is")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{Connection, Created, Refusal, Removal};
use crate::model::{ControlPlaneName, Namespace, ObjectNames, labels};
use crate::render::ObjectRef;

/// How long a lock lives without renewal.
const LEASE_SECONDS: i64 = 20;
const RENEW_EVERY: Duration = Duration::from_secs(5);

/// A held lock. Dropped without [`Lock::release`], it runs out by itself.
#[derive(Debug)]
pub struct Lock {
    connection: Connection,
    object: ObjectRef,
    holder: String,
    lost: Arc<AtomicBool>,
    renewal: JoinHandle<()>,
}

impl Lock {
    /// Takes the lock. Of somebody who renews it the error says who and since when; one that is not renewed any more is
    /// waited for, and taken at once when its holder was a process of this machine that has ended.
    pub async fn acquire(
        connection: &Connection,
        namespace: &Namespace,
        plane: &ControlPlaneName,
        now: fn() -> Timestamp,
        waiting: impl Fn(String),
    ) -> Result<Self, Refusal> {
        let object = lease_ref(namespace, plane);
        let me = Holder::this_process();
        let spec = || {
            let time = format!("{:.6}", now());
            json!({
                "holderIdentity": me.to_string(), "leaseDurationSeconds": LEASE_SECONDS,
                "acquireTime": time, "renewTime": time,
            })
        };
        let mut seen: Option<String> = None;
        let held = loop {
            let body = json!({
                "apiVersion": object.api_version, "kind": object.kind,
                "metadata": {"name": object.name, "namespace": namespace, "labels": labels(plane, "lock")},
                "spec": spec(),
            });
            let mut lease = match connection.create(&object, &body).await? {
                Created::New(held) => break held,
                Created::Existing(lease) => lease,
            };
            if let Some(holding) = Holding::of(&lease, now())
                && !me.outlived(&holding.holder)
            {
                if seen.as_ref().is_some_and(|renewed| *renewed != holding.renewed) {
                    return Err(Refusal::Conflict {
                        what: format!(
                            "control plane `{plane}` is being changed by {} since {}",
                            holding.holder, holding.since
                        ),
                        message: "wait until it is done".into(),
                    });
                }
                waiting(format!(
                    "{} holds the lock since {}; its lease runs out if it is gone",
                    holding.holder, holding.since
                ));
                seen = Some(holding.renewed);
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
            lease["spec"] = spec();
            match connection.replace(&object, &lease).await {
                Ok(held) => break held,
                // Somebody was faster: look again.
                Err(Refusal::Conflict { .. } | Refusal::NotFound { .. }) => {}
                Err(refusal) => return Err(refusal),
            }
        };
        let lost = Arc::new(AtomicBool::new(false));
        let renewal = tokio::spawn(renew(connection.clone(), object.clone(), held, Arc::clone(&lost), now));
        Ok(Self { connection: connection.clone(), object, holder: me.to_string(), lost, renewal })
    }

    /// Deletes the lock if nobody can be holding it any more.
    pub async fn remove_abandoned(
        connection: &Connection,
        namespace: &Namespace,
        plane: &ControlPlaneName,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let object = lease_ref(namespace, plane);
        let Some(lease) = connection.get(&object).await? else { return Ok(()) };
        let me = Holder::this_process();
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

    /// Fails when somebody else took the lock meanwhile; asked before every step that writes.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.lost.load(Ordering::Acquire) {
            return Err(Refusal::Conflict {
                what: format!("the lock {} was lost", self.object),
                message: "another kamaji took over while this one stood still".into(),
            });
        }
        Ok(())
    }

    /// Gives the lock back.
    pub async fn release(self) -> Result<(), Refusal> {
        self.renewal.abort();
        let Some(lease) = self.connection.get(&self.object).await? else { return Ok(()) };
        if lease.pointer("/spec/holderIdentity").and_then(Value::as_str) == Some(self.holder.as_str()) {
            let version = lease.pointer("/metadata/resourceVersion").and_then(Value::as_str);
            let only_ours = Removal { resource_version: version, ..Removal::default() };
            self.connection.delete(&self.object, &only_ours).await?;
        }
        Ok(())
    }
}

fn lease_ref(namespace: &Namespace, plane: &ControlPlaneName) -> ObjectRef {
    ObjectRef {
        api_version: "coordination.k8s.io/v1".into(),
        kind: "Lease".into(),
        namespace: Some(namespace.to_string()),
        name: ObjectNames(plane).lock(),
    }
}

/// A lease that has not run out.
struct Holding {
    holder: String,
    since: String,
    renewed: String,
}

impl Holding {
    fn of(lease: &Value, now: Timestamp) -> Option<Self> {
        let text = |key: &str| lease.pointer(&format!("/spec/{key}")).and_then(Value::as_str).unwrap_or("").to_owned();
        let holding = Self { holder: text("holderIdentity"), since: text("acquireTime"), renewed: text("renewTime") };
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

async fn renew(
    connection: Connection,
    object: ObjectRef,
    mut lease: Value,
    lost: Arc<AtomicBool>,
    now: fn() -> Timestamp,
) {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        lease["spec"]["renewTime"] = json!(format!("{:.6}", now()));
        match connection.replace(&object, &lease).await {
            Ok(renewed) => lease = renewed,
            Err(Refusal::Conflict { .. } | Refusal::NotFound { .. }) => {
                lost.store(true, Ordering::Release);
                return;
            }
            Err(refusal) => tracing::debug!(%refusal, "the lock could not be renewed"),
        }
    }
}
