//! Defines the rows of the field tables: path, type and handling of each field.

use crate::config::kubeadm::api::KubeadmApi;
use crate::config::schema::fields::Action::{Map, Refuse, Use, Warn};
use crate::config::schema::fields::Shape::{Any, Struct};

/// A kind of document with a field table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigKind {
    /// kubeadm's cluster-wide settings.
    Cluster,
    /// kubeadm's settings of one `init`.
    Init,
    /// The settings of every kubelet.
    Kubelet,
    /// The settings of every kube-proxy.
    KubeProxy,
    /// The Kamaji operator's `TenantControlPlane`.
    Tenant,
}

impl ConfigKind {
    /// The kinds in a kubeadm file, in the order of the reference page.
    pub const ALL: [Self; 4] = [Self::Cluster, Self::Init, Self::Kubelet, Self::KubeProxy];

    /// The `kind` of its documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cluster => "ClusterConfiguration",
            Self::Init => "InitConfiguration",
            Self::Kubelet => "KubeletConfiguration",
            Self::KubeProxy => "KubeProxyConfiguration",
            Self::Tenant => "TenantControlPlane",
        }
    }

    /// The `apiVersion` of its documents; for kubeadm's kinds, the version that kamaji writes.
    #[must_use]
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::Cluster | Self::Init => KubeadmApi::V1beta4.as_str(),
            Self::Kubelet => "kubelet.config.k8s.io/v1beta1",
            Self::KubeProxy => "kubeproxy.config.k8s.io/v1alpha1",
            Self::Tenant => "kamaji.clastix.io/v1alpha1",
        }
    }
}

/// The kubeadm API version of a document; `None` for other API groups, of which one version each is supported.
pub(crate) type Api = Option<KubeadmApi>;

/// How a field is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It has the same meaning as in kubeadm.
    Use,
    /// It is passed on or translated.
    Map,
    /// It is ignored with a warning.
    Warn,
    /// The file is refused.
    Refuse,
}

impl Action {
    /// The word for it on the reference page.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Use => "used",
            Self::Map => "passed on",
            Self::Warn => "ignored with a warning",
            Self::Refuse => "refused",
        }
    }
}

/// The type of a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A string.
    Text,
    /// `true` or `false`.
    Bool,
    /// An integer.
    Int,
    /// A number.
    Number,
    /// A Go duration, such as `24h0m0s`.
    Duration,
    /// A list of strings.
    Texts,
    /// A list of integers.
    Ints,
    /// A map of strings.
    TextMap,
    /// A map of booleans.
    BoolMap,
    /// A map of lists of strings.
    TextsMap,
    /// A map whose keys are rows of the table.
    Struct,
    /// A list of maps whose keys are rows of the table, below `path[]`.
    Structs,
    /// A map whose contents are not checked.
    OpenMap,
    /// A list whose contents are not checked.
    OpenList,
    /// Any value.
    Any,
}

impl Shape {
    /// The name of the type in messages.
    #[must_use]
    pub const fn expected(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Bool => "true or false",
            Self::Int => "an integer",
            Self::Number => "a number",
            Self::Duration => "a duration such as 24h0m0s",
            Self::Texts => "a list of strings",
            Self::Ints => "a list of integers",
            Self::TextMap => "a map of strings",
            Self::BoolMap => "a map of booleans",
            Self::TextsMap => "a map of lists of strings",
            Self::Struct | Self::OpenMap => "a map",
            Self::Structs => "a list of maps",
            Self::OpenList => "a list",
            Self::Any => "a value",
        }
    }
}

/// One row of the field table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The kind of document.
    pub kind: ConfigKind,
    /// The path in the document, for example `networking.podSubnet` or `bootstrapTokens[].token`.
    pub path: &'static str,
    /// The type of its value.
    pub shape: Shape,
    /// How it is handled.
    pub action: Action,
    /// What it means, or why it is ignored or refused.
    pub note: &'static str,
    /// What to do instead; empty unless it is refused or missing in newer API versions.
    pub remedy: &'static str,
    /// The first kubeadm API version that has it.
    pub since: KubeadmApi,
    /// The last kubeadm API version that has it.
    pub until: KubeadmApi,
    /// For an ignored or refused field: the default value, which causes no warning or problem.
    pub silent: Option<&'static str>,
}

impl Field {
    /// The last element of the path.
    #[must_use]
    pub fn leaf(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or(self.path)
    }

    /// Whether documents of this API version have it.
    #[must_use]
    pub fn is_in(&self, api: Option<KubeadmApi>) -> bool {
        api.is_none_or(|api| self.since <= api && api <= self.until)
    }
}

pub(crate) const fn row(
    kind: ConfigKind,
    path: &'static str,
    shape: Shape,
    action: Action,
    note: &'static str,
) -> Field {
    Field {
        kind,
        path,
        shape,
        action,
        note,
        remedy: "",
        since: KubeadmApi::OLDEST,
        until: KubeadmApi::NEWEST,
        silent: None,
    }
}

pub(crate) const fn used(kind: ConfigKind, path: &'static str, shape: Shape, note: &'static str) -> Field {
    row(kind, path, shape, Use, note)
}

pub(crate) const fn mapped(kind: ConfigKind, path: &'static str, shape: Shape, note: &'static str) -> Field {
    row(kind, path, shape, Map, note)
}

pub(crate) const fn group(kind: ConfigKind, path: &'static str) -> Field {
    row(kind, path, Struct, Use, "")
}

pub(crate) const fn ignored(kind: ConfigKind, path: &'static str, shape: Shape, note: &'static str) -> Field {
    row(kind, path, shape, Warn, note)
}

pub(crate) const fn refused(kind: ConfigKind, path: &'static str, note: &'static str, remedy: &'static str) -> Field {
    Field { remedy, ..row(kind, path, Any, Refuse, note) }
}
