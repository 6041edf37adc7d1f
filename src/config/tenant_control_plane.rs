//! From the Kamaji operator's `TenantControlPlane` to the same validated wish as from a kubeadm file.
//!
//! The document is rewritten as the kubeadm documents that mean the same, whose values keep their places; those are
//! read by the one reader. What is found there is told by the names that the user wrote.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::api::KubeadmApi;
use super::check::{self, Depth};
use super::convert::{self, Piece};
use super::findings::Findings;
use super::view::View;
use super::{CommandLine, ConfigKind, EXAMPLE_VERSION, Error, Loaded, Settings, Source, TENANT_FIELDS, cluster, init};
use crate::model::{
    Addons, ControlPlaneName, ControlPlaneSpec, DatastoreName, Endpoint, Exposure, Namespace, parse_label,
};
use crate::yaml::{self, Content, Document, Entry, Node, Place, shown};

/// The operator's default, where a file says nothing.
const SERVICES: &str = "10.96.0.0/16";
/// The operator's default, where a file says nothing.
const PODS: &str = "10.244.0.0/16";
/// The operator's default, where a file says nothing.
const REPLICAS: u32 = 2;
/// As many as `--replicas` takes.
const MOST_REPLICAS: u64 = 50;
const KIND: &str = "TenantControlPlane";

/// What the command line says beside the document; it wins.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// The name in the management cluster.
    pub name: Option<ControlPlaneName>,
    /// The namespace in the management cluster; without it and without one in the document, `default`.
    pub namespace: Option<Namespace>,
    /// How many pods.
    pub replicas: Option<u32>,
    /// How it is exposed.
    pub expose: Option<Exposure>,
    /// Where workers connect to.
    pub endpoint: Option<Endpoint>,
    /// Where its data is.
    pub datastore: Option<DatastoreName>,
}

/// Whether a text is a `TenantControlPlane`, as far as can be told without reading all of it well.
#[must_use]
pub fn is_one(source: &Source<'_>) -> bool {
    yaml::read_documents(source.name, source.text)
        .is_ok_and(|documents| documents.iter().any(|one| names_kind(&one.root)))
}

fn names_kind(root: &Node) -> bool {
    let says = |key: &str, what: &str| root.get(key).and_then(|entry| entry.value.text()) == Some(what);
    says("kind", KIND) && says("apiVersion", ConfigKind::Tenant.api_version())
}

/// Reads and validates one `TenantControlPlane`; the error tells every problem found.
pub fn load(source: &Source<'_>, overrides: Overrides) -> Result<Loaded, Error> {
    let parsed = yaml::read_documents(source.name, source.text)?;
    let mut findings = Findings::new(source);
    let Some(view) = only(&parsed, &mut findings) else {
        return Err(Error::Problems(findings.all().0));
    };
    check::check(ConfigKind::Tenant, None, Depth::Hosted, &view, &mut findings);
    refuse_switched_on(&view, &mut findings);
    let settings = settings(&view, overrides, &mut findings);
    let labels = labels(&view, &mut findings);
    let rewritten = rewrite(&view, &mut findings);
    let made = |kind: &str, node| View { field: kind.to_owned(), key: view.key, node };
    let cluster_view = made("ClusterConfiguration", &rewritten.cluster);
    let init_view = made("InitConfiguration", &rewritten.init);
    let said = CommandLine {
        name: settings.as_ref().map(|settings| &settings.name),
        endpoint: settings.as_ref().and_then(|settings| settings.endpoint.as_ref()),
        allow_experimental: false,
    };
    let init = init::read(Some(&init_view), &mut findings);
    let cluster = cluster::read(Some(&cluster_view), &said, &mut findings);
    if let Some(cluster) = cluster.as_ref().filter(|_| !findings.has_problems()) {
        check_dns(&view, cluster.networking.dns_service_ip(), &mut findings);
    }
    findings.rename(&rewritten.origins);
    let documents = rewritten.documents();
    let ((cluster, settings), warnings) = findings.finish(cluster.zip(settings))?;
    let spec = ControlPlaneSpec {
        name: settings.name,
        namespace: settings.namespace,
        version: cluster.version,
        cluster_name: cluster.cluster_name,
        image_repository: cluster.image_repository,
        networking: cluster.networking,
        endpoint: settings.endpoint.or(cluster.endpoint),
        bind_port: init.bind_port,
        expose: settings.expose,
        cert_sans: cluster.cert_sans,
        certificates: cluster.certificates,
        api_server: cluster.api_server,
        controller_manager: cluster.controller_manager,
        scheduler: cluster.scheduler,
        replicas: settings.replicas,
        datastore: settings.datastore,
        addons: Addons { coredns: cluster.coredns, kube_proxy: cluster.kube_proxy },
        kubelet: serde_json::Map::new(),
        kube_proxy: serde_json::Map::new(),
        labels,
        bootstrap_tokens: Vec::new(),
    };
    Ok(Loaded { spec, warnings, documents, timeout: None, dry_run: false })
}

/// The one document of a file.
fn only<'a>(parsed: &'a [Document], findings: &mut Findings<'_>) -> Option<View<'a>> {
    let view = |document: &'a Document| {
        let key = document.root.entries().first().map_or(document.root.place, |entry| entry.place);
        View { field: KIND.to_owned(), key, node: &document.root }
    };
    let remedy = format!("write one document with apiVersion: {} and kind: {KIND}", ConfigKind::Tenant.api_version());
    match parsed {
        [] => findings.missing(format!("there is no {KIND}"), remedy),
        [one] if names_kind(&one.root) => return Some(view(one)),
        [one] => findings.refuse_key(&view(one), format!("this is no {KIND} of v1alpha1"), remedy),
        [_, second, ..] => findings.refuse_key(&view(second), "the file has more than one document", remedy),
    }
    None
}

