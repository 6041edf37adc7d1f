//! Checks the management cluster: kubeconfig, API server, clock, permissions, storage class, namespace, quota.

use serde_json::Value;

use super::check_graph::{Finding, HealthCheckName};
use super::facts::{ApiServerProbe, ControlPlaneFacts, ManagementFacts, MissingRights};
use crate::model::{ControlPlaneSpec, Namespace, ObjectNames};
use crate::plan::lifecycle::pod_status::{list, text};
use crate::plan::rollout::preflight::quota::{NewPods, shortages};

/// The oldest minor version of a management cluster that kamaji supports.
const OLDEST_MINOR: u64 = 30;
/// Answers that take longer are a warning.
const SLOW_MILLISECONDS: u128 = 2000;
/// A clock offset in seconds that is a warning: leases and tokens depend on it.
const CLOCKS_APART: i64 = 10;
/// A clock offset in seconds that is a failure: a lock expires after 20 seconds, and new certificates are not valid
/// yet.
const CLOCKS_BROKEN: i64 = 60;

/// Checks the management cluster. `datastore` says whether one exists; `None` if that is unknown.
pub(crate) fn check_management_cluster(
    facts: &ManagementFacts,
    datastore: Option<bool>,
) -> Vec<(HealthCheckName, Finding)> {
    let mut findings = vec![
        (HealthCheckName::Kubeconfig, Finding::of(&facts.kubeconfig, |server| Finding::ok(server.clone()))),
        (
            HealthCheckName::ManagementApi,
            Finding::of(&facts.api_server, |api_server| check_api_server(api_server, facts.verified)),
        ),
        (HealthCheckName::Clock, Finding::of(&facts.api_server, check_clock)),
        (
            HealthCheckName::Permissions,
            Finding::of(&facts.rights, |missing| check_permissions(missing, &facts.namespace_name)),
        ),
        (
            HealthCheckName::Namespace,
            Finding::of(&facts.namespace, |found| check_namespace(found.as_ref(), &facts.namespace_name)),
        ),
    ];
    if let Some(there) = datastore {
        findings.push((
            HealthCheckName::StorageClass,
            Finding::of(&facts.storage_classes, |all| check_storage_class(all, there)),
        ));
    }
    findings
}

fn check_api_server(api_server: &ApiServerProbe, verified: bool) -> Finding {
    let took = api_server.took.as_millis();
    let text = format!("{} answers in {took} ms", api_server.version);
    let minor =
        api_server.version.trim_start_matches("v1.").split('.').next().and_then(|minor| minor.parse::<u64>().ok());
    if minor.is_some_and(|minor| minor < OLDEST_MINOR) {
        return Finding::warning(format!("{text}; kamaji supports v1.{OLDEST_MINOR} and later"))
            .remedy("upgrade the management cluster");
    }
    if !verified {
        return Finding::warning(format!("{text}; its certificate is not verified"))
            .remedy("replace insecure-skip-tls-verify in the kubeconfig with certificate-authority-data");
    }
    if took > SLOW_MILLISECONDS {
        return Finding::warning(format!("{text} (slow)"));
    }
    Finding::ok(text)
}

fn check_clock(api_server: &ApiServerProbe) -> Finding {
    let Some(ahead) = api_server.ahead else { return Finding::unknown("the server sent no date") };
    let apart = ahead.abs();
    let text = match ahead {
        0 => "this machine's clock is in step with the server's".to_owned(),
        ahead if ahead > 0 => format!("this machine's clock is {apart} s ahead of the server's"),
        _ => format!("this machine's clock is {apart} s behind the server's"),
    };
    let remedy = "enable NTP: timedatectl set-ntp true";
    if apart >= CLOCKS_BROKEN {
        return Finding::failed(text).remedy(remedy);
    }
    if apart >= CLOCKS_APART { Finding::warning(text).remedy(remedy) } else { Finding::ok(text) }
}

