//! Loads kubeadm files into a validated [`ControlPlaneSpec`], with warnings about ignored fields and errors about
//! unsupported ones. Pure: text in, values out; no files, network or clock.
//!
//! `table` lists the fields, `check` checks documents against it, and `cluster`, `network`, `args` and `init` read the
//! values. All of them report to one `Findings`, so that all problems of a file are reported together. kubeadm's API
//! versions differ in few fields, so the same code reads all of them; `convert` converts between them.

mod components;
mod error;
mod kubeadm;
pub mod operator;
mod schema;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::model::{
    AddonImage, Addons, ControlPlaneName, ControlPlaneSpec, DatastoreName, Endpoint, Exposure, Extras, Isolation,
    Namespace, PodSettings, ServiceSettings, SuppliedFiles,
};
use crate::yaml::{Document, Location};

pub use error::{Error, Problem};
pub use kubeadm::api::KubeadmApi;
pub use kubeadm::convert::convert;
pub use kubeadm::defaults::{EXAMPLE_VERSION, print_defaults};
pub use kubeadm::edit::{RECORDED, completed, edited};
pub use kubeadm::table::FIELDS;
pub use operator::table::TENANT_FIELDS;
pub use schema::fields::{Action, ConfigKind, Field, Shape};
pub use schema::reference::{fields_reference, tenant_fields_reference};

use components::files::Files;
use schema::check::Depth;
use schema::findings::Findings;

/// The name and text of a configuration file.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// Its name in errors: the file name, or `stdin`.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// Settings from the command line.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name in the management cluster.
    pub name: ControlPlaneName,
    /// The namespace in the management cluster.
    pub namespace: Namespace,
    /// The number of pods.
    pub replicas: u32,
    /// The exposure; if `None`, the plan chooses one.
    pub expose: Option<Exposure>,
    /// `--endpoint`; overrides the file's `controlPlaneEndpoint`, with a warning if they differ.
    pub endpoint: Option<Endpoint>,
    /// The datastore.
    pub datastore: DatastoreName,
    /// `--allow-experimental-api`: read `kubeadm.k8s.io/v1`.
    pub allow_experimental: bool,
    /// `--file` and `--empty-dir`, and the files that an earlier run recorded.
    pub supplied: SuppliedFiles,
}

impl Settings {
    /// The defaults: one pod, no experimental API, and an exposure that the plan chooses.
    #[must_use]
    pub const fn new(name: ControlPlaneName, namespace: Namespace, datastore: DatastoreName) -> Self {
        let supplied = SuppliedFiles { files: Vec::new(), empty: Vec::new(), patches: None };
        Self {
            name,
            namespace,
            replicas: 1,
            expose: None,
            endpoint: None,
            datastore,
            allow_experimental: false,
            supplied,
        }
    }
}

/// The settings from the command line that affect how a file is read.
struct CommandLine<'a> {
    name: Option<&'a ControlPlaneName>,
    endpoint: Option<&'a Endpoint>,
    allow_experimental: bool,
    supplied: &'a SuppliedFiles,
}

/// A valid file.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The desired control plane.
    pub spec: ControlPlaneSpec,
    /// Warnings about ignored or questionable settings, in file order.
    pub warnings: Vec<Warning>,
    /// The user's documents for the record: YAML of v1beta4 with sorted keys, without bootstrap tokens and keys.
    pub documents: String,
    /// `timeouts.controlPlaneComponentHealthCheck`: how long to wait for the control plane.
    pub timeout: Option<Duration>,
    /// `dryRun`: make no changes.
    pub dry_run: bool,
    /// Whether the document itself sets the namespace.
    pub sets_namespace: bool,
}

/// A setting that may not do what the user expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// `prod.yaml:3:1`.
    pub location: Location,
    /// `InitConfiguration.nodeRegistration.criSocket`.
    pub field: String,
    /// What kamaji does with it.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.location, self.field, self.text)
    }
}

/// The result of validating a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// All problems; empty if the file is valid.
    pub problems: Vec<Problem>,
    /// Warnings about ignored or questionable settings, in file order.
    pub warnings: Vec<Warning>,
}

