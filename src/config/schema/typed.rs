//! Values that have the form of a type of Kubernetes: read as that type, and refused where something would get lost.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::findings::Findings;
use super::view::View;
use crate::config::kubeadm::document_kind::without_nulls;
use crate::yaml::{Content, shown};

/// Reads a value. An unknown field is told at its place; what else does not fit is told at the value.
pub(crate) fn typed<T: DeserializeOwned + Serialize>(view: &View<'_>, findings: &mut Findings<'_>) -> Option<T> {
    let given = without_nulls(view.node.to_json());
    match serde_json::from_value::<T>(given.clone()) {
        Ok(value) => {
            let kept = serde_json::to_value(&value).ok()?;
            match lost(&given, &kept, view) {
                Some(at) => findings.refuse_key(&at, "there is no such field in Kubernetes", "remove it"),
                None => return Some(value),
            }
        }
        Err(error) => {
            let said = shown(&error.to_string()).replace("\\\"", "\"");
            findings.refuse(view, format!("it has another form: {said}"), "write it as in Kubernetes' own objects");
        }
    }
    None
}

/// The first field that is not among those kept.
fn lost<'a>(given: &Value, kept: &Value, at: &View<'a>) -> Option<View<'a>> {
    match (given, kept) {
        (Value::Object(given), Value::Object(kept)) => given.iter().find_map(|(key, value)| {
            let below = at.entry(at.node.get(key)?);
            match kept.get(key) {
                Some(kept) => lost(value, kept, &below),
                None => (!says_nothing(value)).then_some(below),
            }
        }),
        (Value::Array(given), Value::Array(kept)) => {
            let items = at.items();
            given.iter().zip(kept).zip(&items).find_map(|((given, kept), at)| lost(given, kept, at))
        }
        _ => None,
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// A value that may be text or a number, as text.
pub(crate) fn scalar(view: &View<'_>) -> Option<String> {
    match &view.node.content {
        Content::Text(text) => Some(text.clone()),
        Content::Number(number) => Some(number.to_string()),
        Content::Null | Content::Bool(_) | Content::List(_) | Content::Map(_) => None,
    }
}
