//! Defines the health checks and their dependencies, and derives the root cause from all findings.

use std::time::Duration;

use serde::Serialize;

/// The name of a health check. Variants are in the order in which checks are reported and problems are fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HealthCheckName {
    /// The kubeconfig is usable.
    Kubeconfig,
    /// The management API server answers.
    ManagementApi,
    /// This machine's clock is in step with the management API server's.
    Clock,
    /// The user has all permissions that kamaji needs.
    Permissions,
    /// A default `StorageClass` exists for the datastore's volumes.
    StorageClass,
    /// The namespace exists.
    Namespace,
    /// The namespace's quota admits the pods.
    Quota,
    /// The datastore is healthy and safe to share.
    Datastore,
    /// Datastore users and control planes match one to one.
    DatastoreOrphans,
    /// The record is readable and no operation is unfinished.
    Record,
    /// The lock is free.
    Lock,
    /// The datastore has the control plane's user and role.
    DatastoreUser,
    /// The control plane's objects exist and have not drifted.
    Objects,
    /// No certificate expires soon.
    Certificates,
    /// The pods are ready.
    Pods,
    /// The Service selects the pods.
    Service,
    /// The endpoint's name resolves.
    Dns,
    /// The API server answers.
    ApiServer,
    /// The API server answers at its endpoint with a valid certificate.
    Endpoint,
    /// admin.conf authenticates and is authorized.
    AdminConf,
    /// The objects that `kubeadm join` reads exist.
    Join,
    /// Bootstrap tokens are valid and sign cluster-info.
    Tokens,
    /// The Service `default/kubernetes` points to the API server.
    KubernetesService,
    /// Webhooks that could block kube-system pods have a ready backend.
    Webhooks,
    /// Workers are Ready.
    Nodes,
    /// Kubelet versions are within the supported skew.
    VersionSkew,
    /// The workers' clocks are in step with the API server's.
    NodeClocks,
    /// `CoreDNS` and kube-proxy are ready.
    Addons,
    /// No node has run out of open files, inotify watches or disk space.
    Limits,
}

impl HealthCheckName {
    /// The name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kubeconfig => "kubeconfig",
            Self::ManagementApi => "management-api",
            Self::Clock => "clock",
            Self::Permissions => "permissions",
            Self::StorageClass => "storage-class",
            Self::Namespace => "namespace",
            Self::Quota => "quota",
            Self::Datastore => "datastore",
            Self::DatastoreOrphans => "datastore-orphans",
            Self::Record => "record",
            Self::Lock => "lock",
            Self::DatastoreUser => "datastore-user",
            Self::Objects => "objects",
            Self::Pods => "pods",
            Self::Service => "service",
            Self::Dns => "dns",
            Self::ApiServer => "api-server",
            Self::Endpoint => "endpoint",
            Self::AdminConf => "admin-conf",
            Self::Certificates => "certificates",
            Self::Join => "join",
            Self::Tokens => "tokens",
            Self::KubernetesService => "kubernetes-service",
            Self::Webhooks => "webhooks",
            Self::Nodes => "nodes",
            Self::VersionSkew => "version-skew",
            Self::NodeClocks => "node-clocks",
            Self::Addons => "addons",
            Self::Limits => "limits",
        }
    }

    /// The checks that must pass for this one to pass. Each of them comes earlier in the order.
    const fn depends_on(self) -> &'static [Self] {
        match self {
            Self::Kubeconfig => &[],
            Self::ManagementApi => &[Self::Kubeconfig],
            Self::Clock | Self::Permissions | Self::StorageClass | Self::Namespace | Self::Datastore | Self::Limits => {
                &[Self::ManagementApi]
            }
            Self::Quota => &[Self::Namespace],
            Self::DatastoreOrphans => &[Self::Datastore],
            // An incomplete creation may be waiting for any of these.
            Self::Record => &[Self::Namespace, Self::Quota, Self::Datastore],
            Self::Lock | Self::Dns | Self::Objects | Self::Service => &[Self::Record],
            Self::DatastoreUser => &[Self::Datastore, Self::Record],
            Self::Pods => &[Self::Quota, Self::Datastore, Self::DatastoreUser, Self::Objects, Self::Certificates],
            Self::ApiServer => &[Self::Pods],
            Self::Endpoint => &[Self::Service, Self::Dns, Self::ApiServer],
            Self::AdminConf => &[Self::Objects, Self::ApiServer],
            Self::Certificates => &[Self::Objects],
            Self::Join | Self::Webhooks | Self::KubernetesService | Self::Nodes => &[Self::ApiServer],
            Self::Tokens => &[Self::Join],
            Self::VersionSkew | Self::NodeClocks | Self::Addons => &[Self::Nodes],
        }
    }
}

