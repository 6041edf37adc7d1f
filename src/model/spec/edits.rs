//! Edits of single kubeadm settings from the command line: add, or remove with a trailing dash.

use crate::model::{ComponentName, Error, San};

/// Adds or removes a list entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit<T> {
    /// Adds the entry.
    Add(T),
    /// Removes the entry.
    Remove(T),
}

/// An edit of a component's argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgEdit {
    /// The component.
    pub component: ComponentName,
    /// The name without leading dashes, and the value; empty when removing.
    pub argument: Edit<(String, String)>,
}

/// The edits of the kubeadm documents; other fields stay unchanged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits {
    /// Edits of the API server certificate's subject alternative names.
    pub cert_sans: Vec<Edit<San>>,
    /// Edits of component arguments.
    pub extra_args: Vec<ArgEdit>,
    /// A new image repository.
    pub image_repository: Option<String>,
    /// Enables or disables `CoreDNS`.
    pub coredns: Option<bool>,
    /// Enables or disables kube-proxy.
    pub kube_proxy: Option<bool>,
}

impl Edits {
    /// Whether there are no edits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Parses `api.example.com`, or `api.example.com-` to remove it. No valid name ends with a dash.
pub fn parse_san_edit(text: &str) -> Result<Edit<San>, Error> {
    match text.strip_suffix('-') {
        Some(name) => San::parse(name).map(Edit::Remove),
        None => San::parse(text).map(Edit::Add),
    }
}

/// Parses `COMPONENT:NAME=VALUE`, or `COMPONENT:NAME-` to remove the argument.
pub fn parse_arg_edit(text: &str) -> Result<ArgEdit, Error> {
    const FORM: &str = "write it as COMPONENT:NAME=VALUE, or COMPONENT:NAME- to remove it; COMPONENT is kube-apiserver, \
        kube-controller-manager or kube-scheduler";
    let refuse = || Error::invalid("argument", text, FORM);
    let (component, argument) = text.split_once(':').ok_or_else(refuse)?;
    let component = ComponentName::ALL.into_iter().find(|known| known.as_str() == component).ok_or_else(refuse)?;
    let argument = match (argument.split_once('='), argument.strip_suffix('-')) {
        (Some((name, value)), _) => Edit::Add((name.to_owned(), value.to_owned())),
        (None, Some(name)) => Edit::Remove((name.to_owned(), String::new())),
        (None, None) => return Err(refuse()),
    };
    let (Edit::Add((name, _)) | Edit::Remove((name, _))) = &argument;
    if name.is_empty() {
        return Err(refuse());
    }
    Ok(ArgEdit { component, argument })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailing_dash_removes() {
        let dns = |name: &str| San::parse(name).unwrap();
        assert_eq!(parse_san_edit("api.example.com"), Ok(Edit::Add(dns("api.example.com"))));
        assert_eq!(parse_san_edit("10.0.0.1-"), Ok(Edit::Remove(dns("10.0.0.1"))));
        let argument = |text: &str| parse_arg_edit(text).map(|edit| edit.argument);
        assert_eq!(argument("kube-apiserver:v=4"), Ok(Edit::Add(("v".into(), "4".into()))));
        assert_eq!(argument("kube-scheduler:x=a=b:c-"), Ok(Edit::Add(("x".into(), "a=b:c-".into()))));
        assert_eq!(argument("kube-scheduler:v-"), Ok(Edit::Remove(("v".into(), String::new()))));
        for bad in ["v=4", "kube-proxy:v=4", "kube-apiserver:v", "kube-apiserver:=4", "kube-apiserver:-", ""] {
            assert!(parse_arg_edit(bad).is_err(), "{bad}");
        }
        assert!(parse_san_edit("-").is_err() && parse_san_edit("").is_err());
    }
}
