//! The labels on every object that belongs to a control plane; keys are those of the Kamaji operator.

use std::collections::BTreeMap;

use super::{ControlPlaneName, Error};

/// Names the control plane an object belongs to; the Deployment's and the Service's selector.
pub const LABEL_NAME: &str = "kamaji.clastix.io/name";
/// Always `kamaji`.
pub const LABEL_PROJECT: &str = "kamaji.clastix.io/project";
/// What the object is for, for example `deployment` or `record`.
pub const LABEL_COMPONENT: &str = "kamaji.clastix.io/component";
/// The tool that wrote the object.
pub const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The value of [`LABEL_MANAGED_BY`], and the field manager of our server-side apply.
pub const MANAGER: &str = "kamaji";

/// The annotation of a Deployment that holds the identity of its control plane: with it, one whose record was lost, or
/// whose objects were applied from rendered files, keeps its data.
pub const ANNOTATION_ID: &str = "kamaji.clastix.io/id";

/// Reads `KEY=VALUE` as a label of the user's. Kubernetes' rules
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/>), and none of our own keys.
pub fn parse_label(text: &str) -> Result<(String, String), Error> {
    let refuse = |rule: &str| Error::invalid("label", text, rule);
    let (key, value) = text.split_once('=').ok_or_else(|| refuse("write it as KEY=VALUE"))?;
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    if let Some(prefix) = prefix {
        super::network::dns_name("label prefix", prefix, false)?;
        if prefix == "kamaji.clastix.io" || prefix.ends_with("kubernetes.io") {
            return Err(refuse("keys under kamaji.clastix.io and kubernetes.io are taken"));
        }
    }
    if !word(name) || !(value.is_empty() || word(value)) {
        return Err(refuse(
            "key and value have at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends",
        ));
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// Whether a text can be the name in a label's key, or its value.
pub(super) fn word(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    text.len() <= 63 && text.bytes().all(inner) && edge(text.as_bytes().first()) && edge(text.as_bytes().last())
}

/// Kubernetes' rule for the keys of labels, annotations and taints; the error is the rule.
pub(super) fn qualified_name(key: &str) -> Result<(), String> {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    if prefix.is_none_or(|prefix| super::parse_object_name("prefix", prefix).is_ok()) && word(name) {
        return Ok(());
    }
    Err("the key has at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends, and before it \
         at most a DNS name and a `/`"
        .to_owned())
}

/// The labels of an object of control plane `name` that is for `component`.
#[must_use]
pub fn labels(name: &ControlPlaneName, component: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        (LABEL_PROJECT.to_owned(), "kamaji".to_owned()),
        (LABEL_NAME.to_owned(), name.to_string()),
        (LABEL_COMPONENT.to_owned(), component.to_owned()),
        (LABEL_MANAGED_BY.to_owned(), MANAGER.to_owned()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_follow_kubernetes_rules_and_leave_ours_alone() {
        assert_eq!(parse_label("env=prod").unwrap(), ("env".to_owned(), "prod".to_owned()));
        assert!(parse_label("example.com/team=").is_ok());
        for bad in
            ["env", "=x", "env=a b", "kamaji.clastix.io/name=x", "app.kubernetes.io/name=x", "-a=b", "a=-b", "/a=b"]
        {
            assert!(parse_label(bad).is_err(), "{bad}");
        }
    }
}
