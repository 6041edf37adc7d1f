//! The labels of a control plane's objects, with the Kamaji operator's keys, and validation of user labels.

use std::collections::BTreeMap;

use super::{ControlPlaneName, Error};

/// The control plane that an object belongs to. The Deployment and the Service select pods by it.
pub const LABEL_NAME: &str = "kamaji.clastix.io/name";
/// Always `kamaji`.
pub const LABEL_PROJECT: &str = "kamaji.clastix.io/project";
/// The role of the object, for example `deployment` or `record`.
pub const LABEL_COMPONENT: &str = "kamaji.clastix.io/component";
/// The tool that manages the object.
pub const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The value of [`LABEL_MANAGED_BY`], and the field manager of our server-side apply.
pub const MANAGER: &str = "kamaji";

/// The annotation that stores the control plane's id on its Deployment. Thanks to it, a control plane whose record was
/// lost, or whose objects were applied from rendered files, keeps its data.
pub const ANNOTATION_ID: &str = "kamaji.clastix.io/id";

/// Parses `KEY=VALUE` as a user label, by Kubernetes' rules
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/>). Reserved keys are refused.
pub fn parse_label(text: &str) -> Result<(String, String), Error> {
    let refuse = |rule: &str| Error::invalid("label", text, rule);
    let (key, value) = text.split_once('=').ok_or_else(|| refuse("write it as KEY=VALUE"))?;
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    if let Some(prefix) = prefix {
        super::network::dns_name("label prefix", prefix, false)?;
        if prefix == "kamaji.clastix.io" || prefix.ends_with("kubernetes.io") {
            return Err(refuse("keys under kamaji.clastix.io and kubernetes.io are reserved"));
        }
    }
    if !is_label_value(name) || !(value.is_empty() || is_label_value(value)) {
        return Err(refuse(
            "key and value must have at most 63 letters, digits, `-`, `_` and `.`, and start and end with a letter or digit",
        ));
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// Whether the text is valid as a label value or as the name part of a label key.
pub(super) fn is_label_value(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    text.len() <= 63 && text.bytes().all(inner) && edge(text.as_bytes().first()) && edge(text.as_bytes().last())
}

/// Validates the key of a label, annotation or taint; the error is the violated rule.
pub(super) fn qualified_name(key: &str) -> Result<(), String> {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    if prefix.is_none_or(|prefix| super::parse_object_name("prefix", prefix).is_ok()) && is_label_value(name) {
        return Ok(());
    }
    Err("the key must have at most 63 letters, digits, `-`, `_` and `.`, and start and end with a letter or digit; an \
         optional prefix is a DNS name followed by `/`"
        .to_owned())
}

/// The labels of control plane `name`'s object with the role `component`.
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
    fn labels_follow_kubernetes_rules_and_reserved_keys_are_refused() {
        assert_eq!(parse_label("env=prod").unwrap(), ("env".to_owned(), "prod".to_owned()));
        assert!(parse_label("example.com/team=").is_ok());
        for bad in
            ["env", "=x", "env=a b", "kamaji.clastix.io/name=x", "app.kubernetes.io/name=x", "-a=b", "a=-b", "/a=b"]
        {
            assert!(parse_label(bad).is_err(), "{bad}");
        }
    }
}
