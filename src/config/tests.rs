//! A file is read field by field here: small files, and what they become or why they are refused.

use std::fmt::Write as _;
use std::time::Instant;

use proptest::prelude::*;
use secrecy::ExposeSecret as _;

use super::*;
use crate::error::Advice as _;
use crate::model::{Arg, KeyAlgorithm};

const CLUSTER: &str = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.37.2\n";
const INIT: &str = "---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\n";
const KUBELET: &str = "---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";
const PROXY: &str = "---\napiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n";

fn settings() -> Settings {
    Settings {
        name: "prod".parse().unwrap(),
        namespace: "tenants".parse().unwrap(),
        replicas: 2,
        expose: None,
        endpoint: None,
        datastore: "main".parse().unwrap(),
    }
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
        Err(error) => error.to_string(),
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
const DEFAULTS: &str = include_str!("testdata/init-defaults.yaml");

#[test]
fn what_kubeadm_prints_as_defaults_loads_with_warnings_only() {
    let text = DEFAULTS;
    insta::assert_snapshot!(warnings(text).join("\n"), @r#"
    prod.yaml:5:3: InitConfiguration.bootstrapTokens[0].token: everybody knows this token: it is the example that kubeadm prints, and whoever reaches the API server can join a node with it; make another with `kubeadm token generate`
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
fn no_token_is_kept_shown_or_repeated() {
    let secret = "9f3c2a5b8d1e4f7a";
    let loaded = loaded(&DEFAULTS.replace("0123456789abcdef", secret));
    assert_eq!(loaded.spec.bootstrap_tokens[0].token.expose_secret(), "abcdef.9f3c2a5b8d1e4f7a");
    let said = format!("{loaded:?} {} {:?}", loaded.documents, serde_json::to_string(&loaded.spec).unwrap());
    assert!(!said.contains(secret), "{said}");
    for text in [
        init("bootstrapTokens:\n- token: abcdef.9f3c2a5b8d1e4f7aX"),
        init("bootstrapTokens:\n- token: [abcdef.9f3c2a5b8d1e4f7a]"),
        init("bootstrapTokens:\n- {ttl: 1x, token: abcdef.9f3c2a5b8d1e4f7a}"),
        init("bootstrapTokens:\n- abcdef.9f3c2a5b8d1e4f7a"),
        init("bootstrapTokens:\n- token:abcdef.9f3c2a5b8d1e4f7a"),
        init("bootstrapTokens:\n- token: abcdef.9f3c2a5b8d1e4f7a\n- token: abcdef.9f3c2a5b8d1e4f7a"),
        init("bootstrapTokens:\n- abcdef.9f3c2a5b8d1e4f7a: x"),
        init("bootstrapTokens: abcdef.9f3c2a5b8d1e4f7a"),
        init("bootstrapToken: abcdef.9f3c2a5b8d1e4f7a"),
        init("certificateKey: 9f3c2a5b8d1e4f7a9f3c2a5b8d1e4f7a9f3c2a5b8d1e4f7a9f3c2a5b8d1e4f7a"),
        init("certificatekey:\n  9f3c2a5b8d1e4f7a9f3c2a5b8d1e4f7a9f3c2a5b8d1e4f7a9f3c2a5b8d1e4f7a"),
        init("skipPhases: {token: abcdef.9f3c2a5b8d1e4f7a}"),
        init("bootstrapTokens:\n- token: \"abcdef.9f3c2a5b8d1e4f7a\n"),
        cluster("clusterName: abcdef.9f3c2a5b8d1e4f7a:"),
    ] {
        let Err(error) = read(&text) else { panic!("{text}") };
        let said = format!("{error} {error:?} {:?}", error.hints());
        assert!(!said.contains(secret), "{said}");
    }
}

#[test]
fn documents_are_kept_sorted_and_without_secrets() {
    let text = format!(
        "{}{INIT}bootstrapTokens: [{{token: abcdef.0123456789abcdef}}]\nskipPhases: [addon]\n\
         ---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\ndiscovery: {{tlsBootstrapToken: x}}\n",
        cluster("networking: {podSubnet: 10.244.0.0/16, dnsDomain: null}")
    );
    insta::assert_snapshot!(loaded(&text).documents, @r#"
    apiVersion: kubeadm.k8s.io/v1beta4
    kind: InitConfiguration
    skipPhases:
    - addon
    ---
    apiVersion: kubeadm.k8s.io/v1beta4
    kind: ClusterConfiguration
    kubernetesVersion: v1.37.2
    networking:
      podSubnet: 10.244.0.0/16
    "#);
}

#[test]
fn every_field_that_is_used_arrives() {
    let text = format!(
        "{}{INIT}{}{KUBELET}{}{PROXY}{}",
        cluster(
            "clusterName: prod\ncontrolPlaneEndpoint: api.example.com\nimageRepository: r.example.com:5000/k8s\n\
             encryptionAlgorithm: ECDSA-P384\ncertificateValidityPeriod: 24h\ncaCertificateValidityPeriod: 48h\n\
             networking: {serviceSubnet: '10.1.0.0/16,fd01::/112', podSubnet: '10.2.0.0/16, fd02::/56', dnsDomain: c.example}\n\
             dns: {imageRepository: r.example.com/dns, imageTag: v1.14.6}\nproxy: {disabled: yes}\n\
             apiServer:\n  certSANs: [a.example.com, '*.b.example.com', 10.0.0.1, a.example.com]\n  \
             extraArgs: [{name: v, value: '2'}, {name: v, value: '3'}, {name: profiling}]\n  \
             extraEnvs: [{name: TZ, value: 'UTC $(X)'}]"
        ),
        "localAPIEndpoint: {bindPort: 7443}\ntimeouts: {controlPlaneComponentHealthCheck: 90s}\ndryRun: on\n\
         bootstrapTokens:\n- token: aaaaaa.bbbbbbbbbbbbbbbb\n  ttl: 1h\n  usages: [signing]\n  groups: ['system:bootstrappers:x']\n  description: d\n\
         - token: cccccc.bbbbbbbbbbbbbbbb\n",
        "maxPods: 50\n",
        "mode: nftables\n",
    );
    let loaded = loaded(&text);
    let spec = &loaded.spec;
    assert_eq!(loaded.warnings, []);
    assert_eq!(spec.cluster_name, "prod");
    assert_eq!(spec.endpoint.as_ref().unwrap().to_string(), "api.example.com:7443");
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
    let arg = |name: &str, value: &str| Arg { name: name.into(), value: value.into() };
    assert_eq!(spec.api_server.extra_args, [arg("v", "2"), arg("v", "3"), arg("profiling", "")]);
    assert_eq!(spec.api_server.extra_envs[0].value, "UTC $(X)");
    assert_eq!((spec.bind_port, loaded.timeout, loaded.dry_run), (7443, Some(Duration::from_secs(90)), true));
    let [first, second] = spec.bootstrap_tokens.as_slice() else { panic!() };
    assert_eq!((first.ttl, first.description.as_str()), (Some(Duration::from_secs(3600)), "d"));
    assert_eq!(
        (&first.usages[..], &first.groups[..]),
        (&["signing".to_owned()][..], &["system:bootstrappers:x".to_owned()][..])
    );
    assert_eq!(second.ttl, Some(Duration::from_secs(86400)));
    assert_eq!(second.usages, ["signing", "authentication"]);
    assert_eq!(second.groups, ["system:bootstrappers:kubeadm:default-node-token"]);
    assert_eq!((&spec.kubelet["maxPods"], &spec.kube_proxy["mode"]), (&50.into(), &"nftables".into()));
}

#[test]
fn values_that_break_a_rule_are_refused() {
    let cases = [
        ("clusterName: 'a b'", "not a cluster name"),
        ("clusterName: '-rf'", "not a cluster name"),
        ("clusterName: ../../x", "not a cluster name"),
        ("clusterName: \"a\\e[31m\"", "`a\\u{1b}[31m`"),
        ("controlPlaneEndpoint: 0.0.0.0", "workers must be able to connect"),
        ("controlPlaneEndpoint: 'a:0'", "from 1 to 65535"),
        ("controlPlaneEndpoint: https://a", "not valid"),
        ("imageRepository: http://r", "leave out the scheme"),
        ("imageRepository: r.io/x:tag", "leave out the tag"),
        ("dns: {imageRepository: 'r@sha256:0'}", "leave out the digest"),
        ("dns: {imageTag: 'a:b'}", "not an image tag"),
        ("encryptionAlgorithm: RSA-1024", "must be one of"),
        ("certificateValidityPeriod: 0s", "not longer than a second"),
        ("certificateValidityPeriod: -1h", "not longer than a second"),
        ("caCertificateValidityPeriod: 10y", "units are h, m, s"),
        ("certificateValidityPeriod: 8760", "expected a duration such as 24h0m0s, found a whole number"),
        ("apiServer: {certSANs: ['a b']}", "neither an IP address nor a DNS name"),
        ("apiServer: {certSANs: [10]}", "certSANs[0]: expected text, found a whole number"),
        ("apiServer: {certSANs: a.example}", "expected a list of texts, found text"),
        ("apiServer: {extraVolumes: [{name: x, hostPath: /}]}", "a directory of a management node"),
        (
            "scheduler: {extraEnvs: [{name: x, valueFrom: {}, value: y}, {name: z, valueFrom: {fieldRef: {a: b}}}]}",
            "extraEnvs[1].valueFrom",
        ),
        ("scheduler: {extraEnvs: [{name: '1x'}]}", "not the name of a variable"),
        ("scheduler: {extraEnvs: [{name: x}, {name: x}]}", "given twice"),
        ("scheduler: {extraEnvs: [{value: x}]}", "needs a `name`"),
        ("scheduler: {extraEnvs: [{name: x, value: \"a\\nb\"}]}", "line break"),
        ("etcd: {local: {dataDir: /x, imageTag: 3.5}}", "no etcd of its own"),
        ("etcd: {local: {extraArgs: [{name: a, value: b}]}}", "no etcd of its own"),
        ("etcd: {external: {endpoints: ['https://e:2379']}}", "is a datastore"),
        ("etcd: {locale: {}}", "no such field"),
        ("featureGates: {Nonsense: true}", "no such feature gate"),
        ("featureGates: {RootlessControlPlane: 'true'}", "expected true or false, found text"),
        ("featureGates: {PublicKeysECDSA: true}\nencryptionAlgorithm: RSA-2048", "encryptionAlgorithm for RSA"),
        ("networking: 10.0.0.0/8", "expected a map, found text"),
        ("networking: {dnsDomain: 'a b'}", "not a DNS domain"),
        ("networking: {dnsDomain: -x.local}", "not a DNS domain"),
        ("networking: {serviceSubnet: 10.96.0.1/12}", "bits set behind its mask"),
        ("networking: {serviceSubnet: 10.0.0.0/11}", "too large for services"),
        ("networking: {serviceSubnet: 10.0.0.0/29}", "fewer than 16 addresses"),
        ("networking: {serviceSubnet: 'fd00::/64'}", "too large for services"),
        ("networking: {serviceSubnet: 10.96.0.0}", "not a range"),
        ("networking: {serviceSubnet: 'fe80::%eth0/112'}", "not a range"),
        ("networking: {serviceSubnet: '::ffff:10.0.0.0/112'}", "mapped IPv4"),
        ("networking: {serviceSubnet: '10.1.0.0/16,10.2.0.0/16'}", "more than one range of one family"),
        ("networking: {serviceSubnet: '10.1.0.0/16,fd00::/112,fd01::/112'}", "more than one range of one family"),
        ("networking: {podSubnet: 10.100.0.0/16}", "`10.100.0.0/16` and the service range `10.96.0.0/12` overlap"),
        ("networking: {podSubnet: 10.0.0.0/8}", "and the service range `10.96.0.0/12` overlap"),
        ("networking: {podSubnet: 192.168.0.0/25}", "smaller than the range of one node"),
        ("networking: {podSubnet: 0.0.0.0/0}", "this network"),
        ("networking: {podSubnet: 224.0.0.0/16}", "multicast"),
        ("networking: {podSubnet: 32.0.0.0/7}", "more than 65536 ranges"),
        ("networking: {podSubnet: 'fd00::/64'}", "different families"),
        (
            "networking: {serviceSubnet: '10.1.0.0/16,fd00::/112', podSubnet: 'fd01::/56,10.2.0.0/16'}",
            "different families",
        ),
        ("networking: {podSubnets: 10.0.0.0/16}", "no such field"),
        ("unknown: null", "no such field"),
    ];
    for (lines, fragment) in cases {
        refused_for(&cluster(lines), fragment);
    }
}

#[test]
fn versions_are_exact_and_known() {
    let with = |version: &str| CLUSTER.replace("v1.37.2", version);
    for good in ["1.37.2", "v1.36.0", "'1.37.10'"] {
        assert!(read(&with(good)).is_ok(), "{good}");
    }
    for (bad, fragment) in [
        ("stable-1", "write an exact version"),
        ("ci/latest", "write an exact version"),
        ("1.37", "expected text, found a floating-point number"),
        ("'1.37'", "write it as v1.37.2"),
        ("v1.37.2-rc.0", "only released versions"),
        ("v1.20.0", "is not supported"),
        ("v2.37.0", "is not supported"),
        ("", "is required"),
        ("''", "is required"),
    ] {
        refused_for(&with(bad), fragment);
    }
}

#[test]
fn ranges_at_the_edge_of_a_rule_are_accepted() {
    for networking in [
        "{serviceSubnet: 10.0.0.0/28, podSubnet: 10.1.0.0/24}",
        "{serviceSubnet: 'fd00::/108', podSubnet: 'fd01::/48'}",
        "{serviceSubnet: 'fd00::/124'}",
        "{serviceSubnet: '10.1.0.0/16,fd00::/112', podSubnet: 10.2.0.0/16}",
        "{serviceSubnet: '', podSubnet: ''}",
    ] {
        loaded(&cluster(&format!("networking: {networking}")));
    }
    let small =
        "networking: {podSubnet: 192.168.0.0/25}\ncontrollerManager: {extraArgs: [{name: NAME, value: 'VALUE'}]}";
    loaded(&cluster(&small.replace("NAME", "node-cidr-mask-size").replace("VALUE", "26")));
    loaded(&cluster(&small.replace("NAME", "node-cidr-mask-size-ipv4").replace("VALUE", "26")));
    loaded(&cluster(&small.replace("NAME", "allocate-node-cidrs").replace("VALUE", "false")));
}

#[test]
fn arguments_that_kamaji_owns_or_cannot_give_are_refused() {
    for name in [
        "etcd-servers",
        "etcd-cafile",
        "etcd-prefix",
        "encryption-provider-config",
        "tls-cert-file",
        "client-ca-file",
        "service-account-signing-key-file",
        "requestheader-allowed-names",
        "proxy-client-cert-file",
        "kubelet-client-certificate",
        "secure-port",
        "kubeconfig",
        "root-ca-file",
        "cluster-signing-key-file",
        "egress-selector-config-file",
        "service-cluster-ip-range",
        "cluster-cidr",
    ] {
        let said = refusal(&cluster(&format!("apiServer: {{extraArgs: [{{name: {name}, value: x}}]}}")));
        assert!(said.contains(&format!("`{name}` is set by kamaji")), "{said}");
    }
    for name in [
        "audit-policy-file",
        "audit-log-path",
        "admission-control-config-file",
        "authentication-config",
        "oidc-ca-file",
        "config",
        "token-auth-file",
    ] {
        refused_for(&cluster(&format!("apiServer: {{extraArgs: [{{name: {name}, value: x}}]}}")), "names a file");
    }
    for (item, fragment) in [
        ("{name: --v, value: '2'}", "leading dashes"),
        ("{name: v=2}", "not the name of an argument"),
        ("{name: V}", "not the name of an argument"),
        ("{value: x}", "needs a `name`"),
        ("{name: '', value: x}", "needs a `name`"),
        ("{name: 5, value: x}", "expected text, found a whole number"),
        ("{name: v, value: 2}", "expected text, found a whole number"),
        ("{name: v, value: \"a\\nb\"}", "line break"),
        ("{name: v, mergeMethod: append}", "no such field"),
        ("{name: insecure-port, value: '0'}", "no argument `insecure-port` any more"),
        ("{name: authorization-mode, value: AlwaysAllow}", "everybody"),
        ("v=2", "expected a map, found text"),
    ] {
        refused_for(&cluster(&format!("apiServer: {{extraArgs: [{item}]}}")), fragment);
    }
    refused_for(&cluster("apiServer: {extraArgs: {v: '2'}}"), "expected a list of maps, found a map");
}

#[test]
fn arguments_that_may_surprise_are_used_with_a_warning() {
    for (name, value) in [
        ("advertise-address", "10.0.0.1"),
        ("bind-address", "127.0.0.1"),
        ("authorization-mode", "RBAC"),
        ("anonymous-auth", "false"),
        ("controllers", "*,-ttl"),
        ("cloud-provider", "aws"),
        ("enable-bootstrap-token-auth", "false"),
    ] {
        let text = cluster(&format!("apiServer: {{extraArgs: [{{name: {name}, value: '{value}'}}]}}"));
        warned_for(&text, "used as given");
        assert_eq!(loaded(&text).spec.api_server.extra_args.len(), 1);
    }
    for (name, value) in [
        ("authorization-mode", "Node,RBAC,Webhook"),
        ("anonymous-auth", "true"),
        ("cloud-provider", "external"),
        ("controllers", "*,bootstrapsigner,tokencleaner"),
        ("audit-log-path", "-"),
        ("cluster-signing-duration", "1h"),
        ("feature-gates", "A=true"),
        ("service-account-issuer", "https://x"),
    ] {
        let text = cluster(&format!("apiServer: {{extraArgs: [{{name: {name}, value: '{value}'}}]}}"));
        assert_eq!(warnings(&text), [] as [String; 0], "{name}");
    }
}

#[test]
fn what_a_hosted_control_plane_has_no_use_for_is_ignored_aloud() {
    for (text, fragment) in [
        (cluster("clusterName: other"), "prod.yaml:4:1: ClusterConfiguration.clusterName: used in kubeconfigs"),
        (cluster("certificatesDir: /my/pki"), "ClusterConfiguration.certificatesDir: ignored: "),
        (cluster("etcd: {local: {dataDir: /var/lib/etcd}}"), "etcd.local.dataDir: ignored: "),
        (cluster("featureGates: {RootlessControlPlane: true}"), "it concerns control planes on nodes"),
        (cluster("certificateValidityPeriod: 3h\ncaCertificateValidityPeriod: 2h"), "end with the authority"),
        (
            init("nodeRegistration: {criSocket: x}"),
            "InitConfiguration.nodeRegistration.criSocket: ignored: there is no control-plane node",
        ),
        (
            init("nodeRegistration: {taints: [{key: x}], kubeletExtraArgs: [{name: a, value: b}]}"),
            "nodeRegistration.taints: ignored",
        ),
        (init("localAPIEndpoint: {advertiseAddress: 1.2.3.4}"), "the endpoint comes from the exposure"),
        (init("skipPhases: [bootstrap-token]"), "skipPhases[0]: ignored: the phase `bootstrap-token`"),
        (init("timeouts: {discovery: 6m0s}"), "timeouts.discovery: ignored"),
        (init("bootstrapTokens: [{token: aaaaaa.bbbbbbbbbbbbbbbb, ttl: 0s}]"), "never expires"),
        (init("bootstrapTokens: [{token: abcdef.0123456789abcdef}]"), "everybody knows this token"),
        (
            format!("{CLUSTER}---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\n"),
            "prod.yaml:5:1: JoinConfiguration: ignored",
        ),
        (format!("{CLUSTER}{KUBELET}serverTLSBootstrap: true\n"), "not approved by themselves"),
        (format!("{CLUSTER}{KUBELET}rotateCertificates: false\n"), "always rotated"),
        (format!("{CLUSTER}{KUBELET}authentication: {{x509: {{clientCAFile: /x}}}}\n"), "must exist on each node"),
        (format!("{CLUSTER}{PROXY}mode: ipvs\n"), "`ipvs` is deprecated"),
    ] {
        warned_for(&text, fragment);
    }
    for silent in [
        cluster("certificatesDir: /etc/kubernetes/pki\ncertSANs: null").replace("\ncertSANs: null", ""),
        cluster("apiServer: {}\ndns:\nproxy: null\nscheduler: {extraVolumes: []}"),
        init("nodeRegistration: {taints: null}\npatches: {directory: ''}\ntimeouts: {discovery: 5m0s}"),
    ] {
        assert_eq!(warnings(&silent), [] as [String; 0], "{silent}");
    }
}

#[test]
fn an_init_document_that_cannot_be_followed_is_refused() {
    for (lines, fragment) in [
        ("localAPIEndpoint: {bindPort: 0}", "0 is not a port"),
        ("localAPIEndpoint: {bindPort: 65536}", "65536 is not a port"),
        ("localAPIEndpoint: {bindPort: -1}", "-1 is not a port"),
        ("localAPIEndpoint: {bindPort: '6443'}", "bindPort: expected a whole number, found text"),
        ("localAPIEndpoint: {bindPort: 6443.0}", "expected a whole number, found a floating-point number"),
        ("certificateKey: abc", "no keys to hand over"),
        ("patches: {directory: /x}", "patches are for static pod manifests"),
        ("timeouts: {controlPlaneComponentHealthCheck: 0s}", "leaves no time"),
        ("timeouts: {controlPlaneComponentHealthCheck: soon}", "not a duration"),
        ("timeouts: {discovery: 5}", "expected a duration"),
        ("dryRun: 'yes'", "expected true or false, found text"),
        ("bootstrapTokens: [{token: ABCDEF.0123}]", "must be six and sixteen"),
        ("bootstrapTokens: [{ttl: 1h}]", "needs a `token`"),
        ("bootstrapTokens: [{token: aaaaaa.bbbbbbbbbbbbbbbb, ttl: -1h}]", "over before it begins"),
        ("bootstrapTokens: [{token: aaaaaa.bbbbbbbbbbbbbbbb, expires: '2030-01-01T00:00:00Z'}]", "a fixed time"),
        ("bootstrapTokens: [{token: aaaaaa.bbbbbbbbbbbbbbbb, usages: [all]}]", "a usage is"),
        ("bootstrapTokens: [{token: aaaaaa.bbbbbbbbbbbbbbbb, groups: ['system:masters']}]", "a group starts with"),
        (
            "bootstrapTokens: [{token: aaaaaa.bbbbbbbbbbbbbbbb}, {token: aaaaaa.cccccccccccccccc}]",
            "`aaaaaa` is already at prod.yaml:7:19",
        ),
        ("skipPhases: addon", "expected a list of texts, found text"),
    ] {
        refused_for(&init(lines), fragment);
    }
}

#[test]
fn skipped_addons_are_not_installed() {
    let addons = |lines: &str| {
        let addons = loaded(&init(lines)).spec.addons;
        (addons.coredns.is_some(), addons.kube_proxy)
    };
    assert_eq!(addons("skipPhases: [addon]"), (false, false));
    assert_eq!(addons("skipPhases: [addon/coredns]"), (false, true));
    assert_eq!(addons("skipPhases: [addon/kube-proxy]"), (true, false));
    assert!(loaded(&cluster("dns: {disabled: true}")).spec.addons.coredns.is_none());
}

#[test]
fn the_endpoint_of_the_command_line_wins_with_a_word() {
    let text = cluster("controlPlaneEndpoint: a.example:6443");
    let mut settings = settings();
    settings.endpoint = Some(Endpoint::parse("b.example:443", 6443).unwrap());
    let source = Source { name: "-", text: &text };
    let loaded = load(&source, settings.clone()).unwrap();
    assert_eq!(loaded.spec.endpoint, settings.endpoint);
    insta::assert_snapshot!(loaded.warnings[0], @"-:4:1: ClusterConfiguration.controlPlaneEndpoint: ignored: --endpoint says b.example:443");
    settings.endpoint = Some(Endpoint::parse("a.example:6443", 6443).unwrap());
    assert_eq!(load(&source, settings).unwrap().warnings, []);
}

#[test]
fn an_ecdsa_gate_of_an_old_file_chooses_ecdsa() {
    let spec = loaded(&cluster("featureGates: {PublicKeysECDSA: true}")).spec;
    assert_eq!(spec.certificates.algorithm, KeyAlgorithm::EcdsaP256);
}

#[test]
fn kubelet_and_proxy_fields_are_known_by_name_and_type() {
    for (lines, fragment) in [
        ("maxPods: '50'", "KubeletConfiguration.maxPods: expected a whole number, found text"),
        ("maxpods: 50", "no such field"),
        ("evictionHard: {memory.available: 5}", "evictionHard.memory.available: expected text"),
        ("clusterDNS: 10.96.0.10", "expected a list of texts"),
        ("syncFrequency: 5", "expected a duration"),
        ("authentication: {anonymous: {enable: true}}", "no such field"),
        ("staticPodURLHeader: {a: b}", "expected a list of texts"),
        ("tlsCurvePreferences: [a]", "expected a whole number"),
        ("logging: text", "expected a map"),
        ("shutdownGracePeriodByPodPriority: [{priority: high}]", "[0].priority: expected a whole number"),
    ] {
        refused_for(&format!("{CLUSTER}{KUBELET}{lines}\n"), fragment);
    }
    refused_for(&format!("{CLUSTER}{PROXY}clientConnection: {{kubeconfig: /x}}\n"), "in one place only");
    refused_for(&format!("{CLUSTER}{PROXY}conntrack: {{maxPerCore: a}}\n"), "expected a whole number");
    loaded(&format!("{CLUSTER}{KUBELET}evictionHard: {{memory.available: 5%}}\nmemoryThrottlingFactor: 0.5\n"));
}

#[test]
fn documents_that_are_not_read_are_refused_with_their_place() {
    let kinds = [
        CLUSTER.replace("v1beta4", "v1beta3"),
        CLUSTER.replace("v1beta4", "v1beta2"),
        CLUSTER.replace("v1beta4", "v1"),
        CLUSTER.replace("kubeadm.k8s.io", "kubeadm.example.com"),
        format!("{CLUSTER}---\napiVersion: kubelet.config.k8s.io/v1\nkind: KubeletConfiguration\n"),
        format!("{CLUSTER}---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ResetConfiguration\n"),
        format!("{CLUSTER}---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: UpgradeConfiguration\n"),
        format!(
            "{CLUSTER}---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\ncontrolPlane: {{localAPIEndpoint: {{}}}}\n"
        ),
        format!("{CLUSTER}---\napiVersion: v1\nkind: ConfigMap\n"),
        format!("{CLUSTER}---\napiVersion: v1\n"),
        format!("{CLUSTER}---\nkind: 5\napiVersion: v1\n"),
        format!("{CLUSTER}---\n- a\n"),
        format!("{CLUSTER}---\njust text\n"),
        format!("{CLUSTER}---\n{CLUSTER}"),
        INIT.to_owned(),
        String::new(),
        "# nothing\n".to_owned(),
    ];
    let mut said = String::new();
    for text in kinds {
        let error = read(&text).unwrap_err();
        let hints = error.hints();
        writeln!(said, "{error}\n    hint: {}", hints.first().map_or("-", String::as_str)).unwrap();
    }
    insta::assert_snapshot!(said, @r#"
    prod.yaml:1:13: ClusterConfiguration.apiVersion: `kubeadm.k8s.io/v1beta3` is not supported: only `kubeadm.k8s.io/v1beta4` is
      1 | apiVersion: kubeadm.k8s.io/v1beta3
        |             ^
        hint: kubeadm config migrate --old-config OLD.yaml --new-config NEW.yaml, with a kubeadm that reads both
    prod.yaml:1:13: ClusterConfiguration.apiVersion: `kubeadm.k8s.io/v1beta2` is not supported: only `kubeadm.k8s.io/v1beta4` is
      1 | apiVersion: kubeadm.k8s.io/v1beta2
        |             ^
        hint: kubeadm config migrate --old-config OLD.yaml --new-config NEW.yaml, with a kubeadm that reads both
    prod.yaml:1:13: ClusterConfiguration.apiVersion: `kubeadm.k8s.io/v1` is not supported: only `kubeadm.k8s.io/v1beta4` is
      1 | apiVersion: kubeadm.k8s.io/v1
        |             ^
        hint: kubeadm config migrate --allow-experimental-api --old-config OLD.yaml --new-config NEW.yaml
    prod.yaml:1:13: ClusterConfiguration.apiVersion: `kubeadm.example.com/v1beta4` is not supported: only `kubeadm.k8s.io/v1beta4` is
      1 | apiVersion: kubeadm.example.com/v1beta4
        |             ^
        hint: write apiVersion: kubeadm.k8s.io/v1beta4
    prod.yaml:5:13: KubeletConfiguration.apiVersion: `kubelet.config.k8s.io/v1` is not supported: only `kubelet.config.k8s.io/v1beta1` is
      5 | apiVersion: kubelet.config.k8s.io/v1
        |             ^
        hint: write apiVersion: kubelet.config.k8s.io/v1beta1
    prod.yaml:5:1: ResetConfiguration: a control plane is not reset from a file
      5 | apiVersion: kubeadm.k8s.io/v1beta4
        | ^
        hint: use `kamaji delete NAME`
    prod.yaml:5:1: UpgradeConfiguration: a control plane is not upgraded from a file
      5 | apiVersion: kubeadm.k8s.io/v1beta4
        | ^
        hint: use `kamaji upgrade NAME`
    prod.yaml:7:1: JoinConfiguration.controlPlane: no node joins a hosted control plane as part of it
      7 | controlPlane: {localAPIEndpoint: {}}
        | ^
        hint: remove the document; more replicas are asked for with --replicas
    prod.yaml:5:1: ConfigMap: `ConfigMap` of `v1` is not read
      5 | apiVersion: v1
        | ^
        hint: kamaji reads ClusterConfiguration and InitConfiguration of kubeadm.k8s.io/v1beta4, KubeletConfiguration of kubelet.config.k8s.io/v1beta1 and KubeProxyConfiguration of kubeproxy.config.k8s.io/v1alpha1
    prod.yaml:5:1: the document has no `kind`
      5 | apiVersion: v1
        | ^
        hint: kamaji reads ClusterConfiguration and InitConfiguration of kubeadm.k8s.io/v1beta4, KubeletConfiguration of kubelet.config.k8s.io/v1beta1 and KubeProxyConfiguration of kubeproxy.config.k8s.io/v1alpha1
    prod.yaml:5:7: kind: expected text, found a whole number
      5 | kind: 5
        |       ^
        hint: kamaji reads ClusterConfiguration and InitConfiguration of kubeadm.k8s.io/v1beta4, KubeletConfiguration of kubelet.config.k8s.io/v1beta1 and KubeProxyConfiguration of kubeproxy.config.k8s.io/v1alpha1
    prod.yaml:5:1: expected a document with `apiVersion` and `kind`, found a list
      5 | - a
        | ^
        hint: kamaji reads ClusterConfiguration and InitConfiguration of kubeadm.k8s.io/v1beta4, KubeletConfiguration of kubelet.config.k8s.io/v1beta1 and KubeProxyConfiguration of kubeproxy.config.k8s.io/v1alpha1
    prod.yaml:5:1: expected a document with `apiVersion` and `kind`, found text
      5 | just text
        | ^
        hint: kamaji reads ClusterConfiguration and InitConfiguration of kubeadm.k8s.io/v1beta4, KubeletConfiguration of kubelet.config.k8s.io/v1beta1 and KubeProxyConfiguration of kubeproxy.config.k8s.io/v1alpha1
    prod.yaml:5:1: ClusterConfiguration: given twice, first at prod.yaml:1:1
      5 | apiVersion: kubeadm.k8s.io/v1beta4
        | ^
        hint: join the two documents, or remove one
    prod.yaml: there is no ClusterConfiguration
        hint: add a document of kind ClusterConfiguration and write kubernetesVersion: v1.37.2 in it
    prod.yaml: there is no ClusterConfiguration
        hint: add a document of kind ClusterConfiguration and write kubernetesVersion: v1.37.2 in it
    prod.yaml: there is no ClusterConfiguration
        hint: add a document of kind ClusterConfiguration and write kubernetesVersion: v1.37.2 in it
    "#);
}

#[test]
fn every_problem_is_told_at_once_in_the_order_of_the_file() {
    let text = cluster(
        "apiserver: {}\nnetworking:\n  podSubnet: 10.97.0.0/16\n  serviceSubnet: 10.96.0.0/11\n  dnsdomain: x\n\
         podSubnet: 10.0.0.0/8\nclusterName: [a]\nproxy: {disabled: \"yes\"}\ndns: on",
    );
    let error = read(&text).unwrap_err();
    insta::assert_snapshot!(error, @r#"
    8 problems:
    prod.yaml:4:1: ClusterConfiguration.apiserver: there is no such field in kubeadm.k8s.io/v1beta4
      4 | apiserver: {}
        | ^
    prod.yaml:6:14: ClusterConfiguration.networking.podSubnet: the pod range `10.97.0.0/16` and the service range `10.96.0.0/11` overlap
      6 |   podSubnet: 10.97.0.0/16
        |              ^
    prod.yaml:7:18: ClusterConfiguration.networking.serviceSubnet: `10.96.0.0/11` is too large for services
      7 |   serviceSubnet: 10.96.0.0/11
        |                  ^
    prod.yaml:8:3: ClusterConfiguration.networking.dnsdomain: there is no such field in kubeadm.k8s.io/v1beta4
      8 |   dnsdomain: x
        |   ^
    prod.yaml:9:1: ClusterConfiguration.podSubnet: there is no such field in kubeadm.k8s.io/v1beta4
      9 | podSubnet: 10.0.0.0/8
        | ^
    prod.yaml:10:14: ClusterConfiguration.clusterName: expected text, found a list
      10 | clusterName: [a]
         |              ^
    prod.yaml:11:19: ClusterConfiguration.proxy.disabled: expected true or false, found text
      11 | proxy: {disabled: "yes"}
         |                   ^
    prod.yaml:12:6: ClusterConfiguration.dns: expected a map, found the boolean true
      12 | dns: on
         |      ^
    "#);
    insta::assert_snapshot!(error.hints().join("\n"), @r#"
    ClusterConfiguration.apiserver: did you mean `apiServer`?
    ClusterConfiguration.networking.podSubnet: choose two ranges that have no address in common
    ClusterConfiguration.networking.serviceSubnet: use a mask of /12 or longer
    ClusterConfiguration.networking.dnsdomain: did you mean `dnsDomain`?
    ClusterConfiguration.podSubnet: `podSubnet` belongs in ClusterConfiguration.networking.podSubnet
    ClusterConfiguration.proxy.disabled: write it without quotes
    "#);
    assert_eq!(error.kind(), crate::error::Kind::Usage);
}

#[test]
fn the_table_names_each_field_once_below_a_known_parent() {
    for (index, field) in FIELDS.iter().enumerate() {
        let same = |other: &Field| other.kind == field.kind && other.path == field.path;
        assert!(!FIELDS[..index].iter().any(same), "{}", field.path);
        if let Some((parent, _)) = field.path.rsplit_once('.') {
            let parent = parent.trim_end_matches("[]");
            let known = FIELDS[..index].iter().find(|other| other.kind == field.kind && other.path == parent);
            assert!(matches!(known, Some(Field { shape: Shape::Struct | Shape::Structs, .. })), "{}", field.path);
        }
        assert_eq!(field.action == Action::Refuse, !field.remedy.is_empty(), "{}", field.path);
        assert!(field.action != Action::Warn || !field.note.is_empty(), "{}", field.path);
    }
}

#[test]
fn the_reference_has_a_row_for_every_field_and_no_broken_row() {
    let page = fields_reference();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(rows.len(), FIELDS.iter().filter(|field| field.shape != Shape::Struct).count());
    for row in rows {
        assert_eq!(row.matches('|').count(), 5, "{row}");
    }
    insta::assert_snapshot!(page.lines().take(12).collect::<Vec<_>>().join("\n"), @r#"
    # Fields of a kubeadm file

    What kamaji does with each field of a file for `kubeadm init --config`. A field that is not listed is an error,
    as is a key given twice or a value of another type. A null is the same as leaving the field out.

    ## ClusterConfiguration

    `kubeadm.k8s.io/v1beta4`

    | field | type | what happens | |
    |---|---|---|---|
    | `kubernetesVersion` | text | used | required, exact, such as `v1.37.2`; `stable`, `latest` and `ci/…` would give another result tomorrow |
    "#);
}

#[test]
fn hostile_files_are_refused_quickly() {
    let many_unknown: String = (0..20_000).map(|i| format!("networkingg{i}: 1\n")).collect();
    let many_sans: String = (0..20_000).map(|i| format!("  - n{i}.example\n")).collect();
    let ranges = "1.0.0.0/8,".repeat(40_000);
    for text in [
        cluster(&many_unknown),
        cluster(&format!("apiServer:\n  certSANs:\n{many_sans}  - 'a b'")),
        cluster(&format!("networking: {{podSubnet: '{ranges}', serviceSubnet: '{ranges}'}}")),
        cluster(&format!("clusterName: {}", "x".repeat(900_000))),
        cluster(&format!("clusterName:\n{}", "  - a\n".repeat(20_000))),
        "apiVersion: &a x\nkind: [*a]\n".to_owned(),
    ] {
        let start = Instant::now();
        let error = read(&text).unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(1), "{:?} for {}", start.elapsed(), &text[..200.min(text.len())]);
        assert!(error.problems().len() <= 101 && error.to_string().len() < 100_000);
    }
}

proptest! {
    #[test]
    fn no_text_makes_loading_panic(text in "(\\PC|[\n\t \\[\\]{}&*:?!|>'\"#%,-]){0,120}") {
        let _either_is_fine = read(&text);
        let _either_is_fine = read(&cluster(&text));
        let _either_is_fine = read(&init(&text));
    }

    #[test]
    fn no_value_of_a_field_makes_loading_panic(
        index in 0..FIELDS.len(),
        value in "(\\PC|[0-9./:,a-z-]){0,40}",
        quoted in any::<bool>(),
    ) {
        let field = &FIELDS[index];
        let mut lines = String::new();
        let words: Vec<&str> = field.path.split('.').collect();
        let mut indent = 0;
        for (depth, word) in words.iter().enumerate() {
            let list = word.strip_suffix("[]");
            let _infallible = write!(lines, "{}{}:", " ".repeat(indent), list.unwrap_or(word));
            indent += 2;
            if depth + 1 < words.len() {
                lines.push('\n');
                if list.is_some() {
                    let _infallible = write!(lines, "{}-\n", " ".repeat(indent));
                    indent += 2;
                }
            }
        }
        let value = if quoted { format!("{value:?}") } else { value };
        let text = format!("---\napiVersion: {}\nkind: {}\n{lines} {value}\n", field.kind.api_version(), field.kind.as_str());
        let text = if field.kind == ConfigKind::Cluster { text } else { format!("{CLUSTER}{text}") };
        let _either_is_fine = read(&text);
    }

    #[test]
    fn no_damage_to_a_good_file_makes_loading_panic(at in 0..DEFAULTS.len(), length in 0..40_usize, patch in "(\\PC|[\n :-]){0,8}") {
        let mut text = DEFAULTS.to_owned();
        if text.is_char_boundary(at) {
            let end = (at + length).min(text.len());
            if text.is_char_boundary(end) {
                text.replace_range(at..end, &patch);
            }
        }
        if let Ok(loaded) = read(&text) {
            prop_assert!(!loaded.documents.contains("0123456789abcdef"));
        }
    }
}
