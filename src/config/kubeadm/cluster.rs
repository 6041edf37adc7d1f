//! What `ClusterConfiguration` means for a hosted control plane, once its fields have the right types.

use std::collections::HashSet;
use std::time::Duration;

use super::network;
use crate::config::CommandLine;
use crate::config::components::args;
use crate::config::components::files::Files;
use crate::config::components::image::{image_tag, repository};
use crate::config::components::target::Target;
use crate::config::schema::duration;
use crate::config::schema::findings::Findings;
use crate::config::schema::view::View;
use crate::model::{
    CertificatePolicy, Component, CoreDns, Endpoint, KeyAlgorithm, KubeVersion, Networking, San, release_of,
};
use crate::yaml::{Content, shown};

const VERSION_REMEDY: &str = "write kubernetesVersion: v1.37.2";
/// Gates that kubeadm had in any version a file may come from; all of them concern nodes but `PublicKeysECDSA`.
const GATES: [&str; 8] = [
    "ControlPlaneKubeletLocalMode",
    "EtcdLearnerMode",
    "IPv6DualStack",
    "NodeLocalCRISocket",
    "RootlessControlPlane",
    "UnversionedKubeletConfigMap",
    "UpgradeAddonsBeforeControlPlane",
    "WaitForAllControlPlaneComponents",
];

/// The meaning of a `ClusterConfiguration`.
#[expect(clippy::struct_field_names, reason = "`cluster_name` is kubeadm's word")]
pub(crate) struct Cluster {
    pub(crate) version: KubeVersion,
    pub(crate) cluster_name: String,
    pub(crate) image_repository: String,
    pub(crate) networking: Networking,
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) cert_sans: Vec<San>,
    pub(crate) certificates: CertificatePolicy,
    pub(crate) api_server: Component,
    pub(crate) controller_manager: Component,
    pub(crate) scheduler: Component,
    pub(crate) coredns: Option<CoreDns>,
    pub(crate) kube_proxy: bool,
    /// v1beta3's `apiServer.timeoutForControlPlane`.
    pub(crate) timeout: Option<Duration>,
}

/// Reads the document; `None` only after a problem was reported.
pub(crate) fn read(
    view: Option<&View<'_>>,
    said: &CommandLine<'_>,
    files: &mut Files<'_>,
    findings: &mut Findings<'_>,
) -> Option<Cluster> {
    let Some(view) = view else {
        if !findings.has_problems() {
            let remedy = format!("add a document of kind ClusterConfiguration and {VERSION_REMEDY} in it");
            findings.missing("there is no ClusterConfiguration", remedy);
        }
        return None;
    };
    let version = version(view, findings);
    let cluster = Cluster {
        version: version.unwrap_or(KubeVersion { major: 0, minor: 0, patch: 0 }),
        cluster_name: cluster_name(view, said, findings),
        image_repository: repository(view, "imageRepository", findings).unwrap_or_else(|| "registry.k8s.io".into()),
        networking: network::read(view, findings),
        endpoint: endpoint(view, said, findings),
        cert_sans: cert_sans(view, findings),
        certificates: certificates(view, findings),
        api_server: args::read(view, Target::ApiServer, files, findings),
        controller_manager: args::read(view, Target::ControllerManager, files, findings),
        scheduler: args::read(view, Target::Scheduler, files, findings),
        coredns: coredns(view, findings),
        kube_proxy: !view.is_true("proxy.disabled"),
        timeout: timeout(view, findings),
    };
    version.map(|_| cluster)
}

fn version(cluster: &View<'_>, findings: &mut Findings<'_>) -> Option<KubeVersion> {
    let Some((view, text)) = cluster.text("kubernetesVersion") else {
        if cluster.at("kubernetesVersion").is_none_or(|view| view.node.text().is_some()) {
            let text = "kubernetesVersion is required: without it, the result would depend on the day";
            findings.refuse_key(cluster, text, VERSION_REMEDY);
        }
        return None;
    };
    match KubeVersion::parse(text).and_then(|version| release_of(version).map(|_| version)) {
        Ok(version) => Some(version),
        Err(error) => {
            findings.refuse(&view, error.to_string(), "write an exact version, such as v1.37.2");
            None
        }
    }
}

fn cluster_name(cluster: &View<'_>, said: &CommandLine<'_>, findings: &mut Findings<'_>) -> String {
    const DEFAULT: &str = "kubernetes";
    let Some((view, text)) = cluster.text("clusterName") else { return DEFAULT.to_owned() };
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if text.len() > 63 || !text.bytes().all(fits) || text.starts_with(['-', '.']) {
        let rule = "use at most 63 letters, digits, `-`, `_` and `.`, not starting with `-` or `.`";
        findings.refuse(&view, format!("`{}` is not a cluster name", shown(text)), rule);
    } else if let Some(name) = said.name.filter(|name| text != DEFAULT && text != name.as_str()) {
        findings.warn(&view, format!("used in kubeconfigs; the control plane itself is called `{name}`"));
    }
    text.to_owned()
}

