//! From the Kamaji operator's `TenantControlPlane` to the same validated wish as from a kubeadm file.
//!
//! The document is rewritten as the kubeadm documents that mean the same, whose values keep their places; those are
//! read by the one reader. What is found there is told by the names that the user wrote.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Map, Value};

use super::table::KIND;
use super::to_kubeadm::rewrite;
use super::{pods, service, volumes};
use crate::config::components::files::Files;
use crate::config::components::image;
use crate::config::kubeadm::{cluster, init};
use crate::config::schema::check::{self, Depth};
use crate::config::schema::findings::Findings;
use crate::config::schema::view::View;
use crate::config::{Checked, CommandLine, ConfigKind, Error, Loaded, Settings, Source, TENANT_FIELDS};
use crate::model::{
    AddonImage, Addons, ControlPlaneName, ControlPlaneSpec, DatastoreName, Endpoint, Exposure, Namespace,
    SuppliedFiles, parse_label,
};
use crate::yaml::{self, Content, Document, Node, shown};

/// The operator's default, where a file says nothing.
const REPLICAS: u32 = 2;
/// As many as `--replicas` takes.
const MOST_REPLICAS: u64 = 50;
const PATCHES: &str = "spec.kubernetes.kubelet.configurationJSONPatches";
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
    /// `--file` and `--empty-dir`, and what an earlier run was given.
    pub given: SuppliedFiles,
}

/// Whether a text is a `TenantControlPlane`, as far as can be told without reading all of it well.
#[must_use]
pub fn is_one(source: &Source<'_>) -> bool {
    yaml::read_documents(source.name, source.text)
        .is_ok_and(|documents| documents.iter().any(|one| names_kind(&one.root)))
}

/// Holds a document against every rule that needs no command line and no cluster.
#[must_use]
pub fn validate(source: &Source<'_>, given: &SuppliedFiles) -> Checked {
    match load(source, Overrides { given: given.clone(), ..Overrides::default() }) {
        Ok(loaded) => Checked { problems: Vec::new(), warnings: loaded.warnings },
        Err(error) => Checked { problems: error.into_problems(), warnings: Vec::new() },
    }
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
    let given = overrides.given.clone();
    let mut settings = settings(&view, overrides, &mut findings);
    let pods = pods::pods(&view, &mut findings);
    let service = service::service(&view, settings.as_ref().and_then(|one| one.expose), &mut findings);
    if let Some(settings) = settings.as_mut().filter(|_| service.needs_load_balancer()) {
        // A node port instead would be open to everybody, or be what was not asked for.
        settings.expose = Some(Exposure::LoadBalancer);
    }
    let kubelet = kubelet(&view, &mut findings);
    let kube_proxy_image = kube_proxy_image(&view, &mut findings);
    let labels = labels(&view, &mut findings);
    let rewritten = rewrite(&view, &mut findings);
    let made = |kind: &str, node| View { field: kind.to_owned(), key: view.key, node };
    let cluster_view = made("ClusterConfiguration", &rewritten.cluster);
    let init_view = made("InitConfiguration", &rewritten.init);
    let said = CommandLine {
        name: settings.as_ref().map(|settings| &settings.name),
        endpoint: settings.as_ref().and_then(|settings| settings.endpoint.as_ref()),
        allow_experimental: false,
        given: &given,
    };
    let mut files = Files::new(&given);
    volumes::read(&view, &mut files, &mut findings);
    let init = init::read(Some(&init_view), &mut findings);
    let cluster = cluster::read(Some(&cluster_view), &said, &mut files, &mut findings);
    if let Some(cluster) = cluster.as_ref().filter(|_| !findings.has_problems()) {
        check_dns(&view, cluster.networking.dns_service_ip(), &mut findings);
    }
    findings.rename(&rewritten.origins);
    let extras = files.finish(&mut findings);
    let documents = rewritten.documents(&kubelet);
    let names_namespace = view.text("metadata.namespace").is_some();
    let ((cluster, settings), warnings) = findings.finish(cluster.zip(settings))?;
    let addons = Addons { coredns: cluster.coredns.clone(), kube_proxy: cluster.kube_proxy, kube_proxy_image };
    let kubelet_patches = view.list(PATCHES).iter().map(|patch| patch.node.to_json()).collect();
    let desired = crate::config::spec(settings, cluster, init, addons);
    let spec = ControlPlaneSpec { kubelet, kubelet_patches, labels, pods, service, extras, ..desired };
    Ok(Loaded { spec, warnings, documents, timeout: None, dry_run: false, names_namespace })
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

/// The one setting of nodes that has a field of its own.
fn kubelet(view: &View<'_>, findings: &mut Findings<'_>) -> Map<String, Value> {
    let mut settings = Map::new();
    if let Some((at, driver)) = view.text("spec.kubernetes.kubelet.cgroupfs") {
        if !["systemd", "cgroupfs"].contains(&driver) {
            findings.refuse(&at, format!("`{}` is no cgroup driver", shown(driver)), "write systemd or cgroupfs");
        }
        settings.insert("cgroupDriver".to_owned(), driver.into());
    }
    settings
}

fn kube_proxy_image(view: &View<'_>, findings: &mut Findings<'_>) -> AddonImage {
    let repository = image::repository(view, "spec.addons.kubeProxy.imageRepository", findings);
    AddonImage { repository, tag: image::image_tag(view, "spec.addons.kubeProxy.imageTag", findings) }
}

fn parsed<T>(
    view: &View<'_>,
    path: &str,
    parse: impl Fn(&str) -> Result<T, crate::model::Error>,
    findings: &mut Findings<'_>,
) -> Option<T> {
    let (at, text) = view.text(path)?;
    parse(text).map_err(|error| findings.refuse(&at, error.to_string(), "choose another")).ok()
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
