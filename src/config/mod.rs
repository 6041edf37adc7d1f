//! From a kubeadm file to a validated [`ControlPlaneSpec`]: what is used, what is ignored with a warning, and what is
//! refused. Pure: text in, values out; nothing here opens a file, asks a server or knows the time.
//!
//! `table` says what each field is; `check` holds a file against it; `cluster`, `network`, `args` and `init` read the
//! meaning. All of them report to one `Findings`, so that a file's problems are told together. The APIs of kubeadm
//! differ in few fields, so all are read by the same code; `convert` writes one as another.

mod components;
mod error;
mod kubeadm;
pub mod operator;
mod schema;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::model::{
    AddonImage, Addons, ControlPlaneName, ControlPlaneSpec, DatastoreName, Endpoint, Exposure, Extras, Isolation,
    Namespace, PodSettings, ServiceSettings, SuppliedFiles,
};
use crate::yaml::{Document, Spot};

pub use error::{Error, Problem};
pub use kubeadm::api::KubeadmApi;
pub use kubeadm::convert::convert;
pub use kubeadm::defaults::{EXAMPLE_VERSION, print_defaults};
pub use kubeadm::edit::{KEPT, completed, edited};
pub use kubeadm::table::FIELDS;
pub use operator::table::TENANT_FIELDS;
pub use schema::fields::{Action, ConfigKind, Field, Shape};
pub use schema::reference::{fields_reference, tenant_fields_reference};

use components::files::Files;
use schema::check::Depth;
use schema::findings::Findings;
use serde_json::{Map, Value};

/// A kubeadm file, already read.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// How errors call it: the file name, or `stdin`.
    pub name: &'a str,
    /// What it says.
    pub text: &'a str,
}

/// What the command line says beside the file.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name in the management cluster.
    pub name: ControlPlaneName,
    /// The namespace in the management cluster.
    pub namespace: Namespace,
    /// How many pods.
    pub replicas: u32,
    /// How it is exposed; `None` leaves the choice to the plan.
    pub expose: Option<Exposure>,
    /// `--endpoint`; wins over the file's `controlPlaneEndpoint`, with a warning when they differ.
    pub endpoint: Option<Endpoint>,
    /// Where its data is.
    pub datastore: DatastoreName,
    /// `--allow-experimental-api`: read `kubeadm.k8s.io/v1`.
    pub allow_experimental: bool,
    /// `--file` and `--empty-dir`, and what an earlier run was given.
    pub given: SuppliedFiles,
}

impl Settings {
    /// What holds when the command line says only where: one pod, no experiments, the exposure left to the plan.
    #[must_use]
    pub const fn new(name: ControlPlaneName, namespace: Namespace, datastore: DatastoreName) -> Self {
        let given = SuppliedFiles { files: Vec::new(), empty: Vec::new(), patches: None };
        Self { name, namespace, replicas: 1, expose: None, endpoint: None, datastore, allow_experimental: false, given }
    }
}

/// What of the command line bears on how a file is read.
struct CommandLine<'a> {
    name: Option<&'a ControlPlaneName>,
    endpoint: Option<&'a Endpoint>,
    allow_experimental: bool,
    given: &'a SuppliedFiles,
}

/// A file that was read without a problem.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What is wished for.
    pub spec: ControlPlaneSpec,
    /// What is ignored, or used with a doubt, in the order of the file.
    pub warnings: Vec<Warning>,
    /// The user's documents as YAML of v1beta4 with sorted keys and without bootstrap tokens and keys.
    pub documents: String,
    /// `timeouts.controlPlaneComponentHealthCheck`: how long to wait for the control plane.
    pub timeout: Option<Duration>,
    /// `dryRun`: change nothing.
    pub dry_run: bool,
    /// Whether the document itself says in which namespace the control plane is to be.
    pub names_namespace: bool,
}

