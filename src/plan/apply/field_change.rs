//! One changed field of an object. It never contains values of Secrets.

use serde::Serialize;
use serde_json::Value;

/// One changed field. Values of Secrets are masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// The path of the field, separated by dots.
    pub field: String,
    /// The live value as JSON; `None` if absent.
    pub from: Option<String>,
    /// The new value; `None` if the field is removed.
    pub to: Option<String>,
    /// The field manager that set the live value, if it is not kamaji.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
}

impl FieldChange {
    pub(crate) fn of(path: &[String], from: &Value, to: &Value) -> Self {
        let shown = |value: &Value| (!value.is_null()).then(|| value.to_string());
        Self { field: path.join("."), from: shown(from), to: shown(to), manager: None }
    }

    /// The change on one line.
    #[must_use]
    pub fn description(&self) -> String {
        let plain = |value: &str| serde_json::from_str::<String>(value).unwrap_or_else(|_| value.to_owned());
        match (self.from.as_deref().map(plain), self.to.as_deref().map(plain)) {
            (Some(from), Some(to)) => format!("{}: {from} -> {to}", self.field),
            (None, Some(to)) => format!("{}: + {to}", self.field),
            (Some(from), None) => format!("{}: - {from}", self.field),
            (None, None) => self.field.clone(),
        }
    }
}
