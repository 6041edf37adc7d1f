//! Files that a configuration names and the user gives from their own machine, volumes of the pods, and patches.
//!
//! The record keeps which files there are; their content is in Secrets and `ConfigMaps` of the management cluster only.

use std::collections::BTreeMap;

use secrecy::SecretSlice;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::Error;

/// What a component's container sees at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Where it comes from.
    pub source: MountSource,
    /// The path in the container.
    pub at: String,
    /// One file or folder of the volume instead of all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_path: Option<String>,
    /// Whether the component may not write to it.
    pub read_only: bool,
}

/// Where a mount comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MountSource {
    /// A [`SuppliedFile`], by its path.
    SuppliedFiles(String),
    /// A folder that is empty when a pod starts, by its path in the configuration. Containers that name the same share it.
    Empty(String),
    /// A [`PodVolume`], by its name.
    Volume(String),
}

/// What a given file is kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Keep {
    /// It may hold something confidential.
    Secret,
    /// Its API has no field for anything confidential.
    ConfigMap,
}

impl Keep {
    /// The kind of object.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
        }
    }
}

/// A file, or a folder of files, that the user gave under the path by which the configuration names it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SuppliedFile {
    /// The path in the configuration.
    pub path: String,
    /// What it is kept in.
    pub keep: Keep,
    /// Whether it is a folder.
    pub folder: bool,
    /// The key in the object and the name below the path; of a single file, the name is empty.
    pub keys: BTreeMap<String, String>,
    /// SHA-256 over names and content.
    pub digest: String,
    /// What each key holds, unless it was given to an earlier run.
    #[serde(skip)]
    pub content: Option<BTreeMap<String, SecretSlice<u8>>>,
}

impl SuppliedFile {
    /// The key of the file at this path below a folder, or of the single file for an empty one.
    #[must_use]
    pub fn key_of(&self, name: &str) -> Option<&str> {
        self.keys.iter().find(|(_, below)| below.as_str() == name).map(|(key, _)| key.as_str())
    }
}

/// A volume of the pods that the user describes, of a kind that Pod Security `restricted` allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodVolume {
    /// Its name in the pods.
    pub name: String,
    /// The rest of Kubernetes' `Volume`.
    pub source: Value,
}

/// What a patch is applied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PatchTarget {
    /// The pod of kube-apiserver.
    KubeApiserver,
    /// The pod of kube-controller-manager.
    KubeControllerManager,
    /// The pod of kube-scheduler.
    KubeScheduler,
    /// The Deployment of `CoreDNS` in the cluster.
    CorednsDeployment,
    /// The `DaemonSet` of kube-proxy in the cluster.
    KubeProxyDaemonset,
    /// The configuration of kubelets.
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

    /// As kubeadm's file names call it; for a component, also the name of its container.
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

/// How a patch is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PatchType {
    /// RFC 6902.
    Json,
    /// RFC 7386.
    Merge,
    /// Kubernetes' own: lists are merged by a key.
    Strategic,
}

/// One document of a patch file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// The file's name, for messages.
    pub file: String,
    /// What it changes.
    pub target: PatchTarget,
    /// How.
    pub kind: PatchType,
    /// The patch itself.
    pub body: Value,
}

/// The patches of a folder, in the order in which they are applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patches {
    /// kubeadm's `patches.directory`.
    pub directory: String,
    /// The patches.
    pub patches: Vec<Patch>,
}

/// What a control plane has besides what kamaji gives every one.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Extras {
    /// Files of the user that the configuration names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<SuppliedFile>,
    /// Volumes of the user.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<PodVolume>,
    /// kubeadm's patches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patches: Option<Patches>,
}

impl Extras {
    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.volumes.is_empty() && self.patches.is_none()
    }

    /// The patches of one target.
    pub fn patches_of(&self, target: PatchTarget) -> impl Iterator<Item = &Patch> {
        self.patches.iter().flat_map(|all| &all.patches).filter(move |patch| patch.target == target)
    }
}

/// Files and folders that are there for a configuration to name: from the command line, or kept by the record.
#[derive(Debug, Clone, Default)]
pub struct SuppliedFiles {
    /// `--file`, and what an earlier run was given.
    pub files: Vec<SuppliedFile>,
    /// `--empty-dir`, and what an earlier run was told.
    pub empty: Vec<String>,
    /// The patches that an earlier run was given.
    pub patches: Option<Patches>,
}

/// Reads the path by which a configuration names a file: no control characters, no `..`, no slash at the end.
pub fn parse_given_path(text: &str) -> Result<String, Error> {
    let refuse = |rule: &str| Error::invalid("path", text, rule);
    let path = if text.len() > 1 { text.trim_end_matches('/') } else { text };
    if path.is_empty() || path == "/" {
        return Err(refuse("name the file or folder as the configuration does"));
    }
    if path.len() > 4096 || path.chars().any(char::is_control) || path.contains(':') {
        return Err(refuse("leave out colons and control characters"));
    }
    if path.split('/').any(|part| part == "..") || path.contains("//") {
        return Err(refuse("write it without `..` and `//`"));
    }
    Ok(path.to_owned())
}
