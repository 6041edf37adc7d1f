//! From the parser's events to documents: keys are text and distinct, aliases are copies, and copies are paid for.

use std::collections::HashMap;

use serde_saphyr::granit_parser::{Event, Marker, ScalarStyle, Span, Tag};

use super::{Content, Document, Entry, Error, Limits, MAX_DEPTH, MAX_DOCUMENTS, Node, Place, scalar, shown, snippet};

/// How many times the length of the longest text its values may have, copies made by aliases and anchors included.
const COPIES: usize = 4;

fn place(marker: Marker) -> Place {
    Place { line: marker.line(), column: marker.col() + 1 }
}

/// What a value costs: each copy of it is paid again.
#[derive(Debug, Clone, Copy, Default)]
struct Weight {
    nodes: usize,
    text: usize,
    depth: usize,
}

impl Weight {
    fn add(&mut self, child: Self) {
        self.nodes += child.nodes;
        self.text += child.text;
        self.depth = self.depth.max(child.depth + 1);
    }
}

/// A list or map whose end has not been seen.
struct Open {
    place: Place,
    anchor: usize,
    weight: Weight,
    items: Vec<Node>,
    /// `None` in a list; in a map, the keys so far.
    map: Option<OpenMap>,
}

#[derive(Default)]
struct OpenMap {
    entries: Vec<Entry>,
    merged: Vec<Node>,
    key: Option<Key>,
}

enum Key {
    Named(String, Place),
    Merge,
}

