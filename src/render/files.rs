//! Files and volumes of the user: the objects that hold them, and their place in the pods.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{
    ConfigMap, ConfigMapProjection, ConfigMapVolumeSource, EmptyDirVolumeSource, KeyToPath, PodSpec, Secret,
    SecretProjection, SecretVolumeSource, Volume, VolumeMount, VolumeProjection,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use secrecy::ExposeSecret as _;

use super::api_server::PKI;
use super::pod::SECRET_MODE;
use super::{Manifest, ObjectRef, Write};
use crate::model::{
    Component, ControlPlaneSpec, Keep, Mount, MountSource, ObjectNames, PatchTarget, PodVolume, SuppliedFile, labels,
};

/// The component label of the objects that hold files.
pub const FILE_COMPONENT: &str = "file";

/// The object that holds a file, whether it is there or not.
#[must_use]
pub fn file_ref(spec: &ControlPlaneSpec, file: &SuppliedFile) -> ObjectRef {
    ObjectRef {
        api_version: "v1".into(),
        kind: file.keep.kind().into(),
        namespace: Some(spec.namespace.to_string()),
        name: ObjectNames(&spec.name).file(&file.path, &file.digest),
    }
}

/// The object that holds a file; none when its content is not known here, because an earlier run was given it.
#[must_use]
pub fn file(spec: &ControlPlaneSpec, file: &SuppliedFile) -> Option<Manifest> {
    let content = file.content.as_ref()?;
    let metadata = ObjectMeta {
        name: Some(ObjectNames(&spec.name).file(&file.path, &file.digest)),
        namespace: Some(spec.namespace.to_string()),
        labels: Some(labels(&spec.name, FILE_COMPONENT)),
        ..Default::default()
    };
    let bytes = content.iter().map(|(key, value)| (key.clone(), value.expose_secret().to_vec()));
    Some(match file.keep {
        Keep::Secret => {
            let data = bytes.map(|(key, value)| (key, ByteString(value))).collect();
            let object = Secret { metadata, type_: Some("Opaque".into()), data: Some(data), ..Default::default() };
            Manifest::of(&object, Write::Apply)
        }
        Keep::ConfigMap => {
            let mut object = ConfigMap { metadata, ..Default::default() };
            for (key, value) in bytes {
                match String::from_utf8(value) {
                    Ok(text) => drop(object.data.get_or_insert_default().insert(key, text)),
                    Err(error) => {
                        object.binary_data.get_or_insert_default().insert(key, ByteString(error.into_bytes()));
                    }
                }
            }
            Manifest::of(&object, Write::Apply)
        }
    })
}

/// Adds the volumes of the user to the pods, and mounts them in the components that name them.
pub(super) fn add(pod: &mut PodSpec, spec: &ControlPlaneSpec) {
    let components = [
        (PatchTarget::KubeApiserver, &spec.api_server, Some("api-server-pki")),
        (PatchTarget::KubeControllerManager, &spec.controller_manager, Some("controller-manager-pki")),
        (PatchTarget::KubeScheduler, &spec.scheduler, None),
    ];
    for (target, component, pki) in components {
        for mount in &component.mounts {
            let below = mount.at.strip_prefix(PKI).and_then(|rest| rest.strip_prefix('/'));
            match (pki, below, given(spec, mount)) {
                // A mount within a mount that is read-only has no place to go; so it becomes a part of it.
                (Some(pki), Some(below), Some(file)) => project(pod, pki, spec, file, below),
                _ => add_mount(pod, target, spec, mount),
            }
        }
    }
    for volume in &spec.extras.volumes {
        pod.volumes.get_or_insert_default().push(described(volume));
    }
}

fn given<'a>(spec: &'a ControlPlaneSpec, mount: &Mount) -> Option<&'a SuppliedFile> {
    let MountSource::SuppliedFiles(path) = &mount.source else { return None };
    spec.extras.files.iter().find(|file| file.path == *path)
}

fn items(file: &SuppliedFile, at: &str) -> Vec<KeyToPath> {
    let item = |(key, name): (&String, &String)| {
        let path = match (at, name.as_str()) {
            ("", name) | (name, "") => name.to_owned(),
            (at, name) => format!("{at}/{name}"),
        };
        KeyToPath { key: key.clone(), path, mode: None }
    };
    file.keys.iter().map(item).collect()
}

fn project(pod: &mut PodSpec, volume: &str, spec: &ControlPlaneSpec, file: &SuppliedFile, below: &str) {
    let name = ObjectNames(&spec.name).file(&file.path, &file.digest);
    let items = Some(items(file, below));
    let source = match file.keep {
        Keep::Secret => {
            VolumeProjection { secret: Some(SecretProjection { name, items, optional: None }), ..Default::default() }
        }
        Keep::ConfigMap => VolumeProjection {
            config_map: Some(ConfigMapProjection { name, items, optional: None }),
            ..Default::default()
        },
    };
    let volumes = pod.volumes.get_or_insert_default();
    let Some(projected) = volumes.iter_mut().find(|one| one.name == volume).and_then(|one| one.projected.as_mut())
    else {
        return;
    };
    projected.sources.get_or_insert_default().push(source);
}

