//! Where pods may run: tolerations and node selectors, as kubectl's users write them.

use k8s_openapi::api::core::v1::Toleration;

use crate::model::Error;
use crate::model::labels::{qualified_name, word};

const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// Reads `KEY=VALUE:EFFECT`, which tolerates the taint that `kubectl taint` makes of the same text, or `KEY:EFFECT` for
/// any value.
pub fn parse_toleration(text: &str) -> Result<Toleration, Error> {
    let refuse = |rule: &str| Error::invalid("toleration", text, rule);
    let (taint, effect) = text.rsplit_once(':').ok_or_else(|| {
        refuse("write it as KEY=VALUE:EFFECT, or KEY:EFFECT for any value; EFFECT is NoSchedule, PreferNoSchedule or NoExecute")
    })?;
    let (key, value) = taint.split_once('=').map_or((taint, None), |(key, value)| (key, Some(value)));
    let toleration = Toleration {
        key: Some(key.to_owned()),
        operator: Some(if value.is_some() { "Equal" } else { "Exists" }.to_owned()),
        value: value.map(str::to_owned),
        effect: Some(effect.to_owned()),
        toleration_seconds: None,
    };
    if key.is_empty() {
        return Err(refuse("name the key of the taint"));
    }
    check_toleration(&toleration).map_err(|rule| refuse(&rule))?;
    Ok(toleration)
}

/// Kubernetes' rules for a toleration; the error is the rule that is broken.
pub fn check_toleration(toleration: &Toleration) -> Result<(), String> {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let (key, value, effect) = (text(&toleration.key), text(&toleration.value), text(&toleration.effect));
    if !effect.is_empty() && !EFFECTS.contains(&effect.as_str()) {
        return Err("the effect is NoSchedule, PreferNoSchedule or NoExecute".to_owned());
    }
    match text(&toleration.operator).as_str() {
        "" | "Equal" if key.is_empty() => return Err("without a key, the operator is Exists".to_owned()),
        "" | "Equal" if !value.is_empty() && !word(&value) => return Err(LABEL_VALUE.to_owned()),
        "Exists" if !value.is_empty() => return Err("with the operator Exists there is no value".to_owned()),
        "" | "Equal" | "Exists" => {}
        _ => return Err("the operator is Exists or Equal".to_owned()),
    }
    if toleration.toleration_seconds.is_some() && effect != "NoExecute" {
        return Err("tolerationSeconds are for the effect NoExecute".to_owned());
    }
    if key.is_empty() { Ok(()) } else { qualified_name(&key) }
}

const LABEL_VALUE: &str =
    "the value has at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends";

/// Reads `KEY=VALUE` as a label that nodes must have.
pub fn parse_node_selector(text: &str) -> Result<(String, String), Error> {
    let refuse = |rule: &str| Error::invalid("node selector", text, rule);
    let (key, value) = text.split_once('=').ok_or_else(|| refuse("write it as KEY=VALUE"))?;
    check_label(key, value).map_err(|rule| refuse(&rule))?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Kubernetes' rules for a label; the error is the rule that is broken.
pub fn check_label(key: &str, value: &str) -> Result<(), String> {
    qualified_name(key)?;
    if value.is_empty() || word(value) { Ok(()) } else { Err(LABEL_VALUE.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tolerations_are_written_as_taints_are() {
        let parts = |text: &str| {
            let one = parse_toleration(text).unwrap();
            [one.key, one.operator, one.value, one.effect].map(Option::unwrap_or_default).join(" ")
        };
        assert_eq!(parts("dedicated=kamaji:NoSchedule"), "dedicated Equal kamaji NoSchedule");
        assert_eq!(parts("dedicated=:NoExecute"), "dedicated Equal  NoExecute");
        assert_eq!(
            parts("node-role.kubernetes.io/control-plane:PreferNoSchedule"),
            "node-role.kubernetes.io/control-plane Exists  PreferNoSchedule"
        );
        for bad in [
            "",
            "a",
            "a=b",
            "a:b",
            "a=b:noschedule",
            ":NoSchedule",
            "a b:NoSchedule",
            "a=b c:NoSchedule",
            "/a:NoExecute",
        ] {
            assert!(parse_toleration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_toleration_of_a_document_keeps_to_the_rules_of_kubernetes() {
        let every = Toleration { operator: Some("Exists".into()), ..Default::default() };
        assert_eq!(check_toleration(&every), Ok(()));
        for bad in [
            Toleration::default(),
            Toleration { key: Some("a".into()), operator: Some("In".into()), ..Default::default() },
            Toleration { value: Some("x".into()), ..every.clone() },
            Toleration { toleration_seconds: Some(5), effect: Some("NoSchedule".into()), ..every.clone() },
        ] {
            assert!(check_toleration(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn nodes_are_selected_by_labels_of_kubernetes_too() {
        assert!(parse_node_selector("kubernetes.io/arch=amd64").is_ok() && parse_node_selector("gpu=").is_ok());
        for bad in ["gpu", "=x", "a b=c", "a=b c"] {
            assert!(parse_node_selector(bad).is_err(), "{bad}");
        }
    }
}
