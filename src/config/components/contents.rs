//! Checks the files that arguments name for mistakes that keep the component from starting or workers from joining.
//! The component itself validates them fully; these checks save waiting for pods that cannot start.

use crate::config::schema::findings::Findings;
use crate::config::schema::view::View;
use crate::yaml::{self, Content, Document, Node, shown};

/// The argument, and the kind and API group of its file.
const KINDS: [(&str, &str, &str); 6] = [
    ("admission-control-config-file", "AdmissionConfiguration", "apiserver.config.k8s.io/"),
    ("audit-policy-file", "Policy", "audit.k8s.io/"),
    ("authentication-config", "AuthenticationConfiguration", "apiserver.config.k8s.io/"),
    ("authorization-config", "AuthorizationConfiguration", "apiserver.config.k8s.io/"),
    ("config", "KubeSchedulerConfiguration", "kubescheduler.config.k8s.io/"),
    ("tracing-config-file", "TracingConfiguration", "apiserver.config.k8s.io/"),
];
/// kubeadm's path, and kamaji's.
const SCHEDULER_CONF: [&str; 2] = ["/etc/kubernetes/scheduler.conf", "/etc/kubernetes/scheduler/scheduler.conf"];

/// Checks the file that `argument` names.
pub(crate) fn check(argument: &str, path: &str, bytes: &[u8], view: &View<'_>, findings: &mut Findings<'_>) {
    let Some((_, kind, group)) = KINDS.iter().find(|(name, _, _)| *name == argument) else { return };
    let document = match std::str::from_utf8(bytes).map(|text| yaml::read_documents(path, text)) {
        Ok(Ok(documents)) => match <[Document; 1]>::try_from(documents) {
            Ok([one]) => one.root,
            Err(_) => {
                return findings.refuse(
                    view,
                    format!("the file supplied for `{path}` does not contain exactly one document"),
                    "supply a file with one document",
                );
            }
        },
        Ok(Err(error)) => {
            return findings.refuse(
                view,
                format!("the file supplied for `{path}` is not YAML: {}", error.fact()),
                "fix the file",
            );
        }
        Err(_) => {
            return findings.refuse(
                view,
                format!("the file supplied for `{path}` is not UTF-8 text"),
                "save it as UTF-8",
            );
        }
    };
    let field = |key: &str| document.get(key).and_then(|entry| entry.value.text()).unwrap_or_default();
    if field("kind") != *kind || !field("apiVersion").starts_with(group) {
        let (is, of) = (shown(field("kind")), shown(field("apiVersion")));
        let text = format!("the file supplied for `{path}` contains `{is}` of `{of}`, expected {kind} of {group}…");
        return findings.refuse(view, text, format!("supply the file that `{argument}` expects"));
    }
    match *kind {
        "AuthenticationConfiguration" => authentication(&document, view, findings),
        "AuthorizationConfiguration" => authorization(&document, view, findings),
        "KubeSchedulerConfiguration" => scheduler(&document, view, findings),
        _ => {}
    }
}

fn child<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    node.get(key).map(|entry| &entry.value).filter(|value| !value.is_null())
}

fn authentication(document: &Node, view: &View<'_>, findings: &mut Findings<'_>) {
    let Some(anonymous) = child(document, "anonymous") else {
        let text = "used as is; without `anonymous`, anonymous requests are not limited to health checks and \
            cluster-info, though RBAC still applies";
        return findings.warn(view, text);
    };
    let paths: Vec<&str> = child(anonymous, "conditions")
        .map(|list| list.items().iter().filter_map(|item| child(item, "path")?.text()).collect())
        .unwrap_or_default();
    let enabled = child(anonymous, "enabled").is_some_and(|value| matches!(value.content, Content::Bool(true)));
    let needed = ["/livez", "/readyz", "/api/v1/namespaces/kube-public/configmaps/cluster-info"];
    if !enabled || (!paths.is_empty() && needed.iter().any(|needed| !paths.contains(needed))) {
        let text = format!("used as is; `kubeadm join` and probes need anonymous access to {}", needed.join(", "));
        findings.warn(view, text);
    }
}

fn authorization(document: &Node, view: &View<'_>, findings: &mut Findings<'_>) {
    let types: Vec<&str> = child(document, "authorizers")
        .map(|list| list.items().iter().filter_map(|item| child(item, "type")?.text()).collect())
        .unwrap_or_default();
    if types.contains(&"AlwaysAllow") {
        findings.refuse(view, "`AlwaysAllow` allows every request", "use Node and RBAC");
    } else if ["Node", "RBAC"].iter().any(|needed| !types.contains(needed)) {
        findings.warn(view, "used as is; without Node and RBAC, workers cannot join");
    }
}

/// With a configuration file, kube-scheduler ignores `--kubeconfig`.
fn scheduler(document: &Node, view: &View<'_>, findings: &mut Findings<'_>) {
    let path = child(document, "clientConnection").and_then(|part| child(part, "kubeconfig")?.text()).unwrap_or("");
    if !SCHEDULER_CONF.contains(&path) {
        let text = "with a configuration file, kube-scheduler uses only the kubeconfig that the file names";
        findings.refuse(view, text, format!("add `clientConnection: {{kubeconfig: {}}}` to it", SCHEDULER_CONF[0]));
    }
}
