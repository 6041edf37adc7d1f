//! A `TenantControlPlane` with everything that one can say of pods, Service and network: each is in the objects as kubectl
//! shows them, in the pods, and in the cluster.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::cluster::management::script;
use crate::support::command::start;
use crate::support::{TestNamespace, eventually, management, run};

const DOCUMENT: &str = "apiVersion: kamaji.clastix.io/v1alpha1
kind: TenantControlPlane
metadata:
  name: full
  labels: {team: blue, example.com/tier: gold}
spec:
  controlPlane:
    deployment:
      replicas: 1
      serviceAccountName: mine
      nodeSelector: {kubernetes.io/os: linux}
      tolerations: [{key: node-role.kubernetes.io/control-plane, operator: Exists, effect: NoSchedule}]
      additionalMetadata: {labels: {place: deployment}, annotations: {example.com/note: d}}
      podAdditionalMetadata: {labels: {place: pods}, annotations: {example.com/note: p}}
      resources: {apiServer: {requests: {cpu: 50m}}, scheduler: {requests: {cpu: 10m}}}
      probes: {readiness: {periodSeconds: 3}, apiServer: {liveness: {failureThreshold: 7}}}
      extraArgs: {apiServer: [--event-ttl=2h], scheduler: [--kube-api-qps=60]}
      additionalVolumes:
      - {name: conf, configMap: {name: extra}}
      - {name: sec, secret: {secretName: hidden}}
      - {name: scratch, emptyDir: {sizeLimit: 10Mi}}
      - {name: both, projected: {sources: [{configMap: {name: extra}}, {secret: {name: hidden}}]}}
      additionalVolumeMounts:
        apiServer:
        - {name: conf, mountPath: /extra/conf, readOnly: true}
        - {name: sec, mountPath: /extra/sec, readOnly: true}
        - {name: scratch, mountPath: /extra/scratch}
        controllerManager: [{name: both, mountPath: /extra/both, readOnly: true}]
        scheduler: [{name: conf, mountPath: /extra/a, subPath: a}]
      strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
    service:
      serviceType: LoadBalancer
      additionalMetadata: {labels: {place: service}, annotations: {example.com/lb: internal}}
      additionalPorts: [{name: metrics, port: 9443, targetPort: 10257}]
      allocateLoadBalancerNodePorts: false
  kubernetes:
    version: v1.37.2
    kubelet:
      cgroupfs: cgroupfs
      preferredAddressTypes: [InternalIP, Hostname]
      configurationJSONPatches: [{op: add, path: /maxPods, value: 42}]
    admissionControllers: [NodeRestriction, AlwaysPullImages]
  networkProfile:
    certSANs: [full.example.com]
    clusterDomain: full.local
    loadBalancerClass: example.com/internal
    loadBalancerSourceRanges: [10.0.0.0/8, 192.0.2.0/24]
    serviceCidr: 10.97.0.0/16
    podCidr: 10.245.0.0/16
  addons: {coreDNS: {}, kubeProxy: {}}
";

