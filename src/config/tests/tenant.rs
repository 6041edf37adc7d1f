//! The operator's `TenantControlPlane`: what it becomes, and why it is refused.

use std::fmt::Write as _;

use super::operator::tenant_control_plane::{Overrides, is_one, load};
use super::*;

const HEAD: &str = "apiVersion: kamaji.clastix.io/v1alpha1\nkind: TenantControlPlane\nmetadata: {name: k8s-133}\n";

/// The operator's sample with what people add to it.
const FULL: &str = "\
apiVersion: kamaji.clastix.io/v1alpha1
kind: TenantControlPlane
metadata:
  name: k8s-133
  namespace: tenants
  labels: {team: blue, app.kubernetes.io/name: x}
  annotations: {kamaji.clastix.io/paused: ''}
  uid: 0aa1
spec:
  dataStore: pg-eu
  dataStoreSchema: tenants_k8s_133
  writePermissions: {blockCreation: false}
  controlPlane:
    deployment:
      replicas: 3
      registrySettings: {registry: mirror.example.com, apiServerImage: kube-apiserver}
      nodeSelector: {disk: ssd}
      extraArgs:
        apiServer: ['--v=4', --profiling]
        scheduler: [--v=2]
        kine: [--debug]
    service: {serviceType: NodePort}
  kubernetes:
    version: v1.33.0
    kubelet: {cgroupfs: systemd, preferredAddressTypes: [InternalIP, Hostname]}
    admissionControllers: [NodeRestriction, AlwaysPullImages]
  networkProfile:
    address: 192.0.2.10
    port: 31443
    certSANs: [api.example.com]
    clusterDomain: k8s.example
    serviceCidrs: [10.100.0.0/16]
    podCidr: 10.200.0.0/16
    dnsServiceIPs: [10.100.0.10]
  addons:
    coreDNS: {imageTag: v1.12.1}
    kubeProxy: {}
status: {anything: [1]}
";

fn read_tenant(text: &str) -> Result<Loaded, Error> {
    load(&Source { name: "tcp.yaml", text }, Overrides::default())
}

fn said(text: &str) -> String {
    match read_tenant(text) {
        Ok(_) => panic!("this was accepted:\n{text}"),
        Err(error) => {
            let mut said = String::new();
            for problem in error.into_problems() {
                let (spot, remedy) = (&problem.spot, &problem.remedy);
                writeln!(said, "{spot}: {}: {} -> {remedy}", problem.field, problem.text).unwrap();
            }
            said
        }
    }
}

