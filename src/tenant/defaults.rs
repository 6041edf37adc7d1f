//! Completing what the user wrote: a value is filled in only where there is none.

use serde_json::{Map, Value};

/// Sets the field at `path` to `value`, unless the user gave it one. As for kubeadm, an empty text is none.
pub(super) fn fill(map: &mut Map<String, Value>, path: &[&str], value: Value) {
    let [key, rest @ ..] = path else { return };
    let field = map.entry(*key).or_insert(Value::Null);
    if rest.is_empty() {
        if field.is_null() || field.as_str() == Some("") {
            *field = value;
        }
        return;
    }
    if field.is_null() {
        *field = Value::Object(Map::new());
    }
    if let Value::Object(inner) = field {
        fill(inner, rest, value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_missing_and_empty_values_are_filled_in() {
        let Value::Object(mut map) = json!({ "a": { "kept": false }, "b": "", "c": null }) else { unreachable!() };
        fill(&mut map, &["a", "kept"], json!(true));
        fill(&mut map, &["a", "new"], json!(1));
        fill(&mut map, &["b"], json!("filled"));
        fill(&mut map, &["c", "deep"], json!("filled"));
        let expected = json!({ "a": { "kept": false, "new": 1 }, "b": "filled", "c": { "deep": "filled" } });
        assert_eq!(Value::Object(map), expected);
    }
}
