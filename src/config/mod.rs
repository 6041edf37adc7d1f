//! From a kubeadm file to a validated [`ControlPlaneSpec`]: what is used, what is ignored with a warning, and what is
//! refused. Pure: text in, values out; nothing here opens a file, asks a server or knows the time.
//!
//! `table` says what each field is; `check` holds a file against it; `cluster`, `network`, `args` and `init` read the
//! meaning. All of them report to one `Findings`, so that a file's problems are told together.

mod args;
mod check;
mod cluster;
mod documents;
mod duration;
mod error;
mod fields;
mod findings;
mod init;
mod network;
mod nodes;
mod reference;
mod similar;
mod table;
mod view;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::model::{Addons, ControlPlaneName, ControlPlaneSpec, DatastoreName, Endpoint, Exposure, Namespace};

pub use error::{Error, Problem};
pub use fields::{Action, ConfigKind, Field, Shape};
pub use reference::fields_reference;
pub use table::FIELDS;

use findings::Findings;

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
}

/// A file that was read without a problem.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What is wished for.
    pub spec: ControlPlaneSpec,
    /// What is ignored, or used with a doubt, in the order of the file.
    pub warnings: Vec<Warning>,
    /// The user's documents as YAML with sorted keys and without bootstrap tokens and keys.
    pub documents: String,
    /// `timeouts.controlPlaneComponentHealthCheck`: how long to wait for the control plane.
    pub timeout: Option<Duration>,
    /// `dryRun`: change nothing.
    pub dry_run: bool,
}

/// Something in the file that does not do what its author may expect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// `prod.yaml:3:1`.
    pub place: String,
    /// `InitConfiguration.nodeRegistration.criSocket`.
    pub field: String,
    /// What happens instead.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.field, self.text)
    }
}

/// Reads and validates a kubeadm file; the error tells every problem found.
pub fn load(source: &Source<'_>, settings: Settings) -> Result<Loaded, Error> {
    let parsed = crate::yaml::read_documents(source.name, source.text)?;
    let mut findings = Findings::new(source);
    let documents = documents::sort(&parsed, &mut findings);
    for (kind, view) in documents.used() {
        check::check(kind, &view, &mut findings);
    }
    let init = init::read(documents.init.as_ref(), &mut findings);
    let cluster = cluster::read(documents.cluster.as_ref(), &settings, &mut findings);
    let kubelet = documents.kubelet.as_ref().map(|view| nodes::kubelet(view, &mut findings)).unwrap_or_default();
    let kube_proxy =
        documents.kube_proxy.as_ref().map(|view| nodes::kube_proxy(view, &mut findings)).unwrap_or_default();
    let kept = documents.without_secrets();
    let (cluster, warnings) = findings.finish(cluster)?;
    let addons = Addons {
        coredns: cluster.coredns.filter(|_| !init.skip_coredns),
        kube_proxy: cluster.kube_proxy && !init.skip_kube_proxy,
    };
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
        addons,
        kubelet,
        kube_proxy,
        labels: BTreeMap::new(),
        bootstrap_tokens: init.tokens,
    };
    Ok(Loaded { spec, warnings, documents: kept, timeout: init.timeout, dry_run: init.dry_run })
}

#[cfg(test)]
mod tests;
