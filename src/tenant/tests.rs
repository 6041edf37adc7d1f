//! What the objects of a whole tenant have to keep to, per minor and per wish.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::model::{Arg, Component, EnvVar, KeyAlgorithm, RELEASES};
use crate::render::{Manifest, Write};

use super::fixture::{CA_PEM, body, document, objects, objects_at, spec};
use super::text::yaml;

/// One file for each object, as it is read by people.
fn golden(folder: &str, objects: &[Manifest]) {
    for (index, manifest) in objects.iter().enumerate() {
        let object = &manifest.object;
        let place = object.namespace.as_deref().map(|namespace| format!("{namespace}-")).unwrap_or_default();
        let file = format!("{index:02}-{}-{place}{}", object.kind, object.name.replace(':', "-")).to_lowercase();
        insta::with_settings!({
            snapshot_path => format!("snapshots/{folder}"),
            prepend_module_to_snapshot => false,
            omit_expression => true,
            description => format!("{object} ({:?})", manifest.write),
        }, { insta::assert_snapshot!(file, readable(&manifest.body)); });
    }
}

/// Texts in `ConfigMaps` are shown as lines, everything else as YAML.
fn readable(body: &Value) -> String {
    let mut rest = body.clone();
    let texts = match rest["kind"].as_str() {
        Some("ConfigMap") => rest.as_object_mut().unwrap().remove("data").unwrap(),
        _ => Value::Null,
    };
    let documents = texts.as_object().into_iter().flatten();
    let shown = documents.map(|(key, text)| format!("--- {key}\n{}", text.as_str().unwrap()));
    yaml(&rest) + &shown.collect::<String>()
}

