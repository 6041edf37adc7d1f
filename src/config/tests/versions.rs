//! kubeadm's APIs: v1beta3, v1beta4 and the experimental v1 say the same thing in their own ways.

use super::*;

const V1BETA3: &str = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\nkubernetesVersion: v1.30.14\n";
const V1: &str = "apiVersion: kubeadm.k8s.io/v1\nkind: ClusterConfiguration\nkubernetesVersion: v1.37.2\n";

fn v1beta3(lines: &str) -> String {
    format!("{V1BETA3}{lines}\n")
}

fn convert_to(text: &str, api: KubeadmApi) -> Result<String, Error> {
    convert(&Source { name: "prod.yaml", text }, api, true)
}

/// Every field of v1beta3 that is read differently from v1beta4's.
fn everything_of_v1beta3() -> String {
    let lines = "apiServer:\n  timeoutForControlPlane: 90s\n  extraArgs: {v: '2', profiling: 'true', audit-log-maxage: '7'}\n\
         controllerManager: {extraArgs: {v: '3'}}\nscheduler: {extraArgs: {v: '4', profiling: null}}\nfeatureGates: {PublicKeysECDSA: true}\n\
         ---\napiVersion: kubeadm.k8s.io/v1beta3\nkind: InitConfiguration\n\
         bootstrapTokens: [{token: aaaaaa.bbbbbbbbbbbbbbbb}]\nnodeRegistration: {kubeletExtraArgs: {b: '1', a: '2'}, taints: []}";
    v1beta3(lines)
}