#[test]
fn everything_that_is_used_arrives() {
    let loaded = read_tenant(FULL).unwrap_or_else(|error| panic!("{error}"));
    let spec = &loaded.spec;
    assert_eq!((spec.name.as_str(), spec.namespace.as_str(), spec.replicas), ("k8s-133", "tenants", 3));
    assert_eq!((spec.datastore.as_str(), spec.expose), ("pg-eu", Some(Exposure::NodePort)));
    assert_eq!(spec.endpoint.as_ref().unwrap().to_string(), "192.0.2.10:31443");
    assert_eq!((spec.bind_port, spec.addons.kube_proxy), (31443, true));
    assert_eq!(spec.labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>(), ["team=blue"]);
    insta::assert_snapshot!(loaded.documents, @r#"
    apiVersion: kubeadm.k8s.io/v1beta4
    kind: InitConfiguration
    localAPIEndpoint:
      bindPort: 31443
    ---
    apiServer:
      certSANs:
      - api.example.com
      extraArgs:
      - name: v
        value: "4"
      - name: profiling
        value: "true"
      - name: enable-admission-plugins
        value: NodeRestriction,AlwaysPullImages
      - name: kubelet-preferred-address-types
        value: InternalIP,Hostname
    apiVersion: kubeadm.k8s.io/v1beta4
    controlPlaneEndpoint: 192.0.2.10:31443
    dns:
      imageTag: v1.12.1
    imageRepository: mirror.example.com
    kind: ClusterConfiguration
    kubernetesVersion: v1.33.0
    networking:
      dnsDomain: k8s.example
      podSubnet: 10.200.0.0/16
      serviceSubnet: 10.100.0.0/16
    scheduler:
      extraArgs:
      - name: v
        value: "2"
    ---
    apiVersion: kubelet.config.k8s.io/v1beta1
    cgroupDriver: systemd
    kind: KubeletConfiguration
    "#);
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(warnings.join("\n"), @r#"
    tcp.yaml:6:24: TenantControlPlane.metadata.labels.app.kubernetes.io/name: ignored: label `app.kubernetes.io/name=x` is not valid: keys under kamaji.clastix.io and kubernetes.io are taken
    tcp.yaml:7:3: TenantControlPlane.metadata.annotations: ignored: annotations steer the operator
    tcp.yaml:11:3: TenantControlPlane.spec.dataStoreSchema: ignored: prefix and user in the datastore are the control plane's identity
    tcp.yaml:21:9: TenantControlPlane.spec.controlPlane.deployment.extraArgs.kine: ignored: the datastore has arguments of its own
    "#);
}

#[test]
fn what_is_kept_is_a_kubeadm_file_that_means_the_same() {
    let before = read_tenant(FULL).unwrap().spec;
    let read_again = super::loaded(&read_tenant(FULL).unwrap().documents).spec;
    let same_where = crate::model::ControlPlaneSpec {
        name: before.name.clone(),
        namespace: before.namespace.clone(),
        replicas: before.replicas,
        expose: before.expose,
        datastore: before.datastore.clone(),
        labels: before.labels.clone(),
        // kubeadm has no fields for these; the record holds them.
        pods: before.pods.clone(),
        service: before.service.clone(),
        ..read_again
    };
    assert_eq!(serde_json::to_value(&before).unwrap(), serde_json::to_value(&same_where).unwrap());
}

#[test]
fn what_is_not_said_is_what_the_operator_takes() {
    let loaded = read_tenant(&format!("{HEAD}spec: {{kubernetes: {{version: v1.33.0}}}}\n")).unwrap();
    let spec = &loaded.spec;
    assert_eq!(loaded.warnings, []);
    assert_eq!((spec.namespace.as_str(), spec.replicas, spec.datastore.as_str()), ("default", 2, "default"));
    assert_eq!(spec.networking.service_subnets, ["10.96.0.0/16".parse().unwrap()]);
    assert_eq!(spec.networking.pod_subnets, ["10.244.0.0/16".parse().unwrap()]);
    assert!(spec.addons.coredns.is_none() && !spec.addons.kube_proxy && spec.endpoint.is_none());
}

#[test]
fn the_command_line_wins() {
    let overrides = Overrides {
        name: Some("other".parse().unwrap()),
        namespace: Some("there".parse().unwrap()),
        replicas: Some(1),
        expose: Some(Exposure::LoadBalancer),
        endpoint: Some(Endpoint::parse("b.example:443", 0).unwrap()),
        datastore: Some("main".parse().unwrap()),
        ..Overrides::default()
    };
    let spec = load(&Source { name: "tcp.yaml", text: FULL }, overrides).unwrap().spec;
    assert_eq!((spec.name.as_str(), spec.namespace.as_str(), spec.replicas), ("other", "there", 1));
    assert_eq!((spec.datastore.as_str(), spec.expose), ("main", Some(Exposure::LoadBalancer)));
    assert_eq!(spec.endpoint.unwrap().to_string(), "b.example:443");
}

#[test]
fn what_cannot_be_done_is_refused_by_the_names_of_the_document() {
    let with = |spec: &str| format!("{HEAD}spec:\n  kubernetes: {{version: v1.33.0}}\n{spec}\n");
    let cases = [
        with("  writePermissions: {blockDeletion: true}"),
        with("  dataStoreOverrides: [{resource: /events, dataStore: b}]"),
        with("  controlPlane: {deployment: {replicas: 0, additionalContainers: [{name: a}]}}"),
        with(
            "  controlPlane: {deployment: {extraArgs: {apiServer: [--v=1, --etcd-servers=x, v=1], scheduler: [--Kubeconfig=x]}}}",
        ),
        with("  controlPlane: {service: {serviceType: ExternalName}, ingress: {hostname: a}, gateway: {hostname: a}}"),
        with(
            "  networkProfile: {address: 127.0.0.1, clusterDomain: 'a b', certSANs: [a b], port: 0, loadBalancerSourceRanges: [10.0.0.0/8]}",
        ),
        with("  networkProfile: {serviceCidrs: [10.1.0.0/16, 10.2.0.0/16], podCidr: 10.3.0.1/16}"),
        with("  networkProfile: {serviceCidrs: ['fd00::/112']}"),
        with("  networkProfile: {dnsServiceIPs: [10.96.0.11, 'fd00::a', x]}"),
        with("  addons: {konnectivity: {}, coreDNS: {imageTag: 'a b'}}"),
        with("  addons: {konnectivity: {server: {port: 8132}}}"),
        with("  networkprofile: {}\n  replicas: 2"),
        format!("{HEAD}spec: {{kubernetes: {{version: v1.29.0}}}}\n"),
        "apiVersion: kamaji.clastix.io/v1alpha1\nkind: TenantControlPlane\n".to_owned(),
        "apiVersion: kamaji.clastix.io/v1alpha2\nkind: TenantControlPlane\n".to_owned(),
        format!("{FULL}---\n{FULL}"),
        String::new(),
        "a: [".to_owned(),
    ];
    let all: Vec<String> = cases.iter().map(|case| said(case)).collect();
    insta::assert_snapshot!(all.join(""), @r#"
    tcp.yaml:6:22: TenantControlPlane.spec.writePermissions.blockDeletion: writes to a tenant cannot be blocked -> remove it
    tcp.yaml:6:3: TenantControlPlane.spec.dataStoreOverrides: all of a control plane's data is in one datastore -> remove it
    tcp.yaml:6:41: TenantControlPlane.spec.controlPlane.deployment.replicas: 0 is not a number of pods -> write a number from 1 to 50
    tcp.yaml:6:44: TenantControlPlane.spec.controlPlane.deployment.additionalContainers: pods have the three containers of a control plane; another belongs into a Deployment of its own -> remove it
    tcp.yaml:6:62: TenantControlPlane.spec.controlPlane.deployment.extraArgs.apiServer[1]: `etcd-servers` is set by kamaji -> remove it and name a datastore with --datastore
    tcp.yaml:6:80: TenantControlPlane.spec.controlPlane.deployment.extraArgs.apiServer[2]: an argument starts with `--` -> write it as `--NAME=VALUE`
    tcp.yaml:6:98: TenantControlPlane.spec.controlPlane.deployment.extraArgs.scheduler[0]: `Kubeconfig` is not the name of an argument: use lower-case letters, digits and `-` -> write the name in `name` and the value in `value`
    tcp.yaml:6:41: TenantControlPlane.spec.controlPlane.service.serviceType: `ExternalName` is not the type of a Service -> write LoadBalancer, NodePort or ClusterIP
    tcp.yaml:6:56: TenantControlPlane.spec.controlPlane.ingress: the API server is exposed by a Service -> remove it and set `serviceType`
    tcp.yaml:6:80: TenantControlPlane.spec.controlPlane.gateway: the API server is exposed by a Service -> remove it and set `serviceType`
    tcp.yaml:6:29: TenantControlPlane.spec.networkProfile.address: port `0` is not valid: a port is a number from 1 to 65535 -> write a name or an address with a port, such as api.example.com:6443
    tcp.yaml:6:55: TenantControlPlane.spec.networkProfile.clusterDomain: `a b` is not a DNS domain: use labels of lower-case letters, digits and `-`, at most 200 characters -> write cluster.local, for example
    tcp.yaml:6:73: TenantControlPlane.spec.networkProfile.certSANs[0]: subject alternative name `a b` is not valid: it is neither an IP address nor a DNS name (lower-case labels of letters, digits and `-`) -> write an IP address, or a DNS name with letters of other scripts as xn--…
    tcp.yaml:6:85: TenantControlPlane.spec.networkProfile.port: 0 is not a port -> write a number from 1 to 65535, such as 6443
    tcp.yaml:6:34: TenantControlPlane.spec.networkProfile.serviceCidrs: more than one range of one family -> write one range, or one IPv4 and one IPv6 range
    tcp.yaml:6:71: TenantControlPlane.spec.networkProfile.podCidr: `10.3.0.1/16` has bits set behind its mask -> write 10.3.0.0/16
    tcp.yaml:1:1: TenantControlPlane.spec.networkProfile.podCidr: the first pod range `10.244.0.0/16` and the first service range `fd00::/112` are of different families -> write the ranges of pods and services in the same order
    tcp.yaml:6:36: TenantControlPlane.spec.networkProfile.dnsServiceIPs[0]: the DNS service is at 10.96.0.10, not 10.96.0.11 -> remove it
    tcp.yaml:6:59: TenantControlPlane.spec.networkProfile.dnsServiceIPs[2]: it is not an IP address -> remove it
    tcp.yaml:6:12: TenantControlPlane.spec.addons.konnectivity: there is no tunnel to nodes; the API server connects to them directly -> remove it, and see that the API server reaches the nodes
    tcp.yaml:6:50: TenantControlPlane.spec.addons.coreDNS.imageTag: `a b` is not an image tag: use at most 128 letters, digits, `_`, `.` and `-` -> write it as v1.14.6
    tcp.yaml:6:12: TenantControlPlane.spec.addons.konnectivity: there is no tunnel to nodes; the API server connects to them directly -> remove it, and see that the API server reaches the nodes
    tcp.yaml:6:3: TenantControlPlane.spec.networkprofile: there is no such field in kamaji.clastix.io/v1alpha1 -> did you mean `networkProfile`?
    tcp.yaml:7:3: TenantControlPlane.spec.replicas: there is no such field in kamaji.clastix.io/v1alpha1 -> `replicas` belongs in TenantControlPlane.spec.controlPlane.deployment.replicas
    tcp.yaml:4:30: TenantControlPlane.spec.kubernetes.version: Kubernetes v1.29.0 is not supported: this kamaji knows v1.30 to v1.37 -> write an exact version, such as v1.37.2
    tcp.yaml:1:1: TenantControlPlane: the document has no `metadata.name` -> add it
    tcp.yaml:1:1: TenantControlPlane: the document has no `spec.kubernetes.version` -> write `version: v1.37.2` below spec.kubernetes
    tcp.yaml:1:1: TenantControlPlane: this is no TenantControlPlane of v1alpha1 -> write one document with apiVersion: kamaji.clastix.io/v1alpha1 and kind: TenantControlPlane
    tcp.yaml:40:1: TenantControlPlane: the file has more than one document -> write one document with apiVersion: kamaji.clastix.io/v1alpha1 and kind: TenantControlPlane
    tcp.yaml: : there is no TenantControlPlane -> write one document with apiVersion: kamaji.clastix.io/v1alpha1 and kind: TenantControlPlane
    tcp.yaml:1:4: : not valid YAML: unclosed bracket '[' -> mend it there: indent with spaces, close brackets and quotes, and quote texts with special characters
    "#);
}

#[test]
fn a_file_is_recognised_by_its_kind() {
    assert!(is_one(&Source { name: "a", text: FULL }));
    for text in [CLUSTER, "", "a: [", "kind: TenantControlPlane\n"] {
        assert!(!is_one(&Source { name: "a", text }), "{text}");
    }
}

#[test]
fn the_table_names_each_field_once_below_a_known_parent_and_the_page_has_a_row_for_each() {
    for (index, field) in TENANT_FIELDS.iter().enumerate() {
        assert!(!TENANT_FIELDS[..index].iter().any(|other| other.path == field.path), "{}", field.path);
        if let Some((parent, _)) = field.path.rsplit_once('.') {
            let known = TENANT_FIELDS[..index].iter().find(|other| other.path == parent);
            assert!(matches!(known, Some(Field { shape: Shape::Struct, .. })), "{}", field.path);
        }
        assert_eq!(field.action == Action::Refuse, !field.remedy.is_empty(), "{}", field.path);
        assert!(field.kind == ConfigKind::Tenant && (field.shape == Shape::Struct || !field.note.is_empty()));
    }
    let page = tenant_fields_reference();
    let rows =
        page.lines().filter(|line| line.starts_with("| `")).inspect(|row| assert_eq!(row.matches('|').count(), 5));
    assert_eq!(rows.count(), TENANT_FIELDS.iter().filter(|field| field.shape != Shape::Struct).count());
}

#[test]
fn a_document_that_is_damaged_anywhere_is_read_or_refused_and_never_a_panic() {
    let lines: Vec<&str> = FULL.lines().collect();
    for damaged in 0..lines.len() {
        for replacement in ["", "  spec: 5", "   x: [1, {a: b}]", "    - x"] {
            let text: Vec<&str> = lines
                .iter()
                .enumerate()
                .map(|(index, line)| if index == damaged { replacement } else { *line })
                .collect();
            drop(read_tenant(&text.join("\n")));
        }
        let cut = lines[damaged].split_once(": ").map_or("", |(key, _)| key);
        for value in ["5", "[]", "{}", "[[a]]", "x", "true", "null"] {
            let line = format!("{cut}: {value}");
            let text: Vec<&str> =
                lines.iter().enumerate().map(|(index, kept)| if index == damaged { &line } else { *kept }).collect();
            drop(read_tenant(&text.join("\n")));
        }
    }
}

#[test]
fn volumes_of_objects_in_the_namespace_are_mounted() {
    let with = |rest: &str| {
        format!("{HEAD}spec:\n  kubernetes: {{version: v1.37.2}}\n  controlPlane: {{deployment: {{{rest}}}}}\n")
    };
    let loaded = read_tenant(&with(
        "additionalVolumes: [{name: a, configMap: {name: x}}, {name: b, emptyDir: {}}], \
         additionalVolumeMounts: {apiServer: [{name: a, mountPath: /a, subPath: k, readOnly: true}], scheduler: [{name: b, mountPath: /b}]}, \
         extraArgs: {apiServer: [--oidc-ca-file=/a/ca.crt]}",
    ))
    .unwrap_or_else(|error| panic!("{error}"));
    let spec = &loaded.spec;
    assert_eq!(spec.extras.volumes.len(), 2);
    assert_eq!(spec.extras.volumes[0].source, serde_json::json!({"configMap": {"name": "x"}}));
    let [mount] = spec.api_server.mounts.as_slice() else { panic!() };
    assert_eq!((mount.at.as_str(), mount.sub_path.as_deref(), mount.read_only), ("/a", Some("k"), true));
    assert_eq!(spec.scheduler.mounts[0].at, "/b");
    for (rest, fragment) in [
        (
            "additionalVolumes: [{name: a, hostPath: {path: /}}]",
            "volumes of ConfigMaps, Secrets and empty folders only",
        ),
        ("additionalVolumes: [{name: a}]", "a volume has one source"),
        ("additionalVolumes: [{name: a, secret: {}, configMap: {}}]", "a volume has one source"),
        ("additionalVolumes: [{name: A, secret: {}}]", "not the name of a volume"),
        (
            "additionalVolumes: [{name: a, projected: {sources: [{serviceAccountToken: {path: t}}]}}]",
            "not for a control plane",
        ),
        ("additionalVolumeMounts: {apiServer: [{name: a, mountPath: /a}]}", "there is no volume `a`"),
        (
            "additionalVolumes: [{name: a, secret: {secretName: x}}], additionalVolumeMounts: {apiServer: [{name: a, mountPath: /etc/kubernetes/pki}]}",
            "kamaji mounts its own files",
        ),
        (
            "additionalVolumes: [{name: a, secret: {secretName: x}}], additionalVolumeMounts: {apiServer: [{name: a, mountPath: /a, mountPropagation: Bidirectional}]}",
            "it is not read",
        ),
    ] {
        let said = said(&with(rest));
        assert!(said.contains(fragment), "`{fragment}` is not in {said}");
    }
}
