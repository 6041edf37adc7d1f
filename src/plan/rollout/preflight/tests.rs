//! Each check, with facts that are in the way and facts that are not.

use serde_json::json;

use super::*;
use crate::model::{Arg, MergeMethod};

fn spec(version: &str) -> ControlPlaneSpec {
    crate::tenant::fixture::spec(version)
}

fn version(text: &str) -> KubeVersion {
    KubeVersion::parse(text).unwrap()
}

/// Three containers with these resources, of v1.36.3.
fn deployment(resources: &Value) -> Value {
    let container =
        |name: &str| json!({"name": name, "image": format!("registry.k8s.io/{name}:v1.36.3"), "resources": resources});
    json!({
        "spec": {
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "100%", "maxUnavailable": 0}},
            "template": {"spec": {"containers": [
                container("kube-apiserver"), container("kube-controller-manager"), container("kube-scheduler")]}},
        },
        "status": {"readyReplicas": 2},
    })
}

fn usual() -> Value {
    deployment(&json!({"requests": {"cpu": "100m", "memory": "100Mi"}, "limits": {"memory": "200Mi"}}))
}

/// Facts with nothing in the way; two replicas go from v1.36.3 to v1.37.2.
fn facts<'a>(spec: &'a ControlPlaneSpec, deployment: &'a Value) -> PreflightFacts<'a> {
    PreflightFacts {
        spec,
        to: version("v1.37.2"),
        workers: Ok(Vec::new()),
        deprecated: Ok(Vec::new()),
        webhooks: Ok(Vec::new()),
        budgets: Ok(Vec::new()),
        quotas: Ok(Vec::new()),
        limit_ranges: Ok(Vec::new()),
        nodes: Ok(Vec::new()),
        deployment: Some(deployment),
        datastore: Ok("etcd 3.7.3 answers".into()),
        certificates_end: Some("2028-06-01T12:00:00Z".parse().unwrap()),
        now: "2027-06-01T12:00:00Z".parse().unwrap(),
    }
}

fn verdict(facts: &PreflightFacts<'_>, name: CheckName) -> (CheckVerdict, String) {
    let check = checks(facts).into_iter().find(|check| check.name == name).unwrap();
    assert!(check.verdict == CheckVerdict::Ok || !check.remedy.is_empty(), "{check:?} says what to do");
    (check.verdict, check.finding)
}

#[test]
fn every_check_is_made_once_and_has_a_name_to_waive_it_by() {
    let (spec, deployment) = (spec("v1.36.3"), usual());
    let names: Vec<CheckName> = checks(&facts(&spec, &deployment)).iter().map(|check| check.name).collect();
    assert_eq!(names, CheckName::ALL);
    for name in CheckName::ALL {
        assert_eq!(CheckName::parse(name.as_str()), Ok(name));
    }
}

#[test]
fn kubelets_must_be_at_most_three_minors_older_and_never_newer() {
    let (spec, deployment) = (spec("v1.36.3"), usual());
    for (kubelet, wanted) in [
        ("v1.37.2", CheckVerdict::Ok),
        ("v1.36.3", CheckVerdict::Ok),
        ("v1.34.0+k3s1", CheckVerdict::Ok),
        ("v1.33.13", CheckVerdict::Blocked),
        ("v1.38.0", CheckVerdict::Blocked),
        ("v1.38.0-alpha.1", CheckVerdict::Blocked),
        ("mine", CheckVerdict::Blocked),
    ] {
        let worker = Worker { name: "worker-1".into(), kubelet: kubelet.into() };
        let facts = PreflightFacts { workers: Ok(vec![worker]), ..facts(&spec, &deployment) };
        let (verdict, finding) = verdict(&facts, CheckName::KubeletSkew);
        assert_eq!(verdict, wanted, "{kubelet}: {finding}");
        assert!(verdict == CheckVerdict::Ok || finding.contains("worker-1"), "{finding}");
    }
}