fn fields(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn shown(objects: &[Manifest]) -> Vec<String> {
    objects.iter().map(|manifest| manifest.object.to_string()).collect()
}

#[test]
fn a_minimal_tenant_of_1_37_is_as_agreed() {
    golden("v1.37", &objects(&spec("v1.37.2")));
}

#[test]
fn every_object_is_named_once_and_briefly() {
    let all = shown(&objects(&spec("v1.37.2")));
    let distinct: BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
    for manifest in objects(&spec("v1.37.2")) {
        assert!(manifest.object.name.len() <= 63, "{}", manifest.object);
    }
}

#[test]
fn no_image_is_called_latest_and_none_goes_without_a_tag() {
    for release in RELEASES {
        for manifest in objects(&spec(&format!("v1.{}.3", release.minor))) {
            if let Some(image) = manifest.body.pointer("/spec/template/spec/containers/0/image") {
                let tag = image.as_str().unwrap().rsplit_once(':').unwrap().1;
                assert!(tag.starts_with('v'), "{image}");
            }
        }
    }
}

#[test]
fn disabled_addons_leave_nothing_and_joining_does_not_need_them() {
    let mut bare = spec("v1.37.2");
    bare.addons.coredns = None;
    bare.addons.kube_proxy = false;
    let objects = objects(&bare);
    assert!(objects.iter().all(|manifest| !yaml(&manifest.body).contains("coredns")), "{:?}", shown(&objects));
    assert!(!shown(&objects).iter().any(|object| object.contains("proxy") || object.contains("dns")));
    assert_eq!(shown(&objects).last().unwrap(), "ConfigMap kube-public/cluster-info");
    let config = document(&objects, "kube-system/kubeadm-config", "ClusterConfiguration");
    assert_eq!((&config["dns"], &config["proxy"]), (&json!({ "disabled": true }), &json!({ "disabled": true })));
}

#[test]
fn only_what_tenants_edit_is_left_alone_when_edited() {
    let left: Vec<_> = objects(&spec("v1.37.2"))
        .into_iter()
        .filter(|manifest| manifest.write != Write::Apply)
        .map(|manifest| (manifest.object.to_string(), manifest.write))
        .collect();
    let expected = [
        "ConfigMap kube-system/kubelet-config",
        "ConfigMap kube-system/coredns",
        "Deployment kube-system/coredns",
        "ConfigMap kube-system/kube-proxy",
    ];
    assert_eq!(left, expected.map(|object| (object.to_owned(), Write::ApplyUnlessTaken)));
}

#[test]
fn discovery_gives_the_endpoint_and_the_ca_under_the_empty_name() {
    let objects = objects(&spec("v1.37.2"));
    let data = body(&objects, "ConfigMap kube-public/cluster-info")["data"].clone();
    assert_eq!(data.as_object().unwrap().keys().collect::<Vec<_>>(), ["kubeconfig"]);
    let kubeconfig = document(&objects, "kube-public/cluster-info", "kubeconfig");
    let cluster = &kubeconfig["clusters"][0];
    assert_eq!(
        (&cluster["name"], &cluster["cluster"]["server"]),
        (&json!(""), &json!("https://prod.example.com:31443"))
    );
    let ca: k8s_openapi::ByteString =
        serde_json::from_value(cluster["cluster"]["certificate-authority-data"].clone()).unwrap();
    assert_eq!(ca.0, CA_PEM.as_bytes());
}

#[test]
fn the_users_kubelet_values_win_except_rotation() {
    let mut spec = spec("v1.37.2");
    spec.kubelet = fields(&json!({
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": false,
        "enforceNodeAllocatable": ["none"],
        "evictionHard": { "memory.available": "100Mi" },
        "authentication": { "anonymous": { "enabled": true } },
        "clusterDNS": ["169.254.20.10"],
        "rotateCertificates": false,
    }));
    let config = document(&objects(&spec), "kube-system/kubelet-config", "kubelet");
    for (key, value) in &spec.kubelet {
        if key != "rotateCertificates" && key != "authentication" {
            assert_eq!(&config[key], value, "{key}");
        }
    }
    assert_eq!(config["authentication"]["anonymous"]["enabled"], true);
    assert_eq!(config["authentication"]["webhook"]["enabled"], true);
    assert_eq!(config["rotateCertificates"], true);
    assert_eq!(config["kind"], "KubeletConfiguration");
}

#[test]
fn the_users_kube_proxy_values_win() {
    let mut spec = spec("v1.37.2");
    spec.kube_proxy = fields(&json!({ "mode": "nftables", "conntrack": { "maxPerCore": 0, "min": 0 } }));
    let config = document(&objects(&spec), "kube-system/kube-proxy", "config.conf");
    assert_eq!((&config["mode"], &config["conntrack"]["min"]), (&json!("nftables"), &json!(0)));
    assert_eq!(config["clusterCIDR"], "10.244.0.0/16");
    assert_eq!(config["clientConnection"]["kubeconfig"], "/var/lib/kube-proxy/kubeconfig.conf");
}

#[test]
fn dual_stack_keeps_the_primary_family_for_dns_and_the_kubernetes_service() {
    let mut spec = spec("v1.37.2");
    spec.networking.service_subnets = vec!["fd00:1::/108".parse().unwrap(), "10.96.0.0/12".parse().unwrap()];
    spec.networking.pod_subnets = vec!["fd00:2::/56".parse().unwrap(), "10.244.0.0/16".parse().unwrap()];
    let objects = objects_at(&spec, &["2001:db8::1", "192.0.2.10", "2001:db8::2"]);
    let addresses = |object: &str, at: &str| body(&objects, object).pointer(at).unwrap().clone();
    assert_eq!(addresses("Service kube-system/kube-dns", "/spec/clusterIP"), "fd00:1::a");
    assert_eq!(
        addresses("Endpoints default/kubernetes", "/subsets/0/addresses"),
        json!([{ "ip": "2001:db8::1" }, { "ip": "2001:db8::2" }])
    );
    assert_eq!(addresses("EndpointSlice default/kubernetes", "/addressType"), "IPv6");
    assert_eq!(shown(&objects).iter().filter(|object| object.starts_with("EndpointSlice")).count(), 1);
    let proxy = document(&objects, "kube-system/kube-proxy", "config.conf");
    assert_eq!((&proxy["clusterCIDR"], &proxy["bindAddress"]), (&json!("fd00:2::/56,10.244.0.0/16"), &json!("::")));
    let kubelet = document(&objects, "kube-system/kubelet-config", "kubelet");
    assert_eq!(kubelet["clusterDNS"], json!(["fd00:1::a"]));
}

#[test]
fn without_an_address_there_are_no_endpoints_yet() {
    let objects = objects_at(&spec("v1.37.2"), &[]);
    assert!(!shown(&objects).iter().any(|object| object.starts_with("Endpoint")));
}

#[test]
fn the_dns_image_is_where_kubeadm_looks_for_it() {
    let image = |repository: &str, dns_repository: Option<&str>, dns_tag: Option<&str>| {
        let mut spec = spec("v1.36.3");
        spec.image_repository = repository.into();
        let dns = spec.addons.coredns.as_mut().unwrap();
        dns.image_repository = dns_repository.map(str::to_owned);
        dns.image_tag = dns_tag.map(str::to_owned);
        let deployment = body(&objects(&spec), "Deployment kube-system/coredns");
        deployment.pointer("/spec/template/spec/containers/0/image").unwrap().as_str().unwrap().to_owned()
    };
    assert_eq!(image("registry.k8s.io", None, None), "registry.k8s.io/coredns/coredns:v1.14.2");
    assert_eq!(image("registry.example.com/k8s", None, None), "registry.example.com/k8s/coredns:v1.14.2");
    assert_eq!(image("registry.example.com", Some("mirror/dns"), Some("v1.2.3")), "mirror/dns/coredns:v1.2.3");
    assert_eq!(image("x", Some("registry.k8s.io"), None), "registry.k8s.io/coredns/coredns:v1.14.2");
}

#[test]
fn the_cluster_configuration_says_what_the_spec_knows() {
    let mut spec = spec("v1.37.2");
    spec.cert_sans = vec![crate::model::San::parse("*.example.com").unwrap()];
    spec.certificates.leaf_validity = Duration::from_secs(90 * 24 * 3600);
    spec.api_server = Component {
        extra_args: ["v", "audit-log-maxage", "v"].map(|name| Arg::new(name, "1")).into(),
        extra_envs: vec![EnvVar { name: "NO_PROXY".into(), value: "yes".into() }],
        ..Component::default()
    };
    let config = document(&objects(&spec), "kube-system/kubeadm-config", "ClusterConfiguration");
    assert_eq!(
        config["apiServer"],
        json!({
            "certSANs": ["*.example.com"],
            "extraArgs": [
                { "name": "v", "value": "1" },
                { "name": "audit-log-maxage", "value": "1" },
                { "name": "v", "value": "1" },
            ],
            "extraEnvs": [{ "name": "NO_PROXY", "value": "yes" }],
        })
    );
    assert_eq!(config["certificateValidityPeriod"], "2160h0m0s");
    assert_eq!(config["encryptionAlgorithm"], "ECDSA-P256");
}

#[test]
fn v1beta3_gets_no_field_that_it_does_not_know() {
    let mut spec = spec("v1.30.14");
    spec.addons.coredns = None;
    spec.addons.kube_proxy = false;
    spec.scheduler = Component {
        extra_args: vec![Arg::new("v", "2")],
        extra_envs: vec![EnvVar { name: "A".into(), value: "b".into() }],
        ..Component::default()
    };
    let config = document(&objects(&spec), "kube-system/kubeadm-config", "ClusterConfiguration");
    assert_eq!(config["apiVersion"], "kubeadm.k8s.io/v1beta3");
    assert_eq!(config["scheduler"], json!({ "extraArgs": { "v": "2" } }));
    assert_eq!(config["featureGates"], json!({ "PublicKeysECDSA": true }));
    for newer in ["dns", "proxy", "encryptionAlgorithm", "certificateValidityPeriod", "caCertificateValidityPeriod"] {
        assert!(config.get(newer).is_none(), "{newer}");
    }
}

#[test]
fn an_algorithm_that_the_minor_does_not_know_is_left_out() {
    let algorithm = |version| {
        let mut spec = spec(version);
        spec.certificates.algorithm = KeyAlgorithm::EcdsaP384;
        document(&objects(&spec), "kube-system/kubeadm-config", "ClusterConfiguration")["encryptionAlgorithm"].clone()
    };
    assert_eq!((algorithm("v1.33.1"), algorithm("v1.34.1")), (Value::Null, json!("ECDSA-P384")));
}
