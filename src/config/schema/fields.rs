//! What a row of the field table says: where a field is, what it holds and what becomes of it.

use crate::config::kubeadm::api::KubeadmApi;
use crate::config::schema::fields::Action::{Map, Refuse, Use, Warn};
use crate::config::schema::fields::Shape::{Any, Struct};

/// The kinds of document whose fields are known.
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
    /// The Kamaji operator's control plane.
    Tenant,
}

impl ConfigKind {
    /// The kinds that a kubeadm file can have, in the order of the reference.
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

    /// The `apiVersion` of its documents; for kubeadm's kinds, the one that kamaji writes.
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

/// The API of a document that kubeadm's own APIs do not number: kubelet's and kube-proxy's have one each.
pub(crate) type Api = Option<KubeadmApi>;

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It means what it means to kubeadm.
    Use,
    /// It is passed on, or translated.
    Map,
    /// It is ignored, and that is said.
    Warn,
    /// The file is refused.
    Refuse,
}

impl Action {
    /// The word for it.
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

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Text.
    Text,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int,
    /// A number.
    Number,
    /// A duration of Go, such as `24h0m0s`.
    Duration,
    /// A list of texts.
    Texts,
    /// A list of whole numbers.
    Ints,
    /// A map from text to text.
    TextMap,
    /// A map from text to `true` or `false`.
    BoolMap,
    /// A map from text to a list of texts.
    TextsMap,
    /// A map whose keys are rows of the table.
    Struct,
    /// A list of maps whose keys are rows of the table, below `path[]`.
    Structs,
    /// A map that is not looked into.
    OpenMap,
    /// A list that is not looked into.
    OpenList,
    /// Anything.
    Any,
}

impl Shape {
    /// What is expected, for messages.
    #[must_use]
    pub const fn expected(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Bool => "true or false",
            Self::Int => "a whole number",
            Self::Number => "a number",
            Self::Duration => "a duration such as 24h0m0s",
            Self::Texts => "a list of texts",
            Self::Ints => "a list of whole numbers",
            Self::TextMap => "a map of texts",
            Self::BoolMap => "a map of booleans",
            Self::TextsMap => "a map of lists of texts",
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
    /// The path in it, for example `networking.podSubnet` or `bootstrapTokens[].token`.
    pub path: &'static str,
    /// What it holds.
    pub shape: Shape,
    /// What becomes of it.
    pub action: Action,
    /// The meaning, or the reason to ignore or refuse it.
    pub note: &'static str,
    /// What to do instead; empty unless it is refused, or gone from newer APIs.
    pub remedy: &'static str,
    /// The first of kubeadm's APIs that knows it.
    pub since: KubeadmApi,
    /// The last of kubeadm's APIs that knows it.
    pub until: KubeadmApi,
    /// For an ignored or refused field: the value that is the default, so that nothing is said about it.
    pub silent: Option<&'static str>,
}

impl Field {
    /// The last word of the path.
    #[must_use]
    pub fn leaf(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or(self.path)
    }

    /// Whether documents of this API have it.
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