#[test]
fn feature_gates_that_are_gone_or_locked_are_named_with_their_program() {
    let deployment = usual();
    let with = |value: &str| {
        let mut spec = spec("v1.36.3");
        let arg = Arg { name: "feature-gates".into(), value: value.into(), merge: MergeMethod::default() };
        spec.scheduler.extra_args.push(arg);
        spec
    };
    for (value, wanted, word) in [
        ("AllAlpha=true,WatchList=false", CheckVerdict::Ok, ""),
        ("NobodyKnowsIt=true", CheckVerdict::Ok, ""),
        ("GONE=true", CheckVerdict::Blocked, "GONE of kube-scheduler is gone"),
        ("LOCKED=false", CheckVerdict::Blocked, "LOCKED of kube-scheduler is always true"),
        ("LOCKED=true", CheckVerdict::Ok, ""),
        ("WatchList=true, LOCKED=False", CheckVerdict::Blocked, "LOCKED"),
    ] {
        // Of 1.36: 1.37 does not know the one, and does not let anybody change the other.
        let real = |text: &str| text.replace("GONE", "APIServerTracing").replace("LOCKED", "HPAConfigurableTolerance");
        let spec = with(&real(value));
        let (verdict, finding) = verdict(&facts(&spec, &deployment), CheckName::FeatureGates);
        assert_eq!(verdict, wanted, "{value}: {finding}");
        assert!(finding.contains(&real(word)), "{finding}");
    }
}

#[test]
fn images_are_looked_for_on_the_nodes_that_take_pods() {
    let (spec, deployment) = (spec("v1.36.3"), usual());
    let node = |version: &str, unschedulable: bool| {
        let image = |name: &str| json!({"names": [format!("registry.k8s.io/{name}@sha256:00"), format!("registry.k8s.io/{name}:{version}")]});
        json!({
            "spec": {"unschedulable": unschedulable},
            "status": {"images": [image("kube-apiserver"), image("kube-controller-manager"), image("kube-scheduler")]},
        })
    };
    let seen = |nodes: Vec<Value>| {
        verdict(&PreflightFacts { nodes: Ok(nodes), ..facts(&spec, &deployment) }, CheckName::Images)
    };
    assert_eq!(seen(vec![node("v1.37.2", false)]), (CheckVerdict::Ok, "on each of 1 nodes".into()));
    let (some, finding) = seen(vec![node("v1.37.2", false), node("v1.36.3", false)]);
    assert_eq!(some, CheckVerdict::Ok);
    assert!(finding.contains("on 1 of 2 nodes") && finding.contains("from registry.k8s.io"), "{finding}");
    let (cordoned, finding) = seen(vec![node("v1.37.2", true), node("v1.36.3", false)]);
    assert_eq!(cordoned, CheckVerdict::Warning);
    assert!(finding.contains("registry.k8s.io/kube-apiserver:v1.37.2"), "{finding}");
    assert_eq!(seen(vec![]).0, CheckVerdict::Warning);
    let unseen = PreflightFacts { nodes: Err("forbidden".into()), ..facts(&spec, &deployment) };
    assert!(checks(&unseen).iter().any(|check| check.name == CheckName::Images && check.finding.contains("forbidden")));
}

#[test]
fn budgets_matter_when_kubelets_are_upgraded_afterwards() {
    let (spec, deployment) = (spec("v1.36.3"), usual());
    let budget = |allowed: u64, pods: u64| json!({"metadata": {"namespace": "shop", "name": "db"}, "status": {"disruptionsAllowed": allowed, "expectedPods": pods}});
    let seen = |to: &str, budget: Value| {
        let facts = PreflightFacts { to: version(to), budgets: Ok(vec![budget]), ..facts(&spec, &deployment) };
        verdict(&facts, CheckName::Budgets)
    };
    let (verdict, finding) = seen("v1.37.2", budget(0, 1));
    assert_eq!(verdict, CheckVerdict::Warning);
    assert!(finding.contains("shop/db"), "{finding}");
    assert_eq!(seen("v1.37.2", budget(1, 2)).0, CheckVerdict::Ok);
    assert_eq!(seen("v1.37.2", budget(0, 0)).0, CheckVerdict::Ok);
    assert_eq!(seen("v1.36.4", budget(0, 1)).0, CheckVerdict::Ok);
}

fn quota(hard: &Value, used: &Value, spec: &Value) -> Value {
    json!({"metadata": {"name": "team"}, "spec": spec, "status": {"hard": hard, "used": used}})
}

