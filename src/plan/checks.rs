//! What stands in the way of a change of version: named checks over facts that the engine gathered, each of which can
//! be waived by its name. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::model::{CheckName, ControlPlaneSpec, KubeVersion, Skew, flag_goes_away};

/// Certificates that end sooner are told.
const SOON_DAYS: i64 = 30;

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
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
    pub verdict: Verdict,
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
pub struct Facts<'a> {
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
    /// The quotas of its namespace.
    pub quotas: Result<Vec<Value>, String>,
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
pub fn checks(facts: &Facts<'_>) -> Vec<Check> {
    vec![
        health(facts),
        kubelet_skew(facts),
        removed_apis(facts),
        flags(facts),
        webhooks(facts),
        quota(facts),
        datastore(facts),
        certificates(facts),
    ]
}

fn check(name: CheckName, verdict: Verdict, finding: impl Into<String>, remedy: impl Into<String>) -> Check {
    Check { name, verdict, finding: finding.into(), remedy: remedy.into() }
}

fn unseen(name: CheckName, why: &str) -> Check {
    check(name, Verdict::Warning, format!("could not be looked at: {why}"), "")
}

fn health(facts: &Facts<'_>) -> Check {
    let name = CheckName::Health;
    let ready = facts
        .deployment
        .and_then(|deployment| deployment.pointer("/status/readyReplicas"))
        .and_then(Value::as_u64)
        .unwrap_or(0);
    let wanted = u64::from(facts.spec.replicas);
    if ready >= wanted {
        return check(name, Verdict::Ok, format!("{ready} of {wanted} pods ready"), "");
    }
    check(
        name,
        Verdict::Blocked,
        format!("{ready} of {wanted} pods ready"),
        format!("mend it first: kamaji status {}", facts.spec.name),
    )
}

fn kubelet_skew(facts: &Facts<'_>) -> Check {
    let name = CheckName::KubeletSkew;
    let workers = match &facts.workers {
        Ok(workers) => workers,
        Err(why) => return unseen(name, why),
    };
    let mut wrong = Vec::new();
    for worker in workers {
        let why = match Skew::of(&worker.kubelet, facts.to) {
            Skew::Unknown => ": not a version".to_owned(),
            Skew::Newer(_) => " is newer than the API server would be".to_owned(),
            skew if !skew.is_allowed() => format!(" is more than {} minors older", Skew::OLDEST),
            Skew::Same | Skew::Older(_) => continue,
        };
        wrong.push(format!("{} ({}{why})", worker.name, worker.kubelet));
    }
    if wrong.is_empty() {
        return check(
            name,
            Verdict::Ok,
            format!("{} workers within {} minors of {}", workers.len(), Skew::OLDEST, facts.to),
            "",
        );
    }
    check(
        name,
        Verdict::Blocked,
        format!("kubelets that {} does not support: {}", facts.to, wrong.join(", ")),
        "upgrade the kubelets of these workers first, or remove the workers",
    )
}

fn removed_apis(facts: &Facts<'_>) -> Check {
    let name = CheckName::RemovedApis;
    let used = match &facts.deprecated {
        Ok(used) => used,
        Err(why) => return unseen(name, why),
    };
    let gone: Vec<String> = used
        .iter()
        .filter(|used| used.removed_in <= facts.to.minor && used.removed_in > facts.spec.version.minor)
        .map(|used| format!("{} (removed in v1.{})", used.api, used.removed_in))
        .collect();
    if gone.is_empty() {
        return check(name, Verdict::Ok, format!("no API in use is removed by {}", facts.to), "");
    }
    check(
        name,
        Verdict::Blocked,
        format!("in use since the API server started, and removed by {}: {}", facts.to, gone.join(", ")),
        "move their users to a newer API version; the audit log names them (annotation k8s.io/deprecated)",
    )
}

/// An argument of the user that the target's program does not know would keep it from starting.
fn flags(facts: &Facts<'_>) -> Check {
    let name = CheckName::Flags;
    let (spec, from, to) = (facts.spec, facts.spec.version.minor, facts.to.minor);
    let programs = [
        ("kube-apiserver", &spec.api_server),
        ("kube-controller-manager", &spec.controller_manager),
        ("kube-scheduler", &spec.scheduler),
    ];
    let gone: Vec<String> = programs
        .iter()
        .flat_map(|(program, component)| component.extra_args.iter().map(move |arg| (program, &arg.name)))
        .filter(|(program, flag)| flag_goes_away(program, flag, from, to))
        .map(|(program, flag)| format!("--{flag} of {program}"))
        .collect();
    if gone.is_empty() {
        return check(
            name,
            Verdict::Ok,
            format!("{} knows every extra argument that {} knew", facts.to, spec.version),
            "",
        );
    }
    check(
        name,
        Verdict::Blocked,
        format!("{} does not know {} any more", facts.to, gone.join(", ")),
        "take it out of the kubeadm file's extraArgs, and run create with that file first",
    )
}

