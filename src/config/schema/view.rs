//! A value of the file together with the path that leads to it, so that a message can name both.

use crate::yaml::{Content, Entry, Node, Place, shown};

/// A value and how it is reached.
#[derive(Clone)]
pub(crate) struct View<'a> {
    /// `ClusterConfiguration.networking.podSubnet`.
    pub(crate) field: String,
    /// Where its key is, or its own place in a list.
    pub(crate) key: Place,
    /// The value.
    pub(crate) node: &'a Node,
}

impl<'a> View<'a> {
    pub(crate) fn entry(&self, entry: &'a Entry) -> Self {
        let field = format!("{}.{}", self.field, shown(&entry.key));
        View { field, key: entry.place, node: &entry.value }
    }

    /// The value at a path such as `networking.podSubnet`; null and a wrong type on the way count as absent.
    pub(crate) fn at(&self, path: &str) -> Option<Self> {
        let mut view = self.clone();
        for key in path.split('.') {
            let entry = view.node.get(key)?;
            view = view.entry(entry);
        }
        (!view.node.is_null()).then_some(view)
    }

    /// The items of a list with their index in the path; null items are left out.
    pub(crate) fn items(&self) -> Vec<Self> {
        let item = |(index, node): (usize, &'a Node)| View {
            field: format!("{}[{index}]", self.field),
            key: node.place,
            node,
        };
        self.node.items().iter().enumerate().map(item).filter(|view| !view.node.is_null()).collect()
    }

    /// The text at a path; empty text counts as absent, as it does for kubeadm.
    pub(crate) fn text(&self, path: &str) -> Option<(Self, &'a str)> {
        let view = self.at(path)?;
        let text = view.node.text().filter(|text| !text.is_empty())?;
        Some((view, text))
    }

    /// The list at a path; none when it is absent.
    pub(crate) fn list(&self, path: &str) -> Vec<Self> {
        self.at(path).map(|view| view.items()).unwrap_or_default()
    }

    /// Whether the value at a path is `true`.
    pub(crate) fn is_true(&self, path: &str) -> bool {
        self.at(path).is_some_and(|view| matches!(view.node.content, Content::Bool(true)))
    }
}
