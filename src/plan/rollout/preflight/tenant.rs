//! Checks of what is in the control plane's own cluster: kubelets, APIs in use, webhooks, disruption budgets.

use serde_json::Value;

use super::{Check, CheckVerdict, DeprecatedUse, PreflightFacts, check, list, unseen};
use crate::model::{CheckName, Skew};

pub(crate) fn kubelet_skew(facts: &PreflightFacts<'_>) -> Check {
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
            CheckVerdict::Ok,
            format!("{0} of {0} workers within {1} minors of {2}", workers.len(), Skew::OLDEST, facts.to),
            "",
        );
    }
    check(
        name,
        CheckVerdict::Blocked,
        format!("kubelets that {} does not support: {}", facts.to, wrong.join(", ")),
        "upgrade the kubelets of these workers first, or remove the workers",
    )
}

pub(crate) fn removed_apis(facts: &PreflightFacts<'_>) -> Check {
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
        return check(name, CheckVerdict::Ok, format!("no API in use is removed by {}", facts.to), "");
    }
    check(
        name,
        CheckVerdict::Blocked,
        format!("in use since the API server started, and removed by {}: {}", facts.to, gone.join(", ")),
        "move their users to a newer API version; the audit log names them (annotation k8s.io/deprecated)",
    )
}

/// Webhooks that must answer before pods, Deployments and `ConfigMap`s in kube-system can be written: the addons' upgrade
/// and the pods of the workers depend on them.
pub(crate) fn webhooks(facts: &PreflightFacts<'_>) -> Check {
    let name = CheckName::Webhooks;
    let configurations = match &facts.webhooks {
        Ok(configurations) => configurations,
        Err(why) => return unseen(name, why),
    };
    let strict: Vec<String> = strict_webhooks(configurations).into_iter().map(|webhook| webhook.name).collect();
    if strict.is_empty() {
        return check(name, CheckVerdict::Ok, "no webhook has to agree to the addons' upgrade", "");
    }
    check(
        name,
        CheckVerdict::Warning,
        format!("must answer while the addons are upgraded (failurePolicy Fail): {}", strict.join(", ")),
        "see that their servers run, or let them leave out the namespace kube-system",
    )
}

/// A webhook without which nothing that pods need can be written in kube-system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrictWebhook {
    /// Its name, and that of its configuration.
    pub name: String,
    /// Namespace and name of the Service that answers; `None` for one at an address.
    pub service: Option<(String, String)>,
}

/// The webhooks with failurePolicy Fail that pods, Deployments or `ConfigMap`s in kube-system have to pass.
#[must_use]
pub fn strict_webhooks(configurations: &[Value]) -> Vec<StrictWebhook> {
    let text = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let mut strict = Vec::new();
    for configuration in configurations {
        for webhook in list(configuration, "/webhooks") {
            if text(webhook, "/failurePolicy").as_deref() == Some("Fail")
                && selects_kube_system(webhook)
                && list(webhook, "/rules").any(touches_addons)
            {
                let named = |value: &Value, pointer: &str| text(value, pointer).unwrap_or_default();
                let service = text(webhook, "/clientConfig/service/name");
                strict.push(StrictWebhook {
                    name: format!("{} of {}", named(webhook, "/name"), named(configuration, "/metadata/name")),
                    service: service.map(|name| (named(webhook, "/clientConfig/service/namespace"), name)),
                });
            }
        }
    }
    strict
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
pub(crate) fn selects_kube_system(webhook: &Value) -> bool {
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

/// Budgets do not hinder new pods of the control plane, but the drain of workers whose kubelets are upgraded by hand then.
pub(crate) fn budgets(facts: &PreflightFacts<'_>) -> Check {
    let name = CheckName::Budgets;
    let budgets = match &facts.budgets {
        Ok(budgets) => budgets,
        Err(why) => return unseen(name, why),
    };
    let number = |budget: &Value, pointer: &str| budget.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    let text =
        |budget: &Value, pointer: &str| budget.pointer(pointer).and_then(Value::as_str).unwrap_or("?").to_owned();
    let tight: Vec<String> = budgets
        .iter()
        .filter(|budget| number(budget, "/status/expectedPods") > 0)
        .filter(|budget| number(budget, "/status/disruptionsAllowed") == 0)
        .map(|budget| format!("{}/{}", text(budget, "/metadata/namespace"), text(budget, "/metadata/name")))
        .collect();
    // Only another minor asks for other kubelets.
    if tight.is_empty() || facts.to.minor == facts.spec.version.minor {
        return check(name, CheckVerdict::Ok, "no disruption budget keeps pods on workers that are to be drained", "");
    }
    check(
        name,
        CheckVerdict::Warning,
        format!("allow no disruption now, so that workers cannot be drained for their kubelets: {}", tight.join(", ")),
        "the control plane is upgraded all the same; give these workloads one more pod before you drain workers",
    )
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
