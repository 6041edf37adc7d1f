//! The management cluster: kubeconfig, API, clock, rights, storage class, namespace, quota.

use serde_json::Value;

use super::check_graph::{Finding, LinkName};
use super::facts::{ApiServerProbe, ControlPlaneFacts, ManagementFacts, MissingRights};
use crate::model::{ControlPlaneSpec, Namespace, ObjectNames};
use crate::plan::lifecycle::pod_status::{list, text};
use crate::plan::rollout::preflight::quota::{NewPods, shortages};

/// The oldest minor that kamaji was made for, of management clusters too.
const OLDEST_MINOR: u64 = 30;
/// Answers that take longer are told.
const SLOW_MILLISECONDS: u128 = 2000;
/// Clocks further apart are told: leases and tokens go by them.
const CLOCKS_APART: i64 = 10;
/// Clocks further apart break things: a lock lives for 20 seconds, and new certificates are not valid yet.
const CLOCKS_BROKEN: i64 = 60;

/// The links of the management cluster. `datastore` says whether there is one; `None` when that was not asked.
pub(crate) fn judge(facts: &ManagementFacts, datastore: Option<bool>) -> Vec<(LinkName, Finding)> {
    let mut findings = vec![
        (LinkName::Kubeconfig, Finding::of(&facts.kubeconfig, |server| Finding::ok(server.clone()))),
        (LinkName::ManagementApi, Finding::of(&facts.greeting, |greeting| api(greeting, facts.verified))),
        (LinkName::Clock, Finding::of(&facts.greeting, clock)),
        (LinkName::Rights, Finding::of(&facts.rights, |missing| rights(missing, &facts.namespace_name))),
        (LinkName::Namespace, Finding::of(&facts.namespace, |found| namespace(found.as_ref(), &facts.namespace_name))),
    ];
    if let Some(there) = datastore {
        findings.push((LinkName::StorageClass, Finding::of(&facts.storage_classes, |all| storage_class(all, there))));
    }
    findings
}

fn api(greeting: &ApiServerProbe, verified: bool) -> Finding {
    let took = greeting.took.as_millis();
    let said = format!("{} answers in {took} ms", greeting.version);
    let minor =
        greeting.version.trim_start_matches("v1.").split('.').next().and_then(|minor| minor.parse::<u64>().ok());
    if minor.is_some_and(|minor| minor < OLDEST_MINOR) {
        return Finding::warning(format!("{said}; kamaji was made for v1.{OLDEST_MINOR} and later"))
            .remedy("upgrade the management cluster");
    }
    if !verified {
        return Finding::warning(format!("{said}; its certificate is not looked at"))
            .remedy("take insecure-skip-tls-verify out of the kubeconfig, and put certificate-authority-data in");
    }
    if took > SLOW_MILLISECONDS {
        return Finding::warning(format!("{said}, which is slow"));
    }
    Finding::ok(said)
}

fn clock(greeting: &ApiServerProbe) -> Finding {
    let Some(ahead) = greeting.ahead else { return Finding::unknown("the server does not tell the time") };
    let apart = ahead.abs();
    let text = match ahead {
        0 => "this machine's clock goes with the server's".to_owned(),
        ahead if ahead > 0 => format!("this machine's clock is {apart} s ahead of the server's"),
        _ => format!("this machine's clock is {apart} s behind the server's"),
    };
    let remedy = "set it by the network: timedatectl set-ntp true";
    if apart >= CLOCKS_BROKEN {
        return Finding::broken(text).remedy(remedy);
    }
    if apart >= CLOCKS_APART { Finding::warning(text).remedy(remedy) } else { Finding::ok(text) }
}

fn rights(missing: &[MissingRights], namespace: &Namespace) -> Finding {
    if missing.is_empty() {
        return Finding::ok("all that kamaji uses");
    }
    let places: Vec<&str> = missing.iter().map(|missing| missing.place.as_str()).collect();
    let details = missing
        .iter()
        .flat_map(|missing| missing.rights.iter().map(move |right| format!("{}: {right}", missing.place)));
    Finding::broken(format!("rights are missing: {}", places.join(", ")))
        .details(details)
        .remedy(format!("as an administrator: kamaji rbac -n {namespace} --user USER | kubectl apply -f -"))
}

/// Whether this is the class of volumes that name none.
#[must_use]
pub fn is_default_class(class: &Value) -> bool {
    text(class, "/metadata/annotations/storageclass.kubernetes.io~1is-default-class") == "true"
}

fn storage_class(classes: &[Value], datastore: bool) -> Finding {
    if let Some(class) = classes.iter().find(|class| is_default_class(class)) {
        return Finding::ok(format!("{} is the default", text(class, "/metadata/name")));
    }
    let said = "there is no default StorageClass";
    if datastore {
        // Nothing asks for a volume any more.
        return Finding::ok(format!("{said}; none is needed, as there is a datastore"));
    }
    Finding::broken(format!("{said} to make a datastore on"))
        .remedy("kubectl annotate storageclass NAME storageclass.kubernetes.io/is-default-class=true")
}

fn namespace(found: Option<&Value>, name: &Namespace) -> Finding {
    let Some(found) = found else {
        return Finding::broken(format!("namespace {name} does not exist"))
            .remedy(format!("kubectl create namespace {name}"));
    };
    if found.pointer("/metadata/deletionTimestamp").is_some() {
        let why = list(found, "/status/conditions").filter(|condition| condition["status"] == "True");
        return Finding::broken(format!("namespace {name} is being deleted"))
            .details(why.map(|condition| text(condition, "/message").to_owned()).filter(|message| !message.is_empty()))
            .remedy("wait until it is gone, or use another: -n NAMESPACE");
    }
    let label = |mode: &str| text(found, &format!("/metadata/labels/pod-security.kubernetes.io~1{mode}"));
    match label("enforce") {
        "" => Finding::ok(format!("{name}, without a Pod Security label")),
        level => Finding::ok(format!("{name}, Pod Security {level}")),
    }
}

