//! Preflight checks of the namespace: whether its quotas and limit ranges allow the new pods next to the old ones.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Check, CheckVerdict, PreflightFacts, check, list, not_checked};
use crate::model::CheckName;

/// Amounts by resource, in base units (cores, bytes).
type Amounts = BTreeMap<String, f64>;

/// During a rollout, old and new pods run at the same time.
pub(crate) fn quota(facts: &PreflightFacts<'_>) -> Check {
    let name = CheckName::Quota;
    let quotas = match &facts.quotas {
        Ok(quotas) => quotas,
        Err(why) => return not_checked(name, why),
    };
    let ranges = facts.limit_ranges.as_deref().unwrap_or_default();
    let new = NewPods { deployment: facts.deployment, number: surge(facts), limit_ranges: Some(ranges) };
    let short = shortages(quotas, &new);
    if short.is_empty() {
        return check(name, CheckVerdict::Ok, "the quotas allow the new pods next to the old ones", "");
    }
    check(
        name,
        CheckVerdict::Blocked,
        format!("the new pods would exceed the quota: {}", short.join("; ")),
        "raise the ResourceQuota for the duration of the upgrade",
    )
}

/// New pods of a Deployment.
#[derive(Debug, Clone, Copy)]
pub(in crate::plan) struct NewPods<'a> {
    /// The Deployment.
    pub(in crate::plan) deployment: Option<&'a Value>,
    /// How many run in addition to the existing ones.
    pub(in crate::plan) number: u32,
    /// The limit ranges of the namespace; `None` if they were not read.
    pub(in crate::plan) limit_ranges: Option<&'a [Value]>,
}

/// The quotas that the new pods would exceed, one line each.
pub(in crate::plan) fn shortages(quotas: &[Value], new: &NewPods<'_>) -> Vec<String> {
    let (need, unset) = (needs(new), unset_resources(new));
    let mut short = Vec::new();
    for quota in quotas.iter().filter(|quota| counts_our_pods(quota, new.deployment)) {
        let object = quota.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let amount = |part: &str, resource: &str| {
            quota.pointer("/status").and_then(|status| status.get(part)?.get(resource)?.as_str())
        };
        for (resource, needed) in &need {
            let (Some(hard), Some(used)) = (amount("hard", resource), amount("used", resource)) else { continue };
            let (Some(hard_amount), Some(used_amount)) = (quantity(hard), quantity(used)) else { continue };
            // A tolerance of one millionth for rounding errors.
            if used_amount + needed > hard_amount * (1.0 + 1e-6) {
                let needed = show(resource, *needed);
                short.push(format!("{object}: {resource} {used} of {hard} used, {needed} more needed"));
            }
        }
        // Such a quota refuses every pod that does not set the resource.
        let required = unset.iter().filter(|resource| new.number > 0 && amount("hard", resource).is_some());
        short.extend(required.map(|resource| format!("{object}: every pod must set {resource}, and these do not")));
    }
    short
}

/// Limit ranges that were created after the old pods can refuse the new ones.
pub(crate) fn limit_ranges(facts: &PreflightFacts<'_>) -> Check {
    let name = CheckName::LimitRanges;
    let ranges = match &facts.limit_ranges {
        Ok(ranges) => ranges,
        Err(why) => return not_checked(name, why),
    };
    let containers: Vec<&Value> = containers(facts.deployment).collect();
    let mut wrong = Vec::new();
    for range in ranges {
        let object = range.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        for limit in list(range, "/spec/limits") {
            match limit["type"].as_str() {
                Some("Container") => {
                    for container in &containers {
                        let container_name = container["name"].as_str().unwrap_or_default();
                        let found = violations(limit, &amounts(container, "requests"), &amounts(container, "limits"));
                        let prefix = format!("{object}: container {container_name}");
                        wrong.extend(found.into_iter().map(|violation| format!("{prefix}: {violation}")));
                    }
                }
                Some("Pod") => {
                    let sum = |part: &str| {
                        let mut all = Amounts::new();
                        for (resource, amount) in containers.iter().flat_map(|container| amounts(container, part)) {
                            *all.entry(resource).or_default() += amount;
                        }
                        all
                    };
                    let found = violations(limit, &sum("requests"), &sum("limits"));
                    wrong.extend(found.into_iter().map(|what| format!("{object}: {what}")));
                }
                Some(_) | None => {}
            }
        }
    }
    if wrong.is_empty() {
        return check(name, CheckVerdict::Ok, "no LimitRange refuses the new pods", "");
    }
    check(
        name,
        CheckVerdict::Blocked,
        format!("the new pods would violate a LimitRange: {}", wrong.join("; ")),
        "change the LimitRange, or set --requests and --limits with kamaji create",
    )
}

/// How the pods violate a limit. Unset values get the defaults of the limit range, which are within the limit.
fn violations(limit: &Value, requests: &Amounts, limits: &Amounts) -> Vec<String> {
    let bound = |part: &str| -> Vec<(String, f64)> {
        let bounds = limit.get(part).and_then(Value::as_object).into_iter().flatten();
        bounds.filter_map(|(resource, amount)| Some((resource.clone(), quantity(amount.as_str()?)?))).collect()
    };
    let mut wrong = Vec::new();
    for (resource, max) in bound("max") {
        let largest = limits.get(&resource).into_iter().chain(requests.get(&resource)).copied().fold(0.0, f64::max);
        if largest > max {
            wrong.push(format!("{resource} {} is above {}", show(&resource, largest), show(&resource, max)));
        }
    }
    for (resource, min) in bound("min") {
        let requested = requests.get(&resource).or_else(|| limits.get(&resource));
        if let Some(requested) = requested.filter(|requested| **requested < min) {
            wrong.push(format!("{resource} {} is below {}", show(&resource, *requested), show(&resource, min)));
        }
    }
    for (resource, ratio) in bound("maxLimitRequestRatio") {
        if let (Some(request), Some(limit)) = (requests.get(&resource), limits.get(&resource))
            && *limit > request * ratio
        {
            wrong.push(format!("the limit of {resource} is more than {ratio} times its request"));
        }
    }
    wrong
}

