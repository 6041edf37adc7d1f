//! Whole files: which documents are read, what is kept of them, and how problems are told.

use std::fmt::Write as _;

use super::*;

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
fn documents_that_are_not_read_are_refused_with_their_place() {
    let kinds = [
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
    prod.yaml:1:13: ClusterConfiguration.apiVersion: `kubeadm.k8s.io/v1beta2` is not supported: `kubeadm.k8s.io/v1beta4` and `kubeadm.k8s.io/v1beta3` are
      1 | apiVersion: kubeadm.k8s.io/v1beta2
        |             ^
        hint: kubeadm config migrate --old-config OLD.yaml --new-config NEW.yaml, with a kubeadm that reads both
    prod.yaml:1:13: ClusterConfiguration.apiVersion: `kubeadm.k8s.io/v1` is experimental
      1 | apiVersion: kubeadm.k8s.io/v1
        |             ^
        hint: allow it with --allow-experimental-api, or write apiVersion: kubeadm.k8s.io/v1beta4
    prod.yaml:1:13: ClusterConfiguration.apiVersion: `kubeadm.example.com/v1beta4` is not supported: `kubeadm.k8s.io/v1beta4` and `kubeadm.k8s.io/v1beta3` are
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
        hint: kamaji reads ClusterConfiguration and InitConfiguration of kubeadm.k8s.io/v1beta4 or v1beta3, KubeletConfiguration of kubelet.config.k8s.io/v1beta1 and KubeProxyConfiguration of kubeproxy.config.k8s.io/v1alpha1
    prod.yaml:5:1: the document has no `kind`
      5 | apiVersion: v1
        | ^
        hint: kamaji reads ClusterConfiguration and InitConfiguration of kubeadm.k8s.io/v1beta4 or v1beta3, KubeletConfiguration of kubelet.config.k8s.io/v1beta1 and KubeProxyConfiguration of kubeproxy.config.k8s.io/v1alpha1
    prod.yaml:5:7: kind: expected text, found a whole number
      5 | kind: 5
        |       ^
        hint: kamaji reads ClusterConfiguration and InitConfiguration of kubeadm.k8s.io/v1beta4 or v1beta3, KubeletConfiguration of kubelet.config.k8s.io/v1beta1 and KubeProxyConfiguration of kubeproxy.config.k8s.io/v1alpha1
    prod.yaml:5:1: expected a document with `apiVersion` and `kind`, found a list
      5 | - a
        | ^
        hint: kamaji reads ClusterConfiguration and InitConfiguration of kubeadm.k8s.io/v1beta4 or v1beta3, KubeletConfiguration of kubelet.config.k8s.io/v1beta1 and KubeProxyConfiguration of kubeproxy.config.k8s.io/v1alpha1
    prod.yaml:5:1: expected a document with `apiVersion` and `kind`, found text
      5 | just text
        | ^
        hint: kamaji reads ClusterConfiguration and InitConfiguration of kubeadm.k8s.io/v1beta4 or v1beta3, KubeletConfiguration of kubelet.config.k8s.io/v1beta1 and KubeProxyConfiguration of kubeproxy.config.k8s.io/v1alpha1
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
    ClusterConfiguration.clusterName: write a text
    ClusterConfiguration.proxy.disabled: write it without quotes
    ClusterConfiguration.dns: write it as a map: `NAME: VALUE`
    "#);
    assert_eq!(error.kind(), crate::error::Kind::Usage);
}
