//! Diffs two JSON values path by path. Lists are aligned first, and strings that contain YAML, JSON or several lines
//! are compared by field or line, so that one changed line is one difference.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// Longer lists are compared by position, because alignment takes time proportional to the product of both lengths.
const MAX_ALIGNED: usize = 2000;

/// Calls `report` with every path at which the values differ and both values. An absent value is null.
pub(crate) fn diff_values(
    path: &mut Vec<String>,
    from: &Value,
    to: &Value,
    report: &mut dyn FnMut(&[String], &Value, &Value),
) {
    if from == to || (is_empty(from) && is_empty(to)) {
        return;
    }
    match (from, to) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
                step(path, key, a.get(key), b.get(key), report);
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            for (index, from, to) in pair_by_name(a, b).unwrap_or_else(|| align(a, b)) {
                step(path, &index.to_string(), from, to, report);
            }
        }
        (Value::String(a), Value::String(b)) if a.contains('\n') || (a.starts_with('{') && b.starts_with('{')) => {
            text(path, a, b, report);
        }
        _ => report(path, from, to),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn step(
    path: &mut Vec<String>,
    key: &str,
    from: Option<&Value>,
    to: Option<&Value>,
    report: &mut dyn FnMut(&[String], &Value, &Value),
) {
    path.push(key.to_owned());
    diff_values(path, from.unwrap_or(&Value::Null), to.unwrap_or(&Value::Null), report);
    path.pop();
}

/// Compares strings by field if both are maps, otherwise, or if only the formatting differs, by line.
fn text(path: &mut Vec<String>, from: &str, to: &str, report: &mut dyn FnMut(&[String], &Value, &Value)) {
    if let (Some(a), Some(b)) = (parse_fields(from), parse_fields(to)) {
        let before = path.clone();
        let mut found = false;
        diff_values(path, &a, &b, &mut |inner, from, to| {
            found = true;
            report(inner, from, to);
        });
        debug_assert_eq!(*path, before, "the path is restored");
        if found {
            return;
        }
    }
    let lines = |text: &str| text.lines().map(Value::from).collect::<Vec<_>>();
    let (a, b) = (lines(from), lines(to));
    let mut found = false;
    for (_, from, to) in align(&a, &b).into_iter().filter(|(_, from, to)| from != to) {
        found = true;
        report(path, from.unwrap_or(&Value::Null), to.unwrap_or(&Value::Null));
    }
    if !found {
        report(path, &Value::from(from), &Value::from(to));
    }
}

/// The map in a string, if that is its only document.
fn parse_fields(text: &str) -> Option<Value> {
    let documents = crate::yaml::read_documents("", text).ok()?;
    let [document] = documents.as_slice() else { return None };
    Some(document.root.to_json()).filter(Value::is_object)
}

type Pair<'a> = (usize, Option<&'a Value>, Option<&'a Value>);

/// Pairs items with the same `name`, if all have one and they differ by more than their order.
fn pair_by_name<'a>(a: &'a [Value], b: &'a [Value]) -> Option<Vec<Pair<'a>>> {
    fn names(list: &[Value]) -> Option<BTreeMap<&str, usize>> {
        let names: Option<BTreeMap<&str, usize>> =
            list.iter().enumerate().map(|(index, item)| Some((item.get("name")?.as_str()?, index))).collect();
        names.filter(|names| names.len() == list.len())
    }
    let (in_a, in_b) = (names(a)?, names(b)?);
    let mut pairs: Vec<Pair<'a>> =
        a.iter().enumerate().map(|(index, item)| (index, Some(item), None)).collect::<Vec<_>>();
    for (name, index) in &in_a {
        pairs[*index].2 = in_b.get(name).map(|at| &b[*at]);
    }
    let added = b.iter().enumerate().filter(|(_, item)| !in_a.contains_key(item["name"].as_str().unwrap_or_default()));
    pairs.extend(added.map(|(index, item)| (index, None, Some(item))));
    pairs.iter().any(|(_, from, to)| from != to).then_some(pairs)
}