fn endpoint(cluster: &View<'_>, said: &CommandLine<'_>, findings: &mut Findings<'_>) -> Option<Endpoint> {
    let (view, text) = cluster.text("controlPlaneEndpoint")?;
    match Endpoint::parse(text, 0) {
        Ok(endpoint) => {
            if let Some(wanted) = said.endpoint.filter(|wanted| **wanted != endpoint) {
                findings.warn(&view, format!("ignored: --endpoint says {wanted}"));
            }
            Some(endpoint)
        }
        Err(error) => {
            findings.refuse(
                &view,
                error.to_string(),
                "write a name or an address with a port, such as api.example.com:6443",
            );
            None
        }
    }
}

fn cert_sans(cluster: &View<'_>, findings: &mut Findings<'_>) -> Vec<San> {
    let (mut sans, mut seen) = (Vec::new(), HashSet::new());
    for view in cluster.list("apiServer.certSANs") {
        match view.node.text().map(San::parse) {
            Some(Ok(san)) if seen.insert(san.clone()) => sans.push(san),
            Some(Ok(_)) | None => {}
            Some(Err(error)) => findings.refuse(
                &view,
                error.to_string(),
                "write an IP address, or a DNS name with letters of other scripts as xn--…",
            ),
        }
    }
    sans
}

fn certificates(cluster: &View<'_>, findings: &mut Findings<'_>) -> CertificatePolicy {
    let default = CertificatePolicy::default();
    let algorithm = algorithm(cluster, findings);
    let leaf_validity = validity(cluster, "certificateValidityPeriod", findings).unwrap_or(default.leaf_validity);
    let ca_validity = validity(cluster, "caCertificateValidityPeriod", findings).unwrap_or(default.ca_validity);
    if leaf_validity > ca_validity {
        let view = cluster.at("certificateValidityPeriod").or_else(|| cluster.at("caCertificateValidityPeriod"));
        findings.warn(view.as_ref().unwrap_or(cluster), "certificates end with the authority that signed them");
    }
    CertificatePolicy { algorithm, leaf_validity, ca_validity }
}

fn validity(cluster: &View<'_>, path: &str, findings: &mut Findings<'_>) -> Option<Duration> {
    let (view, text) = cluster.text(path)?;
    let signed = duration::parse(text).ok()?;
    if signed.negative || signed.length < Duration::from_secs(1) {
        findings.refuse(&view, format!("`{}` is not longer than a second", shown(text)), "write it as 8760h0m0s");
        return None;
    }
    Some(signed.length)
}

/// Zero means the default, as for kubeadm.
fn timeout(cluster: &View<'_>, findings: &mut Findings<'_>) -> Option<Duration> {
    let (view, text) = cluster.text("apiServer.timeoutForControlPlane")?;
    let signed = duration::parse(text).ok()?;
    if signed.negative {
        findings.refuse(&view, format!("`{}` leaves no time", shown(text)), "write it as 4m0s");
    }
    Some(signed.length).filter(|length| !length.is_zero())
}

fn algorithm(cluster: &View<'_>, findings: &mut Findings<'_>) -> KeyAlgorithm {
    let named = cluster.text("encryptionAlgorithm").and_then(|(view, text)| match KeyAlgorithm::parse(text) {
        Ok(algorithm) => Some(algorithm),
        Err(error) => {
            findings.refuse(&view, error.to_string(), "write ECDSA-P256, or leave it out");
            None
        }
    });
    let gates = cluster.at("featureGates");
    let entries = gates
        .iter()
        .flat_map(|gates| gates.node.entries().iter().map(|entry| (entry.key.as_str(), gates.entry(entry))));
    for (name, gate) in entries {
        if name == "PublicKeysECDSA" {
            let ecdsa = matches!(gate.node.content, Content::Bool(true));
            if ecdsa && matches!(named, Some(KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096)) {
                findings.refuse_key(
                    &gate,
                    "it asks for ECDSA keys, and encryptionAlgorithm for RSA",
                    "remove one of the two",
                );
            }
        } else if GATES.contains(&name) {
            findings.warn(&gate, "ignored: it concerns control planes on nodes");
        } else {
            let remedy =
                "remove it; gates of Kubernetes go to extraArgs as `name: feature-gates` with `value: GATE=true`";
            findings.refuse_key(&gate, "kubeadm has no such feature gate", remedy);
        }
    }
    named.unwrap_or_default()
}

fn coredns(cluster: &View<'_>, findings: &mut Findings<'_>) -> Option<CoreDns> {
    let image_repository = repository(cluster, "dns.imageRepository", findings);
    let image_tag = image_tag(cluster, "dns.imageTag", findings);
    (!cluster.is_true("dns.disabled")).then_some(CoreDns { image_repository, image_tag })
}
