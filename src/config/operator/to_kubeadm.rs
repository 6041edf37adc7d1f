//! A `TenantControlPlane` as the kubeadm documents that mean the same. Values keep their places in the file, and each
//! field made is written down with the one it comes from. Whether the values are right is asked by the one reader.

use serde_json::{Map, Value};

use super::table::KIND;
use crate::config::kubeadm::api::KubeadmApi;
use crate::config::kubeadm::convert::{self, Piece};
use crate::config::schema::findings::Findings;
use crate::config::schema::view::View;
use crate::config::{ConfigKind, EXAMPLE_VERSION};
use crate::yaml::{self, Content, Entry, Node, Place};

/// The operator's default, where a file says nothing.
const SERVICES: &str = "10.96.0.0/16";
/// The operator's default, where a file says nothing.
const PODS: &str = "10.244.0.0/16";

/// The kubeadm documents that mean the same, and where their fields come from.
pub(crate) struct Rewritten {
    pub(crate) cluster: Node,
    pub(crate) init: Node,
    pub(crate) origins: Vec<(String, String)>,
}

impl Rewritten {
    /// The documents as YAML.
    pub(crate) fn documents(&self, kubelet: &Map<String, Value>) -> String {
        let piece = |kind: &'static str, node: &Node| {
            let mut value = node.to_json();
            if let Some(document) = value.as_object_mut() {
                document.insert("kind".into(), kind.into());
            }
            Piece { kind, api: Some(KubeadmApi::V1beta4), value }
        };
        let mut pieces = vec![piece("InitConfiguration", &self.init), piece("ClusterConfiguration", &self.cluster)];
        if !kubelet.is_empty() {
            let mut value = kubelet.clone();
            value.insert("apiVersion".into(), ConfigKind::Kubelet.api_version().into());
            value.insert("kind".into(), ConfigKind::Kubelet.as_str().into());
            pieces.push(Piece { kind: ConfigKind::Kubelet.as_str(), api: None, value: Value::Object(value) });
        }
        yaml::write_documents(&convert::converted(pieces, KubeadmApi::V1beta4))
    }
}

