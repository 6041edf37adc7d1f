//! kube-proxy as kubeadm of the tenant's minor installs it.
//!
//! Sources: `phases/addons/proxy`, `componentconfigs/kubeproxy.go`.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{DaemonSet, DaemonSetSpec, DaemonSetUpdateStrategy};
use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, Container, EnvVar, EnvVarSource, HostPathVolumeSource, ObjectFieldSelector, PodSpec,
    PodTemplateSpec, SecurityContext, ServiceAccount, Toleration, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use serde_json::{Map, Value, json};

use crate::model::{AddonImage, ControlPlaneSpec, Family, PatchTarget, Release};
use crate::render::{Manifest, Write};
use crate::tenant::TenantFacts;
use crate::tenant::defaults::fill;
use crate::tenant::kubeadm_config::joined;
use crate::tenant::meta::{
    JOINING_NODES, KUBE_SYSTEM, cluster_role_binding, config_map, config_map_readers, group, label, named,
    service_account,
};
use crate::tenant::text::yaml;

const NAME: &str = "kube-proxy";
const CONFIG_KEY: &str = "config.conf";
const FOLDER: &str = "/var/lib/kube-proxy";

/// All objects of the addon.
pub(in crate::tenant) fn kube_proxy(
    spec: &ControlPlaneSpec,
    facts: &TenantFacts<'_>,
    release: &Release,
) -> Vec<Manifest> {
    let account = ServiceAccount { metadata: named(KUBE_SYSTEM, NAME), ..Default::default() };
    let [role, role_binding] = config_map_readers(KUBE_SYSTEM, NAME, NAME, vec![group(JOINING_NODES)]);
    let texts =
        [(CONFIG_KEY, yaml(&Value::Object(configuration(spec, release)))), ("kubeconfig.conf", kubeconfig(facts))];
    let config = config_map(label(named(KUBE_SYSTEM, NAME), "app", NAME), texts);
    vec![
        Manifest::of(&account, Write::Apply),
        cluster_role_binding("kubeadm:node-proxier", "system:node-proxier", vec![service_account(NAME)]),
        role,
        role_binding,
        // What people changed in it stays, as with `kubeadm upgrade apply`, which reads it from there.
        Manifest::of(&config, Write::ApplyUnlessTaken),
        super::patched(spec, PatchTarget::KubeProxyDaemonset, Manifest::of(&daemon_set(spec), Write::Apply)),
    ]
}

/// The user's `KubeProxyConfiguration`, completed with what kubeadm sets.
fn configuration(spec: &ControlPlaneSpec, release: &Release) -> Map<String, Value> {
    let mut config = spec.kube_proxy.clone();
    config.insert("apiVersion".to_owned(), json!("kubeproxy.config.k8s.io/v1alpha1"));
    config.insert("kind".to_owned(), json!("KubeProxyConfiguration"));
    // kubeadm looks at the advertised address, which is of this family.
    let any = match spec.networking.primary_family() {
        Family::V4 => "0.0.0.0",
        Family::V6 => "::",
    };
    fill(&mut config, &["bindAddress"], json!(any));
    fill(&mut config, &["clientConnection", "kubeconfig"], json!(format!("{FOLDER}/kubeconfig.conf")));
    if !spec.networking.pod_subnets.is_empty() {
        fill(&mut config, &["clusterCIDR"], json!(joined(&spec.networking.pod_subnets)));
    }
    if let Some(mode) = release.kube_proxy_mode {
        fill(&mut config, &["mode"], json!(mode));
    }
    config
}

/// The real endpoint, not `default/kubernetes`: that address works only once kube-proxy runs.
fn kubeconfig(facts: &TenantFacts<'_>) -> String {
    const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
    yaml(&json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "default",
            "cluster": {
                "certificate-authority": format!("{ACCOUNT}/ca.crt"),
                "server": facts.endpoint.url(),
            },
        }],
        "contexts": [{
            "name": "default",
            "context": { "cluster": "default", "namespace": "default", "user": "default" },
        }],
        "current-context": "default",
        "users": [{ "name": "default", "user": { "tokenFile": format!("{ACCOUNT}/token") } }],
    }))
}

pub(super) fn daemon_set(spec: &ControlPlaneSpec) -> DaemonSet {
    let labels = || Some(BTreeMap::from([("k8s-app".to_owned(), NAME.to_owned())]));
    DaemonSet {
        metadata: label(named(KUBE_SYSTEM, NAME), "k8s-app", NAME),
        spec: Some(DaemonSetSpec {
            selector: LabelSelector { match_labels: labels(), ..Default::default() },
            update_strategy: Some(DaemonSetUpdateStrategy {
                type_: Some("RollingUpdate".to_owned()),
                ..Default::default()
            }),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta { labels: labels(), ..Default::default() }),
                spec: Some(pod(spec)),
            },
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn pod(spec: &ControlPlaneSpec) -> PodSpec {
    let host_path = |name: &str, path: &str, type_: Option<&str>| Volume {
        name: name.to_owned(),
        host_path: Some(HostPathVolumeSource { path: path.to_owned(), type_: type_.map(str::to_owned) }),
        ..Default::default()
    };
    PodSpec {
        priority_class_name: Some("system-node-critical".to_owned()),
        host_network: Some(true),
        service_account_name: Some(NAME.to_owned()),
        containers: vec![container(spec)],
        volumes: Some(vec![
            Volume {
                name: NAME.to_owned(),
                config_map: Some(ConfigMapVolumeSource { name: NAME.to_owned(), ..Default::default() }),
                ..Default::default()
            },
            host_path("xtables-lock", "/run/xtables.lock", Some("FileOrCreate")),
            host_path("lib-modules", "/lib/modules", None),
        ]),
        tolerations: Some(vec![Toleration { operator: Some("Exists".to_owned()), ..Default::default() }]),
        node_selector: Some(BTreeMap::from([("kubernetes.io/os".to_owned(), "linux".to_owned())])),
        ..Default::default()
    }
}

fn image(spec: &ControlPlaneSpec) -> String {
    let AddonImage { repository, tag } = &spec.addons.kube_proxy_image;
    let repository = repository.as_ref().unwrap_or(&spec.image_repository);
    tag.as_ref()
        .map_or_else(|| format!("{repository}/{NAME}:{}", spec.version), |tag| format!("{repository}/{NAME}:{tag}"))
}

fn container(spec: &ControlPlaneSpec) -> Container {
    let mount = |name: &str, path: &str, read_only: Option<bool>| VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only,
        ..Default::default()
    };
    let node_name = EnvVarSource {
        field_ref: Some(ObjectFieldSelector { field_path: "spec.nodeName".to_owned(), ..Default::default() }),
        ..Default::default()
    };
    Container {
        name: NAME.to_owned(),
        image: Some(image(spec)),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        command: Some(vec![
            "/usr/local/bin/kube-proxy".to_owned(),
            format!("--config={FOLDER}/{CONFIG_KEY}"),
            "--hostname-override=$(NODE_NAME)".to_owned(),
        ]),
        security_context: Some(SecurityContext { privileged: Some(true), ..Default::default() }),
        volume_mounts: Some(vec![
            mount(NAME, FOLDER, None),
            mount("xtables-lock", "/run/xtables.lock", None),
            mount("lib-modules", "/lib/modules", Some(true)),
        ]),
        env: Some(vec![EnvVar { name: "NODE_NAME".to_owned(), value_from: Some(node_name), ..Default::default() }]),
        ..Default::default()
    }
}