/// To the operator, an empty map switches these on; the table takes an empty map for nothing.
fn refuse_switched_on(view: &View<'_>, findings: &mut Findings<'_>) {
    for path in ["spec.addons.konnectivity", "spec.controlPlane.ingress", "spec.controlPlane.gateway"] {
        let empty = view.at(path).filter(|at| matches!(&at.node.content, Content::Map(entries) if entries.is_empty()));
        let row = TENANT_FIELDS.iter().find(|field| field.path == path);
        if let (Some(at), Some(row)) = (empty, row) {
            findings.refuse_key(&at, row.note, row.remedy);
        }
    }
}

fn settings(view: &View<'_>, overrides: Overrides, findings: &mut Findings<'_>) -> Option<Settings> {
    let name = overrides.name.or_else(|| parsed(view, "metadata.name", ControlPlaneName::parse, findings));
    if name.is_none() && view.text("metadata.name").is_none() {
        findings.refuse_key(view, "the document has no `metadata.name`", "add it");
    }
    let namespace = overrides.namespace.or_else(|| parsed(view, "metadata.namespace", Namespace::parse, findings));
    let datastore = overrides.datastore.or_else(|| parsed(view, "spec.dataStore", DatastoreName::parse, findings));
    let expose = overrides.expose.or_else(|| exposure(view, findings));
    let replicas = overrides.replicas.or_else(|| replicas(view, findings)).unwrap_or(REPLICAS);
    let otherwise = "default";
    let namespace = namespace.or_else(|| Namespace::parse(otherwise).ok())?;
    let datastore = datastore.or_else(|| DatastoreName::parse(otherwise).ok())?;
    Some(Settings { replicas, expose, endpoint: overrides.endpoint, ..Settings::new(name?, namespace, datastore) })
}

fn parsed<T>(
    view: &View<'_>,
    path: &str,
    parse: impl Fn(&str) -> Result<T, crate::model::Error>,
    findings: &mut Findings<'_>,
) -> Option<T> {
    let (at, text) = view.text(path)?;
    parse(text).map_err(|error| findings.refuse(&at, error.to_string(), "")).ok()
}

fn exposure(view: &View<'_>, findings: &mut Findings<'_>) -> Option<Exposure> {
    let (at, text) = view.text("spec.controlPlane.service.serviceType")?;
    let all = [Exposure::LoadBalancer, Exposure::NodePort, Exposure::ClusterIp];
    let found = all.into_iter().find(|exposure| exposure.service_type() == text);
    if found.is_none() {
        let text = format!("`{}` is not the type of a Service", shown(text));
        findings.refuse(&at, text, "write LoadBalancer, NodePort or ClusterIP");
    }
    found
}

fn replicas(view: &View<'_>, findings: &mut Findings<'_>) -> Option<u32> {
    let at = view.at("spec.controlPlane.deployment.replicas")?;
    let Content::Number(number) = &at.node.content else { return None };
    let fits = number.as_u64().filter(|number| (1..=MOST_REPLICAS).contains(number));
    if fits.is_none() {
        findings.refuse(&at, format!("{number} is not a number of pods"), "write a number from 1 to 50");
    }
    fits.and_then(|number| u32::try_from(number).ok())
}

fn labels(view: &View<'_>, findings: &mut Findings<'_>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let Some(all) = view.at("metadata.labels") else { return labels };
    for entry in all.node.entries() {
        let Some(value) = entry.value.text() else { continue };
        match parse_label(&format!("{}={value}", entry.key)) {
            Ok((key, value)) => drop(labels.insert(key, value)),
            Err(error) => findings.warn(&all.entry(entry), format!("ignored: {error}")),
        }
    }
    labels
}

/// kubeadm gives kubelets the tenth address, so that no other can be taken.
fn check_dns(view: &View<'_>, tenth: IpAddr, findings: &mut Findings<'_>) {
    for at in view.list("spec.networkProfile.dnsServiceIPs") {
        let same_family = |ip: &IpAddr| ip.is_ipv4() == tenth.is_ipv4();
        let given = at.node.text().map(str::parse::<IpAddr>);
        let Some(given) = given else { continue };
        match given {
            Ok(ip) if ip == tenth => {}
            Ok(ip) if !same_family(&ip) => {
                findings.warn(&at, "ignored: the DNS service has one address, of the first family");
            }
            Ok(ip) => findings.refuse(&at, format!("the DNS service is at {tenth}, not {ip}"), "remove it"),
            Err(_) => findings.refuse(&at, "it is not an IP address", "remove it"),
        }
    }
}

/// The kubeadm documents that mean the same, and where their fields come from.
struct Rewritten {
    cluster: Node,
    init: Node,
    origins: Vec<(String, String)>,
}

impl Rewritten {
    fn documents(&self) -> String {
        let piece = |kind: &'static str, node: &Node| {
            let mut value = node.to_json();
            if let Some(document) = value.as_object_mut() {
                document.insert("kind".into(), kind.into());
            }
            Piece { kind, api: Some(KubeadmApi::V1beta4), value }
        };
        let pieces = vec![piece("InitConfiguration", &self.init), piece("ClusterConfiguration", &self.cluster)];
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

fn rewrite(view: &View<'_>, findings: &mut Findings<'_>) -> Rewritten {
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