/// Webhooks that must answer before pods, Deployments and `ConfigMap`s in kube-system can be written: the addons' upgrade
/// and the pods of the workers depend on them.
fn webhooks(facts: &Facts<'_>) -> Check {
    let name = CheckName::Webhooks;
    let configurations = match &facts.webhooks {
        Ok(configurations) => configurations,
        Err(why) => return unseen(name, why),
    };
    let text =
        |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut strict = Vec::new();
    for configuration in configurations {
        for webhook in list(configuration, "/webhooks") {
            if text(webhook, "/failurePolicy") == "Fail"
                && selects_kube_system(webhook)
                && list(webhook, "/rules").any(touches_addons)
            {
                strict.push(format!("{} of {}", text(webhook, "/name"), text(configuration, "/metadata/name")));
            }
        }
    }
    if strict.is_empty() {
        return check(name, Verdict::Ok, "no webhook has to agree to the addons' upgrade", "");
    }
    check(
        name,
        Verdict::Warning,
        format!("must answer while the addons are upgraded (failurePolicy Fail): {}", strict.join(", ")),
        "see that their servers run, or let them leave out the namespace kube-system",
    )
}

fn touches_addons(rule: &Value) -> bool {
    let has = |pointer: &str, wanted: &[&str]| {
        list(rule, pointer).filter_map(Value::as_str).any(|word| wanted.contains(&word))
    };
    has("/operations", &["*", "CREATE", "UPDATE"])
        && has("/resources", &["*", "*/*", "pods", "configmaps", "deployments", "daemonsets"])
        && has("/apiGroups", &["*", "", "apps"])
}

/// Whether the namespace selector lets kube-system through, as far as its well-known label tells.
fn selects_kube_system(webhook: &Value) -> bool {
    let label = "kubernetes.io/metadata.name";
    let selector = webhook.pointer("/namespaceSelector");
    let labels = selector.and_then(|selector| selector.pointer("/matchLabels")).and_then(Value::as_object);
    if labels.is_some_and(|labels| labels.iter().any(|(key, value)| key != label || value != "kube-system")) {
        return false;
    }
    selector.into_iter().flat_map(|selector| list(selector, "/matchExpressions")).all(|expression| {
        let values = || list(expression, "/values").filter_map(Value::as_str);
        let about_the_name = expression.pointer("/key").and_then(Value::as_str) == Some(label);
        match (expression.pointer("/operator").and_then(Value::as_str), about_the_name) {
            (Some("In"), true) => values().any(|value| value == "kube-system"),
            (Some("NotIn"), true) => values().all(|value| value != "kube-system"),
            (Some("Exists" | "In"), false) | (Some("DoesNotExist"), true) => false,
            _ => true,
        }
    })
}

/// While old and new pods run side by side the namespace holds twice as many.
fn quota(facts: &Facts<'_>) -> Check {
    let name = CheckName::Quota;
    let quotas = match &facts.quotas {
        Ok(quotas) => quotas,
        Err(why) => return unseen(name, why),
    };
    let need = surge(facts);
    let mut short = Vec::new();
    for quota in quotas {
        for (resource, needed) in &need {
            let amount = |part: &str| {
                quota
                    .pointer("/status")
                    .and_then(|status| status.get(part))
                    .and_then(|part| part.get(resource))
                    .and_then(Value::as_str)
            };
            let (Some(hard), Some(used)) = (amount("hard"), amount("used")) else { continue };
            let (Some(hard_amount), Some(used_amount)) = (quantity(hard), quantity(used)) else { continue };
            if used_amount + needed > hard_amount {
                let object = quota.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
                short.push(format!(
                    "{object}: {resource} {used} of {hard} used, {} more needed",
                    show(resource, *needed)
                ));
            }
        }
    }
    if short.is_empty() {
        return check(name, Verdict::Ok, "the namespace has room for the new pods beside the old ones", "");
    }
    check(
        name,
        Verdict::Blocked,
        format!("no room for the new pods beside the old ones: {}", short.join("; ")),
        "raise the ResourceQuota for the time of the upgrade",
    )
}