#[test]
fn quotas_must_take_as_many_new_pods_as_the_deployment_makes() {
    // Two pods of 300m, 300Mi with limits of 600Mi.
    let seen = |resource: &str, hard: &str, used: &str| {
        let (spec, deployment) = (spec("v1.36.3"), usual());
        let quota = quota(&json!({resource: hard}), &json!({resource: used}), &json!({}));
        verdict(&PreflightFacts { quotas: Ok(vec![quota]), ..facts(&spec, &deployment) }, CheckName::Quota)
    };
    for (resource, just_enough, too_little, used) in [
        ("pods", "4", "3", "2"),
        ("count/pods", "4", "3", "2"),
        ("count/replicasets.apps", "2", "1", "1"),
        ("cpu", "1200m", "1199m", "600m"),
        ("requests.cpu", "1.2", "1.1", "600m"),
        ("memory", "1200Mi", "1199Mi", "600Mi"),
        ("requests.memory", "1200Mi", "1Gi", "600Mi"),
        ("limits.memory", "2400Mi", "2Gi", "1200Mi"),
        ("secrets", "1", "0", "1"),
    ] {
        assert_eq!(seen(resource, just_enough, used).0, CheckVerdict::Ok, "{resource}");
        let (verdict, finding) = seen(resource, too_little, used);
        let wanted = if resource == "secrets" { CheckVerdict::Ok } else { CheckVerdict::Blocked };
        assert_eq!(verdict, wanted, "{resource}: {finding}");
        assert!(verdict == CheckVerdict::Ok || finding.contains(&format!("team: {resource}")), "{finding}");
    }
}

#[test]
fn the_need_follows_the_deployments_own_strategy() {
    let spec = spec("v1.36.3");
    let seen = |strategy: Value, hard: &str| {
        let mut deployment = usual();
        deployment["spec"]["strategy"] = strategy;
        let quota = quota(&json!({"pods": hard}), &json!({"pods": "2"}), &json!({}));
        verdict(&PreflightFacts { quotas: Ok(vec![quota]), ..facts(&spec, &deployment) }, CheckName::Quota).0
    };
    let rolling = |surge: Value| json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge}});
    assert_eq!(seen(rolling(json!(1)), "3"), CheckVerdict::Ok);
    assert_eq!(seen(rolling(json!(1)), "2"), CheckVerdict::Blocked);
    assert_eq!(seen(rolling(json!("50%")), "3"), CheckVerdict::Ok);
    assert_eq!(seen(rolling(json!("51%")), "3"), CheckVerdict::Blocked);
    assert_eq!(seen(rolling(Value::Null), "3"), CheckVerdict::Ok);
    assert_eq!(seen(json!({"type": "Recreate"}), "2"), CheckVerdict::Ok);
}

#[test]
fn a_quota_of_other_pods_is_in_nobodys_way_and_one_that_demands_what_is_not_said_is() {
    let (spec, deployment) = (spec("v1.36.3"), usual());
    let seen = |quota: Value, ranges: Vec<Value>| {
        let facts = PreflightFacts { quotas: Ok(vec![quota]), limit_ranges: Ok(ranges), ..facts(&spec, &deployment) };
        verdict(&facts, CheckName::Quota)
    };
    let full = |spec: Value| quota(&json!({"pods": "2"}), &json!({"pods": "2"}), &spec);
    assert_eq!(seen(full(json!({})), vec![]).0, CheckVerdict::Blocked);
    assert_eq!(seen(full(json!({"scopes": ["NotBestEffort"]})), vec![]).0, CheckVerdict::Blocked);
    for other in ["BestEffort", "Terminating"] {
        assert_eq!(seen(full(json!({"scopes": [other]})), vec![]).0, CheckVerdict::Ok, "{other}");
    }
    let class = |operator: &str| {
        full(json!({"scopeSelector": {"matchExpressions": [
            {"scopeName": "PriorityClass", "operator": operator, "values": ["high"]}]}}))
    };
    assert_eq!(seen(class("In"), vec![]).0, CheckVerdict::Ok);
    assert_eq!(seen(class("NotIn"), vec![]).0, CheckVerdict::Blocked);

    let demands = quota(&json!({"limits.cpu": "100"}), &json!({"limits.cpu": "0"}), &json!({}));
    let (verdict, finding) = seen(demands.clone(), vec![]);
    assert_eq!(verdict, CheckVerdict::Blocked);
    assert!(finding.contains("every pod must say its limits.cpu"), "{finding}");
    let default = json!({"spec": {"limits": [{"type": "Container", "default": {"cpu": "1"}}]}});
    assert_eq!(seen(demands, vec![default]).0, CheckVerdict::Ok);
}

