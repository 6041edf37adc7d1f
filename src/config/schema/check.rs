//! Holds a document against the field table: unknown names, wrong types, and what is ignored or refused as a whole.
//! What a value of the right type means is read elsewhere.

use super::fields::{Action, Api, ConfigKind, Field, Shape};
use super::findings::Findings;
use super::lookup::table;
use super::view::View;
use super::{duration, suggestion};
use crate::config::KubeadmApi;
use crate::yaml::{Content, Node, shown};

/// How much of the table is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Whether the document is one of kubeadm's: names and types.
    Form,
    /// Also what is ignored or refused because the control plane is hosted.
    Hosted,
}

/// Reports everything in the document that the table does not allow.
pub(crate) fn check(kind: ConfigKind, api: Api, depth: Depth, document: &View<'_>, findings: &mut Findings<'_>) {
    let fields = table(kind).iter().filter(|field| field.kind == kind && field.is_in(api)).collect();
    Check { fields, kind, api, depth }.map(document, "", findings);
}

struct Check {
    /// The rows of this kind and API.
    fields: Vec<&'static Field>,
    kind: ConfigKind,
    api: Api,
    depth: Depth,
}

impl Check {
    fn map(&self, view: &View<'_>, path: &str, findings: &mut Findings<'_>) {
        for entry in view.node.entries() {
            if path.is_empty() && matches!(entry.key.as_str(), "apiVersion" | "kind") {
                continue;
            }
            let path = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
            let view = view.entry(entry);
            if let Some(field) = self.fields.iter().find(|field| field.path == path) {
                self.field(field, &view, findings);
            } else if findings.is_full() {
                findings.refuse_key(&view, "", "");
            } else {
                let remedy =
                    suggestion::suggestion(self.kind, self.api, &path).unwrap_or_else(|| "remove it".to_owned());
                let api = self.api.map_or_else(|| self.kind.api_version(), KubeadmApi::as_str);
                findings.refuse_key(&view, format!("there is no such field in {api}"), remedy);
            }
        }
    }

    fn field(&self, field: &Field, view: &View<'_>, findings: &mut Findings<'_>) {
        if view.node.is_null() {
            return;
        }
        match field.action {
            Action::Use | Action::Map => self.shape(field, view, findings),
            Action::Warn | Action::Refuse if self.depth == Depth::Form => self.shape(field, view, findings),
            Action::Refuse if says_nothing(view.node) || matches!(view.node.content, Content::Bool(false)) => {}
            Action::Refuse if field.silent.is_some() && view.node.text() == field.silent => {}
            Action::Refuse => findings.refuse_key(view, field.note, field.remedy),
            Action::Warn => {
                self.shape(field, view, findings);
                if !says_nothing(view.node) && view.node.text().is_none_or(|text| Some(text) != field.silent) {
                    findings.warn(view, format!("ignored: {}", field.note));
                }
            }
        }
    }

    fn shape(&self, field: &Field, view: &View<'_>, findings: &mut Findings<'_>) {
        let content = &view.node.content;
        let (is_map, is_list) = (matches!(content, Content::Map(_)), matches!(content, Content::List(_)));
        match field.shape {
            Shape::Any => {}
            Shape::Text | Shape::Bool | Shape::Int | Shape::Number | Shape::Duration => {
                check_scalar(field.shape, view, findings);
            }
            Shape::Texts if is_list => check_each(Shape::Text, view.items(), findings),
            Shape::Ints if is_list => check_each(Shape::Int, view.items(), findings),
            Shape::TextMap if is_map => check_each(Shape::Text, values(view), findings),
            Shape::BoolMap if is_map => check_each(Shape::Bool, values(view), findings),
            Shape::TextsMap if is_map => {
                for value in values(view) {
                    if matches!(value.node.content, Content::List(_)) {
                        check_each(Shape::Text, value.items(), findings);
                    } else {
                        mismatch(Shape::Texts, &value, findings);
                    }
                }
            }
            Shape::Struct if is_map => self.map(view, field.path, findings),
            Shape::Structs if is_list => {
                for item in view.items() {
                    if matches!(item.node.content, Content::Map(_)) {
                        self.map(&item, &format!("{}[]", field.path), findings);
                    } else {
                        mismatch(Shape::OpenMap, &item, findings);
                    }
                }
            }
            Shape::OpenMap if is_map => {}
            Shape::OpenList if is_list => {}
            Shape::Texts
            | Shape::Ints
            | Shape::TextMap
            | Shape::BoolMap
            | Shape::TextsMap
            | Shape::Struct
            | Shape::Structs
            | Shape::OpenMap
            | Shape::OpenList => mismatch(field.shape, view, findings),
        }
    }
}

fn says_nothing(node: &Node) -> bool {
    match &node.content {
        Content::Null => true,
        Content::Text(text) => text.is_empty(),
        Content::List(items) => items.is_empty(),
        Content::Map(entries) => entries.iter().all(|entry| entry.value.is_null()),
        Content::Bool(_) | Content::Number(_) => false,
    }
}

fn values<'a>(view: &View<'a>) -> Vec<View<'a>> {
    view.node.entries().iter().map(|entry| view.entry(entry)).filter(|value| !value.node.is_null()).collect()
}

fn check_each(shape: Shape, views: Vec<View<'_>>, findings: &mut Findings<'_>) {
    for view in views {
        check_scalar(shape, &view, findings);
    }
}

fn check_scalar(shape: Shape, view: &View<'_>, findings: &mut Findings<'_>) {
    match (&view.node.content, shape) {
        (Content::Text(_), Shape::Text) | (Content::Bool(_), Shape::Bool) | (Content::Number(_), Shape::Number) => {}
        (Content::Number(number), Shape::Int) if !number.is_f64() => {}
        (Content::Text(text), Shape::Duration) => {
            if let Err(rule) = duration::parse(text) {
                findings.refuse(view, format!("`{}` is not a duration: {rule}", shown(text)), "write it as 24h0m0s");
            }
        }
        _ => mismatch(shape, view, findings),
    }
}

fn mismatch(shape: Shape, view: &View<'_>, findings: &mut Findings<'_>) {
    let remedy = match (&view.node.content, shape) {
        (Content::Bool(_) | Content::Number(_), Shape::Text) => "put it in quotes",
        (Content::Number(_), Shape::Int) => "write a whole number, such as 10",
        (Content::Number(_), Shape::Duration) => "write it with a unit, such as 24h0m0s",
        (Content::Text(_), Shape::Int | Shape::Number | Shape::Bool) => "write it without quotes",
        (Content::List(_), Shape::TextMap) => "write each entry as `NAME: VALUE`",
        (Content::Map(_), Shape::Structs) => "write each entry as `- name: NAME` with `value: VALUE` below it",
        (_, Shape::Text) => "write a text",
        (_, Shape::Bool) => "write true or false",
        (_, Shape::Int | Shape::Number) => "write a number",
        (_, Shape::Duration) => "write it as 24h0m0s",
        (_, Shape::Structs) => "write it as a list of maps",
        (_, Shape::Texts | Shape::Ints | Shape::OpenList) => "write it as a list: `[VALUE]`",
        (_, Shape::Any | Shape::TextMap | Shape::BoolMap | Shape::TextsMap | Shape::Struct | Shape::OpenMap) => {
            "write it as a map: `NAME: VALUE`"
        }
    };
    let text = format!("expected {}, found {}", shape.expected(), view.node.content.what());
    findings.refuse(view, text, remedy);
}