/// What the new pods need in the terms of a `ResourceQuota`, in base units (cores, bytes).
fn surge(facts: &Facts<'_>) -> BTreeMap<String, f64> {
    let mut need = BTreeMap::new();
    let pods = f64::from(facts.spec.replicas);
    for resource in ["pods", "count/pods"] {
        need.insert(resource.to_owned(), pods);
    }
    let Some(deployment) = facts.deployment else { return need };
    for container in list(deployment, "/spec/template/spec/containers") {
        for (part, prefix) in [("requests", "requests."), ("limits", "limits.")] {
            let Some(amounts) = container.pointer(&format!("/resources/{part}")).and_then(Value::as_object) else {
                continue;
            };
            for (resource, amount) in amounts {
                let Some(amount) = amount.as_str().and_then(quantity) else { continue };
                *need.entry(format!("{prefix}{resource}")).or_default() += amount * pods;
                if part == "requests" {
                    *need.entry(resource.clone()).or_default() += amount * pods;
                }
            }
        }
    }
    need
}

/// A Kubernetes quantity in base units.
fn quantity(text: &str) -> Option<f64> {
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-' || c == '+')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(split);
    let number: f64 = number.parse().ok()?;
    let factor = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        "Ti" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        exponent => 10_f64.powi(exponent.strip_prefix(['e', 'E'])?.parse().ok()?),
    };
    Some(number * factor)
}

fn show(resource: &str, amount: f64) -> String {
    if resource.ends_with("memory") || resource.ends_with("storage") {
        format!("{:.0}Mi", (amount / (1024.0 * 1024.0)).ceil())
    } else if resource.ends_with("cpu") {
        format!("{:.0}m", (amount * 1000.0).ceil())
    } else {
        format!("{amount:.0}")
    }
}

fn datastore(facts: &Facts<'_>) -> Check {
    let name = CheckName::Datastore;
    match &facts.datastore {
        Ok(state) => check(name, Verdict::Ok, state.clone(), ""),
        Err(why) => check(
            name,
            Verdict::Blocked,
            format!("datastore {}: {why}", facts.spec.datastore),
            "mend the datastore first",
        ),
    }
}

fn certificates(facts: &Facts<'_>) -> Check {
    let name = CheckName::Certificates;
    let Some(end) = facts.certificates_end else { return unseen(name, "the record does not tell when they end") };
    let days = (end.as_second() - facts.now.as_second()).div_euclid(24 * 3600);
    if days >= SOON_DAYS {
        return check(name, Verdict::Ok, format!("the first ends in {days} days"), "");
    }
    let finding =
        if days < 0 { format!("the first ended {} days ago", -days) } else { format!("the first ends in {days} days") };
    check(name, Verdict::Warning, finding, "those that end within 30 days are made anew by the upgrade")
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// Reads `apiserver_requested_deprecated_apis` out of the API server's metrics (text format).
#[must_use]
pub fn deprecated_uses(metrics: &str) -> Vec<DeprecatedUse> {
    const METRIC: &str = "apiserver_requested_deprecated_apis{";
    let mut uses: Vec<DeprecatedUse> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix(METRIC)?.split_once('}'))
        .filter(|(_, value)| value.trim().parse::<f64>().is_ok_and(|value| value > 0.0))
        .filter_map(|(labels, _)| {
            let label = |name: &str| {
                labels
                    .split(',')
                    .find_map(|pair| Some(pair.trim().strip_prefix(name)?.strip_prefix("=\"")?.trim_end_matches('"')))
            };
            let removed_in = label("removed_release")?.strip_prefix("1.")?.parse().ok()?;
            let group = label("group").unwrap_or_default();
            let version = label("version")?;
            let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
            Some(DeprecatedUse { api: format!("{group_version} {}", label("resource")?), removed_in })
        })
        .collect();
    uses.sort();
    uses.dedup();
    uses
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
            assert!((quantity(text).unwrap() - amount).abs() < 1e-9, "{text}");
        }
        assert_eq!(quantity("lots"), None);
    }

    #[test]
    fn a_webhook_that_leaves_kube_system_out_is_in_nobodys_way() {
        let webhook = |selector: Value| json!({"namespaceSelector": selector});
        assert!(selects_kube_system(&webhook(json!({}))));
        assert!(!selects_kube_system(&webhook(json!({"matchLabels": {"kubernetes.io/metadata.name": "team-a"}}))));
        assert!(!selects_kube_system(&webhook(json!({"matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]}]}))));
        assert!(!selects_kube_system(&webhook(json!({"matchExpressions": [{"key": "team", "operator": "Exists"}]}))));
    }
}
