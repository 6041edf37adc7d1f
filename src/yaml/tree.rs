//! What a document holds, and where. The tree shows no values in `Debug`, because a file may hold secrets.

use std::fmt;

use serde_json::{Map, Number, Value};

use crate::yaml::place::Place;

/// One document of a text.
#[derive(Debug, Clone)]
pub struct Document {
    /// The outermost value; never null.
    pub root: Node,
}

/// A value and where it starts.
#[derive(Clone)]
pub struct Node {
    /// Where it starts; for an alias, where the alias is.
    pub place: Place,
    /// The value.
    pub content: Content,
}

/// A value, with the types that kubeadm's reader finds.
#[derive(Clone)]
pub enum Content {
    /// `null`, `~` or nothing.
    Null,
    /// `true`, `yes`, `on`, `y` and their opposites, in Go's spellings.
    Bool(bool),
    /// An integer or a finite float.
    Number(Number),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file; keys are distinct.
    Map(Vec<Entry>),
}

/// One key of a map with its value.
#[derive(Clone)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key is.
    pub place: Place,
    /// The value.
    pub value: Node,
}

impl Content {
    /// What it is, for messages: `text`, `the number 5`. Text itself is never repeated.
    #[must_use]
    pub fn what(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(true) => "the boolean true",
            Self::Bool(false) => "the boolean false",
            Self::Number(number) if number.is_f64() => "a floating-point number",
            Self::Number(_) => "a whole number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

impl Node {
    /// Whether it is null, which means the same as absent.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self.content, Content::Null)
    }

    /// The entries, if it is a map; none otherwise.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        if let Content::Map(entries) = &self.content { entries } else { &[] }
    }

    /// The items, if it is a list; none otherwise.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        if let Content::List(items) = &self.content { items } else { &[] }
    }

    /// The text, if it is text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        if let Content::Text(text) = &self.content { Some(text) } else { None }
    }

    /// The entry with this key, if it is a map that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The same without positions.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(value) => Value::Bool(*value),
            Content::Number(number) => Value::Number(number.clone()),
            Content::Text(text) => Value::String(text.clone()),
            Content::List(items) => items.iter().map(Self::to_json).collect(),
            Content::Map(entries) => {
                let pairs = entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.content.what(), self.place)
    }
}

/// The line of `place` with a mark below it, starting with a line break; empty if the line may hold a secret.
#[must_use]
pub fn snippet(text: &str, place: Place) -> String {
    const WIDTH: usize = 100;
    let Some(line) = text.lines().nth(place.line.saturating_sub(1)) else { return String::new() };
    if place.column > WIDTH || line.trim().is_empty() || line_looks_secret(line) {
        return String::new();
    }
    let shown: String = line.chars().take(WIDTH).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let number = place.line.to_string();
    let (gap, indent) = (" ".repeat(number.len()), " ".repeat(place.column.saturating_sub(1)));
    format!("\n  {number} | {shown}\n  {gap} | {indent}^")
}

fn line_looks_secret(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    ["token", "certificatekey", "secret", "password"].iter().any(|word| lower.contains(word)) || looks_secret(line)
}

/// A key or value made safe to print: control characters escaped, long text cut, what could be a secret left out.
#[must_use]
pub fn shown(text: &str) -> String {
    if looks_secret(text) && !text.contains("@sha256:") {
        return "(not shown)".to_owned();
    }
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

/// Whether the text holds what could be a token or a key: sixteen letters and digits in a row, mixed, of one case; or
/// twenty-four of both cases, as base64 has them.
fn looks_secret(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|run| {
        let has = |test: fn(&u8) -> bool| run.as_bytes().iter().any(test);
        let (lower, upper) = (has(u8::is_ascii_lowercase), has(u8::is_ascii_uppercase));
        has(u8::is_ascii_digit) && (run.len() >= 24 || run.len() >= 16 && lower != upper)
    })
}
