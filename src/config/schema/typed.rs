//! Decodes values as Kubernetes API types, and refuses fields that the type does not have.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::findings::Findings;
use super::view::View;
use crate::config::kubeadm::document_kind::without_nulls;
use crate::yaml::{Content, shown};

/// Decodes a value. Unknown fields are reported at their positions, other errors at the value.
pub(crate) fn typed<T: DeserializeOwned + Serialize>(view: &View<'_>, findings: &mut Findings<'_>) -> Option<T> {
    let supplied = without_nulls(view.node.to_json());
    match serde_json::from_value::<T>(supplied.clone()) {
        Ok(value) => {
            let kept = serde_json::to_value(&value).ok()?;
            match dropped_field(&supplied, &kept, view) {
                Some(at) => findings.refuse_key(&at, "unknown field", "remove it"),
                None => return Some(value),
            }
        }
        Err(error) => {
            let message = shown(&error.to_string()).replace("\\\"", "\"");
            findings.refuse(view, format!("cannot be decoded: {message}"), "use the format of a Kubernetes object");
        }
    }
    None
}

/// The first field that decoding dropped.
fn dropped_field<'a>(supplied: &Value, kept: &Value, at: &View<'a>) -> Option<View<'a>> {
    match (supplied, kept) {
        (Value::Object(supplied), Value::Object(kept)) => supplied.iter().find_map(|(key, value)| {
            let below = at.entry(at.node.get(key)?);
            match kept.get(key) {
                Some(kept) => dropped_field(value, kept, &below),
                None => (!is_empty(value)).then_some(below),
            }
        }),
        (Value::Array(supplied), Value::Array(kept)) => {
            let items = at.items();
            supplied.iter().zip(kept).zip(&items).find_map(|((supplied, kept), at)| dropped_field(supplied, kept, at))
        }
        _ => None,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// A string or number as a string.
pub(crate) fn scalar(view: &View<'_>) -> Option<String> {
    match &view.node.content {
        Content::Text(text) => Some(text.clone()),
        Content::Number(number) => Some(number.to_string()),
        Content::Null | Content::Bool(_) | Content::List(_) | Content::Map(_) => None,
    }
}
