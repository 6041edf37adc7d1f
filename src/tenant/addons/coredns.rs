//! `CoreDNS` as kubeadm of the tenant's minor installs it. Source: `phases/addons/dns`.
//!
//! The Corefile and the Deployment are the tenant's to edit and to scale: what was changed there is left alone.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Service, ServiceAccount, ServicePort, ServiceSpec};
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::model::{ControlPlaneSpec, CoreDns, PatchTarget, Release};
use crate::render::{Manifest, Write};
use crate::tenant::meta::{
    KUBE_SYSTEM, cluster_role_binding, cluster_wide, config_map, label, named, rule, service_account,
};

use super::{DEFAULT_REPOSITORY, patched};

mod deployment;

const NAME: &str = "coredns";
const ROLE: &str = "system:coredns";
const METRICS_PORT: i32 = 9153;

/// All objects of the addon.
pub(in crate::tenant) fn coredns(spec: &ControlPlaneSpec, dns: &CoreDns, release: &Release) -> Vec<Manifest> {
    let account = ServiceAccount { metadata: named(KUBE_SYSTEM, NAME), ..Default::default() };
    let role = ClusterRole {
        metadata: cluster_wide(ROLE),
        rules: Some(vec![
            rule("", &["endpoints", "services", "pods", "namespaces"], &["list", "watch"]),
            rule("discovery.k8s.io", &["endpointslices"], &["list", "watch"]),
        ]),
        ..Default::default()
    };
    let corefile = corefile(&spec.networking.dns_domain, release);
    let config = config_map(named(KUBE_SYSTEM, NAME), [("Corefile", corefile)]);
    let deployment = Manifest::of(&workload(spec, dns, release), Write::ApplyUnlessTaken);
    vec![
        Manifest::of(&account, Write::Apply),
        Manifest::of(&role, Write::Apply),
        cluster_role_binding(ROLE, ROLE, vec![service_account(NAME)]),
        Manifest::of(&config, Write::ApplyUnlessTaken),
        Manifest::of(&service(spec), Write::Apply),
        patched(spec, PatchTarget::CorednsDeployment, deployment),
    ]
}

/// The Deployment before any patch.
pub(super) fn workload(spec: &ControlPlaneSpec, dns: &CoreDns, release: &Release) -> Deployment {
    deployment::deployment(&image(spec, dns, release), release)
}

/// kubeadm's rule (`images.GetDNSImage`): the official registry has the image one folder deeper than any other.
fn image(spec: &ControlPlaneSpec, dns: &CoreDns, release: &Release) -> String {
    let repository = dns.image_repository.as_deref().unwrap_or(&spec.image_repository);
    let tag = dns.image_tag.as_deref().unwrap_or(release.coredns_tag);
    let folder = if repository == DEFAULT_REPOSITORY { "/coredns" } else { "" };
    format!("{repository}{folder}/coredns:{tag}")
}

/// Up to 1.31 the answers of the cluster's own zone are cached too; later Corefiles keep it out of the cache.
fn corefile(domain: &str, release: &Release) -> String {
    let cache = if release.corefile_skips_own_zone {
        format!("cache 30 {{\n       disable success {domain}\n       disable denial {domain}\n    }}")
    } else {
        "cache 30".to_owned()
    };
    let kubernetes = format!(
        "kubernetes {domain} in-addr.arpa ip6.arpa {{\n       pods insecure\n       fallthrough in-addr.arpa ip6.arpa\n       ttl 30\n    }}"
    );
    let plugins = [
        "errors",
        "health {\n       lameduck 5s\n    }",
        "ready",
        &kubernetes,
        "prometheus :9153",
        "forward . /etc/resolv.conf {\n       max_concurrent 1000\n    }",
        &cache,
        "loop",
        "reload",
        "loadbalance",
    ];
    format!(".:53 {{\n    {}\n}}\n", plugins.join("\n    "))
}

/// The Service has one address, of the primary family, also in a dual-stack cluster (`constants.GetDNSIP`).
fn service(spec: &ControlPlaneSpec) -> Service {
    let port = |name: &str, number: i32, protocol: &str| ServicePort {
        name: Some(name.to_owned()),
        port: number,
        protocol: Some(protocol.to_owned()),
        target_port: Some(IntOrString::Int(number)),
        ..Default::default()
    };
    let mut metadata = label(named(KUBE_SYSTEM, "kube-dns"), "k8s-app", "kube-dns");
    metadata = label(metadata, "kubernetes.io/cluster-service", "true");
    metadata = label(metadata, "kubernetes.io/name", "CoreDNS");
    metadata.annotations = Some(BTreeMap::from([
        ("prometheus.io/port".to_owned(), METRICS_PORT.to_string()),
        ("prometheus.io/scrape".to_owned(), "true".to_owned()),
    ]));
    Service {
        metadata,
        spec: Some(ServiceSpec {
            cluster_ip: Some(spec.networking.dns_service_ip().to_string()),
            selector: Some(deployment::pod_labels()),
            ports: Some(vec![port("dns", 53, "UDP"), port("dns-tcp", 53, "TCP"), port("metrics", METRICS_PORT, "TCP")]),
            ..Default::default()
        }),
        ..Default::default()
    }
}
