//! Files that the user supplies for paths in the configuration, volumes of the pods, and patches.
//!
//! The record lists the files; their content is stored in Secrets and `ConfigMaps` of the management cluster.

use std::collections::BTreeMap;

use secrecy::SecretSlice;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::Error;

/// A volume mount in a component's container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// The source of the content.
    pub source: MountSource,
    /// The path in the container.
    pub at: String,
    /// Mounts one file or directory of the volume instead of the whole volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_path: Option<String>,
    /// Whether the mount is read-only.
    pub read_only: bool,
}

/// The source of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MountSource {
    /// A [`SuppliedFile`], identified by its path.
    SuppliedFile(String),
    /// An `emptyDir`, identified by its path in the configuration. Containers with the same path share it.
    Empty(String),
    /// A [`PodVolume`], identified by its name.
    Volume(String),
}

/// The kind of object that stores a supplied file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileStorage {
    /// A Secret: the file may contain confidential data.
    Secret,
    /// A `ConfigMap`: the file's API has no confidential fields.
    ConfigMap,
}

impl FileStorage {
    /// The object's kind.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
        }
    }
}

/// A file or directory that the user supplies for a path in the configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SuppliedFile {
    /// The path in the configuration.
    pub path: String,
    /// The kind of object that stores it.
    pub storage: FileStorage,
    /// Whether it is a directory.
    pub folder: bool,
    /// The name relative to the path, by key in the object; empty for a single file.
    pub keys: BTreeMap<String, String>,
    /// The SHA-256 of names and content.
    pub digest: String,
    /// The content of each key; `None` if the file was supplied to an earlier run.
    #[serde(skip)]
    pub content: Option<BTreeMap<String, SecretSlice<u8>>>,
}

impl SuppliedFile {
    /// The key of the file with this relative name; an empty name means the single file.
    #[must_use]
    pub fn key_of(&self, name: &str) -> Option<&str> {
        self.keys.iter().find(|(_, below)| below.as_str() == name).map(|(key, _)| key.as_str())
    }
}

/// A user-defined volume of the pods, of a type that Pod Security `restricted` allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodVolume {
    /// The volume's name in the pods.
    pub name: String,
    /// The remaining fields of the Kubernetes `Volume`.
    pub source: Value,
}

/// The target of a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PatchTarget {
    /// kube-apiserver's pod.
    KubeApiserver,
    /// kube-controller-manager's pod.
    KubeControllerManager,
    /// kube-scheduler's pod.
    KubeScheduler,
    /// The tenant's `CoreDNS` Deployment.
    CorednsDeployment,
    /// The tenant's kube-proxy `DaemonSet`.
    KubeProxyDaemonset,
    /// The tenant's `KubeletConfiguration`.
    KubeletConfiguration,
}

impl PatchTarget {
    /// All targets.
    pub const ALL: [Self; 6] = [
        Self::KubeApiserver,
        Self::KubeControllerManager,
        Self::KubeScheduler,
        Self::CorednsDeployment,
        Self::KubeProxyDaemonset,
        Self::KubeletConfiguration,
    ];

    /// The target's name in kubeadm's patch file names; for a component, also the container's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::KubeScheduler => "kube-scheduler",
            Self::CorednsDeployment => "corednsdeployment",
            Self::KubeProxyDaemonset => "kubeproxydaemonset",
            Self::KubeletConfiguration => "kubeletconfiguration",
        }
    }
}

/// The type of a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PatchType {
    /// A JSON patch (RFC 6902).
    Json,
    /// A JSON merge patch (RFC 7386).
    Merge,
    /// A strategic merge patch: lists are merged by key.
    Strategic,
}

/// One document of a patch file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// The file name, for messages.
    pub file: String,
    /// The target.
    pub target: PatchTarget,
    /// The type.
    pub kind: PatchType,
    /// The patch content.
    pub body: Value,
}

/// The patches of a directory, in the order they are applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patches {
    /// kubeadm's `patches.directory`.
    pub directory: String,
    /// The patches.
    pub patches: Vec<Patch>,
}

/// The user's files, volumes and patches of a control plane.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Extras {
    /// The files that the configuration refers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<SuppliedFile>,
    /// The volumes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<PodVolume>,
    /// The kubeadm patches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patches: Option<Patches>,
}

impl Extras {
    /// Whether there are no files, volumes or patches.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.volumes.is_empty() && self.patches.is_none()
    }

    /// The patches for one target.
    pub fn patches_of(&self, target: PatchTarget) -> impl Iterator<Item = &Patch> {
        self.patches.iter().flat_map(|all| &all.patches).filter(move |patch| patch.target == target)
    }
}

/// The files and directories that a configuration can refer to, from the command line or the record.
#[derive(Debug, Clone, Default)]
pub struct SuppliedFiles {
    /// Files from `--file` and from earlier runs.
    pub files: Vec<SuppliedFile>,
    /// Directories from `--empty-dir` and from earlier runs.
    pub empty: Vec<String>,
    /// The patches from an earlier run.
    pub patches: Option<Patches>,
}

/// Parses a file's path in the configuration. Refuses control characters, colons and `..`; strips trailing slashes.
pub fn parse_supplied_path(text: &str) -> Result<String, Error> {
    let refuse = |rule: &str| Error::invalid("path", text, rule);
    let path = if text.len() > 1 { text.trim_end_matches('/') } else { text };
    if path.is_empty() || path == "/" {
        return Err(refuse("use the path of a file or directory as in the configuration"));
    }
    if path.len() > 4096 || path.chars().any(char::is_control) || path.contains(':') {
        return Err(refuse("use at most 4096 characters, without colons and control characters"));
    }
    if path.split('/').any(|part| part == "..") || path.contains("//") {
        return Err(refuse("use a path without `..` and `//`"));
    }
    Ok(path.to_owned())
}
