//! What the user says to kubelets and kube-proxies: passed on, with a word where joining would not work as written.

use serde_json::{Map, Value};

use super::documents::settings;
use crate::config::schema::findings::Findings;
use crate::config::schema::view::View;
use crate::yaml::Content;

const CLIENT_CA: &str = "/etc/kubernetes/pki/ca.crt";
const PROXY_KUBECONFIG: &str = "/var/lib/kube-proxy/kubeconfig.conf";

/// The kubelet settings.
pub(crate) fn kubelet(view: &View<'_>, findings: &mut Findings<'_>) -> Map<String, Value> {
    if view.is_true("serverTLSBootstrap") {
        let view = view.at("serverTLSBootstrap").unwrap_or_else(|| view.clone());
        findings.warn(&view, "serving certificates of kubelets are not approved by themselves: approve each one");
    }
    if let Some(rotate) = view.at("rotateCertificates")
        && matches!(rotate.node.content, Content::Bool(false))
    {
        findings.warn(&rotate, "ignored: client certificates of kubelets are always rotated, as with kubeadm");
    }
    if let Some((file, text)) = view.text("authentication.x509.clientCAFile")
        && text != CLIENT_CA
    {
        findings
            .warn(&file, format!("joining writes the authority to {CLIENT_CA}; another file must exist on each node"));
    }
    settings(view)
}

/// The kube-proxy settings.
pub(crate) fn kube_proxy(view: &View<'_>, findings: &mut Findings<'_>) -> Map<String, Value> {
    if let Some((mode, "ipvs")) = view.text("mode") {
        findings.warn(&mode, "`ipvs` is deprecated since Kubernetes 1.35; use nftables or iptables");
    }
    if let Some((file, text)) = view.text("clientConnection.kubeconfig")
        && text != PROXY_KUBECONFIG
    {
        findings.refuse(
            &file,
            "kube-proxy finds its kubeconfig in one place only",
            format!("write {PROXY_KUBECONFIG}"),
        );
    }
    settings(view)
}
