//! Checks of the namespace: whether its quotas and limit ranges take the new pods beside the old ones.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Check, CheckVerdict, PreflightFacts, check, list, unseen};
use crate::model::CheckName;

/// Amounts by resource, in base units (cores, bytes).
type Amounts = BTreeMap<String, f64>;

/// While old and new pods run side by side the namespace holds more of them.
pub(crate) fn quota(facts: &PreflightFacts<'_>) -> Check {
    let name = CheckName::Quota;
    let quotas = match &facts.quotas {
        Ok(quotas) => quotas,
        Err(why) => return unseen(name, why),
    };
    let ranges = facts.limit_ranges.as_deref().unwrap_or_default();
    let new = NewPods { deployment: facts.deployment, number: surge(facts), limit_ranges: Some(ranges) };
    let short = shortages(quotas, &new);
    if short.is_empty() {
        return check(name, CheckVerdict::Ok, "the namespace has room for the new pods beside the old ones", "");
    }
    check(
        name,
        CheckVerdict::Blocked,
        format!("no room for the new pods beside the old ones: {}", short.join("; ")),
        "raise the ResourceQuota for the time of the upgrade",
    )
}

/// Pods of a Deployment that are to come.
#[derive(Debug, Clone, Copy)]
pub(in crate::plan) struct NewPods<'a> {
    /// What they are made from.
    pub(in crate::plan) deployment: Option<&'a Value>,
    /// How many at once.
    pub(in crate::plan) number: u32,
    /// The defaults of their namespace; `None` where they were not asked for.
    pub(in crate::plan) limit_ranges: Option<&'a [Value]>,
}

/// Which quotas leave no room for them, one line each.
pub(in crate::plan) fn shortages(quotas: &[Value], new: &NewPods<'_>) -> Vec<String> {
    let (need, unset) = (needs(new), unset(new));
    let mut short = Vec::new();
    for quota in quotas.iter().filter(|quota| counts_our_pods(quota, new.deployment)) {
        let object = quota.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let amount = |part: &str, resource: &str| {
            quota.pointer("/status").and_then(|status| status.get(part)?.get(resource)?.as_str())
        };
        for (resource, needed) in &need {
            let (Some(hard), Some(used)) = (amount("hard", resource), amount("used", resource)) else { continue };
            let (Some(hard_amount), Some(used_amount)) = (quantity(hard), quantity(used)) else { continue };
            // A millionth for what adding fractions loses.
            if used_amount + needed > hard_amount * (1.0 + 1e-6) {
                let needed = show(resource, *needed);
                short.push(format!("{object}: {resource} {used} of {hard} used, {needed} more needed"));
            }
        }
        // Such a quota refuses every pod that does not say what it needs.
        let demanded = unset.iter().filter(|resource| new.number > 0 && amount("hard", resource).is_some());
        short.extend(demanded.map(|resource| format!("{object}: every pod must say its {resource}, and these do not")));
    }
    short
}

/// Limits of single pods and containers that the namespace got since the old pods were made.
pub(crate) fn limit_ranges(facts: &PreflightFacts<'_>) -> Check {
    let name = CheckName::LimitRanges;
    let ranges = match &facts.limit_ranges {
        Ok(ranges) => ranges,
        Err(why) => return unseen(name, why),
    };
    let containers: Vec<&Value> = containers(facts.deployment).collect();
    let mut wrong = Vec::new();
    for range in ranges {
        let object = range.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        for limit in list(range, "/spec/limits") {
            match limit["type"].as_str() {
                Some("Container") => {
                    for container in &containers {
                        let who = container["name"].as_str().unwrap_or_default();
                        let found = beyond(limit, &amounts(container, "requests"), &amounts(container, "limits"));
                        wrong.extend(found.into_iter().map(|what| format!("{object}: container {who}: {what}")));
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
                    let found = beyond(limit, &sum("requests"), &sum("limits"));
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
        format!("the new pods would be refused: {}", wrong.join("; ")),
        "change the LimitRange, or the pods' --requests and --limits with create",
    )
}

/// What of a limit is broken. Where something is not said, the limit's own defaults hold, and those fit.
fn beyond(limit: &Value, requests: &Amounts, limits: &Amounts) -> Vec<String> {
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
        let asked = requests.get(&resource).or_else(|| limits.get(&resource));
        if let Some(asked) = asked.filter(|asked| **asked < min) {
            wrong.push(format!("{resource} {} is below {}", show(&resource, *asked), show(&resource, min)));
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

/// How many pods there are more than before, at most, while the Deployment rolls.
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

/// What new pods need in the terms of a `ResourceQuota`.
fn needs(new: &NewPods<'_>) -> Amounts {
    let pods = f64::from(new.number);
    let mut need = Amounts::from([
        ("pods".to_owned(), pods),
        ("count/pods".to_owned(), pods),
        // Of the new version, however many pods it has.
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

/// What a quota can demand that some container does not say, and no `LimitRange` says for it.
fn unset(new: &NewPods<'_>) -> BTreeSet<String> {
    let mut unset = BTreeSet::new();
    let Some(ranges) = new.limit_ranges else { return unset };
    for container in containers(new.deployment) {
        for (part, default) in [("requests", "defaultRequest"), ("limits", "default")] {
            let said = amounts(container, part);
            for resource in ["cpu", "memory"] {
                if said.contains_key(resource) || has_default(ranges, resource, default) {
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
    // A default limit is the default request too, and a maximum is the default limit.
    let parts: &[&str] =
        if part == "default" { &["default", "max"] } else { &["defaultRequest", "default", "min", "max"] };
    let mut limits = ranges.iter().flat_map(|range| list(range, "/spec/limits"));
    limits.any(|limit| limit["type"] == "Container" && parts.iter().any(|part| !limit[*part][resource].is_null()))
}

/// Whether a quota is about pods like these: they have requests, run without an end, and have the priority that was asked
/// for. A scope that is not known is taken as if it were about them.
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

/// What a container asks for, or may have; what it asks for is its limit where it does not say.
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
