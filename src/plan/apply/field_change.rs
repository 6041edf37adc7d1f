//! One changed field of an object. Values of Secrets are never in it.

use serde::Serialize;
use serde_json::Value;

/// One field that changes. Values of Secrets are not in here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// JSON path with dots.
    pub field: String,
    /// The value that lives, as JSON; `None` when absent.
    pub from: Option<String>,
    /// The value it would get; `None` when it goes away.
    pub to: Option<String>,
    /// Who else set the value that lives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl FieldChange {
    pub(crate) fn of(path: &[String], from: &Value, to: &Value) -> Self {
        let shown = |value: &Value| (!value.is_null()).then(|| value.to_string());
        Self { field: path.join("."), from: shown(from), to: shown(to), by: None }
    }

    /// The change in a few words, for lists.
    #[must_use]
    pub fn words(&self) -> String {
        let plain = |value: &str| serde_json::from_str::<String>(value).unwrap_or_else(|_| value.to_owned());
        match (self.from.as_deref().map(plain), self.to.as_deref().map(plain)) {
            (Some(from), Some(to)) => format!("{}: {from} -> {to}", self.field),
            (None, Some(to)) => format!("{}: + {to}", self.field),
            (Some(from), None) => format!("{}: - {from}", self.field),
            (None, None) => self.field.clone(),
        }
    }
}