#[test]
fn limit_ranges_that_came_later_can_refuse_the_new_pods() {
    let (spec, deployment) = (spec("v1.36.3"), usual());
    let seen = |limit: Value| {
        let range = json!({"metadata": {"name": "small"}, "spec": {"limits": [limit]}});
        verdict(&PreflightFacts { limit_ranges: Ok(vec![range]), ..facts(&spec, &deployment) }, CheckName::LimitRanges)
    };
    for (limit, wanted) in [
        (json!({"type": "Container", "max": {"memory": "200Mi"}}), CheckVerdict::Ok),
        (json!({"type": "Container", "max": {"memory": "199Mi"}}), CheckVerdict::Blocked),
        (json!({"type": "Container", "min": {"cpu": "100m"}}), CheckVerdict::Ok),
        (json!({"type": "Container", "min": {"cpu": "101m"}}), CheckVerdict::Blocked),
        (json!({"type": "Container", "maxLimitRequestRatio": {"memory": "2"}}), CheckVerdict::Ok),
        (json!({"type": "Container", "maxLimitRequestRatio": {"memory": "1"}}), CheckVerdict::Blocked),
        (json!({"type": "Pod", "max": {"memory": "600Mi"}}), CheckVerdict::Ok),
        (json!({"type": "Pod", "max": {"memory": "599Mi"}}), CheckVerdict::Blocked),
        (json!({"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}}), CheckVerdict::Ok),
    ] {
        let (verdict, finding) = seen(limit.clone());
        assert_eq!(verdict, wanted, "{limit}: {finding}");
        assert!(verdict == CheckVerdict::Ok || finding.contains("small: "), "{finding}");
    }
}

#[test]
fn deprecated_apis_are_read_from_the_metrics() {
    let metrics = "# HELP x\napiserver_requested_deprecated_apis{group=\"flowcontrol.apiserver.k8s.io\",removed_release=\"1.32\",\
                   resource=\"flowschemas\",subresource=\"\",version=\"v1beta3\"} 1\n\
                   apiserver_requested_deprecated_apis{group=\"\",removed_release=\"\",resource=\"componentstatuses\",subresource=\"\",version=\"v1\"} 1\n\
                   other{a=\"b\"} 1\n";
    let uses = deprecated_uses(metrics);
    assert_eq!(
        uses,
        [DeprecatedUse { api: "flowcontrol.apiserver.k8s.io/v1beta3 flowschemas".into(), removed_in: 32 }]
    );
}

#[test]
fn quantities_are_kubernetes_own() {
    for (text, amount) in [("250m", 0.25), ("1", 1.0), ("64Mi", 67_108_864.0), ("1e3", 1000.0), ("2k", 2000.0)] {
        assert!((quota::quantity(text).unwrap() - amount).abs() < 1e-9, "{text}");
    }
    assert_eq!(quota::quantity("lots"), None);
}

#[test]
fn a_webhook_that_leaves_kube_system_out_is_in_nobodys_way() {
    let webhook = |selector: Value| json!({"namespaceSelector": selector});
    assert!(tenant::selects_kube_system(&webhook(json!({}))));
    assert!(!tenant::selects_kube_system(&webhook(json!({"matchLabels": {"kubernetes.io/metadata.name": "team-a"}}))));
    assert!(!tenant::selects_kube_system(&webhook(json!({"matchExpressions": [
        {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]}]}))));
    assert!(!tenant::selects_kube_system(&webhook(
        json!({"matchExpressions": [{"key": "team", "operator": "Exists"}]})
    )));
}