fn check_permissions(missing: &[MissingRights], namespace: &Namespace) -> Finding {
    if missing.is_empty() {
        return Finding::ok("all permissions that kamaji needs");
    }
    let places: Vec<&str> = missing.iter().map(|missing| missing.place.as_str()).collect();
    let details = missing
        .iter()
        .flat_map(|missing| missing.rights.iter().map(move |right| format!("{}: {right}", missing.place)));
    Finding::failed(format!("permissions are missing: {}", places.join(", ")))
        .details(details)
        .remedy(format!("as an administrator: kamaji rbac -n {namespace} --user USER | kubectl apply -f -"))
}

/// Whether this `StorageClass` is the default.
#[must_use]
pub fn is_default_class(class: &Value) -> bool {
    text(class, "/metadata/annotations/storageclass.kubernetes.io~1is-default-class") == "true"
}

fn check_storage_class(classes: &[Value], datastore: bool) -> Finding {
    if let Some(class) = classes.iter().find(|class| is_default_class(class)) {
        return Finding::ok(format!("{} is the default", text(class, "/metadata/name")));
    }
    if datastore {
        // No further volume is needed.
        return Finding::ok(format!("no default StorageClass; none is needed, the datastore exists"));
    }
    Finding::failed(format!("no default StorageClass for the datastore"))
        .remedy("kubectl annotate storageclass NAME storageclass.kubernetes.io/is-default-class=true")
}

fn check_namespace(found: Option<&Value>, name: &Namespace) -> Finding {
    let Some(found) = found else {
        return Finding::failed(format!("namespace {name} does not exist"))
            .remedy(format!("kubectl create namespace {name}"));
    };
    if found.pointer("/metadata/deletionTimestamp").is_some() {
        let why = list(found, "/status/conditions").filter(|condition| condition["status"] == "True");
        return Finding::failed(format!("namespace {name} is being deleted"))
            .details(why.map(|condition| text(condition, "/message").to_owned()).filter(|message| !message.is_empty()))
            .remedy("wait until it is deleted, or use another: -n NAMESPACE");
    }
    let label = |mode: &str| text(found, &format!("/metadata/labels/pod-security.kubernetes.io~1{mode}"));
    match label("enforce") {
        "" => Finding::ok(format!("{name}, no Pod Security label")),
        level => Finding::ok(format!("{name}, Pod Security {level}")),
    }
}

/// Whether the quota admits missing pods, and new pods during a rollout.
pub(crate) fn check_quota(facts: &ManagementFacts, control_plane: &ControlPlaneFacts) -> Finding {
    Finding::of(&facts.quotas, |quotas| {
        let Some(spec) = control_plane.record().map(|record| &record.spec) else {
            return Finding::unknown("the record is missing, so the pods' requests are unknown");
        };
        let deployment = control_plane
            .live
            .as_ref()
            .ok()
            .and_then(|live| live.named("Deployment", &ObjectNames(&spec.name).deployment()));
        check_quotas(quotas, spec, deployment)
    })
}

