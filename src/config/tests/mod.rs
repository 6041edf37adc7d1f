//! A file is read field by field here: small files, and what they become or why they are refused.

mod corpus;
mod defaults;
mod documents;
mod files;
mod hostile;
mod rules;
mod table;
mod tenant;
mod tenant_pods;
mod versions;

use super::*;
use crate::error::Advice as _;
use crate::model::{Arg, KeyAlgorithm};

const CLUSTER: &str = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.37.2\n";
const INIT: &str = "---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\n";
const KUBELET: &str = "---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";
const PROXY: &str = "---\napiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n";

fn settings() -> Settings {
    let new = Settings::new("prod".parse().unwrap(), "tenants".parse().unwrap(), "main".parse().unwrap());
    Settings { replicas: 2, ..new }
}

fn read(text: &str) -> Result<Loaded, Error> {
    load(&Source { name: "prod.yaml", text }, settings())
}

fn loaded(text: &str) -> Loaded {
    read(text).unwrap_or_else(|error| panic!("{error}\n--- of\n{text}"))
}

/// A cluster document with more lines.
fn cluster(lines: &str) -> String {
    format!("{CLUSTER}{lines}\n")
}

/// A minimal cluster document, and an init document with these lines.
fn init(lines: &str) -> String {
    format!("{CLUSTER}{INIT}{lines}\n")
}

fn refusal(text: &str) -> String {
    match read(text) {
        Err(error) => {
            let silent = error.problems().iter().find(|problem| problem.remedy.is_empty());
            assert!(silent.is_none(), "no remedy: {silent:?}");
            format!("{error}\n{}", error.hints().join("\n"))
        }
        Ok(_) => panic!("this was accepted:\n{text}"),
    }
}

fn refused_for(text: &str, fragment: &str) {
    let message = refusal(text);
    assert!(message.contains(fragment), "`{fragment}` is not in:\n{message}\n--- of\n{text}");
}

fn warnings(text: &str) -> Vec<String> {
    loaded(text).warnings.iter().map(ToString::to_string).collect()
}

fn warned_for(text: &str, fragment: &str) {
    let said = warnings(text);
    assert!(said.iter().any(|warning| warning.contains(fragment)), "`{fragment}` is not in {said:#?}");
}

#[test]
fn a_version_alone_is_a_whole_control_plane() {
    let loaded = loaded(CLUSTER);
    let spec = &loaded.spec;
    assert_eq!(loaded.warnings, []);
    assert_eq!((spec.name.as_str(), spec.namespace.as_str(), spec.replicas), ("prod", "tenants", 2));
    assert_eq!(spec.version.to_string(), "v1.37.2");
    assert_eq!(spec.cluster_name, "kubernetes");
    assert_eq!(spec.image_repository, "registry.k8s.io");
    assert_eq!(spec.networking.service_subnets, ["10.96.0.0/12".parse().unwrap()]);
    assert_eq!(spec.networking.pod_subnets, []);
    assert_eq!(spec.networking.dns_domain, "cluster.local");
    assert_eq!((spec.bind_port, spec.endpoint.as_ref()), (6443, None));
    assert_eq!(spec.certificates, crate::model::CertificatePolicy::default());
    assert_eq!(spec.certificates.algorithm, KeyAlgorithm::EcdsaP256);
    assert!(spec.addons.kube_proxy && spec.addons.coredns.is_some());
    assert!(spec.kubelet.is_empty() && spec.kube_proxy.is_empty() && spec.bootstrap_tokens.is_empty());
    assert_eq!((loaded.timeout, loaded.dry_run), (None, false));
}

/// `kubeadm config print init-defaults` of 1.37.2, all component configurations included.
const DEFAULTS: &str = include_str!("../testdata/init-defaults.yaml");

