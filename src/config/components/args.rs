//! `extraArgs` and `extraEnvs` of a component: which arguments are the user's, which are kamaji's, and which deserve
//! a word. The order and repetitions are kept, as with kubeadm v1beta4; the map of v1beta3 is read in the order of its names,
//! as kubeadm converts it.

use std::collections::HashSet;

use super::files::{Files, check_overlaps, path_use};
use crate::config::components::target::Target;
use crate::config::schema::findings::Findings;
use crate::config::schema::suggestion;
use crate::config::schema::view::View;
use crate::model::{Arg, Component, EnvVar, KubeVersion, MergeMethod, listed_flags};
use crate::yaml::{Content, shown};

const KEYS: &str = "remove it; kamaji makes and mounts keys and certificates";

const ENCRYPTED: &str = "remove it; Secrets are encrypted with a key that kamaji makes and keeps, and what was written with it \
    could not be read with another configuration";

/// Arguments that kamaji sets, and what to do instead. A trailing `*` stands for any ending.
const OWNED: &[(&str, &str)] = &[
    ("etcd-*", "remove it and name a datastore with --datastore"),
    ("storage-backend", "remove it and name a datastore with --datastore"),
    ("encryption-provider-config*", ENCRYPTED),
    ("tls-cert-file", KEYS),
    ("tls-private-key-file", KEYS),
    ("tls-sni-cert-key", KEYS),
    ("cert-dir", KEYS),
    ("client-ca-file", KEYS),
    ("root-ca-file", KEYS),
    ("service-account-key-file", KEYS),
    ("service-account-signing-key-file", KEYS),
    ("service-account-private-key-file", KEYS),
    ("requestheader-*", KEYS),
    ("proxy-client-*", KEYS),
    ("kubelet-client-*", KEYS),
    ("kubelet-certificate-authority", KEYS),
    ("cluster-signing-cert-file", KEYS),
    ("cluster-signing-key-file", KEYS),
    ("cluster-signing-kube-*", KEYS),
    ("cluster-signing-kubelet-*", KEYS),
    ("cluster-signing-legacy-*", KEYS),
    ("kubeconfig", KEYS),
    ("authentication-kubeconfig", KEYS),
    ("authorization-kubeconfig", KEYS),
    ("egress-selector-config-file", "remove it"),
    ("secure-port", "set InitConfiguration.localAPIEndpoint.bindPort"),
    ("service-cluster-ip-range", "set networking.serviceSubnet"),
    ("cluster-cidr", "set networking.podSubnet"),
    ("cluster-name", "set clusterName"),
];

/// Arguments with which a program prints something and ends.
const ENDING: &[&str] = &["help", "h", "version"];

/// Arguments that Kubernetes no longer has: the component would not start.
const REMOVED: &[&str] = &["insecure-port", "insecure-bind-address", "port", "address", "basic-auth-file"];

/// One entry of `extraArgs`, as a list has it or a map.
pub(crate) struct Entry<'a> {
    /// The whole entry.
    whole: View<'a>,
    /// Where the name is, unless there is none.
    name: Option<(View<'a>, &'a str)>,
    /// Where the value is, and what it says; a wrong type counts as empty.
    value: (View<'a>, &'a str),
    /// What v1 says about joining it with kamaji's value.
    merge: Option<(View<'a>, &'a str)>,
    /// Whether the name is the key of a map.
    keyed: bool,
}

impl Entry<'_> {
    /// The name and the value, if there is a name.
    pub(crate) fn pair(&self) -> Option<(&str, &str)> {
        self.name.as_ref().map(|(_, name)| (*name, self.value.1))
    }

    /// Refuses it where its name is.
    pub(crate) fn refuse(&self, text: impl Into<String>, remedy: &str, findings: &mut Findings<'_>) {
        let at = self.name.as_ref().map_or(&self.whole, |(view, _)| view);
        self.refuse_name(at, text, remedy, findings);
    }

    fn refuse_name(&self, at: &View<'_>, text: impl Into<String>, remedy: &str, findings: &mut Findings<'_>) {
        if self.keyed { findings.refuse_key(at, text, remedy) } else { findings.refuse(at, text, remedy) }
    }
}

