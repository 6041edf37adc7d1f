//! From arguments and files to a validated wish: a kubeadm file, or the operator's document.

use std::time::Duration;

use super::context::Context;
use super::{mounted_files, secure_files};
use crate::cli::SpecArgs;
use crate::config::operator::tenant_control_plane::{self, Overrides};
use crate::config::{self, Settings, Source};
use crate::engine::lifecycle::preview::CreateRequest;
use crate::error::{Fault, Kind};
use crate::model::{ControlPlaneSpec, DatastoreName, Extras, MountSource, Namespace, SuppliedFiles};
use crate::pki::{self, PartialUserPki};
use crate::{render, tenant};

/// For reading one object.
const MOMENT: Duration = Duration::from_secs(30);

pub(crate) struct Loaded {
    pub(crate) request: CreateRequest,
    /// The namespace that the document itself names; `-n` wins over it.
    namespace: Option<Namespace>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) dry_run: bool,
}

impl Loaded {
    /// The request in the namespace where it belongs.
    pub(crate) fn in_namespace(self, context: &Context, otherwise: &Namespace) -> CreateRequest {
        let named = self.namespace.filter(|_| !context.names_a_namespace());
        let mut request = self.request;
        request.spec.namespace = named.unwrap_or_else(|| otherwise.clone());
        request
    }
}

/// Reads the kubeadm file and the keys; warns about what is not used as its author may expect.
pub(crate) async fn load(args: &SpecArgs, namespace: &Namespace, context: &Context) -> Result<Loaded, Fault> {
    let path =
        args.filename.as_ref().or(args.kubeadm_config.as_ref()).ok_or_else(|| {
            Fault::new(Kind::Usage, "no configuration was given").hint("name it: --kubeadm-config FILE")
        })?;
    let (name, text) = secure_files::read_text(path)?;
    let source = Source { name: &name, text: &text };
    let given = mounted_files::read(&args.settings.given)?;
    let mut loaded = match read(args, &source, namespace, given.clone(), context) {
        // What an earlier run was given, nobody has to give again.
        Err(error) if error.wants_files() => match kept(args, given, context).await {
            Some(given) => read(args, &source, namespace, given, context)?,
            None => return Err(error.into()),
        },
        other => other?,
    };
    loaded.spec.labels.extend(args.settings.labels.iter().cloned());
    args.settings.pods.apply(&mut loaded.spec.pods)?;
    args.settings.isolation.apply(&mut loaded.spec.isolation);
    let keys = match &args.pki {
        Some(dir) => pki::read_user_pki(&secure_files::read_pki(dir)?, context.ambient.now())?,
        None => PartialUserPki::default(),
    };
    check(&loaded.spec, &loaded.warnings, context)?;
    for file in loaded.spec.extras.files.iter().filter(|file| file.content.is_none()) {
        context.ui.say(&format!("note: {}: the file given earlier is kept; --file gives another", file.path));
    }
    let namespace = loaded.names_namespace.then(|| loaded.spec.namespace.clone());
    Ok(Loaded {
        namespace,
        request: CreateRequest { spec: loaded.spec, documents: loaded.documents, given: keys, is_rollback: false },
        timeout: loaded.timeout,
        dry_run: loaded.dry_run,
    })
}

/// Refuses what cannot be made of a wish that was read, and warns of what may surprise.
pub(crate) fn check(spec: &ControlPlaneSpec, warnings: &[config::Warning], context: &Context) -> Result<(), Fault> {
    tenant::check_kubelet_patches(spec)?;
    for warning in warnings {
        context.ui.warn(&warning.to_string());
    }
    check_extras(spec)?;
    for (component, argument) in render::arguments_without_base(spec) {
        context.ui.warn(&format!(
            "{component}: `{argument}` is to be joined with a value that kamaji does not set: ignored, as with kubeadm"
        ));
    }
    if spec.api_server.extra_args.iter().any(|arg| arg.name.starts_with("oidc-")) {
        context.ui.warn(
            "apiServer.extraArgs: with oidc-* flags, anonymous requests cannot be limited to health and cluster-info; \
             RBAC still decides what they may do",
        );
    }
    Ok(())
}

fn check_extras(spec: &ControlPlaneSpec) -> Result<(), Fault> {
    render::check_volumes(spec).map_err(|error| Fault::new(Kind::Usage, format!("additionalVolumes: {error}")))?;
    render::check_pod_patches(spec).and_then(|()| tenant::check_patches(spec)).map_err(|error| {
        Fault::new(Kind::Usage, error.to_string()).hint("change the patch, or remove it from the folder that is given")
    })
}

fn read(
    args: &SpecArgs,
    source: &Source<'_>,
    namespace: &Namespace,
    given: SuppliedFiles,
    context: &Context,
) -> Result<config::Loaded, config::Error> {
    if args.filename.is_none() {
        return config::load(source, settings(args, namespace, given));
    }
    let overrides = Overrides {
        name: Some(args.name.clone()),
        namespace: context.names_a_namespace().then(|| namespace.clone()),
        replicas: args.settings.replicas,
        expose: args.settings.expose.map(Into::into),
        endpoint: args.settings.endpoint.clone(),
        datastore: args.datastore.clone(),
        given,
    };
    tenant_control_plane::load(source, overrides)
}

/// What is given together with what the record of the control plane knows; none where no record is found.
async fn kept(args: &SpecArgs, given: SuppliedFiles, context: &Context) -> Option<SuppliedFiles> {
    let management = context.management().await.ok()?;
    let quiet = |_| {};
    let session = management.session(&quiet, MOMENT);
    let record = super::control_plane::record(&session, &management, &args.name).await.ok()?;
    Some(with_kept(given, record.spec))
}

/// What is given, and of what was given earlier all that is not given anew.
pub(crate) fn with_kept(mut given: SuppliedFiles, recorded: ControlPlaneSpec) -> SuppliedFiles {
    let Extras { files, patches, .. } = recorded.extras;
    let fresh: Vec<String> = given.files.iter().map(|file| file.path.clone()).collect();
    given.files.extend(files.into_iter().filter(|file| !fresh.contains(&file.path)));
    let components = [recorded.api_server, recorded.controller_manager, recorded.scheduler];
    for mount in components.into_iter().flat_map(|component| component.mounts) {
        if let MountSource::Empty(path) = mount.source
            && !given.empty.contains(&path)
        {
            given.empty.push(path);
        }
    }
    given.patches = patches;
    given
}

/// What the command line says beside a kubeadm file, with the defaults for what it does not say.
fn settings(args: &SpecArgs, namespace: &Namespace, given: SuppliedFiles) -> Settings {
    let default = || DatastoreName::parse("default").expect("it is a name");
    let datastore = args.datastore.clone().unwrap_or_else(default);
    Settings {
        replicas: args.settings.replicas.unwrap_or(1),
        expose: args.settings.expose.map(Into::into),
        endpoint: args.settings.endpoint.clone(),
        allow_experimental: args.settings.allow_experimental_api,
        given,
        ..Settings::new(args.name.clone(), namespace.clone(), datastore)
    }
}