/// Checks a file against all rules that need neither the command line nor a cluster.
#[must_use]
pub fn validate(source: &Source<'_>, allow_experimental: bool, supplied: &SuppliedFiles) -> Checked {
    let parsed = match crate::yaml::read_documents(source.name, source.text) {
        Ok(parsed) => parsed,
        Err(error) => return Checked { problems: Error::Yaml(error).into_problems(), warnings: Vec::new() },
    };
    let mut findings = Findings::new(source);
    read(&parsed, &CommandLine { name: None, endpoint: None, allow_experimental, supplied }, &mut findings);
    let (problems, warnings) = findings.all();
    Checked { problems, warnings }
}

/// The values of a file's documents.
struct Values {
    cluster: kubeadm::cluster::Cluster,
    init: kubeadm::init::Init,
    kubelet: Map<String, Value>,
    kube_proxy: Map<String, Value>,
    extras: Extras,
    recorded: String,
}

/// Reads the documents; `None` only after reporting a problem.
fn read(parsed: &[Document], command_line: &CommandLine<'_>, findings: &mut Findings<'_>) -> Option<Values> {
    let documents = kubeadm::documents::sort(parsed, command_line, findings);
    for document in documents.all() {
        schema::check::check(document.kind, document.api, Depth::Hosted, &document.view, findings);
    }
    let init = kubeadm::init::read(documents.of(ConfigKind::Init), findings);
    let mut files = Files::new(command_line.supplied);
    let cluster = kubeadm::cluster::read(documents.of(ConfigKind::Cluster), command_line, &mut files, findings);
    if let Some(init) = documents.of(ConfigKind::Init) {
        components::patches::read(init, &mut files, findings);
    }
    let kubelet =
        documents.of(ConfigKind::Kubelet).map(|view| kubeadm::nodes::kubelet(view, findings)).unwrap_or_default();
    let kube_proxy =
        documents.of(ConfigKind::KubeProxy).map(|view| kubeadm::nodes::kube_proxy(view, findings)).unwrap_or_default();
    let extras = files.finish(findings);
    let cluster = cluster.filter(|_| !findings.has_problems())?;
    Some(Values { cluster, init, kubelet, kube_proxy, extras, recorded: documents.without_secrets() })
}

/// Loads and validates a kubeadm file; the error lists all problems.
pub fn load(source: &Source<'_>, settings: Settings) -> Result<Loaded, Error> {
    let parsed = crate::yaml::read_documents(source.name, source.text)?;
    let mut findings = Findings::new(source);
    let command_line = CommandLine {
        name: Some(&settings.name),
        endpoint: settings.endpoint.as_ref(),
        allow_experimental: settings.allow_experimental,
        supplied: &settings.supplied,
    };
    let values = read(&parsed, &command_line, &mut findings);
    let (Values { cluster, init, kubelet, kube_proxy, extras, recorded }, warnings) = findings.finish(values)?;
    let addons = Addons {
        coredns: cluster.coredns.clone().filter(|_| !init.skip_coredns),
        kube_proxy: cluster.kube_proxy && !init.skip_kube_proxy,
        kube_proxy_image: AddonImage::default(),
    };
    let (timeout, dry_run) = (init.timeout.or(cluster.timeout), init.dry_run);
    let spec = ControlPlaneSpec { kubelet, kube_proxy, extras, ..spec(settings, cluster, init, addons) };
    Ok(Loaded { spec, warnings, documents: recorded, timeout, dry_run, sets_namespace: false })
}

/// The spec from a `ClusterConfiguration` and an `InitConfiguration`, without kubelet and kube-proxy settings.
fn spec(
    settings: Settings,
    cluster: kubeadm::cluster::Cluster,
    init: kubeadm::init::Init,
    addons: Addons,
) -> ControlPlaneSpec {
    ControlPlaneSpec {
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
        addons,
        kubelet: serde_json::Map::new(),
        kubelet_patches: Vec::new(),
        kube_proxy: serde_json::Map::new(),
        labels: BTreeMap::new(),
        pods: PodSettings::default(),
        service: ServiceSettings::default(),
        isolation: Isolation::default(),
        extras: Extras::default(),
        bootstrap_tokens: init.tokens,
    }
}

#[cfg(test)]
mod tests;