/// Pairs equal items (the longest common subsequence), and of the rest those with the same start, such as `--a=1` and
/// `--a=2`.
fn align<'a>(a: &'a [Value], b: &'a [Value]) -> Vec<Pair<'a>> {
    if a.len().max(b.len()) > MAX_ALIGNED {
        return (0..a.len().max(b.len())).map(|index| (index, a.get(index), b.get(index))).collect();
    }
    // The length of the longest common subsequence after both positions.
    let mut common = vec![vec![0_usize; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i][j] = if a[i] == b[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j) = (0, 0);
    let (mut gone, mut new) = (Vec::new(), Vec::new());
    let mut pairs = Vec::new();
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            pairs.extend(pair_remaining(a, b, &std::mem::take(&mut gone), &std::mem::take(&mut new)));
            (i, j) = (i + 1, j + 1);
        } else if j == b.len() || (i < a.len() && common[i + 1][j] >= common[i][j + 1]) {
            gone.push(i);
            i += 1;
        } else {
            new.push(j);
            j += 1;
        }
    }
    pairs.extend(pair_remaining(a, b, &gone, &new));
    pairs
}

fn pair_remaining<'a>(a: &'a [Value], b: &'a [Value], gone: &[usize], new: &[usize]) -> Vec<Pair<'a>> {
    let mut left: Vec<usize> = new.to_vec();
    let mut pairs = Vec::new();
    for i in gone {
        let alike = left.iter().position(|j| have_same_start(&a[*i], &b[*j]));
        let partner = alike.map(|at| left.remove(at));
        pairs.push((*i, Some(&a[*i]), partner.map(|j| &b[j])));
    }
    pairs.extend(left.into_iter().map(|j| (j, None, Some(&b[j]))));
    pairs
}

fn have_same_start(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) => {
            let start = |text: &str| text.find(['=', ':']).map(|at| text[..at].to_owned());
            start(a).is_some_and(|a| start(b) == Some(a))
        }
        (Value::Object(_), Value::Object(_)) | (Value::Array(_), Value::Array(_)) => true,
        _ => false,
    }
}

/// Turns a list of `{name, value}` into a map. Values with the same name are joined.
pub(crate) fn keyed(list: &Value) -> Value {
    let mut map: Map<String, Value> = Map::new();
    for item in list.as_array().into_iter().flatten() {
        let text = |key: &str| item.get(key).and_then(Value::as_str).unwrap_or_default();
        let value = match map.get(text("name")).and_then(Value::as_str) {
            Some(before) => format!("{before}, {}", text("value")),
            None => text("value").to_owned(),
        };
        map.insert(text("name").to_owned(), value.into());
    }
    Value::Object(map)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn differences(from: &Value, to: &Value) -> Vec<String> {
        let mut found = Vec::new();
        diff_values(&mut Vec::new(), from, to, &mut |path, from, to| {
            found.push(format!("{}: {from} -> {to}", path.join(".")));
        });
        found
    }

    #[test]
    fn an_added_argument_is_one_difference() {
        let from = json!({"command": ["x", "--a=1", "--c=1"]});
        assert_eq!(
            differences(&from, &json!({"command": ["x", "--a=1", "--b=1", "--c=2"]})),
            ["command.2: \"--c=1\" -> \"--c=2\"", "command.2: null -> \"--b=1\""]
        );
        assert_eq!(differences(&from, &json!({"command": ["--a=1", "--c=1"]})), ["command.0: \"x\" -> null"]);
    }

    #[test]
    fn items_with_names_are_compared_by_name() {
        let from = json!([{"name": "a", "v": 1}, {"name": "b", "v": 1}]);
        assert_eq!(
            differences(&from, &json!([{"name": "b", "v": 2}])),
            ["0: {\"name\":\"a\",\"v\":1} -> null", "1.v: 1 -> 2"]
        );
        let reordered = json!([{"name": "b", "v": 1}, {"name": "a", "v": 1}]);
        assert!(!differences(&from, &reordered).is_empty(), "the order matters");
    }

    #[test]
    fn yaml_in_a_string_is_compared_by_field() {
        let text = |version: &str, names: &[&str]| {
            json!(crate::yaml::write(&json!({"kubernetesVersion": version, "apiServer": {"certSANs": names}, "b": 1})))
        };
        assert_eq!(
            differences(&text("v1.36.3", &["a"]), &text("v1.37.2", &["b", "a"])),
            ["apiServer.certSANs.0: null -> \"b\"", "kubernetesVersion: \"v1.36.3\" -> \"v1.37.2\""]
        );
    }

    #[test]
    fn other_text_is_compared_by_line_and_every_difference_is_reported() {
        assert_eq!(
            differences(&json!(".:53 {\n  errors\n  log\n}\n"), &json!(".:53 {\n  errors\n}\n")),
            [": \"  log\" -> null"]
        );
        assert_eq!(differences(&json!("a: 1\nb: 2\n"), &json!("b: 2\na: 1\n")).len(), 2, "the order of keys");
        assert_eq!(differences(&json!("a: 1\n"), &json!("a: 1")).len(), 1, "the final newline");
    }
}
