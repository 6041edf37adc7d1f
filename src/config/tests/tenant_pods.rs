//! What the operator's `TenantControlPlane` says of pods and Service: what arrives, and why it is refused.

use super::operator::tenant_control_plane::{Overrides, load};
use super::*;
use crate::model::{ComponentName, ResourceName};

const HEAD: &str = "\
apiVersion: kamaji.clastix.io/v1alpha1
kind: TenantControlPlane
metadata: {name: k8s-133}
spec:
  kubernetes: {version: v1.33.0}
";

fn read_tenant(text: &str) -> Result<Loaded, Error> {
    load(&Source { name: "tcp.yaml", text }, Overrides::default())
}

fn deployment(lines: &str) -> Result<Loaded, Error> {
    let indented: String = lines.lines().map(|line| format!("      {line}\n")).collect();
    read_tenant(&format!("{HEAD}  controlPlane:\n    deployment:\n{indented}"))
}

fn service(lines: &str) -> Result<Loaded, Error> {
    read_tenant(&format!("{HEAD}{lines}\n"))
}

fn read(result: Result<Loaded, Error>) -> Loaded {
    result.unwrap_or_else(|error| panic!("{error}"))
}

fn problems(result: Result<Loaded, Error>) -> String {
    let Err(error) = result else { panic!("it was accepted") };
    let all: Vec<String> = error
        .into_problems()
        .iter()
        .map(|problem| format!("{}: {}: {}", problem.spot, problem.field, problem.text))
        .collect();
    all.join("\n")
}

#[test]
fn everything_that_is_said_of_pods_arrives() {
    let loaded = read(deployment(
        "nodeSelector: {kubernetes.io/arch: amd64}
runtimeClassName: gvisor
serviceAccountName: tenants
tolerations: [{key: dedicated, operator: Exists, effect: NoExecute, tolerationSeconds: 60}]
affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: pool, operator: In, values: [a]}]}]}}}
topologySpreadConstraints: [{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule}]
strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
resources: {apiServer: {requests: {cpu: 1, memory: 1Gi}, limits: {memory: 3Gi}}, scheduler: {limits: {cpu: 500m}}}
probes: {liveness: {failureThreshold: 5}, apiServer: {liveness: {periodSeconds: 7}, startup: {failureThreshold: 300}}}
additionalMetadata: {labels: {team: blue}, annotations: {note: 'a b'}}
podAdditionalMetadata: {labels: {team: red, kamaji.clastix.io/name: other}, annotations: {sidecar.istio.io/inject: 'false'}}
registrySettings: {registry: mirror.example.com, tagSuffix: -fips, apiServerImage: hardened/kube-apiserver, schedulerImage: kube-scheduler}",
    ));
    let pods = &loaded.spec.pods;
    assert_eq!(pods.node_selector["kubernetes.io/arch"], "amd64");
    assert_eq!((pods.runtime_class.as_deref(), pods.service_account.as_deref()), (Some("gvisor"), Some("tenants")));
    assert_eq!(pods.tolerations[0].toleration_seconds, Some(60));
    assert!(pods.affinity.as_ref().unwrap().node_affinity.is_some());
    assert_eq!(pods.topology_spread.as_ref().unwrap()[0].when_unsatisfiable, "DoNotSchedule");
    assert_eq!(pods.strategy.as_ref().unwrap().type_.as_deref(), Some("RollingUpdate"));
    let api_server = pods.resources_of(ComponentName::KubeApiserver);
    assert_eq!(api_server.requests[&ResourceName::Cpu].as_str(), "1");
    assert_eq!(api_server.limits[&ResourceName::Memory].as_str(), "3Gi");
    assert_eq!(pods.resources_of(ComponentName::KubeScheduler).limits[&ResourceName::Cpu].as_str(), "500m");
    let probes = &pods.probes[&ComponentName::KubeApiserver];
    assert_eq!((probes.liveness.period_seconds, probes.liveness.failure_threshold), (Some(7), Some(5)));
    assert_eq!(probes.startup.failure_threshold, Some(300));
    assert_eq!(pods.probes[&ComponentName::KubeScheduler].liveness.failure_threshold, Some(5));
    assert_eq!((pods.metadata.labels["team"].as_str(), pods.metadata.annotations["note"].as_str()), ("blue", "a b"));
    assert_eq!(pods.pod_metadata.labels.len(), 1, "what selects the pods is kamaji's: {:?}", pods.pod_metadata);
    let image = |component| pods.image(component, "r", "v1");
    assert_eq!(image(ComponentName::KubeApiserver), "r/hardened/kube-apiserver:v1-fips");
    assert_eq!(image(ComponentName::KubeScheduler), "r/kube-scheduler:v1-fips");
    let said: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(said.join("\n"), @"tcp.yaml:18:51: TenantControlPlane.spec.controlPlane.deployment.podAdditionalMetadata.labels.kamaji.clastix.io/name: ignored: kamaji sets it, or no pod of a control plane may have it");
}