#[test]
fn what_kubeadm_prints_as_defaults_loads_with_warnings_only() {
    let text = DEFAULTS;
    insta::assert_snapshot!(warnings(text).join("\n"), @r#"
    prod.yaml:5:3: InitConfiguration.bootstrapTokens[0].token: everybody knows this token: it is the example that kubeadm prints, and whoever reaches the API server can join a node with it; make another with `kamaji token generate`
    prod.yaml:12:3: InitConfiguration.localAPIEndpoint.advertiseAddress: ignored: it is the address of a machine; the endpoint comes from the exposure
    prod.yaml:15:3: InitConfiguration.nodeRegistration.criSocket: ignored: there is no control-plane node
    prod.yaml:16:3: InitConfiguration.nodeRegistration.imagePullPolicy: ignored: there is no control-plane node
    prod.yaml:17:3: InitConfiguration.nodeRegistration.imagePullSerial: ignored: there is no control-plane node
    prod.yaml:18:3: InitConfiguration.nodeRegistration.name: ignored: there is no control-plane node
    prod.yaml:40:5: ClusterConfiguration.etcd.local.dataDir: ignored: the data is in the datastore
    "#);
    let spec = loaded(text).spec;
    assert_eq!(spec.certificates.algorithm, KeyAlgorithm::Rsa2048);
    assert_eq!(spec.kubelet["cgroupDriver"], "systemd");
    assert_eq!(spec.kube_proxy["mode"], "iptables");
    assert!(!spec.kubelet.contains_key("apiVersion") && !spec.kube_proxy.contains_key("oomScoreAdj"));
}

#[test]
fn every_field_that_is_used_arrives() {
    let text = format!(
        "{}{INIT}{}{KUBELET}{}{PROXY}{}",
        cluster(
            "clusterName: prod\ncontrolPlaneEndpoint: api.example.com\nimageRepository: r.example.com:5000/k8s\n\
             encryptionAlgorithm: ECDSA-P384\ncertificateValidityPeriod: 24h\ncaCertificateValidityPeriod: 48h\n\
             networking: {serviceSubnet: '10.1.0.0/16,fd01::/112', podSubnet: '10.2.0.0/16,fd02::/56', dnsDomain: c.example}\n\
             dns: {imageRepository: r.example.com/dns, imageTag: v1.14.6}\nproxy: {disabled: yes}\n\
             apiServer:\n  certSANs: [a.example.com, '*.b.example.com', 10.0.0.1, a.example.com]\n  \
             extraArgs: [{name: v, value: '2'}, {name: v, value: '3'}, {name: profiling}]\n  \
             extraEnvs: [{name: TZ, value: 'UTC $(X)'}]"
        ),
        "localAPIEndpoint: {bindPort: 7443}\ntimeouts: {controlPlaneComponentHealthCheck: 90s}\ndryRun: on\n\
         bootstrapTokens:\n- token: aaaaaa.bbbbbbbbbbbbbbbb\n  ttl: 1h\n  usages: [authentication]\n  groups: ['system:bootstrappers:x']\n  description: d\n\
         - token: cccccc.bbbbbbbbbbbbbbbb\n",
        "maxPods: 50\n",
        "mode: nftables\n",
    );
    let loaded = loaded(&text);
    let spec = &loaded.spec;
    assert_eq!(loaded.warnings, []);
    assert_eq!(spec.cluster_name, "prod");
    // Port 0: the one the API server gets, which the plan decides.
    assert_eq!(spec.endpoint.as_ref().unwrap().to_string(), "api.example.com:0");
    assert_eq!(spec.image_repository, "r.example.com:5000/k8s");
    assert_eq!(spec.certificates.algorithm, KeyAlgorithm::EcdsaP384);
    assert_eq!((spec.certificates.leaf_validity.as_secs(), spec.certificates.ca_validity.as_secs()), (86400, 172_800));
    let shown = |nets: &[ipnet::IpNet]| nets.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(shown(&spec.networking.service_subnets), ["10.1.0.0/16", "fd01::/112"]);
    assert_eq!(shown(&spec.networking.pod_subnets), ["10.2.0.0/16", "fd02::/56"]);
    assert_eq!(spec.networking.dns_domain, "c.example");
    let dns = spec.addons.coredns.as_ref().unwrap();
    assert_eq!(
        (dns.image_repository.as_deref(), dns.image_tag.as_deref()),
        (Some("r.example.com/dns"), Some("v1.14.6"))
    );
    assert!(!spec.addons.kube_proxy);
    assert_eq!(
        spec.cert_sans.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["a.example.com", "*.b.example.com", "10.0.0.1"]
    );
    let arg = |name: &str, value: &str| Arg::new(name, value);
    assert_eq!(spec.api_server.extra_args, [arg("v", "2"), arg("v", "3"), arg("profiling", "")]);
    assert_eq!(spec.api_server.extra_envs[0].value, "UTC $(X)");
    assert_eq!((spec.bind_port, loaded.timeout, loaded.dry_run), (7443, Some(Duration::from_secs(90)), true));
    let [first, second] = spec.bootstrap_tokens.as_slice() else { panic!() };
    assert_eq!((first.ttl, first.description.as_str()), (Some(Duration::from_secs(3600)), "d"));
    assert_eq!(
        (&first.usages[..], &first.groups[..]),
        (&["authentication".to_owned()][..], &["system:bootstrappers:x".to_owned()][..])
    );
    assert_eq!(second.ttl, Some(Duration::from_secs(86400)));
    assert_eq!(second.usages, ["signing", "authentication"]);
    assert_eq!(second.groups, ["system:bootstrappers:kubeadm:default-node-token"]);
    assert_eq!((&spec.kubelet["maxPods"], &spec.kube_proxy["mode"]), (&50.into(), &"nftables".into()));
}
