//! From arguments and files to a validated wish.

use std::time::Duration;

use super::context::Context;
use super::files;
use crate::cli::SpecArgs;
use crate::config::{self, Settings, Source};
use crate::engine::CreateRequest;
use crate::error::Fault;
use crate::model::Namespace;
use crate::pki::{self, PartialUserPki};

pub(super) struct Loaded {
    pub(super) request: CreateRequest,
    pub(super) timeout: Option<Duration>,
    pub(super) dry_run: bool,
}

/// Reads the kubeadm file and the keys; warns about what is not used as its author may expect.
pub(super) fn load(args: &SpecArgs, namespace: &Namespace, context: &Context) -> Result<Loaded, Fault> {
    let (name, text) = files::read_text(&args.kubeadm_config)?;
    let settings = Settings {
        name: args.name.clone(),
        namespace: namespace.clone(),
        replicas: args.replicas,
        expose: args.expose.map(Into::into),
        endpoint: args.endpoint.clone(),
        datastore: args.datastore.clone(),
        allow_experimental: args.allow_experimental_api,
    };
    let mut loaded = config::load(&Source { name: &name, text: &text }, settings)?;
    loaded.spec.labels = args.labels.iter().cloned().collect();
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
    Ok(Loaded {
        request: CreateRequest { spec: loaded.spec, documents: loaded.documents, given },
        timeout: loaded.timeout,
        dry_run: loaded.dry_run,
    })
}
