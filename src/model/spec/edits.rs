//! Single changes of what a kubeadm file says, as they are typed: added or, with a dash at the end, taken away.

use crate::model::{ComponentName, Error, San};

/// One entry more, or one less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit<T> {
    /// It is to be there.
    Add(T),
    /// It is to go.
    Remove(T),
}

/// An argument of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgEdit {
    /// Whose argument.
    pub component: ComponentName,
    /// Its name without dashes before it, with its value or without.
    pub argument: Edit<(String, String)>,
}

/// What is to be changed of the kubeadm documents; what is not named stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits {
    /// Names in the API server's certificate.
    pub cert_sans: Vec<Edit<San>>,
    /// Arguments.
    pub extra_args: Vec<ArgEdit>,
    /// Where images come from.
    pub image_repository: Option<String>,
    /// Whether there is `CoreDNS`.
    pub coredns: Option<bool>,
    /// Whether there is kube-proxy.
    pub kube_proxy: Option<bool>,
}

impl Edits {
    /// Whether nothing is to be changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Reads `api.example.com`, or `api.example.com-` to take it away: no name ends with a dash.
pub fn parse_san_edit(text: &str) -> Result<Edit<San>, Error> {
    match text.strip_suffix('-') {
        Some(name) => San::parse(name).map(Edit::Remove),
        None => San::parse(text).map(Edit::Add),
    }
}

/// Reads `COMPONENT:NAME=VALUE`, or `COMPONENT:NAME-` to take the argument away.
pub fn parse_arg_edit(text: &str) -> Result<ArgEdit, Error> {
    const FORM: &str = "write it as COMPONENT:NAME=VALUE, or COMPONENT:NAME- to take it away, with kube-apiserver, \
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
    fn a_dash_at_the_end_takes_away() {
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
