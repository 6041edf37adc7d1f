//! Preflight checks of an upgrade, on facts that the engine collects. Each check can be skipped by name.
//! `tenant`: the tenant cluster. `flags_and_images`: flags, feature gates and images of the target version. `quota`:
//! quotas and limit ranges of the namespace.

pub mod flags_and_images;
pub mod quota;
pub mod tenant;

pub use tenant::{StrictWebhook, deprecated_uses, strict_webhooks};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::model::{CheckName, ControlPlaneSpec, KubeVersion};
use crate::plan::certificates::inventory::SOON_DAYS;

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckVerdict {
    /// The check passed.
    Ok,
    /// The check found a possible problem, or could not be done.
    Warning,
    /// The upgrade is refused unless the check is skipped.
    Blocked,
}

/// A completed check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The name of the check, for `--skip-check`.
    pub name: CheckName,
    /// The result.
    pub verdict: CheckVerdict,
    /// The finding, as text.
    pub finding: String,
    /// A hint for the user; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remedy: String,
}

/// A worker of the control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// The node's name.
    pub name: String,
    /// The kubelet version, such as `v1.36.3`, possibly with a suffix.
    pub kubelet: String,
}

/// A deprecated API that clients have used since the API server started.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeprecatedUse {
    /// For example `flowcontrol.apiserver.k8s.io/v1beta3 flowschemas`.
    pub api: String,
    /// The minor that removes it, for example 32.
    pub removed_in: u64,
}

/// The input of the checks. `Err` contains the reason why something could not be read.
#[derive(Debug)]
pub struct PreflightFacts<'a> {
    /// The current spec.
    pub spec: &'a ControlPlaneSpec,
    /// The target version.
    pub to: KubeVersion,
    /// The workers.
    pub workers: Result<Vec<Worker>, String>,
    /// Deprecated APIs in use.
    pub deprecated: Result<Vec<DeprecatedUse>, String>,
    /// The webhook configurations of the tenant cluster.
    pub webhooks: Result<Vec<Value>, String>,
    /// The disruption budgets of the tenant cluster.
    pub budgets: Result<Vec<Value>, String>,
    /// The quotas of the namespace.
    pub quotas: Result<Vec<Value>, String>,
    /// The limit ranges of the namespace.
    pub limit_ranges: Result<Vec<Value>, String>,
    /// The nodes of the management cluster.
    pub nodes: Result<Vec<Value>, String>,
    /// The live Deployment.
    pub deployment: Option<&'a Value>,
    /// The state of the datastore, or why it is unavailable.
    pub datastore: Result<String, String>,
    /// When the first certificate expires.
    pub certificates_end: Option<Timestamp>,
    /// The current time.
    pub now: Timestamp,
}

/// Runs all checks.
#[must_use]
pub fn checks(facts: &PreflightFacts<'_>) -> Vec<Check> {
    vec![
        health(facts),
        tenant::kubelet_skew(facts),
        tenant::removed_apis(facts),
        flags_and_images::flags(facts),
        flags_and_images::feature_gates(facts),
        flags_and_images::images(facts),
        tenant::webhooks(facts),
        tenant::budgets(facts),
        quota::quota(facts),
        quota::limit_ranges(facts),
        datastore(facts),
        certificates(facts),
    ]
}

fn check(name: CheckName, verdict: CheckVerdict, finding: impl Into<String>, remedy: impl Into<String>) -> Check {
    Check { name, verdict, finding: finding.into(), remedy: remedy.into() }
}

fn not_checked(name: CheckName, why: &str) -> Check {
    check(name, CheckVerdict::Warning, format!("could not be checked: {why}"), "")
}

fn health(facts: &PreflightFacts<'_>) -> Check {
    let name = CheckName::Health;
    let ready = facts
        .deployment
        .and_then(|deployment| deployment.pointer("/status/readyReplicas"))
        .and_then(Value::as_u64)
        .unwrap_or(0);
    let wanted = u64::from(facts.spec.replicas);
    if ready >= wanted {
        return check(name, CheckVerdict::Ok, format!("{ready} of {wanted} pods ready"), "");
    }
    check(
        name,
        CheckVerdict::Blocked,
        format!("{ready} of {wanted} pods ready"),
        format!("fix this first: kamaji status {}", facts.spec.namespaced_name().argument()),
    )
}

fn datastore(facts: &PreflightFacts<'_>) -> Check {
    let name = CheckName::Datastore;
    match &facts.datastore {
        Ok(state) => check(name, CheckVerdict::Ok, state.clone(), ""),
        Err(why) => check(
            name,
            CheckVerdict::Blocked,
            format!("datastore {}: {why}", facts.spec.datastore),
            "fix the datastore first",
        ),
    }
}

fn certificates(facts: &PreflightFacts<'_>) -> Check {
    let name = CheckName::Certificates;
    let Some(end) = facts.certificates_end else {
        return not_checked(name, "the record does not contain their expiry");
    };
    let days = (end.as_second() - facts.now.as_second()).div_euclid(24 * 3600);
    if days >= SOON_DAYS {
        return check(name, CheckVerdict::Ok, format!("the first expires in {days} days"), "");
    }
    let finding = if days < 0 {
        format!("the first expired {} days ago", -days)
    } else {
        format!("the first expires in {days} days")
    };
    check(name, CheckVerdict::Warning, finding, "list them with kamaji certs check, renew them with kamaji certs renew")
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests;