/// Whether pods that are missing find room, and new ones would.
pub(crate) fn quota(facts: &ManagementFacts, control_plane: &ControlPlaneFacts) -> Finding {
    Finding::of(&facts.quotas, |quotas| {
        let Some(spec) = control_plane.record().map(|record| &record.spec) else {
            return Finding::unknown("what the pods need is not known without a record");
        };
        let deployment = control_plane
            .live
            .as_ref()
            .ok()
            .and_then(|live| live.named("Deployment", &ObjectNames(&spec.name).deployment()));
        judge_quota(quotas, spec, deployment)
    })
}

fn judge_quota(quotas: &[Value], spec: &ControlPlaneSpec, deployment: Option<&Value>) -> Finding {
    if quotas.is_empty() {
        return Finding::ok("none in the namespace");
    }
    let there = deployment.and_then(|deployment| deployment.pointer("/status/replicas")).and_then(Value::as_u64);
    let missing = u64::from(spec.replicas).saturating_sub(there.unwrap_or(0));
    let remedy = format!("kubectl describe resourcequota -n {}; then raise it", spec.namespace);
    let missing = u32::try_from(missing).unwrap_or(spec.replicas);
    let short_for = |number| shortages(quotas, &NewPods { deployment, number, limit_ranges: None });
    let short = if missing > 0 { short_for(missing) } else { Vec::new() };
    if !short.is_empty() {
        return Finding::broken("no room for pods that are missing").details(short).remedy(remedy);
    }
    let short = short_for(spec.replicas);
    if short.is_empty() {
        return Finding::ok("room for new pods beside the old ones");
    }
    Finding::warning("no room for new pods beside the old ones: a change of the pods would wait")
        .details(short)
        .remedy(remedy)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::super::check_graph::LinkState;
    use super::*;

    fn greeting(version: &str, ahead: i64) -> ApiServerProbe {
        ApiServerProbe { version: version.into(), took: Duration::from_millis(7), ahead: Some(ahead) }
    }

    #[test]
    fn clocks_that_are_apart_are_told_and_break_things_after_a_minute() {
        for (ahead, state) in [
            (0, LinkState::Ok),
            (-9, LinkState::Ok),
            (10, LinkState::Warning),
            (-59, LinkState::Warning),
            (60, LinkState::Broken),
            (-3600, LinkState::Broken),
        ] {
            assert_eq!(clock(&greeting("v1.37.2", ahead)).state, state, "{ahead}");
        }
        assert!(clock(&greeting("v1.37.2", -3600)).text.contains("3600 s behind"));
    }

    #[test]
    fn an_old_server_and_one_that_is_not_verified_are_warned_of() {
        assert_eq!(api(&greeting("v1.37.2", 0), true).state, LinkState::Ok);
        assert_eq!(api(&greeting("v1.29.9-gke.1", 0), true).state, LinkState::Warning);
        assert_eq!(api(&greeting("v1.37.2", 0), false).state, LinkState::Warning);
    }

    #[test]
    fn all_missing_rights_are_told_at_once() {
        let missing = |place: &str, right: &str| MissingRights { place: place.into(), rights: vec![right.into()] };
        let finding = rights(
            &[missing("namespace a", "create secrets"), missing("the cluster", "list nodes")],
            &Namespace::parse("a").unwrap(),
        );
        assert_eq!(finding.state, LinkState::Broken);
        assert_eq!(finding.details, ["namespace a: create secrets", "the cluster: list nodes"]);
        assert!(finding.remedies[0].contains("kamaji rbac -n a"));
    }

    #[test]
    fn a_default_class_is_needed_only_while_there_is_no_datastore() {
        let plain = json!({"metadata": {"name": "slow"}});
        let default = json!({"metadata": {"name": "fast", "annotations":
            {"storageclass.kubernetes.io/is-default-class": "true"}}});
        assert_eq!(storage_class(&[plain.clone(), default], false).state, LinkState::Ok);
        assert_eq!(storage_class(std::slice::from_ref(&plain), true).state, LinkState::Ok);
        assert_eq!(storage_class(&[plain], false).state, LinkState::Broken);
    }

    #[test]
    fn a_namespace_that_goes_away_says_what_holds_it() {
        let name = Namespace::parse("a").unwrap();
        let going = json!({"metadata": {"deletionTimestamp": "x"}, "status": {"conditions": [
            {"type": "NamespaceContentRemaining", "status": "True", "message": "pods. has 1 resource instances"}]}});
        let finding = namespace(Some(&going), &name);
        assert_eq!((finding.state, finding.details.len()), (LinkState::Broken, 1));
        assert_eq!(namespace(None, &name).state, LinkState::Broken);
        assert_eq!(namespace(Some(&json!({})), &name).state, LinkState::Ok);
    }

    #[test]
    fn a_quota_is_broken_only_where_pods_are_missing_for_it() {
        let spec = crate::plan::doctor::tests::spec();
        let quota = json!({"metadata": {"name": "q"}, "status": {"hard": {"pods": "1"}, "used": {"pods": "1"}}});
        let deployment = |replicas: u64| json!({"status": {"replicas": replicas}});
        let of = |replicas| judge_quota(std::slice::from_ref(&quota), &spec, Some(&deployment(replicas))).state;
        assert_eq!(of(1), LinkState::Warning);
        assert_eq!(of(0), LinkState::Broken);
        assert_eq!(judge_quota(&[], &spec, None).state, LinkState::Ok);
    }
}