/// The result of a health check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthCheckState {
    /// Passed.
    Ok,
    /// Passed, but needs attention.
    Warning,
    /// Failed.
    Failed,
    /// Could not be checked.
    Unknown,
}

/// Why a fact could not be collected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unavailable {
    /// A permission is missing; the thing itself may be fine.
    Forbidden(String),
    /// No answer or an error: the message, and remedies.
    Failed(String, Vec<String>),
    /// Not attempted, because a prerequisite is missing.
    Skipped(String),
}

impl Unavailable {
    /// The query timed out.
    #[must_use]
    pub fn timed_out(what: &str, limit: Duration) -> Self {
        Self::Failed(format!("{what}: no answer within {} s", limit.as_secs()), Vec::new())
    }
}

/// A collected fact, or why it could not be collected.
pub type Fact<T> = Result<T, Unavailable>;

/// The outcome of one check, before causes are assigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) state: HealthCheckState,
    pub(crate) text: String,
    pub(crate) details: Vec<String>,
    pub(crate) remedies: Vec<String>,
}

impl Finding {
    fn new(state: HealthCheckState, text: impl Into<String>) -> Self {
        Self { state, text: text.into(), details: Vec::new(), remedies: Vec::new() }
    }

    pub(crate) fn ok(text: impl Into<String>) -> Self {
        Self::new(HealthCheckState::Ok, text)
    }

    pub(crate) fn warning(text: impl Into<String>) -> Self {
        Self::new(HealthCheckState::Warning, text)
    }

    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Self::new(HealthCheckState::Failed, text)
    }

    pub(crate) fn unknown(text: impl Into<String>) -> Self {
        Self::new(HealthCheckState::Unknown, text)
    }

    pub(crate) fn details(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(details);
        self
    }

    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedies.push(remedy.into());
        self
    }

    pub(crate) fn remedies(mut self, remedies: impl IntoIterator<Item = String>) -> Self {
        self.remedies.extend(remedies);
        self
    }

    /// Checks a fact, or explains why it is unavailable.
    pub(crate) fn of<T>(fact: &Fact<T>, check: impl FnOnce(&T) -> Self) -> Self {
        match fact {
            Ok(value) => check(value),
            Err(Unavailable::Forbidden(why)) => Self::unknown(format!("could not be checked: {why}")),
            Err(Unavailable::Skipped(why)) => Self::unknown(why.clone()),
            Err(Unavailable::Failed(why, hints)) => Self::failed(why.clone()).remedies(hints.clone()),
        }
    }
}

/// A health check as reported. Its JSON is a public interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthCheck {
    /// The check's name.
    pub name: HealthCheckName,
    /// The result.
    pub state: HealthCheckState,
    /// A one-line finding.
    pub finding: String,
    /// Further lines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// How to fix it, preferably a command.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remedies: Vec<String>,
    /// The failed check that causes this one; fix that first.
    #[serde(skip_serializing_if = "Option::is_none", rename = "causedBy")]
    pub caused_by: Option<HealthCheckName>,
}

/// All checks and the root cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// Whether no check failed.
    pub healthy: bool,
    /// The failed check to fix first.
    pub root_cause: Option<HealthCheckName>,
    /// All checks in order.
    pub checks: Vec<HealthCheck>,
}

impl Diagnosis {
    /// Whether this check ran and passed.
    #[must_use]
    pub fn passed(&self, name: HealthCheckName) -> bool {
        self.checks
            .iter()
            .any(|check| check.name == name && matches!(check.state, HealthCheckState::Ok | HealthCheckState::Warning))
    }

    /// The failed check to fix first.
    #[must_use]
    pub fn first_failed(&self) -> Option<&HealthCheck> {
        self.checks.iter().find(|check| Some(check.name) == self.root_cause)
    }
}

