//! Merges the file and flags of `update` into the recorded spec. Settings that are not specified keep their values.

use super::context::Context;
use super::{mounted_files, secure_files, spec_source};
use crate::cli::{Reset, UpdateArgs};
use crate::config::{self, Settings, Source};
use crate::engine::lifecycle::preview::CreateRequest;
use crate::error::Fault;
use crate::model::{Addons, Component, ControlPlaneSpec, Endpoint, Extras, MountSource, SuppliedFiles};
use crate::plan::state::operations::DesiredSpec;
use crate::yaml;

/// The local files of the command line.
pub(crate) struct LocalFiles {
    /// Name and contents of the kubeadm file.
    file: Option<(String, String)>,
    given: SuppliedFiles,
}

impl LocalFiles {
    /// Reads the files. Unreadable files and invalid YAML are reported before any server is contacted.
    pub(crate) fn read(args: &UpdateArgs) -> Result<Self, Fault> {
        let file = args.kubeadm_config.as_deref().map(secure_files::read_text).transpose()?;
        if let Some((name, text)) = &file {
            yaml::read_documents(name, text)?;
        }
        Ok(Self { file, given: mounted_files::read(&args.settings.given)? })
    }
}

/// The new desired spec; `None` if nothing is specified.
pub(crate) fn revise(
    args: &UpdateArgs,
    files: LocalFiles,
    recorded: &DesiredSpec,
    context: &Context,
) -> Result<Option<CreateRequest>, Fault> {
    let rereads = files.file.is_some()
        || !args.edits().is_empty()
        || !files.given.files.is_empty()
        || !files.given.empty.is_empty();
    let mut desired = if rereads { reread(args, files, recorded, context)? } else { recorded.clone() };
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
    let names_nothing = !rereads && desired.is_same_as(recorded);
    Ok((!names_nothing).then(|| CreateRequest::of(desired)))
}

/// Parses the file, or else the recorded documents, with the edits applied.
fn reread(
    args: &UpdateArgs,
    files: LocalFiles,
    recorded: &DesiredSpec,
    context: &Context,
) -> Result<DesiredSpec, Fault> {
    let before = &recorded.spec;
    let given = spec_source::add_recorded_files(files.given, before.clone());
    let load = |name: &str, text: &str, allow_experimental: bool| {
        let settings = Settings {
            replicas: before.replicas,
            expose: before.expose,
            allow_experimental,
            supplied: given.clone(),
            ..Settings::new(before.name.clone(), before.namespace.clone(), before.datastore.clone())
        };
        config::load(&Source { name, text }, settings)
    };
    // Experimental APIs in the recorded documents were already allowed.
    let kept = load(config::RECORDED, &recorded.documents, true);
    let mut read = match files.file {
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
        let mut loaded = load(config::RECORDED, &config::edited(documents, &edits)?, true)?;
        loaded.spec.bootstrap_tokens = tokens.unwrap_or_default();
        read = Some(loaded);
    }
    let loaded = match read {
        Some(loaded) => loaded,
        None => load(config::RECORDED, &recorded.documents, true)?,
    };
    spec_source::check(&loaded.spec, &loaded.warnings, context)?;
    let recorded_endpoint = kept.ok().and_then(|kept| kept.spec.endpoint);
    let endpoint =
        endpoint_of(before.endpoint.as_ref(), recorded_endpoint.as_ref(), loaded.spec.endpoint.as_ref()).cloned();
    let spec = ControlPlaneSpec { endpoint, ..keep_inexpressible(before, loaded.spec) };
    Ok(DesiredSpec { spec, documents: loaded.documents })
}

/// The endpoint of the new documents if they changed it or if the recorded one came from the documents; otherwise the
/// recorded one, which was set by a flag.
fn endpoint_of<'a>(
    current: Option<&'a Endpoint>,
    recorded_endpoint: Option<&Endpoint>,
    new: Option<&'a Endpoint>,
) -> Option<&'a Endpoint> {
    if new == recorded_endpoint && current != recorded_endpoint { current } else { new }
}

/// Keeps settings that kubeadm documents cannot express.
fn keep_inexpressible(before: &ControlPlaneSpec, read: ControlPlaneSpec) -> ControlPlaneSpec {
    let described = |was: &Component, current: Component| {
        let own = was.mounts.iter().filter(|mount| matches!(mount.source, MountSource::Volume(_)));
        Component { mounts: own.cloned().chain(current.mounts).collect(), ..current }
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
            Reset::DenyEgress => spec.isolation.denied.clear(),
            Reset::Endpoint => spec.endpoint = None,
        }
    }
    pods.resources.retain(|_, amounts| !(amounts.requests.is_empty() && amounts.limits.is_empty()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_set_by_a_flag_is_kept_until_the_file_sets_another() {
        let endpoint = |text: &str| Endpoint::parse(text, 0).unwrap();
        let (a, b) = (&endpoint("a.example.com"), &endpoint("b.example.com"));
        assert_eq!(endpoint_of(Some(a), None, None), Some(a), "set by a flag, not in the file");
        assert_eq!(endpoint_of(Some(a), None, Some(b)), Some(b), "added to the file");
        assert_eq!(endpoint_of(Some(a), Some(a), None), None, "removed from the file");
        assert_eq!(endpoint_of(Some(a), Some(b), Some(b)), Some(a), "the flag overrides the file");
    }
}