fn check_quotas(quotas: &[Value], spec: &ControlPlaneSpec, deployment: Option<&Value>) -> Finding {
    if quotas.is_empty() {
        return Finding::ok("no quota in the namespace");
    }
    let there = deployment.and_then(|deployment| deployment.pointer("/status/replicas")).and_then(Value::as_u64);
    let missing = u64::from(spec.replicas).saturating_sub(there.unwrap_or(0));
    let remedy = format!("raise the quota: kubectl describe resourcequota -n {}", spec.namespace);
    let missing = u32::try_from(missing).unwrap_or(spec.replicas);
    let short_for = |number| shortages(quotas, &NewPods { deployment, number, limit_ranges: None });
    let short = if missing > 0 { short_for(missing) } else { Vec::new() };
    if !short.is_empty() {
        return Finding::failed("the quota does not admit the missing pods").details(short).remedy(remedy);
    }
    let short = short_for(spec.replicas);
    if short.is_empty() {
        return Finding::ok("admits a rollout");
    }
    Finding::warning("the quota does not admit new pods beside the old ones; a rollout would wait")
        .details(short)
        .remedy(remedy)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::super::check_graph::HealthCheckState;
    use super::*;

    fn api_server(version: &str, ahead: i64) -> ApiServerProbe {
        ApiServerProbe { version: version.into(), took: Duration::from_millis(7), ahead: Some(ahead) }
    }

    #[test]
    fn a_clock_offset_is_a_warning_and_fails_from_one_minute() {
        for (ahead, state) in [
            (0, HealthCheckState::Ok),
            (-9, HealthCheckState::Ok),
            (10, HealthCheckState::Warning),
            (-59, HealthCheckState::Warning),
            (60, HealthCheckState::Failed),
            (-3600, HealthCheckState::Failed),
        ] {
            assert_eq!(check_clock(&api_server("v1.37.2", ahead)).state, state, "{ahead}");
        }
        assert!(check_clock(&api_server("v1.37.2", -3600)).text.contains("3600 s behind"));
    }

    #[test]
    fn an_old_or_unverified_server_is_a_warning() {
        assert_eq!(check_api_server(&api_server("v1.37.2", 0), true).state, HealthCheckState::Ok);
        assert_eq!(check_api_server(&api_server("v1.29.9-gke.1", 0), true).state, HealthCheckState::Warning);
        assert_eq!(check_api_server(&api_server("v1.37.2", 0), false).state, HealthCheckState::Warning);
    }

    #[test]
    fn all_missing_permissions_are_reported_at_once() {
        let missing = |place: &str, right: &str| MissingRights { place: place.into(), rights: vec![right.into()] };
        let finding = check_permissions(
            &[missing("namespace a", "create secrets"), missing("the cluster", "list nodes")],
            &Namespace::parse("a").unwrap(),
        );
        assert_eq!(finding.state, HealthCheckState::Failed);
        assert_eq!(finding.details, ["namespace a: create secrets", "the cluster: list nodes"]);
        assert!(finding.remedies[0].contains("kamaji rbac -n a"));
    }

    #[test]
    fn a_default_storage_class_is_needed_only_until_the_datastore_exists() {
        let plain = json!({"metadata": {"name": "slow"}});
        let default = json!({"metadata": {"name": "fast", "annotations":
            {"storageclass.kubernetes.io/is-default-class": "true"}}});
        assert_eq!(check_storage_class(&[plain.clone(), default], false).state, HealthCheckState::Ok);
        assert_eq!(check_storage_class(std::slice::from_ref(&plain), true).state, HealthCheckState::Ok);
        assert_eq!(check_storage_class(&[plain], false).state, HealthCheckState::Failed);
    }

    #[test]
    fn a_terminating_namespace_is_reported_with_what_blocks_it() {
        let name = Namespace::parse("a").unwrap();
        let going = json!({"metadata": {"deletionTimestamp": "x"}, "status": {"conditions": [
            {"type": "NamespaceContentRemaining", "status": "True", "message": "pods. has 1 resource instances"}]}});
        let finding = check_namespace(Some(&going), &name);
        assert_eq!((finding.state, finding.details.len()), (HealthCheckState::Failed, 1));
        assert_eq!(check_namespace(None, &name).state, HealthCheckState::Failed);
        assert_eq!(check_namespace(Some(&json!({})), &name).state, HealthCheckState::Ok);
    }

    #[test]
    fn a_quota_fails_only_if_it_blocks_missing_pods() {
        let spec = crate::plan::doctor::tests::spec();
        let quota = json!({"metadata": {"name": "q"}, "status": {"hard": {"pods": "1"}, "used": {"pods": "1"}}});
        let deployment = |replicas: u64| json!({"status": {"replicas": replicas}});
        let of = |replicas| check_quotas(std::slice::from_ref(&quota), &spec, Some(&deployment(replicas))).state;
        assert_eq!(of(1), HealthCheckState::Warning);
        assert_eq!(of(0), HealthCheckState::Failed);
        assert_eq!(check_quotas(&[], &spec, None).state, HealthCheckState::Ok);
    }
}