#[test]
fn every_field_of_a_tenant_control_plane_reaches_the_objects_and_the_cluster() {
    let sandbox = TestNamespace::new("e2e-document");
    let file = sandbox.file("full.yaml", DOCUMENT).display().to_string();
    let create = ["create", "full", "-f", &file, "--yes", "--timeout=5m"];
    sandbox.run(&create).exits(3).says(&["which a volume of the pods needs, does not exist"]);
    let kube = management();
    let namespace = ["-n", &sandbox.namespace];
    kube.run(&[&["create", "configmap", "extra", "--from-literal=a=1"][..], &namespace].concat()).ok();
    kube.run(&[&["create", "secret", "generic", "hidden", "--from-literal=b=2"][..], &namespace].concat()).ok();
    sandbox.run(&create).exits(3).says(&["ServiceAccount e2e-document/mine does not exist"]);
    kube.run(&[&["create", "serviceaccount", "mine"][..], &namespace].concat()).ok();

    let creating = start(sandbox.kamaji(&create), "");
    eventually("the Service", || kube.run(&[&["get", "service", "full"][..], &namespace].concat()).code == Some(0));
    let mut balancer = script("load-balancer");
    balancer.args([&sandbox.namespace, "full"]);
    let address = run(balancer).text();
    let created = sandbox.note(creating.finish(Duration::from_secs(330)), false).ok();
    assert!(created.stdout.contains(&format!("at {address}:6443")), "{created}");

    its_service(&kube.json(&[&["service", "full"][..], &namespace].concat()));
    its_pods(&kube.json(&[&["deployment", "full"][..], &namespace].concat()));
    let tenant = sandbox.tenant("full");
    let kubelet =
        tenant.text(&["-n", "kube-system", "get", "configmap", "kubelet-config", "-o", "jsonpath={.data.kubelet}"]);
    for line in ["maxPods: 42", "cgroupDriver: cgroupfs", "clusterDomain: full.local", "- \"10.97.0.10\""] {
        assert!(kubelet.contains(line), "{line} is not in {kubelet}");
    }

    let again = sandbox.run(&create).ok();
    assert!(again.stdout.contains("unchanged"), "{again}");
    sandbox.run(&["diff", "full"]).ok();
    let other = DOCUMENT.replace("example.com/internal\n", "example.com/other\n");
    let other = sandbox.file("other.yaml", &other).display().to_string();
    sandbox.run(&["create", "full", "-f", &other, "--yes"]).exits(4).says(&["networkProfile.loadBalancerClass"]);
}

fn its_service(service: &Value) {
    let spec = &service["spec"];
    assert_eq!(service["metadata"]["labels"]["place"], "service");
    assert_eq!(service["metadata"]["labels"]["team"], "blue");
    assert_eq!(service["metadata"]["annotations"]["example.com/lb"], "internal");
    assert_eq!(spec["type"], "LoadBalancer");
    assert_eq!(spec["loadBalancerClass"], "example.com/internal");
    assert_eq!(spec["loadBalancerSourceRanges"], json!(["10.0.0.0/8", "192.0.2.0/24"]));
    assert_eq!(spec["allocateLoadBalancerNodePorts"], false);
    let port = json!({"name": "metrics", "port": 9443, "protocol": "TCP", "targetPort": 10257});
    assert_eq!(spec["ports"][1], port, "no node port is taken either");
}

fn its_pods(deployment: &Value) {
    let (spec, pod) = (&deployment["spec"], &deployment["spec"]["template"]["spec"]);
    assert_eq!(deployment["metadata"]["labels"]["example.com/tier"], "gold");
    assert_eq!(deployment["metadata"]["labels"]["place"], "deployment");
    assert_eq!(spec["template"]["metadata"]["labels"]["place"], "pods");
    assert_eq!(spec["template"]["metadata"]["annotations"]["example.com/note"], "p");
    assert_eq!(spec["strategy"]["rollingUpdate"], json!({"maxSurge": 1, "maxUnavailable": 0}));
    assert_eq!((&pod["serviceAccountName"], &pod["automountServiceAccountToken"]), (&json!("mine"), &json!(false)));
    assert_eq!(pod["nodeSelector"], json!({"kubernetes.io/os": "linux"}));
    assert_eq!(pod["tolerations"][0]["key"], "node-role.kubernetes.io/control-plane");
    let [server, manager, scheduler] = [0, 1, 2].map(|at| &pod["containers"][at]);
    assert_eq!(server["resources"]["requests"]["cpu"], "50m");
    assert_eq!(
        (&server["readinessProbe"]["periodSeconds"], &server["livenessProbe"]["failureThreshold"]),
        (&json!(3), &json!(7))
    );
    for (container, argument) in [
        (server, "--event-ttl=2h"),
        (server, "--enable-admission-plugins=NodeRestriction,AlwaysPullImages"),
        (server, "--kubelet-preferred-address-types=InternalIP,Hostname"),
        (scheduler, "--kube-api-qps=60"),
    ] {
        assert!(container["command"].as_array().expect("a list").contains(&json!(argument)), "{argument}: {container}");
    }
    for (container, path) in [
        (server, "/extra/conf"),
        (server, "/extra/sec"),
        (server, "/extra/scratch"),
        (manager, "/extra/both"),
        (scheduler, "/extra/a"),
    ] {
        let mounts = container["volumeMounts"].as_array().expect("a list");
        assert!(mounts.iter().any(|mount| mount["mountPath"] == path), "{path}: {mounts:?}");
    }
}