fn add_mount(pod: &mut PodSpec, target: PatchTarget, spec: &ControlPlaneSpec, mount: &Mount) {
    let (volume, sub_path) = match &mount.source {
        MountSource::SuppliedFiles(_) => {
            let Some(file) = given(spec, mount) else { return };
            // The single file of a volume is mounted by itself, so that its folder stays what it is in the image.
            let single = (!file.folder).then(|| file.key_of("").unwrap_or_default().to_owned());
            (given_volume(spec, file), single)
        }
        MountSource::Empty(path) => (empty_volume(path), None),
        MountSource::Volume(name) => (Volume { name: volume_name(name), ..Default::default() }, mount.sub_path.clone()),
    };
    let name = volume.name.clone();
    let volumes = pod.volumes.get_or_insert_default();
    if !matches!(mount.source, MountSource::Volume(_)) && !volumes.iter().any(|one| one.name == name) {
        volumes.push(volume);
    }
    if let Some(container) = pod.containers.iter_mut().find(|container| container.name == target.as_str()) {
        container.volume_mounts.get_or_insert_default().push(VolumeMount {
            name,
            mount_path: mount.at.clone(),
            sub_path,
            read_only: Some(mount.read_only),
            ..Default::default()
        });
    }
}

fn given_volume(spec: &ControlPlaneSpec, file: &SuppliedFile) -> Volume {
    let object = ObjectNames(&spec.name).file(&file.path, &file.digest);
    let name = format!("file-{}", ObjectNames::short(&file.path));
    let items = file.folder.then(|| items(file, ""));
    match file.keep {
        Keep::Secret => Volume {
            name,
            secret: Some(SecretVolumeSource {
                secret_name: Some(object),
                items,
                default_mode: Some(SECRET_MODE),
                ..Default::default()
            }),
            ..Default::default()
        },
        Keep::ConfigMap => Volume {
            name,
            config_map: Some(ConfigMapVolumeSource { name: object, items, ..Default::default() }),
            ..Default::default()
        },
    }
}

fn empty_volume(path: &str) -> Volume {
    Volume {
        name: format!("empty-{}", ObjectNames::short(path)),
        empty_dir: Some(EmptyDirVolumeSource::default()),
        ..Default::default()
    }
}

/// Names of the user's volumes have a prefix, so that they are never one of ours.
fn volume_name(name: &str) -> String {
    format!("extra-{name}")
}

fn described(volume: &PodVolume) -> Volume {
    let mut whole = volume.source.clone();
    whole["name"] = volume_name(&volume.name).into();
    // `check_volumes` let it pass; a damaged record leads to a volume that the API server refuses.
    serde_json::from_value(whole).unwrap_or_else(|_| Volume { name: volume_name(&volume.name), ..Default::default() })
}

/// Whether Kubernetes reads the volumes that the user describes.
pub fn check_volumes(spec: &ControlPlaneSpec) -> Result<(), String> {
    for volume in &spec.extras.volumes {
        let mut whole = volume.source.clone();
        whole["name"] = volume.name.clone().into();
        serde_json::from_value::<Volume>(whole).map_err(|error| format!("volume `{}`: {error}", volume.name))?;
    }
    Ok(())
}

/// The objects that the user's volumes need, and whose absence would keep the pods from starting.
#[must_use]
pub fn needed_by_volumes(spec: &ControlPlaneSpec) -> Vec<ObjectRef> {
    let object = |kind: &str, name: &str| ObjectRef {
        api_version: "v1".into(),
        kind: kind.into(),
        namespace: Some(spec.namespace.to_string()),
        name: name.into(),
    };
    let volumes = spec.extras.volumes.iter().map(described).flat_map(|volume| {
        let mut needed = Vec::new();
        let mut need = |kind: &str, name: Option<&str>, optional: Option<bool>| {
            if let Some(name) = name.filter(|_| optional != Some(true)) {
                needed.push(object(kind, name));
            }
        };
        if let Some(source) = &volume.config_map {
            need("ConfigMap", Some(&source.name), source.optional);
        }
        if let Some(source) = &volume.secret {
            need("Secret", source.secret_name.as_deref(), source.optional);
        }
        for part in volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten()) {
            if let Some(source) = &part.config_map {
                need("ConfigMap", Some(&source.name), source.optional);
            }
            if let Some(source) = &part.secret {
                need("Secret", Some(&source.name), source.optional);
            }
        }
        needed
    });
    volumes.collect()
}

/// kube-scheduler with a configuration file looks for its kubeconfig where the file says, which for kubeadm is here.
pub(super) fn scheduler_conf(component: &Component) -> Option<VolumeMount> {
    component.extra_args.iter().any(|arg| arg.name == "config").then(|| VolumeMount {
        name: "scheduler-kubeconfig".into(),
        mount_path: "/etc/kubernetes/scheduler.conf".into(),
        sub_path: Some("scheduler.conf".into()),
        read_only: Some(true),
        ..Default::default()
    })
}
