//! Tests kubeadm's API versions v1beta3, v1beta4 and the experimental v1.

use super::*;

const V1BETA3: &str = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\nkubernetesVersion: v1.30.14\n";
const V1: &str = "apiVersion: kubeadm.k8s.io/v1\nkind: ClusterConfiguration\nkubernetesVersion: v1.37.2\n";

fn v1beta3(lines: &str) -> String {
    format!("{V1BETA3}{lines}\n")
}

fn convert_to(text: &str, api: KubeadmApi) -> Result<String, Error> {
    convert(&Source { name: "prod.yaml", text }, api, true)
}

/// A v1beta3 file with every field that differs in v1beta4.
fn everything_of_v1beta3() -> String {
    let lines = "apiServer:\n  timeoutForControlPlane: 90s\n  extraArgs: {v: '2', profiling: 'true', audit-log-maxage: '7'}\n\
         controllerManager: {extraArgs: {v: '3'}}\nscheduler: {extraArgs: {v: '4', profiling: null}}\nfeatureGates: {PublicKeysECDSA: true}\n\
         ---\napiVersion: kubeadm.k8s.io/v1beta3\nkind: InitConfiguration\n\
         bootstrapTokens: [{token: aaaaaa.bbbbbbbbbbbbbbbb}]\nnodeRegistration: {kubeletExtraArgs: {b: '1', a: '2'}, taints: []}";
    v1beta3(lines)
}