/// Writes the kubeadm documents.
struct Writer<'a> {
    view: &'a View<'a>,
    documents: [(&'static str, Node); 2],
    origins: Vec<(String, String)>,
}

const CLUSTER: usize = 0;
const INIT: usize = 1;

/// Rewrites the document; an argument that is none is reported.
pub(crate) fn rewrite(view: &View<'_>, findings: &mut Findings<'_>) -> Rewritten {
    let empty = || Node { place: view.key, content: Content::Map(Vec::new()) };
    let documents = [("ClusterConfiguration", empty()), ("InitConfiguration", empty())];
    let mut writer = Writer { view, documents, origins: Vec::new() };
    writer.version(findings);
    writer.copy(CLUSTER, "imageRepository", "spec.controlPlane.deployment.registrySettings.registry");
    writer.copy(CLUSTER, "networking.dnsDomain", "spec.networkProfile.clusterDomain");
    writer.copy(CLUSTER, "apiServer.certSANs", "spec.networkProfile.certSANs");
    writer.copy(CLUSTER, "dns.imageRepository", "spec.addons.coreDNS.imageRepository");
    writer.copy(CLUSTER, "dns.imageTag", "spec.addons.coreDNS.imageTag");
    writer.copy(INIT, "localAPIEndpoint.bindPort", "spec.networkProfile.port");
    writer.ranges("networking.serviceSubnet", "spec.networkProfile.serviceCidr", SERVICES);
    writer.ranges("networking.podSubnet", "spec.networkProfile.podCidr", PODS);
    writer.endpoint();
    writer.switch("dns.disabled", "spec.addons.coreDNS");
    writer.switch("proxy.disabled", "spec.addons.kubeProxy");
    for component in ["apiServer", "controllerManager", "scheduler"] {
        writer.arguments(component, findings);
    }
    // The longest first, so that an item is found before its list.
    writer.origins.sort_by_key(|(from, _)| std::cmp::Reverse(from.len()));
    let [(_, cluster), (_, init)] = writer.documents;
    Rewritten { cluster, init, origins: writer.origins }
}

impl Writer<'_> {
    fn put(&mut self, document: usize, path: &str, key: Place, value: Node) {
        put(&mut self.documents[document].1, path, key, value);
    }

    fn origin(&mut self, document: usize, path: &str, from: String) {
        self.origins.push((format!("{}.{path}", self.documents[document].0), from));
    }

    fn copy(&mut self, document: usize, path: &str, from: &str) {
        self.origin(document, path, format!("{KIND}.{from}"));
        if let Some(view) = self.view.at(from) {
            self.put(document, path, view.key, view.node.clone());
        }
    }

    /// The list of the plural, else the text of the singular, else the operator's default.
    fn ranges(&mut self, path: &str, singular: &str, default: &str) {
        let plural = format!("{singular}s");
        let many = self.view.at(&plural).filter(|view| !view.node.items().is_empty());
        let (view, text) = match (many, self.view.text(singular)) {
            (Some(view), _) => {
                let text: Vec<&str> = view.node.items().iter().filter_map(Node::text).collect();
                (view.clone(), text.join(","))
            }
            (None, Some((view, text))) => (view, text.to_owned()),
            (None, None) => {
                (View { field: format!("{}.{singular}", self.view.field), ..self.view.clone() }, default.to_owned())
            }
        };
        self.origin(CLUSTER, path, view.field.clone());
        self.put(CLUSTER, path, view.key, Node { place: view.node.place, content: Content::Text(text) });
    }

    /// A missing version is told here, by its own name, and stands in for one that is right.
    fn version(&mut self, findings: &mut Findings<'_>) {
        const FROM: &str = "spec.kubernetes.version";
        if self.view.text(FROM).is_none() && self.view.at(FROM).is_none_or(|view| view.node.text().is_some()) {
            let remedy = format!("write `version: {EXAMPLE_VERSION}` below spec.kubernetes");
            findings.refuse_key(self.view, "the document has no `spec.kubernetes.version`", remedy);
            let place = self.view.key;
            let stand_in = Node { place, content: Content::Text(EXAMPLE_VERSION.to_string()) };
            self.put(CLUSTER, "kubernetesVersion", place, stand_in);
        } else {
            self.copy(CLUSTER, "kubernetesVersion", FROM);
        }
    }

    fn endpoint(&mut self) {
        let Some((view, host)) = self.view.text("spec.networkProfile.address") else { return };
        let port = self.view.at("spec.networkProfile.port").map_or_else(
            || "6443".to_owned(),
            |port| {
                if let Content::Number(number) = &port.node.content { number.to_string() } else { "6443".to_owned() }
            },
        );
        let text = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        self.origin(CLUSTER, "controlPlaneEndpoint", view.field.clone());
        self.put(
            CLUSTER,
            "controlPlaneEndpoint",
            view.key,
            Node { place: view.node.place, content: Content::Text(text) },
        );
    }

    /// An addon that is not mentioned is off.
    fn switch(&mut self, path: &str, addon: &str) {
        if self.view.at(addon).is_none() {
            let place = self.view.key;
            self.put(CLUSTER, path, place, Node { place, content: Content::Bool(true) });
        }
    }

    fn arguments(&mut self, component: &str, findings: &mut Findings<'_>) {
        let mut items = Vec::new();
        let path = format!("{component}.extraArgs");
        for view in self.view.list(&format!("spec.controlPlane.deployment.extraArgs.{component}")) {
            let Some(text) = view.node.text() else { continue };
            let Some(bare) = text.strip_prefix("--") else {
                findings.refuse(&view, "an argument starts with `--`", "write it as `--NAME=VALUE`");
                continue;
            };
            // Go's flags take a flag without a value for a true one.
            let (name, value) = bare.split_once('=').unwrap_or((bare, "true"));
            self.origin(CLUSTER, &format!("{path}[{}]", items.len()), view.field.clone());
            items.push(argument(view.node.place, name, value));
        }
        if component == "apiServer" {
            let lists = [
                ("spec.kubernetes.admissionControllers", "enable-admission-plugins"),
                ("spec.kubernetes.kubelet.preferredAddressTypes", "kubelet-preferred-address-types"),
            ];
            for (from, name) in lists {
                let Some(view) = self.view.at(from).filter(|view| !view.node.items().is_empty()) else { continue };
                let values: Vec<&str> = view.node.items().iter().filter_map(Node::text).collect();
                self.origin(CLUSTER, &format!("{path}[{}]", items.len()), view.field.clone());
                items.push(argument(view.node.place, name, &values.join(",")));
            }
        }
        if !items.is_empty() {
            let place = self.view.key;
            self.put(CLUSTER, &path, place, Node { place, content: Content::List(items) });
        }
    }
}

fn argument(place: Place, name: &str, value: &str) -> Node {
    let entry = |key: &str, text: &str| Entry {
        key: key.to_owned(),
        place,
        value: Node { place, content: Content::Text(text.to_owned()) },
    };
    Node { place, content: Content::Map(vec![entry("name", name), entry("value", value)]) }
}

/// Sets a value below a map, making the maps on the way.
fn put(map: &mut Node, path: &str, key: Place, value: Node) {
    let Content::Map(entries) = &mut map.content else { return };
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let Some(rest) = rest else {
        entries.push(Entry { key: first.to_owned(), place: key, value });
        return;
    };
    if !entries.iter().any(|entry| entry.key == first) {
        let empty = Node { place: key, content: Content::Map(Vec::new()) };
        entries.push(Entry { key: first.to_owned(), place: key, value: empty });
    }
    if let Some(entry) = entries.iter_mut().find(|entry| entry.key == first) {
        put(&mut entry.value, rest, key, value);
    }
}
