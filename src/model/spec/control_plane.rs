//! What the user asked for, once: everything that `plan` needs to decide about one control plane.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::{
    CertificatePolicy, ControlPlaneName, DatastoreName, Endpoint, Error, Extras, Isolation, KubeVersion, Mount,
    Namespace, Networking, PodSettings, San, ServiceSettings,
};

/// How the API server is reached from outside the management cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exposure {
    /// A Service of type `LoadBalancer`.
    LoadBalancer,
    /// A Service of type `NodePort`; the API server listens on the same number.
    NodePort,
    /// A Service of type `ClusterIP`: workers in the management cluster's network only.
    ClusterIp,
}

impl Exposure {
    /// The Service type.
    #[must_use]
    pub const fn service_type(self) -> &'static str {
        match self {
            Self::LoadBalancer => "LoadBalancer",
            Self::NodePort => "NodePort",
            Self::ClusterIp => "ClusterIP",
        }
    }
}

/// One command-line argument of a component, without the leading dashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arg {
    /// For example `audit-log-maxage`.
    pub name: String,
    /// The value; may be empty.
    pub value: String,
    /// What becomes of kamaji's value of that name.
    #[serde(default, rename = "mergeMethod", skip_serializing_if = "MergeMethod::is_replace")]
    pub merge: MergeMethod,
}

impl Arg {
    /// An argument that replaces others of its name.
    #[must_use]
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into(), merge: MergeMethod::Replace }
    }
}

/// Whether an argument is kamaji's: where keys and data are, and what other objects depend on. A trailing `*` stands for
/// any ending.
#[must_use]
pub fn is_owned_argument(name: &str) -> bool {
    const OWNED: [&str; 30] = [
        "etcd-*",
        "storage-backend",
        "encryption-provider-config*",
        "token-auth-file",
        "tls-cert-file",
        "tls-private-key-file",
        "tls-sni-cert-key",
        "cert-dir",
        "client-ca-file",
        "root-ca-file",
        "service-account-key-file",
        "service-account-signing-key-file",
        "service-account-private-key-file",
        "requestheader-*",
        "proxy-client-*",
        "kubelet-client-*",
        "kubelet-certificate-authority",
        "cluster-signing-cert-file",
        "cluster-signing-key-file",
        "cluster-signing-kube-*",
        "cluster-signing-kubelet-*",
        "cluster-signing-legacy-*",
        "kubeconfig",
        "authentication-kubeconfig",
        "authorization-kubeconfig",
        "egress-selector-config-file",
        "secure-port",
        "service-cluster-ip-range",
        "cluster-cidr",
        "cluster-name",
    ];
    OWNED.iter().any(|owned| owned.strip_suffix('*').map_or(*owned == name, |start| name.starts_with(start)))
}

/// kubeadm's `mergeMethod` of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MergeMethod {
    /// The value stands instead of the other.
    #[default]
    Replace,
    /// The value follows the other, with nothing between.
    Append,
    /// The value is before the other, with nothing between.
    Prepend,
}

impl MergeMethod {
    /// Whether it is the usual one.
    #[must_use]
    pub const fn is_replace(&self) -> bool {
        matches!(self, Self::Replace)
    }
}

/// One environment variable of a component, with a literal value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvVar {
    /// The variable's name.
    pub name: String,
    /// The value; `$(…)` in it is not expanded.
    pub value: String,
}

/// What the user sets of one component (kubeadm's `apiServer`, `controllerManager`, `scheduler`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Component {
    /// Extra arguments, in the order given; none of them is one that kamaji owns.
    pub extra_args: Vec<Arg>,
    /// Extra environment variables.
    pub extra_envs: Vec<EnvVar>,
    /// Files and volumes of the user.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
}

/// The `CoreDNS` addon.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CoreDns {
    /// The repository that holds `coredns`; without it, the control plane's repository.
    pub image_repository: Option<String>,
    /// The tag; without it, the one kubeadm of that minor uses.
    pub image_tag: Option<String>,
}

/// Where the image of an addon is, if not beside those of the control plane.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AddonImage {
    /// The repository; without it, the control plane's repository.
    pub repository: Option<String>,
    /// The tag; without it, the version of Kubernetes.
    pub tag: Option<String>,
}