#[test]
fn v1beta3_arguments_are_sorted_by_name_and_its_timeout_is_used() {
    let loaded = loaded(&everything_of_v1beta3());
    let named = |component: &crate::model::Component| {
        component.extra_args.iter().map(|arg| format!("{}={}", arg.name, arg.value)).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(named(&loaded.spec.api_server), "audit-log-maxage=7 profiling=true v=2");
    assert_eq!(named(&loaded.spec.controller_manager), "v=3");
    assert_eq!(named(&loaded.spec.scheduler), "profiling= v=4");
    assert_eq!(loaded.timeout, Some(Duration::from_secs(90)));
    assert_eq!(loaded.spec.certificates.algorithm, KeyAlgorithm::EcdsaP256);
    assert_eq!(loaded.spec.bootstrap_tokens.len(), 1);
}

#[test]
fn the_recorded_documents_are_equivalent_v1beta4() {
    let before = loaded(&everything_of_v1beta3());
    let after = loaded(&before.documents);
    assert!(!before.documents.contains("v1beta3"), "{}", before.documents);
    assert_eq!(serde_json::to_value(&before.spec).unwrap(), serde_json::to_value(&after.spec).unwrap());
    assert_eq!((before.timeout, &before.documents), (after.timeout, &after.documents));
}

#[test]
fn conversion_keeps_all_fields() {
    insta::assert_snapshot!(convert_to(&everything_of_v1beta3(), KubeadmApi::V1beta4).unwrap(), @r#"
    apiServer:
      extraArgs:
      - name: audit-log-maxage
        value: "7"
      - name: profiling
        value: "true"
      - name: v
        value: "2"
    apiVersion: kubeadm.k8s.io/v1beta4
    controllerManager:
      extraArgs:
      - name: v
        value: "3"
    encryptionAlgorithm: ECDSA-P256
    kind: ClusterConfiguration
    kubernetesVersion: v1.30.14
    scheduler:
      extraArgs:
      - name: profiling
        value: ""
      - name: v
        value: "4"
    ---
    apiVersion: kubeadm.k8s.io/v1beta4
    bootstrapTokens:
    - token: aaaaaa.bbbbbbbbbbbbbbbb
    kind: InitConfiguration
    nodeRegistration:
      kubeletExtraArgs:
      - name: a
        value: "2"
      - name: b
        value: "1"
      taints: []
    timeouts:
      controlPlaneComponentHealthCheck: 90s
    "#);
}

#[test]
fn converting_a_timeout_adds_an_init_configuration_and_zero_is_the_default() {
    insta::assert_snapshot!(convert_to(&v1beta3("apiServer: {timeoutForControlPlane: 6m0s}"), KubeadmApi::V1beta4).unwrap(), @r#"
    apiVersion: kubeadm.k8s.io/v1beta4
    kind: InitConfiguration
    timeouts:
      controlPlaneComponentHealthCheck: 6m0s
    ---
    apiServer: {}
    apiVersion: kubeadm.k8s.io/v1beta4
    kind: ClusterConfiguration
    kubernetesVersion: v1.30.14
    "#);
    let zero = v1beta3("apiServer: {timeoutForControlPlane: 0s}");
    assert!(!convert_to(&zero, KubeadmApi::V1beta4).unwrap().contains("timeout"));
    assert_eq!(loaded(&zero).timeout, None);
}

#[test]
fn join_configurations_are_converted() {
    let text = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: JoinConfiguration\ndiscovery:\n  timeout: 3m0s\n  \
        bootstrapToken: {token: aaaaaa.bbbbbbbbbbbbbbbb, apiServerEndpoint: 'a:6443', unsafeSkipCAVerification: true}\n\
        nodeRegistration: {kubeletExtraArgs: {node-labels: a=b}}\n";
    insta::assert_snapshot!(convert_to(text, KubeadmApi::V1beta4).unwrap(), @r#"
    apiVersion: kubeadm.k8s.io/v1beta4
    discovery:
      bootstrapToken:
        apiServerEndpoint: a:6443
        token: aaaaaa.bbbbbbbbbbbbbbbb
        unsafeSkipCAVerification: true
    kind: JoinConfiguration
    nodeRegistration:
      kubeletExtraArgs:
      - name: node-labels
        value: a=b
    timeouts:
      discovery: 3m0s
    "#);
}

#[test]
fn api_versions_can_be_mixed_and_init_configuration_wins() {
    let text = format!(
        "{}{INIT}timeouts: {{controlPlaneComponentHealthCheck: 2m}}\n",
        v1beta3("apiServer: {timeoutForControlPlane: 9m, extraArgs: {v: '1'}}")
    );
    let loaded = loaded(&text);
    assert_eq!(loaded.timeout, Some(Duration::from_secs(120)));
    assert_eq!(super::loaded(&loaded.documents).timeout, loaded.timeout);
}

#[test]
fn a_field_of_another_api_version_is_refused_with_a_hint() {
    let cases = [
        v1beta3("encryptionAlgorithm: RSA-2048"),
        v1beta3("proxy: {disabled: true}"),
        v1beta3("apiServer: {extraEnvs: []}"),
        v1beta3("apiServer: {extraArgs: [{name: v, value: '1'}]}"),
        v1beta3("apiServer: {extraArgs: {v: 1}}"),
        v1beta3("apiServer: {extraArgs: {--v: '1'}}"),
        v1beta3("apiServer: {extraArgs: {etcd-servers: x}}"),
        format!("{V1BETA3}{}dryRun: true\n", INIT.replace("v1beta4", "v1beta3")),
        cluster("apiServer: {timeoutForControlPlane: 4m0s}"),
        cluster("apiServer: {extraArgs: {v: '1'}}"),
        cluster("apiServer: {extraArgs: [{name: v, value: '1', mergeMethod: append}]}"),
        V1.to_owned(),
    ];
    let mut messages = String::new();
    for text in cases {
        let error = read(&text).unwrap_err();
        messages.push_str(&format!("{error}\n    hint: {}\n", error.hints().join("\n    hint: ")));
    }
    insta::assert_snapshot!(messages, @r#"
    prod.yaml:4:1: ClusterConfiguration.encryptionAlgorithm: unknown field of kubeadm.k8s.io/v1beta3
      4 | encryptionAlgorithm: RSA-2048
        | ^
        hint: `kubeadm.k8s.io/v1beta4` has this field: remove it, run `kamaji config convert FILE`, then add it again
    prod.yaml:4:1: ClusterConfiguration.proxy: unknown field of kubeadm.k8s.io/v1beta3
      4 | proxy: {disabled: true}
        | ^
        hint: `kubeadm.k8s.io/v1beta4` has this field: remove it, run `kamaji config convert FILE`, then add it again
    prod.yaml:4:13: ClusterConfiguration.apiServer.extraEnvs: unknown field of kubeadm.k8s.io/v1beta3
      4 | apiServer: {extraEnvs: []}
        |             ^
        hint: `kubeadm.k8s.io/v1beta4` has this field: remove it, run `kamaji config convert FILE`, then add it again
    prod.yaml:4:24: ClusterConfiguration.apiServer.extraArgs: expected a map of strings, found a list
      4 | apiServer: {extraArgs: [{name: v, value: '1'}]}
        |                        ^
        hint: write each entry as `NAME: VALUE`
    prod.yaml:4:28: ClusterConfiguration.apiServer.extraArgs.v: expected a string, found an integer
      4 | apiServer: {extraArgs: {v: 1}}
        |                            ^
        hint: put it in quotes
    prod.yaml:4:25: ClusterConfiguration.apiServer.extraArgs.--v: the name has leading dashes
      4 | apiServer: {extraArgs: {--v: '1'}}
        |                         ^
        hint: write `v: VALUE`
    prod.yaml:4:25: ClusterConfiguration.apiServer.extraArgs.etcd-servers: `etcd-servers` is set by kamaji
      4 | apiServer: {extraArgs: {etcd-servers: x}}
        |                         ^
        hint: remove it and choose a datastore with --datastore
    prod.yaml:7:1: InitConfiguration.dryRun: unknown field of kubeadm.k8s.io/v1beta3
      7 | dryRun: true
        | ^
        hint: `kubeadm.k8s.io/v1beta4` has this field: remove it, run `kamaji config convert FILE`, then add it again
    prod.yaml:4:13: ClusterConfiguration.apiServer.timeoutForControlPlane: unknown field of kubeadm.k8s.io/v1beta4
      4 | apiServer: {timeoutForControlPlane: 4m0s}
        |             ^
        hint: set `timeouts.controlPlaneComponentHealthCheck` in InitConfiguration
    prod.yaml:4:24: ClusterConfiguration.apiServer.extraArgs: expected a list of maps, found a map
      4 | apiServer: {extraArgs: {v: '1'}}
        |                        ^
        hint: write each entry as `- name: NAME` with `value: VALUE` below it
    prod.yaml:4:47: ClusterConfiguration.apiServer.extraArgs[0].mergeMethod: unknown field of kubeadm.k8s.io/v1beta4
      4 | apiServer: {extraArgs: [{name: v, value: '1', mergeMethod: append}]}
        |                                               ^
        hint: remove it: only the experimental `kubeadm.k8s.io/v1` has this field
    prod.yaml:1:13: ClusterConfiguration.apiVersion: `kubeadm.k8s.io/v1` is experimental
      1 | apiVersion: kubeadm.k8s.io/v1
        |             ^
        hint: allow it with --allow-experimental-api, or use apiVersion: kubeadm.k8s.io/v1beta4
    "#);
}

#[test]
fn v1_must_be_allowed_and_has_merge_methods() {
    let allowed = Settings { allow_experimental: true, ..settings() };
    let read_v1 = |lines: &str| {
        let text = format!("{V1}{lines}\n");
        load(&Source { name: "prod.yaml", text: &text }, allowed.clone())
    };
    let loaded = read_v1("scheduler: {extraArgs: [{name: v, value: '4', mergeMethod: ''}]}").unwrap();
    assert_eq!(loaded.spec.scheduler.extra_args[0].value, "4");
    assert!(loaded.documents.contains("v1beta4") && !loaded.documents.contains("mergeMethod"), "{}", loaded.documents);
    let merging = "apiServer: {extraArgs: [{name: enable-admission-plugins, value: ',A', mergeMethod: append}]}";
    let loaded = read_v1(merging).unwrap();
    assert_eq!(loaded.spec.api_server.extra_args[0].merge, crate::model::MergeMethod::Append);
    assert!(loaded.documents.contains("kubeadm.k8s.io/v1\n"), "v1beta4 has no merge methods: {}", loaded.documents);
    let file = "apiServer: {extraArgs: [{name: oidc-ca-file, value: /a, mergeMethod: append}]}";
    assert!(read_v1(file).unwrap_err().to_string().contains("cannot be merged"));
    let replace = "apiServer: {extraArgs: [{name: v, value: '1', mergeMethod: replace}]}";
    assert!(read_v1(replace).unwrap_err().to_string().contains("`replace` is not a merge method"));
}

#[test]
fn a_lossy_conversion_is_refused() {
    let merging = format!("{V1}apiServer: {{extraArgs: [{{name: v, value: '1', mergeMethod: append}}]}}\n");
    let cases = [
        convert_to(&merging, KubeadmApi::V1beta4),
        convert_to(CLUSTER, KubeadmApi::V1beta3),
        convert_to(&cluster("nonsense: 1"), KubeadmApi::V1),
        convert_to(&cluster("networking: 1"), KubeadmApi::V1),
        convert_to(&format!("{CLUSTER}---\n{CLUSTER}"), KubeadmApi::V1),
        convert_to("apiVersion: v1\nkind: ConfigMap\n", KubeadmApi::V1),
        convert_to("a: [", KubeadmApi::V1),
        convert_to("", KubeadmApi::V1),
        convert(&Source { name: "prod.yaml", text: V1 }, KubeadmApi::V1, false),
    ];
    let messages: Vec<String> = cases.into_iter().map(|case| case.unwrap_err().to_string()).collect();
    insta::assert_snapshot!(messages.join("\n"), @r#"
    prod.yaml:4:47: ClusterConfiguration.apiServer.extraArgs[0].mergeMethod: `kubeadm.k8s.io/v1beta4` does not have this field
      4 | apiServer: {extraArgs: [{name: v, value: '1', mergeMethod: append}]}
        |                                               ^
    prod.yaml:1:13: ClusterConfiguration.apiVersion: `kubeadm.k8s.io/v1beta4` cannot be converted to the older `kubeadm.k8s.io/v1beta3`
      1 | apiVersion: kubeadm.k8s.io/v1beta4
        |             ^
    prod.yaml:4:1: ClusterConfiguration.nonsense: unknown field of kubeadm.k8s.io/v1beta4
      4 | nonsense: 1
        | ^
    prod.yaml:4:13: ClusterConfiguration.networking: expected a map, found an integer
      4 | networking: 1
        |             ^
    prod.yaml:5:1: ClusterConfiguration: duplicate document
      5 | apiVersion: kubeadm.k8s.io/v1beta4
        | ^
    prod.yaml:1:1: ConfigMap: `ConfigMap` of `v1` is not supported
      1 | apiVersion: v1
        | ^
    prod.yaml:1:4: not valid YAML: unclosed bracket '['
      1 | a: [
        |    ^
    prod.yaml: the file contains no documents
    prod.yaml:1:13: ClusterConfiguration.apiVersion: `kubeadm.k8s.io/v1` is experimental
      1 | apiVersion: kubeadm.k8s.io/v1
        |             ^
    "#);
}

#[test]
fn fields_that_a_hosted_control_plane_refuses_are_converted() {
    let text = v1beta3(
        "certificatesDir: /pki\netcd: {local: {dataDir: /d, extraArgs: {b: '1', a: '2'}}}\n\
        apiServer: {extraVolumes: [{name: a, hostPath: /a, mountPath: /a}]}",
    );
    assert!(read(&text).is_err());
    insta::assert_snapshot!(convert_to(&text, KubeadmApi::V1beta4).unwrap(), @r#"
    apiServer:
      extraVolumes:
      - hostPath: /a
        mountPath: /a
        name: a
    apiVersion: kubeadm.k8s.io/v1beta4
    certificatesDir: /pki
    etcd:
      local:
        dataDir: /d
        extraArgs:
        - name: a
          value: "2"
        - name: b
          value: "1"
    kind: ClusterConfiguration
    kubernetesVersion: v1.30.14
    "#);
}

#[test]
fn conversion_is_idempotent_and_reversible() {
    let text = cluster("networking: {podSubnet: 10.244.0.0/16, dnsDomain: null}");
    let once = convert_to(&text, KubeadmApi::V1beta4).unwrap();
    assert_eq!(convert_to(&once, KubeadmApi::V1beta4).unwrap(), once);
    let experimental = convert_to(&once, KubeadmApi::V1).unwrap();
    assert!(experimental.contains("kubeadm.k8s.io/v1\n"), "{experimental}");
    assert_eq!(convert_to(&experimental, KubeadmApi::V1beta4).unwrap(), once);
}