/// The documents so far, and the one that is open.
pub(super) struct Builder<'a> {
    limits: Limits,
    name: &'a str,
    text: &'a str,
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, Weight)>,
    spent: Weight,
    seen_documents: usize,
    documents: Vec<Document>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(limits: Limits, name: &'a str, text: &'a str) -> Self {
        let (open, anchors, documents) = (Vec::new(), HashMap::new(), Vec::new());
        Self { limits, name, text, open, anchors, spent: Weight::default(), seen_documents: 0, documents }
    }

    pub(super) fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Error> {
        let at = place(span.start);
        #[expect(clippy::wildcard_enum_match_arm, reason = "the parser's enum is open; the rest carries no value")]
        match event {
            Event::DocumentStart(..) => self.start_document(at),
            Event::SequenceStart(_, anchor, tag) => self.start(at, anchor, tag.as_deref(), "seq", None),
            Event::MappingStart(_, anchor, tag) => {
                self.start(at, anchor, tag.as_deref(), "map", Some(OpenMap::default()))
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(at, anchor),
            Event::Scalar(text, style, anchor, tag) => self.scalar(at, &text, style, anchor, tag.as_deref()),
            _ => Ok(()),
        }
    }

    /// All documents, once the parser has ended.
    pub(super) fn finish(self) -> Vec<Document> {
        self.documents
    }

    /// What the parser itself complains about.
    pub(super) fn broken(&self, at: Marker, what: &str) -> Error {
        self.syntax(place(at), what)
    }

    fn start_document(&mut self, at: Place) -> Result<(), Error> {
        self.anchors.clear();
        self.seen_documents += 1;
        if self.seen_documents > MAX_DOCUMENTS {
            return Err(self.limit(at, "there are more than 64 documents", "split the file"));
        }
        Ok(())
    }

    fn start(
        &mut self,
        at: Place,
        anchor: usize,
        tag: Option<&Tag>,
        expected: &str,
        map: Option<OpenMap>,
    ) -> Result<(), Error> {
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema_tag(expected) && tag.parts() != ("", "!")) {
            return Err(self.unsupported_tag(at, tag));
        }
        if map.is_some() && self.awaits_key() {
            return Err(self.bad_key(at, "a map"));
        }
        if map.is_none() && self.awaits_key() {
            return Err(self.bad_key(at, "a list"));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(self.limit(at, "lists and maps are nested more than 100 deep", "flatten it"));
        }
        self.pay(at, Weight { nodes: 1, ..Weight::default() })?;
        let weight = Weight { nodes: 1, text: 0, depth: 1 };
        self.open.push(Open { place: at, anchor, weight, items: Vec::new(), map });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        let open = self.open.pop().expect("the parser balances starts and ends");
        let content = match open.map {
            None => Content::List(open.items),
            Some(map) => Content::Map(self.close_map(map)?),
        };
        self.place_node(Node { place: open.place, content }, open.anchor, open.weight)
    }

    fn close_map(&mut self, map: OpenMap) -> Result<Vec<Entry>, Error> {
        let mut entries = map.entries;
        let mut first: HashMap<String, Place> = HashMap::with_capacity(entries.len());
        for entry in &entries {
            if let Some(before) = first.insert(entry.key.clone(), entry.place) {
                return Err(Error::DuplicateKey {
                    spot: entry.place.in_file(self.name),
                    key: shown(&entry.key),
                    first: before.to_string(),
                    snippet: snippet(self.text, entry.place),
                });
            }
        }
        for source in map.merged {
            let maps = match source.content {
                Content::List(items) => items,
                Content::Map(entries) => vec![Node { place: source.place, content: Content::Map(entries) }],
                Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(_) => vec![source],
            };
            for merged in maps {
                let Content::Map(others) = merged.content else {
                    return Err(self.syntax(merged.place, "`<<` merges a map or a list of maps, and this is neither"));
                };
                for entry in others {
                    if !first.contains_key(&entry.key) {
                        first.insert(entry.key.clone(), entry.place);
                        entries.push(entry);
                    }
                }
            }
        }
        Ok(entries)
    }

    fn alias(&mut self, at: Place, anchor: usize) -> Result<(), Error> {
        let Some((node, weight)) = self.anchors.get(&anchor) else {
            return Err(self.syntax(at, "the alias refers to a value that contains it"));
        };
        let (weight, node) = (*weight, node);
        if self.open.len() + weight.depth > MAX_DEPTH {
            return Err(self.limit(at, "lists and maps are nested more than 100 deep", "flatten it"));
        }
        if !self.affords(weight) {
            return Err(self.limit(at, "aliases make the file too large", "write the values out"));
        }
        let node = Node { place: at, content: node.content.clone() };
        self.pay(at, weight)?;
        if self.awaits_key() {
            let Content::Text(text) = node.content else { return Err(self.bad_key(at, node.content.what())) };
            self.set_key(Key::Named(text, at));
            return Ok(());
        }
        self.place_node(node, 0, weight)
    }

    fn scalar(
        &mut self,
        at: Place,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
    ) -> Result<(), Error> {
        let weight = Weight { nodes: 1, text: text.len(), depth: 0 };
        self.pay(at, weight)?;
        let plain = matches!(style, ScalarStyle::Plain);
        if self.awaits_key() && tag.is_none() && plain && text == "<<" {
            self.set_key(Key::Merge);
            return Ok(());
        }
        let content = match tag {
            None if plain => scalar::resolve(text).map_err(|what| self.syntax(at, what))?,
            None => Content::Text(text.to_owned()),
            Some(tag) if tag.is_yaml_core_schema_tag("str") || tag.parts() == ("", "!") => {
                Content::Text(text.to_owned())
            }
            Some(tag) => {
                let wanted = ["null", "bool", "int", "float"].into_iter().find(|s| tag.is_yaml_core_schema_tag(s));
                let Some(wanted) = wanted else { return Err(self.unsupported_tag(at, tag)) };
                let content = scalar::resolve(text).map_err(|what| self.syntax(at, what))?;
                if !scalar::fits(&content, wanted) {
                    return Err(self.syntax(at, &format!("the value is not what its tag `!!{wanted}` says")));
                }
                content
            }
        };
        if self.awaits_key() {
            if anchor != 0 {
                self.remember(at, anchor, &Node { place: at, content: content.clone() }, weight)?;
            }
            let key = match content {
                Content::Text(key) => key,
                Content::Number(_) => text.to_owned(),
                Content::Null | Content::Bool(_) | Content::List(_) | Content::Map(_) => {
                    return Err(self.bad_key(at, content.what()));
                }
            };
            self.set_key(Key::Named(key, at));
            return Ok(());
        }
        self.place_node(Node { place: at, content }, anchor, weight)
    }

    fn place_node(&mut self, node: Node, anchor: usize, weight: Weight) -> Result<(), Error> {
        if anchor != 0 {
            self.remember(node.place, anchor, &node, weight)?;
        }
        let Some(parent) = self.open.last_mut() else {
            if !matches!(node.content, Content::Null) {
                self.documents.push(Document { root: node });
            }
            return Ok(());
        };
        parent.weight.add(weight);
        match &mut parent.map {
            None => parent.items.push(node),
            Some(map) => match map.key.take() {
                Some(Key::Named(key, place)) => map.entries.push(Entry { key, place, value: node }),
                Some(Key::Merge) => map.merged.push(node),
                None => return Err(self.bad_key(node.place, node.content.what())),
            },
        }
        Ok(())
    }

    fn remember(&mut self, at: Place, anchor: usize, node: &Node, weight: Weight) -> Result<(), Error> {
        self.pay(at, weight)?;
        self.anchors.insert(anchor, (node.clone(), weight));
        Ok(())
    }

    fn awaits_key(&self) -> bool {
        self.open.last().and_then(|open| open.map.as_ref()).is_some_and(|map| map.key.is_none())
    }

    fn set_key(&mut self, key: Key) {
        if let Some(open) = self.open.last_mut()
            && let Some(map) = &mut open.map
        {
            open.weight.nodes += 1;
            open.weight.text += if let Key::Named(name, _) = &key { name.len() } else { 0 };
            map.key = Some(key);
        }
    }

    fn pay(&mut self, at: Place, weight: Weight) -> Result<(), Error> {
        let affordable = self.affords(weight);
        self.spent.nodes += weight.nodes;
        self.spent.text += weight.text;
        if !affordable {
            return Err(self.limit(at, "there are too many values", "split the file"));
        }
        Ok(())
    }

    const fn affords(&self, weight: Weight) -> bool {
        self.spent.nodes + weight.nodes <= self.limits.nodes
            && self.spent.text + weight.text <= COPIES * self.limits.bytes
    }

    fn bad_key(&self, at: Place, what: &str) -> Error {
        self.syntax(at, &format!("a key must be text, and this one reads as {what}; put it in quotes"))
    }

    fn syntax(&self, at: Place, what: &str) -> Error {
        Error::Syntax { spot: at.in_file(self.name), what: what.to_owned(), snippet: snippet(self.text, at) }
    }

    fn unsupported_tag(&self, at: Place, tag: &Tag) -> Error {
        self.syntax(at, &format!("the tag `{}` has no meaning here", shown(&tag.original())))
    }

    fn limit(&self, at: Place, what: &str, remedy: &'static str) -> Error {
        Error::too_much(at.in_file(self.name), what.to_owned(), remedy)
    }
}
