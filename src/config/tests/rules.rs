//! Field by field: what is accepted, refused, and used or ignored with a warning.

use super::*;

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
        ("apiServer: {extraVolumes: [{name: x, hostPath: /}]}", "a volume needs `mountPath`"),
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
        ("networking: {serviceSubnet: '10.96.0.0/16, fd00::/112'}", "` fd00::/112` is not a range"),
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
fn sizes_of_node_ranges_are_for_families_that_there_are() {
    let file = |pods: &str, names: &[&str]| {
        let arguments: Vec<String> = names.iter().map(|name| format!("{{name: {name}, value: '64'}}")).collect();
        let services = if pods.contains(':') { "'10.96.0.0/16,fd01::/112'" } else { "10.96.0.0/16" };
        cluster(&format!(
            "networking: {{podSubnet: '{pods}', serviceSubnet: {services}}}\ncontrollerManager: {{extraArgs: [{}]}}",
            arguments.join(", ")
        ))
    };
    let both = "10.1.0.0/16,fd00::/56";
    loaded(&file(both, &["node-cidr-mask-size-ipv6"]));
    refused_for(&file(both, &["node-cidr-mask-size"]), "`node-cidr-mask-size` cannot say the sizes of two families");
    refused_for(&file("10.1.0.0/16", &["node-cidr-mask-size-ipv6"]), "there is no IPv6 range of pods");
    refused_for(
        &file("10.1.0.0/16", &["node-cidr-mask-size", "node-cidr-mask-size-ipv4"]),
        "`node-cidr-mask-size-ipv4` cannot stand beside `node-cidr-mask-size`",
    );
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
    for name in
        ["audit-policy-file", "admission-control-config-file", "authentication-config", "oidc-ca-file", "config"]
    {
        refused_for(&cluster(&format!("apiServer: {{extraArgs: [{{name: {name}, value: /x/y}}]}}")), "given");
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
        ("{name: help, value: 'true'}", "prints a text and ends"),
        ("{name: version, value: 'true'}", "prints a text and ends"),
        ("{name: token-auth-file, value: /x}", "until every API server was started again"),
        ("{name: audit-log-path, value: /x/y}", "the container can write nowhere"),
        ("v=2", "expected a map, found text"),
    ] {
        refused_for(&cluster(&format!("apiServer: {{extraArgs: [{item}]}}")), fragment);
    }
    refused_for(&cluster("apiServer: {extraArgs: {v: '2'}}"), "expected a list of maps, found a map");
}

/// An argument of the component that has it.
fn with_argument(name: &str, value: &str) -> String {
    let managers = ["cloud-provider", "cluster-signing-duration", "controllers"];
    let component = if managers.contains(&name) { "controllerManager" } else { "apiServer" };
    cluster(&format!("{component}: {{extraArgs: [{{name: {name}, value: '{value}'}}]}}"))
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
        let text = with_argument(name, value);
        warned_for(&text, "used as given");
        let spec = loaded(&text).spec;
        assert_eq!(spec.api_server.extra_args.len() + spec.controller_manager.extra_args.len(), 1);
    }
    for (name, said) in [
        (
            "enable-admission-plugin",
            "v1.37 lists no such argument and may not start; did you mean `enable-admission-plugins`?",
        ),
        ("nonsense", "v1.37 lists no such argument and may not start"),
    ] {
        warned_for(&with_argument(name, "x"), said);
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
        assert_eq!(warnings(&with_argument(name, value)), [] as [String; 0], "{name}");
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
        ("localAPIEndpoint: {bindPort: 22}", "port 22 is another service's"),
        ("localAPIEndpoint: {bindPort: '6443'}", "bindPort: expected a whole number, found text"),
        ("localAPIEndpoint: {bindPort: 6443.0}", "expected a whole number, found a floating-point number"),
        ("certificateKey: abc", "no keys to hand over"),
        ("patches: {directory: /x}", "the folder `/x` was not given"),
        ("timeouts: {controlPlaneComponentHealthCheck: 0s}", "leaves no time"),
        ("timeouts: {controlPlaneComponentHealthCheck: soon}", "not a duration"),
        ("timeouts: {discovery: 5}", "expected a duration"),
        ("dryRun: 'yes'", "expected true or false, found text"),
        ("bootstrapTokens: [{token: ABCDEF.0123}]", "must be six and sixteen"),
        ("bootstrapTokens: [{ttl: 1h}]", "needs a `token`"),
        ("bootstrapTokens: [{}]", "needs a `token`"),
        ("bootstrapTokens: [{token: aaaaaa.bbbbbbbbbbbbbbbb, usages: [signing]}]", "not for `authentication`"),
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