#[test]
fn nothing_said_is_nothing_changed() {
    for text in ["replicas: 2", "tolerations: []\naffinity: {}\nresources: {}\nprobes: {}\nserviceAccountName: default"]
    {
        assert_eq!(read(deployment(text)).spec.pods, PodSettings::default(), "{text}");
    }
}

#[test]
fn what_is_wrong_about_pods_is_told_at_its_place() {
    let cases = [
        "nodeSelector: {'a b': c}",
        "tolerations: [{key: a, operator: In}, {key: a, operater: Exists}, {key: 5}]",
        "affinity: {nodeAffinty: {}, podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologykey: a}]}}",
        "affinity: {podAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 5, weigth: 6, podAffinityTerm: {topologyKey: a}}]}}",
        "topologySpreadConstraints: [{maxSkew: one, topologyKey: a, whenUnsatisfiable: b}]",
        "resources: {apiServer: {requests: {memory: 512m, gpu: 1, cpu: [1]}, claims: [{name: a}], limit: {}}}",
        "resources: {scheduler: {requests: {cpu: 2}, limits: {cpu: 1}}}",
        "probes: {liveness: {periodSeconds: 0}}",
        "probes: {startup: {successThreshold: 2}}",
        "probes: {liveness: {period: 5}}",
        "additionalMetadata: {labels: {a: 'b c'}}",
        "runtimeClassName: 'a b'",
        "registrySettings: {tagSuffix: 'a b', apiServerImage: 'https://x/y:z'}",
    ];
    let all: Vec<String> = cases.iter().map(|case| problems(deployment(case))).collect();
    insta::assert_snapshot!(all.join("\n").replace("TenantControlPlane.spec.controlPlane.deployment", "..."), @r#"
    tcp.yaml:8:22: ....nodeSelector.a b: it is not valid: the key has at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends, and before it at most a DNS name and a `/`
    tcp.yaml:8:21: ....tolerations[0]: the toleration is not valid: the operator is Exists or Equal
    tcp.yaml:8:54: ....tolerations[1].operater: there is no such field in Kubernetes
    tcp.yaml:8:73: ....tolerations[2]: it has another form: invalid type: integer `5`, expected a string
    tcp.yaml:8:99: ....affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologykey: there is no such field in Kubernetes
    tcp.yaml:8:94: ....affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weigth: there is no such field in Kubernetes
    tcp.yaml:8:34: ....topologySpreadConstraints: it has another form: invalid type: string "one", expected i32
    tcp.yaml:8:50: ....resources.apiServer.requests.memory: quantity `512m` is not valid: it is a fraction of a byte; Mi stands for mebibytes, M for megabytes
    tcp.yaml:8:61: ....resources.apiServer.requests.gpu: resource `gpu` is not valid: write cpu, memory or ephemeral-storage
    tcp.yaml:8:69: ....resources.apiServer.requests.cpu: expected a quantity, found a list
    tcp.yaml:8:75: ....resources.apiServer.claims: pods of a control plane claim no devices
    tcp.yaml:8:96: ....resources.apiServer.limit: there is no such field in Kubernetes
    tcp.yaml:8:18: ....resources: request of cpu `2` is not valid: kube-scheduler has a limit of 1, and a request is never more than the limit
    tcp.yaml:8:15: ....probes: timeoutSeconds, periodSeconds, successThreshold and failureThreshold are 1 or more
    tcp.yaml:8:15: ....probes: successThreshold of liveness and startup is 1
    tcp.yaml:8:27: ....probes.liveness.period: there is no such field in Kubernetes
    tcp.yaml:8:37: ....additionalMetadata.labels.a: it is not valid: the value has at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends
    tcp.yaml:8:25: ....runtimeClassName: name of a runtime class `a b` is not valid: use at most 253 lower-case letters, digits, `-` and `.`, with a letter or digit at both ends
    tcp.yaml:8:37: ....registrySettings.tagSuffix: `a b` is not the end of an image tag: use at most 100 letters, digits, `_`, `.` and `-`
    tcp.yaml:8:60: ....registrySettings.apiServerImage: `https://x/y:z` is not the name of an image
    "#);
}

#[test]
fn everything_that_is_said_of_the_service_arrives() {
    let loaded = read(service(
        "  controlPlane: {service: {additionalMetadata: {annotations: {example.com/pool: a}}, allocateLoadBalancerNodePorts: false, additionalPorts: [{name: metrics, port: 10259, targetPort: scheduler-https}]}}
  networkProfile: {loadBalancerClass: example.com/internal, loadBalancerSourceRanges: [192.0.2.0/24, 'fd00::/8']}
  addons: {kubeProxy: {imageRepository: mirror.example.com, imageTag: v1.33.1}}",
    ));
    let settings = &loaded.spec.service;
    assert_eq!(settings.metadata.annotations["example.com/pool"], "a");
    assert_eq!(settings.load_balancer_class.as_deref(), Some("example.com/internal"));
    assert_eq!(settings.load_balancer_source_ranges.len(), 2);
    assert_eq!(settings.allocate_load_balancer_node_ports, Some(false));
    assert_eq!(settings.additional_ports[0].name.as_deref(), Some("metrics"));
    assert_eq!(loaded.spec.expose, Some(Exposure::LoadBalancer), "a node port would let everybody in");
    assert_eq!(loaded.spec.addons.kube_proxy_image.tag.as_deref(), Some("v1.33.1"));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn what_is_wrong_about_the_service_is_told_at_its_place() {
    let cases = [
        "  controlPlane: {service: {serviceType: NodePort}}\n  networkProfile: {loadBalancerSourceRanges: [192.0.2.0/24]}",
        "  networkProfile: {loadBalancerSourceRanges: [192.0.2.0/33, 5]}",
        "  networkProfile: {loadBalancerClass: 'a b'}",
        "  controlPlane: {service: {additionalPorts: [{name: kube-apiserver, port: 1, targetPort: 1}, {name: a, port: 0, targetPort: 1}, {name: b, port: 70000, targetPort: 1}, {name: c, port: 1, targetPort: 1, nodePort: 5}, {name: d, protocol: HTTP, port: 1, targetPort: 1}]}}",
    ];
    let all: Vec<String> = cases.iter().map(|case| problems(service(case))).collect();
    insta::assert_snapshot!(all.join("\n").replace("TenantControlPlane.spec", "..."), @r#"
    tcp.yaml:7:20: ....networkProfile.loadBalancerSourceRanges: only a load balancer can do this, and the control plane is exposed in another way
    tcp.yaml:6:47: ....networkProfile.loadBalancerSourceRanges[0]: it is not a range of addresses
    tcp.yaml:6:61: ....networkProfile.loadBalancerSourceRanges[1]: expected text, found a whole number
    tcp.yaml:6:39: ....networkProfile.loadBalancerClass: `a b` is not a load balancer class
    tcp.yaml:6:46: ....controlPlane.service.additionalPorts[0]: the name is that of another port
    tcp.yaml:6:94: ....controlPlane.service.additionalPorts[1]: a port is a number from 1 to 65535
    tcp.yaml:6:129: ....controlPlane.service.additionalPorts[2]: it has another form: invalid value: integer `70000`, expected u16
    tcp.yaml:6:202: ....controlPlane.service.additionalPorts[3].nodePort: there is no such field in Kubernetes
    tcp.yaml:6:216: ....controlPlane.service.additionalPorts[4]: the protocol is TCP, UDP or SCTP
    "#);
}