/// Something in the file that does not do what its author may expect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// `prod.yaml:3:1`.
    pub spot: Spot,
    /// `InitConfiguration.nodeRegistration.criSocket`.
    pub field: String,
    /// What happens instead.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.spot, self.field, self.text)
    }
}

/// What is said about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Why no control plane can be made of it; empty when one can.
    pub problems: Vec<Problem>,
    /// What is ignored, or used with a doubt, in the order of the file.
    pub warnings: Vec<Warning>,
}

/// Holds a file against every rule that needs no command line and no cluster.
#[must_use]
pub fn validate(source: &Source<'_>, allow_experimental: bool, given: &SuppliedFiles) -> Checked {
    let parsed = match crate::yaml::read_documents(source.name, source.text) {
        Ok(parsed) => parsed,
        Err(error) => return Checked { problems: Error::Yaml(error).into_problems(), warnings: Vec::new() },
    };
    let mut findings = Findings::new(source);
    read(&parsed, &CommandLine { name: None, endpoint: None, allow_experimental, given }, &mut findings);
    let (problems, warnings) = findings.all();
    Checked { problems, warnings }
}

/// What the documents of a file mean.
struct Meaning {
    cluster: kubeadm::cluster::Cluster,
    init: kubeadm::init::Init,
    kubelet: Map<String, Value>,
    kube_proxy: Map<String, Value>,
    extras: Extras,
    kept: String,
}

/// Reads the documents; `None` only after a problem was reported.
fn read(parsed: &[Document], said: &CommandLine<'_>, findings: &mut Findings<'_>) -> Option<Meaning> {
    let documents = kubeadm::documents::sort(parsed, said, findings);
    for held in documents.used() {
        schema::check::check(held.kind, held.api, Depth::Hosted, &held.view, findings);
    }
    let init = kubeadm::init::read(documents.of(ConfigKind::Init), findings);
    let mut files = Files::new(said.given);
    let cluster = kubeadm::cluster::read(documents.of(ConfigKind::Cluster), said, &mut files, findings);
    if let Some(init) = documents.of(ConfigKind::Init) {
        components::patches::read(init, &mut files, findings);
    }
    let kubelet =
        documents.of(ConfigKind::Kubelet).map(|view| kubeadm::nodes::kubelet(view, findings)).unwrap_or_default();
    let kube_proxy =
        documents.of(ConfigKind::KubeProxy).map(|view| kubeadm::nodes::kube_proxy(view, findings)).unwrap_or_default();
    let extras = files.finish(findings);
    let cluster = cluster.filter(|_| !findings.has_problems())?;
    Some(Meaning { cluster, init, kubelet, kube_proxy, extras, kept: documents.without_secrets() })
}

/// Reads and validates a kubeadm file; the error tells every problem found.
pub fn load(source: &Source<'_>, settings: Settings) -> Result<Loaded, Error> {
    let parsed = crate::yaml::read_documents(source.name, source.text)?;
    let mut findings = Findings::new(source);
    let said = CommandLine {
        name: Some(&settings.name),
        endpoint: settings.endpoint.as_ref(),
        allow_experimental: settings.allow_experimental,
        given: &settings.given,
    };
    let meaning = read(&parsed, &said, &mut findings);
    let (Meaning { cluster, init, kubelet, kube_proxy, extras, kept }, warnings) = findings.finish(meaning)?;
    let addons = Addons {
        coredns: cluster.coredns.clone().filter(|_| !init.skip_coredns),
        kube_proxy: cluster.kube_proxy && !init.skip_kube_proxy,
        kube_proxy_image: AddonImage::default(),
    };
    let (timeout, dry_run) = (init.timeout.or(cluster.timeout), init.dry_run);
    let spec = ControlPlaneSpec { kubelet, kube_proxy, extras, ..spec(settings, cluster, init, addons) };
    Ok(Loaded { spec, warnings, documents: kept, timeout, dry_run, names_namespace: false })
}

/// The wish that a `ClusterConfiguration` and an `InitConfiguration` mean, without the nodes' configurations.
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