/// The arguments of a component, in the order in which they are rendered.
pub(crate) fn entries<'a>(component: &View<'a>) -> Vec<Entry<'a>> {
    let Some(view) = component.at("extraArgs") else { return Vec::new() };
    if matches!(view.node.content, Content::Map(_)) {
        let mut keyed: Vec<Entry<'a>> = view
            .node
            .entries()
            .iter()
            .map(|entry| {
                let whole = view.entry(entry);
                let value = (whole.clone(), entry.value.text().unwrap_or_default());
                let name = (!entry.key.is_empty()).then(|| (whole.clone(), entry.key.as_str()));
                Entry { name, value, whole, merge: None, keyed: true }
            })
            .collect();
        keyed.sort_by_key(|entry| entry.name.as_ref().map(|(_, name)| *name));
        return keyed;
    }
    let listed = view.items().into_iter().map(|item| {
        let value = item.text("value").unwrap_or_else(|| (item.at("value").unwrap_or_else(|| item.clone()), ""));
        Entry { name: item.text("name"), value, merge: item.text("mergeMethod"), whole: item, keyed: false }
    });
    listed.collect()
}

/// Reads one component.
pub(crate) fn read(
    cluster: &View<'_>,
    target: Target,
    files: &mut Files<'_>,
    findings: &mut Findings<'_>,
) -> Component {
    let minor =
        cluster.text("kubernetesVersion").and_then(|(_, text)| KubeVersion::parse(text).ok()).map(|one| one.minor);
    let Some(component) = cluster.at(target.path()) else {
        return Component { mounts: files.described(target), ..Component::default() };
    };
    let mut mounts = files.volumes(&component, target, findings);
    let mut extra_args = Vec::new();
    for entry in entries(&component) {
        let Some(arg) = read_arg(&entry, target, findings) else { continue };
        if let (Some((at, _)), Some(text)) = (&entry.name, minor.and_then(|minor| unlisted(target, &arg.name, minor))) {
            findings.warn(at, text);
        }
        if let Some(kind) = path_use(&arg.name, &arg.value) {
            files.argument(target, (&arg.name, &arg.value, kind), &entry.value.0, &mut mounts, findings);
        }
        extra_args.push(arg);
    }
    check_overlaps(&component, &mounts, findings);
    refuse_two_ways_to_authenticate(&component, &extra_args, findings);
    let (mut extra_envs, mut seen) = (Vec::new(), HashSet::new());
    for item in component.list("extraEnvs") {
        let Some(env) = read_env(&item, findings) else { continue };
        if seen.contains(&env.name) {
            findings.refuse(
                &item,
                format!("the variable `{}` is given twice", shown(&env.name)),
                "keep one of the two",
            );
        } else {
            seen.insert(env.name.clone());
            extra_envs.push(env);
        }
    }
    Component { extra_args, extra_envs, mounts }
}

/// kube-apiserver starts with an authentication configuration or with flags that say the same, not with both.
fn refuse_two_ways_to_authenticate(component: &View<'_>, args: &[Arg], findings: &mut Findings<'_>) {
    let has = |test: &dyn Fn(&Arg) -> bool| args.iter().any(test);
    if has(&|arg| arg.name == "authentication-config") && has(&|arg| arg.name.starts_with("oidc-")) {
        let text = "kube-apiserver takes either `authentication-config` or `oidc-*` arguments";
        let at = component.at("extraArgs").unwrap_or_else(|| component.clone());
        findings.refuse_key(&at, text, "write the issuer into the authentication configuration, and remove `oidc-*`");
    }
}

fn read_arg(entry: &Entry<'_>, target: Target, findings: &mut Findings<'_>) -> Option<Arg> {
    let Some((name_view, name)) = &entry.name else {
        if entry.keyed || entry.whole.at("name").is_none_or(|name| name.node.text().is_some()) {
            findings.refuse(&entry.whole, "an argument needs a `name`", "write `name: NAME` without dashes before it");
        }
        return None;
    };
    if let Some(bare) = name.strip_prefix('-') {
        let bare = shown(bare.trim_start_matches('-'));
        let remedy = if entry.keyed { format!("write `{bare}: VALUE`") } else { format!("write `name: {bare}`") };
        entry.refuse_name(name_view, "the name has leading dashes", &remedy, findings);
        return None;
    }
    if !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        let text = format!("`{}` is not the name of an argument: use lower-case letters, digits and `-`", shown(name));
        let remedy =
            if entry.keyed { "write `NAME: VALUE`" } else { "write the name in `name` and the value in `value`" };
        entry.refuse_name(name_view, text, remedy, findings);
        return None;
    }
    let (value_view, value) = &entry.value;
    if value.chars().any(char::is_control) {
        findings.refuse_secret(value_view, "the value has a line break or another control character", "remove it");
        return None;
    }
    if let Some((text, remedy)) = refusal(name, value) {
        entry.refuse_name(name_view, text, remedy, findings);
        return None;
    }
    let merge = merge_method(entry, name, findings)?;
    if let Some(text) = doubt(target, name, value).filter(|_| merge.is_replace()) {
        findings.warn(name_view, text);
    }
    Some(Arg { merge, ..Arg::new(*name, *value) })
}