/// What is installed inside the tenant besides what joining needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addons {
    /// `CoreDNS`, unless disabled.
    pub coredns: Option<CoreDns>,
    /// kube-proxy, unless disabled.
    pub kube_proxy: bool,
    /// The image of kube-proxy.
    #[serde(default)]
    pub kube_proxy_image: AddonImage,
}

/// A bootstrap token the kubeadm file asks for. Not kept in the record.
#[derive(Debug, Clone)]
pub struct BootstrapToken {
    /// `abcdef.0123456789abcdef`.
    pub token: secrecy::SecretString,
    /// How long it is valid; `None` is for ever.
    pub ttl: Option<std::time::Duration>,
    /// `signing`, `authentication`.
    pub usages: Vec<String>,
    /// The groups a bearer belongs to.
    pub groups: Vec<String>,
    /// A text for people.
    pub description: String,
}

/// The public half of a bootstrap token: the six characters before the dot.
pub type TokenId = String;

/// Splits `abcdef.0123456789abcdef` into its id and its secret; an error does not repeat the secret.
pub fn parse_token(text: &str) -> Result<(TokenId, secrecy::SecretString), Error> {
    let part =
        |part: &str, length| part.len() == length && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    match text.split_once('.') {
        Some((id, secret)) if part(id, 6) && part(secret, 16) => Ok((id.to_owned(), secret.to_owned().into())),
        Some(_) | None => Err(Error::invalid(
            "bootstrap token",
            "(not shown)",
            "it must be six and sixteen lower-case letters or digits with a dot between, such as abcdef.0123456789abcdef",
        )),
    }
}

/// One validated wish for a control plane. Serialized into the record, so new fields need a default.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ControlPlaneSpec {
    /// The name in the management cluster.
    pub name: ControlPlaneName,
    /// The namespace in the management cluster.
    pub namespace: Namespace,
    /// The Kubernetes version.
    pub version: KubeVersion,
    /// kubeadm's `clusterName`: names in kubeconfigs and `--cluster-name`.
    pub cluster_name: String,
    /// Where images come from, for example `registry.k8s.io`.
    pub image_repository: String,
    /// Ranges and DNS domain; immutable.
    pub networking: Networking,
    /// kubeadm's `controlPlaneEndpoint`, or `--endpoint`; a port not given is 0 here until it is known.
    pub endpoint: Option<Endpoint>,
    /// The port the API server listens on where the exposure leaves the choice.
    pub bind_port: u16,
    /// How it is exposed; `None` tries a load balancer first, then a node port.
    pub expose: Option<Exposure>,
    /// Further names in the API server's certificate.
    pub cert_sans: Vec<San>,
    /// Keys and lifetimes of certificates.
    pub certificates: CertificatePolicy,
    /// kube-apiserver.
    pub api_server: Component,
    /// kube-controller-manager.
    pub controller_manager: Component,
    /// kube-scheduler.
    pub scheduler: Component,
    /// How many pods.
    pub replicas: u32,
    /// Where its data is.
    pub datastore: DatastoreName,
    /// `CoreDNS` and kube-proxy.
    pub addons: Addons,
    /// The user's `KubeletConfiguration` without apiVersion and kind; empty when not given.
    pub kubelet: Map<String, Value>,
    /// RFC 6902 patches of the `KubeletConfiguration`, once kamaji has completed it.
    #[serde(default)]
    pub kubelet_patches: Vec<Value>,
    /// The user's `KubeProxyConfiguration` without apiVersion and kind; empty when not given.
    pub kube_proxy: Map<String, Value>,
    /// The user's labels, for selecting control planes; on the record, the Deployment and the Service.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Settings of the pods.
    #[serde(default)]
    pub pods: PodSettings,
    /// Settings of the Service.
    #[serde(default)]
    pub service: ServiceSettings,
    /// What networks the pods reach.
    #[serde(default, skip_serializing_if = "Isolation::is_default")]
    pub isolation: Isolation,
    /// Files, volumes and patches of the user.
    #[serde(default, skip_serializing_if = "Extras::is_empty")]
    pub extras: Extras,
    /// Tokens from the kubeadm file; secret, so not serialized.
    #[serde(skip)]
    pub bootstrap_tokens: Vec<BootstrapToken>,
}