#[test]
fn v1beta3_arguments_are_read_in_the_order_of_their_names_and_its_timeout_is_the_wait() {
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
fn what_is_kept_is_v1beta4_and_means_the_same() {
    let before = loaded(&everything_of_v1beta3());
    let after = loaded(&before.documents);
    assert!(!before.documents.contains("v1beta3"), "{}", before.documents);
    assert_eq!(serde_json::to_value(&before.spec).unwrap(), serde_json::to_value(&after.spec).unwrap());
    assert_eq!((before.timeout, &before.documents), (after.timeout, &after.documents));
}

#[test]
fn a_converted_file_keeps_everything() {
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
fn a_timeout_without_init_configuration_gets_one_and_zero_is_the_default() {
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
fn a_worker_file_of_v1beta3_is_converted_too() {
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
fn each_document_has_its_own_api_and_init_configuration_wins() {
    let text = format!(
        "{}{INIT}timeouts: {{controlPlaneComponentHealthCheck: 2m}}\n",
        v1beta3("apiServer: {timeoutForControlPlane: 9m, extraArgs: {v: '1'}}")
    );
    let loaded = loaded(&text);
    assert_eq!(loaded.timeout, Some(Duration::from_secs(120)));
    assert_eq!(super::loaded(&loaded.documents).timeout, loaded.timeout);
}

#[test]
fn a_field_of_another_api_is_refused_with_the_way_out() {
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
    let mut said = String::new();
    for text in cases {
        let error = read(&text).unwrap_err();
        said.push_str(&format!("{error}\n    hint: {}\n", error.hints().join("\n    hint: ")));
    }
    insta::assert_snapshot!(said, @r#"
    prod.yaml:4:1: ClusterConfiguration.encryptionAlgorithm: there is no such field in kubeadm.k8s.io/v1beta3
      4 | encryptionAlgorithm: RSA-2048
        | ^
        hint: `kubeadm.k8s.io/v1beta4` has it: run `kamaji config convert FILE` without it, and add it then
    prod.yaml:4:1: ClusterConfiguration.proxy: there is no such field in kubeadm.k8s.io/v1beta3
      4 | proxy: {disabled: true}
        | ^
        hint: `kubeadm.k8s.io/v1beta4` has it: run `kamaji config convert FILE` without it, and add it then
    prod.yaml:4:13: ClusterConfiguration.apiServer.extraEnvs: there is no such field in kubeadm.k8s.io/v1beta3
      4 | apiServer: {extraEnvs: []}
        |             ^
        hint: `kubeadm.k8s.io/v1beta4` has it: run `kamaji config convert FILE` without it, and add it then
    prod.yaml:4:24: ClusterConfiguration.apiServer.extraArgs: expected a map of texts, found a list
      4 | apiServer: {extraArgs: [{name: v, value: '1'}]}
        |                        ^
        hint: write each entry as `NAME: VALUE`
    prod.yaml:4:28: ClusterConfiguration.apiServer.extraArgs.v: expected text, found a whole number
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
        hint: remove it and name a datastore with --datastore
    prod.yaml:7:1: InitConfiguration.dryRun: there is no such field in kubeadm.k8s.io/v1beta3
      7 | dryRun: true
        | ^
        hint: `kubeadm.k8s.io/v1beta4` has it: run `kamaji config convert FILE` without it, and add it then
    prod.yaml:4:13: ClusterConfiguration.apiServer.timeoutForControlPlane: there is no such field in kubeadm.k8s.io/v1beta4
      4 | apiServer: {timeoutForControlPlane: 4m0s}
        |             ^
        hint: set `timeouts.controlPlaneComponentHealthCheck` in InitConfiguration
    prod.yaml:4:24: ClusterConfiguration.apiServer.extraArgs: expected a list of maps, found a map
      4 | apiServer: {extraArgs: {v: '1'}}
        |                        ^
        hint: write each entry as `- name: NAME` with `value: VALUE` below it
    prod.yaml:4:47: ClusterConfiguration.apiServer.extraArgs[0].mergeMethod: there is no such field in kubeadm.k8s.io/v1beta4
      4 | apiServer: {extraArgs: [{name: v, value: '1', mergeMethod: append}]}
        |                                               ^
        hint: remove it: only `kubeadm.k8s.io/v1` has it, which is experimental
    prod.yaml:1:13: ClusterConfiguration.apiVersion: `kubeadm.k8s.io/v1` is experimental
      1 | apiVersion: kubeadm.k8s.io/v1
        |             ^
        hint: allow it with --allow-experimental-api, or write apiVersion: kubeadm.k8s.io/v1beta4
    "#);
}

#[test]
fn v1_is_read_only_when_allowed_and_says_how_arguments_are_joined() {
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
    assert!(loaded.documents.contains("kubeadm.k8s.io/v1\n"), "v1beta4 cannot say it: {}", loaded.documents);
    let file = "apiServer: {extraArgs: [{name: oidc-ca-file, value: /a, mergeMethod: append}]}";
    assert!(read_v1(file).unwrap_err().to_string().contains("cannot be joined with another name"));
    let replace = "apiServer: {extraArgs: [{name: v, value: '1', mergeMethod: replace}]}";
    assert!(read_v1(replace).unwrap_err().to_string().contains("`replace` is not a merge method"));
}

#[test]
fn a_conversion_that_would_lose_something_is_refused() {
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
    let said: Vec<String> = cases.into_iter().map(|case| case.unwrap_err().to_string()).collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    prod.yaml:4:47: ClusterConfiguration.apiServer.extraArgs[0].mergeMethod: `kubeadm.k8s.io/v1beta4` cannot say it
      4 | apiServer: {extraArgs: [{name: v, value: '1', mergeMethod: append}]}
        |                                               ^
    prod.yaml:1:13: ClusterConfiguration.apiVersion: `kubeadm.k8s.io/v1beta4` cannot be written as the older `kubeadm.k8s.io/v1beta3`
      1 | apiVersion: kubeadm.k8s.io/v1beta4
        |             ^
    prod.yaml:4:1: ClusterConfiguration.nonsense: there is no such field in kubeadm.k8s.io/v1beta4
      4 | nonsense: 1
        | ^
    prod.yaml:4:13: ClusterConfiguration.networking: expected a map, found a whole number
      4 | networking: 1
        |             ^
    prod.yaml:5:1: ClusterConfiguration: given twice
      5 | apiVersion: kubeadm.k8s.io/v1beta4
        | ^
    prod.yaml:1:1: ConfigMap: `ConfigMap` of `v1` is not read
      1 | apiVersion: v1
        | ^
    prod.yaml:1:4: not valid YAML: unclosed bracket '['
      1 | a: [
        |    ^
    prod.yaml: there is no document
    prod.yaml:1:13: ClusterConfiguration.apiVersion: `kubeadm.k8s.io/v1` is experimental
      1 | apiVersion: kubeadm.k8s.io/v1
        |             ^
    "#);
}

#[test]
fn what_a_hosted_control_plane_refuses_is_converted_all_the_same() {
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
fn a_file_of_the_newest_api_converts_to_itself() {
    let text = cluster("networking: {podSubnet: 10.244.0.0/16, dnsDomain: null}");
    let once = convert_to(&text, KubeadmApi::V1beta4).unwrap();
    assert_eq!(convert_to(&once, KubeadmApi::V1beta4).unwrap(), once);
    let experimental = convert_to(&once, KubeadmApi::V1).unwrap();
    assert!(experimental.contains("kubeadm.k8s.io/v1\n"), "{experimental}");
    assert_eq!(convert_to(&experimental, KubeadmApi::V1beta4).unwrap(), once);
}
