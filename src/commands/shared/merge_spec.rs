//! From what is on record and what `update` names to the new wish. What is not named stays as it is recorded.

use super::context::Context;
use super::{mounted_files, secure_files, spec_source};
use crate::cli::{Reset, UpdateArgs};
use crate::config::{self, Settings, Source};
use crate::engine::lifecycle::preview::CreateRequest;
use crate::error::Fault;
use crate::model::{Addons, Component, ControlPlaneSpec, Endpoint, Extras, MountSource, SuppliedFiles};
use crate::plan::state::operations::DesiredSpec;
use crate::yaml;

/// What the command line brings from this machine.
pub(crate) struct Brought {
    /// Name and text of the kubeadm file.
    file: Option<(String, String)>,
    given: SuppliedFiles,
}

impl Brought {
    /// Reads it. What is no file, or no YAML, is told before any server is asked.
    pub(crate) fn read(args: &UpdateArgs) -> Result<Self, Fault> {
        let file = args.kubeadm_config.as_deref().map(secure_files::read_text).transpose()?;
        if let Some((name, text)) = &file {
            yaml::read_documents(name, text)?;
        }
        Ok(Self { file, given: mounted_files::read(&args.settings.given)? })
    }
}

/// The new wish; `None` when nothing is named at all.
pub(crate) fn revise(
    args: &UpdateArgs,
    brought: Brought,
    recorded: &DesiredSpec,
    context: &Context,
) -> Result<Option<CreateRequest>, Fault> {
    let rereads = brought.file.is_some()
        || !args.edits().is_empty()
        || !brought.given.files.is_empty()
        || !brought.given.empty.is_empty();
    let mut desired = if rereads { reread(args, brought, recorded, context)? } else { recorded.clone() };
    let spec = &mut desired.spec;
    reset(spec, &args.resets);
    let settings = &args.settings;
    spec.replicas = settings.replicas.unwrap_or(spec.replicas);
    spec.expose = settings.expose.map(Into::into).or(spec.expose);
    spec.endpoint = settings.endpoint.clone().or(spec.endpoint.take());
    spec.datastore = args.datastore.clone().unwrap_or_else(|| spec.datastore.clone());
    spec.labels.extend(settings.labels.iter().cloned());
    settings.pods.apply(&mut spec.pods)?;
    settings.isolation.apply(&mut spec.isolation);
    let names_nothing = !rereads && desired.is_like(recorded);
    Ok((!names_nothing).then(|| CreateRequest::of(desired)))
}

/// Reads the file, or the documents on record, with the edits.
fn reread(
    args: &UpdateArgs,
    brought: Brought,
    recorded: &DesiredSpec,
    context: &Context,
) -> Result<DesiredSpec, Fault> {
    let before = &recorded.spec;
    let given = spec_source::with_kept(brought.given, before.clone());
    let load = |name: &str, text: &str, allow_experimental: bool| {
        let settings = Settings {
            replicas: before.replicas,
            expose: before.expose,
            allow_experimental,
            given: given.clone(),
            ..Settings::new(before.name.clone(), before.namespace.clone(), before.datastore.clone())
        };
        config::load(&Source { name, text }, settings)
    };
    // What is kept was allowed when it was given.
    let kept = load(config::KEPT, &recorded.documents, true);
    let mut read = match brought.file {
        None => None,
        Some((name, text)) => {
            let whole = config::completed(&Source { name: &name, text: &text }, &recorded.documents)?;
            let allow = args.settings.allow_experimental_api || whole.is_some();
            Some(load(&name, &whole.unwrap_or(text), allow)?)
        }
    };
    let edits = args.edits();
    if !edits.is_empty() {
        let documents = read.as_ref().map_or(&recorded.documents, |loaded| &loaded.documents);
        let tokens = read.as_ref().map(|loaded| loaded.spec.bootstrap_tokens.clone());
        let mut loaded = load(config::KEPT, &config::edited(documents, &edits)?, true)?;
        loaded.spec.bootstrap_tokens = tokens.unwrap_or_default();
        read = Some(loaded);
    }
    let loaded = match read {
        Some(loaded) => loaded,
        None => load(config::KEPT, &recorded.documents, true)?,
    };
    spec_source::check(&loaded.spec, &loaded.warnings, context)?;
    let said = kept.ok().and_then(|kept| kept.spec.endpoint);
    let endpoint = endpoint_of(before.endpoint.as_ref(), said.as_ref(), loaded.spec.endpoint.as_ref()).cloned();
    let spec = ControlPlaneSpec { endpoint, ..with_the_rest_of(before, loaded.spec) };
    Ok(DesiredSpec { spec, documents: loaded.documents })
}

/// The endpoint: what the documents say, where they say something new, or said what there is; else what a flag said.
fn endpoint_of<'a>(
    is: Option<&'a Endpoint>,
    said: Option<&Endpoint>,
    says: Option<&'a Endpoint>,
) -> Option<&'a Endpoint> {
    if says == said && is != said { is } else { says }
}

/// What kubeadm documents cannot say stays as it was.
fn with_the_rest_of(before: &ControlPlaneSpec, read: ControlPlaneSpec) -> ControlPlaneSpec {
    let described = |was: &Component, is: Component| {
        let own = was.mounts.iter().filter(|mount| matches!(mount.source, MountSource::Volume(_)));
        Component { mounts: own.cloned().chain(is.mounts).collect(), ..is }
    };
    ControlPlaneSpec {
        labels: before.labels.clone(),
        pods: before.pods.clone(),
        service: before.service.clone(),
        isolation: before.isolation.clone(),
        kubelet_patches: before.kubelet_patches.clone(),
        addons: Addons { kube_proxy_image: before.addons.kube_proxy_image.clone(), ..read.addons },
        extras: Extras { volumes: before.extras.volumes.clone(), ..read.extras },
        api_server: described(&before.api_server, read.api_server),
        controller_manager: described(&before.controller_manager, read.controller_manager),
        scheduler: described(&before.scheduler, read.scheduler),
        ..read
    }
}

fn reset(spec: &mut ControlPlaneSpec, resets: &[Reset]) {
    let pods = &mut spec.pods;
    for reset in resets {
        match reset {
            Reset::Label => spec.labels.clear(),
            Reset::Requests => pods.resources.values_mut().for_each(|amounts| amounts.requests.clear()),
            Reset::Limits => pods.resources.values_mut().for_each(|amounts| amounts.limits.clear()),
            Reset::ImagePullSecret => pods.image_pull_secrets.clear(),
            Reset::Toleration => pods.tolerations.clear(),
            Reset::NodeSelector => pods.node_selector.clear(),
            Reset::PriorityClass => pods.priority_class = None,
            Reset::DenyEgress => spec.isolation.closed.clear(),
            Reset::Endpoint => spec.endpoint = None,
        }
    }
    pods.resources.retain(|_, amounts| !(amounts.requests.is_empty() && amounts.limits.is_empty()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_of_a_flag_stays_until_the_file_says_another() {
        let endpoint = |text: &str| Endpoint::parse(text, 0).unwrap();
        let (a, b) = (&endpoint("a.example.com"), &endpoint("b.example.com"));
        assert_eq!(endpoint_of(Some(a), None, None), Some(a), "of a flag, and the file is silent");
        assert_eq!(endpoint_of(Some(a), None, Some(b)), Some(b), "the file speaks");
        assert_eq!(endpoint_of(Some(a), Some(a), None), None, "the file is silent now");
        assert_eq!(endpoint_of(Some(a), Some(b), Some(b)), Some(a), "a flag overruled the file");
    }
}