/// Derives the diagnosis: a problem in a check that depends on a failed check is caused by that one.
pub(crate) fn derive_diagnosis(mut findings: Vec<(HealthCheckName, Finding)>) -> Diagnosis {
    findings.sort_by_key(|(name, _)| *name);
    let mut checks: Vec<HealthCheck> = Vec::new();
    for (name, finding) in findings {
        let cause = (finding.state != HealthCheckState::Ok).then(|| cause_of(name, &checks)).flatten();
        checks.push(HealthCheck {
            name,
            state: finding.state,
            finding: super::redact::redact(&finding.text),
            details: finding.details.iter().map(|detail| super::redact::redact(detail)).collect(),
            remedies: finding.remedies,
            caused_by: cause,
        });
    }
    let root = |check: &&HealthCheck| check.state == HealthCheckState::Failed && check.caused_by.is_none();
    let root_cause = checks.iter().find(root).map(|check| check.name);
    Diagnosis { healthy: root_cause.is_none(), root_cause, checks }
}

/// The failed check at the root of this one's dependencies.
fn cause_of(name: HealthCheckName, before: &[HealthCheck]) -> Option<HealthCheckName> {
    name.depends_on().iter().find_map(|need| match before.iter().find(|check| check.name == *need) {
        Some(check) if check.caused_by.is_some() => check.caused_by,
        Some(check) if check.state == HealthCheckState::Failed => Some(check.name),
        // That check did not fail, or did not run.
        Some(_) | None => cause_of(*need, before),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_check_causes_the_failures_that_depend_on_it_and_no_others() {
        let diagnosis = derive_diagnosis(vec![
            (HealthCheckName::Nodes, Finding::unknown("no way in")),
            (HealthCheckName::Tokens, Finding::unknown("no way in")),
            (HealthCheckName::Datastore, Finding::ok("etcd 3.7.3")),
            (HealthCheckName::Pods, Finding::failed("0 of 1 ready").remedy("look")),
            (HealthCheckName::ApiServer, Finding::failed("no answer")),
            (HealthCheckName::Service, Finding::failed("gone")),
            (HealthCheckName::Endpoint, Finding::failed("no answer")),
        ]);
        let follows = |name| diagnosis.checks.iter().find(|check| check.name == name).unwrap().caused_by;
        assert_eq!(diagnosis.root_cause, Some(HealthCheckName::Pods));
        assert_eq!(follows(HealthCheckName::Service), None, "no dependency failed");
        assert_eq!(follows(HealthCheckName::Endpoint), Some(HealthCheckName::Service));
        for name in [HealthCheckName::ApiServer, HealthCheckName::Nodes, HealthCheckName::Tokens] {
            assert_eq!(follows(name), Some(HealthCheckName::Pods), "{name:?}");
        }
        assert!(!diagnosis.healthy);
    }

    #[test]
    fn warnings_and_missing_permissions_are_not_failures() {
        let forbidden: Fact<()> = Err(Unavailable::Forbidden("not allowed to list events".into()));
        let diagnosis = derive_diagnosis(vec![
            (HealthCheckName::Clock, Finding::warning("12 s apart")),
            (HealthCheckName::Quota, Finding::of(&forbidden, |()| Finding::ok(""))),
        ]);
        assert!(diagnosis.healthy && diagnosis.root_cause.is_none());
        assert_eq!(diagnosis.checks[1].state, HealthCheckState::Unknown);
    }

    #[test]
    fn a_query_that_times_out_is_a_failure() {
        let late: Fact<()> = Err(Unavailable::timed_out("list pods", Duration::from_secs(6)));
        let diagnosis = derive_diagnosis(vec![(HealthCheckName::Pods, Finding::of(&late, |()| Finding::ok("")))]);
        assert_eq!(diagnosis.root_cause, Some(HealthCheckName::Pods));
        assert_eq!(diagnosis.checks[0].finding, "list pods: no answer within 6 s");
    }

    #[test]
    fn a_check_depends_on_earlier_checks_only() {
        let mut name = Some(HealthCheckName::Limits);
        let all: Vec<HealthCheckName> = std::iter::from_fn(|| {
            let this = name?;
            name = this.depends_on().iter().max().copied();
            Some(this)
        })
        .collect();
        assert!(all.windows(2).all(|pair| pair[0] > pair[1]), "{all:?}");
    }
}
