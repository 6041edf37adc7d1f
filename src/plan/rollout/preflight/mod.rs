//! What stands in the way of a change of version: named checks over facts that the engine gathered, each of which can
//! be waived by its name. Pure.
//!
//! `tenant`: what the control plane's users and workers have. `flags_and_images`: what the target's
//! programs know, and their images.
//! `quota`: whether the namespace takes the new pods.

pub mod flags_and_images;
pub mod quota;
pub mod tenant;

pub use tenant::{StrictWebhook, deprecated_uses, strict_webhooks};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::model::{CheckName, ControlPlaneSpec, KubeVersion};
use crate::plan::certificates::inventory::SOON_DAYS;

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckVerdict {
    /// Nothing is in the way.
    Ok,
    /// It could not be looked at, or is worth a look.
    Warning,
    /// The change of version is refused unless the check is waived.
    Blocked,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name, for `--skip-check`.
    pub name: CheckName,
    /// What it found.
    pub verdict: CheckVerdict,
    /// The finding, for people.
    pub finding: String,
    /// What to do about it; empty when there is nothing to do.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remedy: String,
}

/// A worker as the checks see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// The node's name.
    pub name: String,
    /// Its kubelet's version, `v1.36.3` or with a suffix.
    pub kubelet: String,
}

/// An API that somebody used since the API server started, and that a later minor does not serve any more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeprecatedUse {
    /// For example `flowcontrol.apiserver.k8s.io/v1beta3 flowschemas`.
    pub api: String,
    /// The minor that removes it, for example 32.
    pub removed_in: u64,
}

/// Everything the checks are made from. `Err` holds why something could not be looked at.
#[derive(Debug)]
pub struct PreflightFacts<'a> {
    /// What it is now.
    pub spec: &'a ControlPlaneSpec,
    /// Where it is to go.
    pub to: KubeVersion,
    /// Its workers.
    pub workers: Result<Vec<Worker>, String>,
    /// APIs in use that go away.
    pub deprecated: Result<Vec<DeprecatedUse>, String>,
    /// The webhook configurations of the tenant.
    pub webhooks: Result<Vec<Value>, String>,
    /// The disruption budgets of the tenant.
    pub budgets: Result<Vec<Value>, String>,
    /// The quotas of its namespace.
    pub quotas: Result<Vec<Value>, String>,
    /// The limit ranges of its namespace.
    pub limit_ranges: Result<Vec<Value>, String>,
    /// The nodes of the management cluster.
    pub nodes: Result<Vec<Value>, String>,
    /// The live Deployment.
    pub deployment: Option<&'a Value>,
    /// Whether the datastore answers, or why it does not.
    pub datastore: Result<String, String>,
    /// When the first certificate ends.
    pub certificates_end: Option<Timestamp>,
    /// The clock.
    pub now: Timestamp,
}

/// Makes all checks.
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

fn unseen(name: CheckName, why: &str) -> Check {
    check(name, CheckVerdict::Warning, format!("could not be looked at: {why}"), "")
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
        format!("mend it first: kamaji status {}", facts.spec.namespaced_name().argument()),
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
            "mend the datastore first",
        ),
    }
}

fn certificates(facts: &PreflightFacts<'_>) -> Check {
    let name = CheckName::Certificates;
    let Some(end) = facts.certificates_end else { return unseen(name, "the record does not tell when they end") };
    let days = (end.as_second() - facts.now.as_second()).div_euclid(24 * 3600);
    if days >= SOON_DAYS {
        return check(name, CheckVerdict::Ok, format!("the first ends in {days} days"), "");
    }
    let finding =
        if days < 0 { format!("the first ended {} days ago", -days) } else { format!("the first ends in {days} days") };
    check(name, CheckVerdict::Warning, finding, "kamaji certs check tells which, kamaji certs renew makes them anew")
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests;
