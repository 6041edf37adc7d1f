//! What is in the files that arguments name, as far as a wrong one would keep the component from starting, or workers
//! from joining. The component reads them in full; this only spares waiting for pods that cannot come up.

use crate::config::schema::findings::Findings;
use crate::config::schema::view::View;
use crate::yaml::{self, Content, Document, Node, shown};

/// The argument, and the kind and group of the document that its file holds.
const KINDS: [(&str, &str, &str); 6] = [
    ("admission-control-config-file", "AdmissionConfiguration", "apiserver.config.k8s.io/"),
    ("audit-policy-file", "Policy", "audit.k8s.io/"),
    ("authentication-config", "AuthenticationConfiguration", "apiserver.config.k8s.io/"),
    ("authorization-config", "AuthorizationConfiguration", "apiserver.config.k8s.io/"),
    ("config", "KubeSchedulerConfiguration", "kubescheduler.config.k8s.io/"),
    ("tracing-config-file", "TracingConfiguration", "apiserver.config.k8s.io/"),
];
/// Where kubeadm has it, and where kamaji has it.
const SCHEDULER_CONF: [&str; 2] = ["/etc/kubernetes/scheduler.conf", "/etc/kubernetes/scheduler/scheduler.conf"];

/// Looks into the file that `argument` names.
pub(crate) fn check(argument: &str, path: &str, bytes: &[u8], view: &View<'_>, findings: &mut Findings<'_>) {
    let Some((_, kind, group)) = KINDS.iter().find(|(name, _, _)| *name == argument) else { return };
    let document = match std::str::from_utf8(bytes).map(|text| yaml::read_documents(path, text)) {
        Ok(Ok(documents)) => match <[Document; 1]>::try_from(documents) {
            Ok([one]) => one.root,
            Err(_) => {
                return findings.refuse(
                    view,
                    format!("the file given for `{path}` is not one document"),
                    "give a file with one",
                );
            }
        },
        Ok(Err(error)) => {
            return findings.refuse(
                view,
                format!("the file given for `{path}` is not YAML: {}", error.fact()),
                "mend the file",
            );
        }
        Err(_) => {
            return findings.refuse(view, format!("the file given for `{path}` is not UTF-8 text"), "save it as UTF-8");
        }
    };
    let says = |key: &str| document.get(key).and_then(|entry| entry.value.text()).unwrap_or_default();
    if says("kind") != *kind || !says("apiVersion").starts_with(group) {
        let (is, of) = (shown(says("kind")), shown(says("apiVersion")));
        let text = format!("the file given for `{path}` holds `{is}` of `{of}`, and not {kind} of {group}…");
        return findings.refuse(view, text, format!("give the file that `{argument}` needs"));
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
        let text = "used as given; without `anonymous`, requests without a user are not limited to health and \
            cluster-info; RBAC still decides what they may do";
        return findings.warn(view, text);
    };
    let paths: Vec<&str> = child(anonymous, "conditions")
        .map(|list| list.items().iter().filter_map(|item| child(item, "path")?.text()).collect())
        .unwrap_or_default();
    let enabled = child(anonymous, "enabled").is_some_and(|value| matches!(value.content, Content::Bool(true)));
    let needed = ["/livez", "/readyz", "/api/v1/namespaces/kube-public/configmaps/cluster-info"];
    if !enabled || (!paths.is_empty() && needed.iter().any(|needed| !paths.contains(needed))) {
        let text = format!("used as given; `kubeadm join` and probes ask anonymously for {}", needed.join(", "));
        findings.warn(view, text);
    }
}

fn authorization(document: &Node, view: &View<'_>, findings: &mut Findings<'_>) {
    let types: Vec<&str> = child(document, "authorizers")
        .map(|list| list.items().iter().filter_map(|item| child(item, "type")?.text()).collect())
        .unwrap_or_default();
    if types.contains(&"AlwaysAllow") {
        findings.refuse(view, "`AlwaysAllow` lets everybody do everything", "list Node and RBAC");
    } else if ["Node", "RBAC"].iter().any(|needed| !types.contains(needed)) {
        findings.warn(view, "used as given; without Node and RBAC, workers cannot join");
    }
}

/// With a configuration file kube-scheduler takes its kubeconfig from nowhere else.
fn scheduler(document: &Node, view: &View<'_>, findings: &mut Findings<'_>) {
    let path = child(document, "clientConnection").and_then(|part| child(part, "kubeconfig")?.text()).unwrap_or("");
    if !SCHEDULER_CONF.contains(&path) {
        let text = "with a configuration file, kube-scheduler finds its kubeconfig only if the file names it";
        findings.refuse(view, text, format!("write `clientConnection: {{kubeconfig: {}}}` into it", SCHEDULER_CONF[0]));
    }
}