/// A word about an argument that the program does not list; it may take it nevertheless.
fn unlisted(target: Target, name: &str, minor: u64) -> Option<String> {
    let program = target.program();
    let mut listed = listed_flags(program, minor).peekable();
    listed.peek()?;
    let names: Vec<&str> = listed.collect();
    if names.contains(&name) {
        return None;
    }
    let near = suggestion::nearest(name, names.into_iter());
    let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    Some(format!("used as given, but {program} of v1.{minor} lists no such argument and may not start{near}"))
}

/// kubeadm 1.37 knows `append` and `prepend`; no method replaces (`util/arguments.go`).
fn merge_method(entry: &Entry<'_>, name: &str, findings: &mut Findings<'_>) -> Option<MergeMethod> {
    let Some((view, method)) = &entry.merge else { return Some(MergeMethod::Replace) };
    let merge = match *method {
        "append" => MergeMethod::Append,
        "prepend" => MergeMethod::Prepend,
        other => {
            let text = format!("`{}` is not a merge method", shown(other));
            findings.refuse(view, text, "write append or prepend, or leave it out to replace");
            return None;
        }
    };
    if path_use(name, entry.value.1).is_some() {
        findings.refuse(view, format!("`{name}` names a file, which cannot be joined with another name"), "remove it");
        return None;
    }
    Some(merge)
}

/// Why an argument is refused, and the remedy.
fn refusal(name: &str, value: &str) -> Option<(String, &'static str)> {
    let matches = |pattern: &str| pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start));
    if let Some((_, remedy)) = OWNED.iter().find(|(pattern, _)| matches(pattern)) {
        return Some((format!("`{name}` is set by kamaji"), remedy));
    }
    if name == "token-auth-file" {
        let text = "a token of a file is good until every API server was started again without it";
        return Some((
            text.into(),
            "remove it; give users certificates, or an identity provider with `authentication-config`",
        ));
    }
    if REMOVED.contains(&name) {
        return Some((format!("Kubernetes has no argument `{name}` any more"), "remove it"));
    }
    if ENDING.contains(&name) {
        return Some((format!("with `{name}` the program prints a text and ends"), "remove it"));
    }
    if name == "authorization-mode" && value.split(',').any(|mode| mode == "AlwaysAllow") {
        return Some(("`AlwaysAllow` lets everybody do everything".into(), "write Node,RBAC"));
    }
    None
}

/// What may surprise about an argument that is used.
fn doubt(target: Target, name: &str, value: &str) -> Option<&'static str> {
    match name {
        "advertise-address" => Some("used as given, though workers reach the API server at its endpoint"),
        "bind-address" => Some("used as given; probes reach the component only if it listens on the pod's address"),
        "authorization-mode" if ["Node", "RBAC"].iter().any(|mode| !value.split(',').any(|part| part == *mode)) => {
            Some("used as given; without Node and RBAC, workers cannot join")
        }
        "anonymous-auth" if target == Target::ApiServer && is_false(value) => {
            Some("used as given; `kubeadm join` and probes ask anonymously and will be refused")
        }
        "enable-bootstrap-token-auth" if is_false(value) => Some("used as given; `kubeadm join` will be refused"),
        "controllers" if value != "*" && !value.contains("bootstrapsigner") => {
            Some("used as given; without `bootstrapsigner` and `tokencleaner`, `kubeadm join` does not work")
        }
        "cloud-provider" if !matches!(value, "" | "external") => {
            Some("used as given; Kubernetes has no cloud providers in the tree any more")
        }
        _ => None,
    }
}

fn is_false(value: &str) -> bool {
    matches!(value, "false" | "False" | "FALSE" | "f" | "F" | "0")
}

fn read_env(item: &View<'_>, findings: &mut Findings<'_>) -> Option<EnvVar> {
    let Some((name_view, name)) = item.text("name") else {
        if item.at("name").is_none_or(|name| name.node.text().is_some()) {
            findings.refuse_secret(item, "a variable needs a `name`", "write `name: NAME`");
        }
        return None;
    };
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if !name.bytes().all(fits) || name.starts_with(|c: char| c.is_ascii_digit()) || name.len() > 253 {
        let text = format!("`{}` is not the name of a variable", shown(name));
        findings.refuse(&name_view, text, "use letters, digits, `_`, `-` and `.`, not starting with a digit");
        return None;
    }
    let value = item.text("value").map_or("", |(_, text)| text);
    if value.contains(['\0', '\n', '\r']) {
        let view = item.at("value").unwrap_or_else(|| item.clone());
        findings.refuse_secret(&view, "the value has a line break or a NUL", "remove it");
        return None;
    }
    Some(EnvVar { name: name.to_owned(), value: value.to_owned() })
}
