//! From arguments and files to a validated wish: a kubeadm file, or the operator's document.

use std::time::Duration;

use super::context::Context;
use super::files;
use crate::cli::SpecArgs;
use crate::config::tenant_control_plane::{self, Overrides};
use crate::config::{self, Settings, Source};
use crate::engine::CreateRequest;
use crate::error::{Fault, Kind};
use crate::model::{DatastoreName, Namespace};
use crate::pki::{self, PartialUserPki};
use crate::tenant;

pub(super) struct Loaded {
    pub(super) request: CreateRequest,
    /// The namespace that the document itself names; `-n` wins over it.
    namespace: Option<Namespace>,
    pub(super) timeout: Option<Duration>,
    pub(super) dry_run: bool,
}

impl Loaded {
    /// The request in the namespace where it belongs.
    pub(super) fn in_namespace(self, context: &Context, otherwise: &Namespace) -> CreateRequest {
        let named = self.namespace.filter(|_| !context.names_a_namespace());
        let mut request = self.request;
        request.spec.namespace = named.unwrap_or_else(|| otherwise.clone());
        request
    }
}

/// Reads the kubeadm file and the keys; warns about what is not used as its author may expect.
pub(super) fn load(args: &SpecArgs, namespace: &Namespace, context: &Context) -> Result<Loaded, Fault> {
    let mut loaded = match (&args.filename, &args.kubeadm_config) {
        (Some(path), _) => {
            let (name, text) = files::read_text(path)?;
            let overrides = Overrides {
                name: Some(args.name.clone()),
                namespace: context.names_a_namespace().then(|| namespace.clone()),
                replicas: args.replicas,
                expose: args.expose.map(Into::into),
                endpoint: args.endpoint.clone(),
                datastore: args.datastore.clone(),
            };
            tenant_control_plane::load(&Source { name: &name, text: &text }, overrides)?
        }
        (None, Some(path)) => {
            let (name, text) = files::read_text(path)?;
            config::load(&Source { name: &name, text: &text }, settings(args, namespace)?)?
        }
        (None, None) => {
            return Err(Fault::new(Kind::Usage, "no configuration was given").hint("name it: --kubeadm-config FILE"));
        }
    };
    loaded.spec.labels.extend(args.labels.iter().cloned());
    args.pods.apply(&mut loaded.spec.pods)?;
    tenant::check_kubelet_patches(&loaded.spec)?;
    let given = match &args.pki {
        Some(dir) => pki::read_user_pki(&files::read_pki(dir)?, context.ambient.now())?,
        None => PartialUserPki::default(),
    };
    for warning in &loaded.warnings {
        context.ui.warn(&warning.to_string());
    }
    if loaded.spec.api_server.extra_args.iter().any(|arg| arg.name.starts_with("oidc-")) {
        context.ui.warn(
            "apiServer.extraArgs: with oidc-* flags, anonymous requests cannot be limited to health and cluster-info; \
             RBAC still decides what they may do",
        );
    }
    let namespace = loaded.names_namespace.then(|| loaded.spec.namespace.clone());
    Ok(Loaded {
        namespace,
        request: CreateRequest { spec: loaded.spec, documents: loaded.documents, given },
        timeout: loaded.timeout,
        dry_run: loaded.dry_run,
    })
}

/// What the command line says beside a kubeadm file, with the defaults for what it does not say.
pub(super) fn settings(args: &SpecArgs, namespace: &Namespace) -> Result<Settings, Fault> {
    let datastore = match &args.datastore {
        Some(datastore) => datastore.clone(),
        None => DatastoreName::parse("default")?,
    };
    Ok(Settings {
        replicas: args.replicas.unwrap_or(1),
        expose: args.expose.map(Into::into),
        endpoint: args.endpoint.clone(),
        allow_experimental: args.allow_experimental_api,
        ..Settings::new(args.name.clone(), namespace.clone(), datastore)
    })
}
