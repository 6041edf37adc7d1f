//! The spec of a control plane: the validated settings of the user, and the input of `plan`.

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
    /// A Service of type `NodePort`; the API server listens on the same port number.
    NodePort,
    /// A Service of type `ClusterIP`, reachable only by workers in the management cluster's network.
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

/// A command-line argument of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arg {
    /// The name without leading dashes, for example `audit-log-maxage`.
    pub name: String,
    /// The value; may be empty.
    pub value: String,
    /// How the value is combined with kamaji's value of the same argument.
    #[serde(default, rename = "mergeMethod", skip_serializing_if = "MergeMethod::is_replace")]
    pub merge: MergeMethod,
}

impl Arg {
    /// An argument that replaces kamaji's.
    #[must_use]
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into(), merge: MergeMethod::Replace }
    }
}

/// Whether kamaji owns an argument, so that users cannot set it: it locates keys or data, or other objects depend on
/// it. A trailing `*` in the list matches any suffix.
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
    /// The value replaces kamaji's.
    #[default]
    Replace,
    /// The value is appended to kamaji's, without a separator.
    Append,
    /// The value is prepended to kamaji's, without a separator.
    Prepend,
}

impl MergeMethod {
    /// Whether it is the default.
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

/// User settings of one component (kubeadm's `apiServer`, `controllerManager` or `scheduler`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Component {
    /// Extra arguments, in the user's order; none is owned by kamaji.
    pub extra_args: Vec<Arg>,
    /// Extra environment variables.
    pub extra_envs: Vec<EnvVar>,
    /// The user's files and volumes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
}

/// The `CoreDNS` addon.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CoreDns {
    /// The image repository; defaults to the control plane's.
    pub image_repository: Option<String>,
    /// The image tag; defaults to the one that kubeadm of the minor uses.
    pub image_tag: Option<String>,
}

/// The image of an addon.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AddonImage {
    /// The repository; defaults to the control plane's.
    pub repository: Option<String>,
    /// The tag; defaults to the Kubernetes version.
    pub tag: Option<String>,
}

/// The addons installed in the tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addons {
    /// `CoreDNS`, unless disabled.
    pub coredns: Option<CoreDns>,
    /// kube-proxy, unless disabled.
    pub kube_proxy: bool,
    /// The kube-proxy image.
    #[serde(default)]
    pub kube_proxy_image: AddonImage,
}

/// A bootstrap token from the kubeadm file. Not stored in the record.
#[derive(Debug, Clone)]
pub struct BootstrapToken {
    /// `abcdef.0123456789abcdef`.
    pub token: secrecy::SecretString,
    /// How long it is valid; `None` means it does not expire.
    pub ttl: Option<std::time::Duration>,
    /// The usages: `signing`, `authentication`.
    pub usages: Vec<String>,
    /// The groups that the token authenticates as.
    pub groups: Vec<String>,
    /// A human-readable description.
    pub description: String,
}

/// The public part of a bootstrap token: the six characters before the dot.
pub type TokenId = String;

/// Splits `abcdef.0123456789abcdef` into id and secret. Errors do not contain the token.
pub fn parse_token(text: &str) -> Result<(TokenId, secrecy::SecretString), Error> {
    let part =
        |part: &str, length| part.len() == length && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    match text.split_once('.') {
        Some((id, secret)) if part(id, 6) && part(secret, 16) => Ok((id.to_owned(), secret.to_owned().into())),
        Some(_) | None => Err(Error::invalid(
            "bootstrap token",
            "(not shown)",
            "it must be 6 and 16 lower-case letters or digits separated by a dot, such as abcdef.0123456789abcdef",
        )),
    }
}

/// The validated spec of a control plane. Stored in the record, so new fields need a default.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ControlPlaneSpec {
    /// The name in the management cluster.
    pub name: ControlPlaneName,
    /// The namespace in the management cluster.
    pub namespace: Namespace,
    /// The Kubernetes version.
    pub version: KubeVersion,
    /// kubeadm's `clusterName`, used in kubeconfigs and for `--cluster-name`.
    pub cluster_name: String,
    /// The image repository, for example `registry.k8s.io`.
    pub image_repository: String,
    /// CIDRs and DNS domain; immutable.
    pub networking: Networking,
    /// kubeadm's `controlPlaneEndpoint`, or `--endpoint`. Port 0 means that the port is not known yet.
    pub endpoint: Option<Endpoint>,
    /// The port that the API server listens on, unless the exposure determines it.
    pub bind_port: u16,
    /// The exposure; `None` tries a load balancer first, then a node port.
    pub expose: Option<Exposure>,
    /// Additional subject alternative names of the API server's certificate.
    pub cert_sans: Vec<San>,
    /// Key algorithm and validity of certificates.
    pub certificates: CertificatePolicy,
    /// kube-apiserver.
    pub api_server: Component,
    /// kube-controller-manager.
    pub controller_manager: Component,
    /// kube-scheduler.
    pub scheduler: Component,
    /// The number of pods.
    pub replicas: u32,
    /// The datastore.
    pub datastore: DatastoreName,
    /// `CoreDNS` and kube-proxy.
    pub addons: Addons,
    /// The user's `KubeletConfiguration` without apiVersion and kind; may be empty.
    pub kubelet: Map<String, Value>,
    /// RFC 6902 patches of the `KubeletConfiguration`, applied after kamaji adds its defaults.
    #[serde(default)]
    pub kubelet_patches: Vec<Value>,
    /// The user's `KubeProxyConfiguration` without apiVersion and kind; may be empty.
    pub kube_proxy: Map<String, Value>,
    /// The user's labels for selecting control planes, set on the record, the Deployment and the Service.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Settings of the pods.
    #[serde(default)]
    pub pods: PodSettings,
    /// Settings of the Service.
    #[serde(default)]
    pub service: ServiceSettings,
    /// Network restrictions of the pods.
    #[serde(default, skip_serializing_if = "Isolation::is_default")]
    pub isolation: Isolation,
    /// The user's files, volumes and patches.
    #[serde(default, skip_serializing_if = "Extras::is_empty")]
    pub extras: Extras,
    /// Bootstrap tokens from the kubeadm file. Secret, so not serialized.
    #[serde(skip)]
    pub bootstrap_tokens: Vec<BootstrapToken>,
}