/// The maximum number of additional pods during a rollout.
fn surge(facts: &PreflightFacts<'_>) -> u32 {
    let replicas = facts.spec.replicas;
    let Some(strategy) = facts.deployment.and_then(|found| found.pointer("/spec/strategy")) else { return replicas };
    if strategy["type"] == "Recreate" {
        return 0;
    }
    let surge = match &strategy["rollingUpdate"]["maxSurge"] {
        Value::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or(u32::MAX),
        Value::String(percent) => {
            let percent: u32 = percent.trim_end_matches('%').parse().unwrap_or(100);
            replicas.saturating_mul(percent).div_ceil(100)
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => replicas.div_ceil(4),
    };
    surge.min(replicas)
}

/// The resources that the new pods need, as a `ResourceQuota` names them.
fn needs(new: &NewPods<'_>) -> Amounts {
    let pods = f64::from(new.number);
    let mut need = Amounts::from([
        ("pods".to_owned(), pods),
        ("count/pods".to_owned(), pods),
        // One for the new revision, regardless of its replicas.
        ("count/replicasets.apps".to_owned(), 1.0),
    ]);
    for container in containers(new.deployment) {
        for (part, prefix) in [("requests", "requests."), ("limits", "limits.")] {
            for (resource, amount) in amounts(container, part) {
                *need.entry(format!("{prefix}{resource}")).or_default() += amount * pods;
                if part == "requests" {
                    *need.entry(resource).or_default() += amount * pods;
                }
            }
        }
    }
    need
}

/// Resources that a quota can require and that neither a container nor a `LimitRange` sets.
fn unset_resources(new: &NewPods<'_>) -> BTreeSet<String> {
    let mut unset = BTreeSet::new();
    let Some(ranges) = new.limit_ranges else { return unset };
    for container in containers(new.deployment) {
        for (part, default) in [("requests", "defaultRequest"), ("limits", "default")] {
            let set = amounts(container, part);
            for resource in ["cpu", "memory"] {
                if set.contains_key(resource) || has_default(ranges, resource, default) {
                    continue;
                }
                unset.insert(format!("{part}.{resource}"));
                if part == "requests" {
                    unset.insert(resource.to_owned());
                }
            }
        }
    }
    unset
}

fn has_default(ranges: &[Value], resource: &str, part: &str) -> bool {
    // The default limit is also the default request, and the maximum is the default limit.
    let parts: &[&str] =
        if part == "default" { &["default", "max"] } else { &["defaultRequest", "default", "min", "max"] };
    let mut limits = ranges.iter().flat_map(|range| list(range, "/spec/limits"));
    limits.any(|limit| limit["type"] == "Container" && parts.iter().any(|part| !limit[*part][resource].is_null()))
}

/// Whether the scopes of a quota match these pods, which have requests, no deadline, and the priority class of the
/// Deployment. Unknown scopes are assumed to match.
fn counts_our_pods(quota: &Value, deployment: Option<&Value>) -> bool {
    let names = list(quota, "/spec/scopes").filter_map(Value::as_str).map(|scope| (scope, "Exists", Vec::new()));
    let selected = list(quota, "/spec/scopeSelector/matchExpressions").map(|expression| {
        let text = |key: &str| expression[key].as_str().unwrap_or_default();
        (text("scopeName"), text("operator"), list(expression, "/values").filter_map(Value::as_str).collect())
    });
    let class =
        deployment.and_then(|found| found.pointer("/spec/template/spec/priorityClassName")).and_then(Value::as_str);
    let mut scopes = names.chain(selected);
    scopes.all(|(scope, operator, values)| match scope {
        "BestEffort" | "Terminating" => false,
        "PriorityClass" => match operator {
            "In" => class.is_some_and(|class| values.contains(&class)),
            "NotIn" => class.is_none_or(|class| !values.contains(&class)),
            "Exists" => class.is_some(),
            "DoesNotExist" => class.is_none(),
            _ => true,
        },
        _ => true,
    })
}

fn containers(deployment: Option<&Value>) -> impl Iterator<Item = &Value> {
    deployment.into_iter().flat_map(|found| list(found, "/spec/template/spec/containers"))
}

/// The requests or limits of a container. A limit is also the default request.
fn amounts(container: &Value, part: &str) -> Amounts {
    let read = |part: &str| {
        let amounts = container.pointer(&format!("/resources/{part}")).and_then(Value::as_object);
        let amounts = amounts.into_iter().flatten();
        amounts.filter_map(|(resource, amount)| Some((resource.clone(), quantity(amount.as_str()?)?)))
    };
    let mut found: Amounts = read(part).collect();
    if part == "requests" {
        for (resource, limit) in read("limits") {
            found.entry(resource).or_insert(limit);
        }
    }
    found
}

/// A Kubernetes quantity in base units.
pub(crate) fn quantity(text: &str) -> Option<f64> {
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
