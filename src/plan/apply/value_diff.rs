//! Where two values differ, path by path: lists are lined up first, and text that holds YAML, JSON or lines is looked
//! into, so that one changed line is one line. What a difference means is for others.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// Longer lists are compared by position: lining them up takes the product of both lengths.
const LINED_UP: usize = 2000;

/// Calls `differs` with every path at which the two differ, and both values; absent is null.
pub(crate) fn walk(
    path: &mut Vec<String>,
    from: &Value,
    to: &Value,
    differs: &mut dyn FnMut(&[String], &Value, &Value),
) {
    if from == to || (is_empty(from) && is_empty(to)) {
        return;
    }
    match (from, to) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
                step(path, key, a.get(key), b.get(key), differs);
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            for (index, from, to) in by_name(a, b).unwrap_or_else(|| lined_up(a, b)) {
                step(path, &index.to_string(), from, to, differs);
            }
        }
        (Value::String(a), Value::String(b)) if a.contains('\n') || (a.starts_with('{') && b.starts_with('{')) => {
            text(path, a, b, differs);
        }
        _ => differs(path, from, to),
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
    differs: &mut dyn FnMut(&[String], &Value, &Value),
) {
    path.push(key.to_owned());
    walk(path, from.unwrap_or(&Value::Null), to.unwrap_or(&Value::Null), differs);
    path.pop();
}

/// By the fields it holds; else, and where only its form differs, by its lines.
fn text(path: &mut Vec<String>, from: &str, to: &str, differs: &mut dyn FnMut(&[String], &Value, &Value)) {
    if let (Some(a), Some(b)) = (fields_of(from), fields_of(to)) {
        let before = path.clone();
        let mut found = false;
        walk(path, &a, &b, &mut |inner, from, to| {
            found = true;
            differs(inner, from, to);
        });
        debug_assert_eq!(*path, before, "every step is taken back");
        if found {
            return;
        }
    }
    let lines = |text: &str| text.lines().map(Value::from).collect::<Vec<_>>();
    let (a, b) = (lines(from), lines(to));
    let mut found = false;
    for (_, from, to) in lined_up(&a, &b).into_iter().filter(|(_, from, to)| from != to) {
        found = true;
        differs(path, from.unwrap_or(&Value::Null), to.unwrap_or(&Value::Null));
    }
    if !found {
        differs(path, &Value::from(from), &Value::from(to));
    }
}

/// The map that a text holds as its only document.
fn fields_of(text: &str) -> Option<Value> {
    let documents = crate::yaml::read_documents("", text).ok()?;
    let [document] = documents.as_slice() else { return None };
    Some(document.root.to_json()).filter(Value::is_object)
}

type Pair<'a> = (usize, Option<&'a Value>, Option<&'a Value>);

/// Pairs of items with the same `name`, if all have one and their order is not the only difference.
fn by_name<'a>(a: &'a [Value], b: &'a [Value]) -> Option<Vec<Pair<'a>>> {
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

/// Equal items side by side (the longest common subsequence), and of the rest those that begin alike: `--a=1`, `--a=2`.
fn lined_up<'a>(a: &'a [Value], b: &'a [Value]) -> Vec<Pair<'a>> {
    if a.len().max(b.len()) > LINED_UP {
        return (0..a.len().max(b.len())).map(|index| (index, a.get(index), b.get(index))).collect();
    }
    // The length of the longest common subsequence of what follows both positions.
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
            pairs.extend(pair_rest(a, b, &std::mem::take(&mut gone), &std::mem::take(&mut new)));
            (i, j) = (i + 1, j + 1);
        } else if j == b.len() || (i < a.len() && common[i + 1][j] >= common[i][j + 1]) {
            gone.push(i);
            i += 1;
        } else {
            new.push(j);
            j += 1;
        }
    }
    pairs.extend(pair_rest(a, b, &gone, &new));
    pairs
}

fn pair_rest<'a>(a: &'a [Value], b: &'a [Value], gone: &[usize], new: &[usize]) -> Vec<Pair<'a>> {
    let mut left: Vec<usize> = new.to_vec();
    let mut pairs = Vec::new();
    for i in gone {
        let alike = left.iter().position(|j| begin_alike(&a[*i], &b[*j]));
        let partner = alike.map(|at| left.remove(at));
        pairs.push((*i, Some(&a[*i]), partner.map(|j| &b[j])));
    }
    pairs.extend(left.into_iter().map(|j| (j, None, Some(&b[j]))));
    pairs
}

fn begin_alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) => {
            let start = |text: &str| text.find(['=', ':']).map(|at| text[..at].to_owned());
            start(a).is_some_and(|a| start(b) == Some(a))
        }
        (Value::Object(_), Value::Object(_)) | (Value::Array(_), Value::Array(_)) => true,
        _ => false,
    }
}

/// A map of one name and value for each item of a list of `{name, value}`; values of one name are joined.
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
        walk(&mut Vec::new(), from, to, &mut |path, from, to| {
            found.push(format!("{}: {from} -> {to}", path.join(".")));
        });
        found
    }

    #[test]
    fn one_argument_more_is_one_difference() {
        let from = json!({"command": ["x", "--a=1", "--c=1"]});
        assert_eq!(
            differences(&from, &json!({"command": ["x", "--a=1", "--b=1", "--c=2"]})),
            ["command.2: \"--c=1\" -> \"--c=2\"", "command.2: null -> \"--b=1\""]
        );
        assert_eq!(differences(&from, &json!({"command": ["--a=1", "--c=1"]})), ["command.0: \"x\" -> null"]);
    }

    #[test]
    fn items_with_names_are_compared_with_their_like() {
        let from = json!([{"name": "a", "v": 1}, {"name": "b", "v": 1}]);
        assert_eq!(
            differences(&from, &json!([{"name": "b", "v": 2}])),
            ["0: {\"name\":\"a\",\"v\":1} -> null", "1.v: 1 -> 2"]
        );
        let turned = json!([{"name": "b", "v": 1}, {"name": "a", "v": 1}]);
        assert!(!differences(&from, &turned).is_empty(), "another order is a difference");
    }

    #[test]
    fn text_that_is_yaml_is_told_field_by_field() {
        let text = |version: &str, names: &[&str]| {
            json!(crate::yaml::write(&json!({"kubernetesVersion": version, "apiServer": {"certSANs": names}, "b": 1})))
        };
        assert_eq!(
            differences(&text("v1.36.3", &["a"]), &text("v1.37.2", &["b", "a"])),
            ["apiServer.certSANs.0: null -> \"b\"", "kubernetesVersion: \"v1.36.3\" -> \"v1.37.2\""]
        );
    }

    #[test]
    fn other_text_is_told_line_by_line_and_nothing_is_lost() {
        assert_eq!(
            differences(&json!(".:53 {\n  errors\n  log\n}\n"), &json!(".:53 {\n  errors\n}\n")),
            [": \"  log\" -> null"]
        );
        assert_eq!(differences(&json!("a: 1\nb: 2\n"), &json!("b: 2\na: 1\n")).len(), 2, "the order of keys");
        assert_eq!(differences(&json!("a: 1\n"), &json!("a: 1")).len(), 1, "a line break at the end");
    }
}
