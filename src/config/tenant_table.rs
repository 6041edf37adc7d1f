//! The fields of the Kamaji operator's `TenantControlPlane`, `kamaji.clastix.io/v1alpha1` as of v1.0: what becomes of
//! each. The validator and the reference read it; a field that is not here is unknown.
//!
//! Names and types are those of the operator's `tenantcontrolplane_types.go`.

use super::fields::ConfigKind::Tenant;
use super::fields::Field;
use super::fields::Shape::{self, Any, Bool, Int, OpenList, OpenMap, Struct, Text, TextMap, Texts};
use super::table::{group, ignored, mapped, refused, used};

const SERVERS: &str = "the server's; nothing is made of it";
const PLACED: &str = "kamaji places pods itself";
const SIZED: &str = "kamaji sets it itself";
const WRITES: &str = "writes to a tenant cannot be blocked";
const OWN_PODS: &str = "pods have the containers and volumes that kamaji gives them";
const OWN_IMAGE: &str = "images have the names and tags of Kubernetes";
const MIRROR: &str = "mirror the images under their own names and set `registry`";
const TUNNEL: &str = "there is no tunnel to nodes; the API server connects to them directly";
const NODE_PATCHES: &str = "patches of kubelets' settings are not read";

const fn unless(silent: &'static str, field: Field) -> Field {
    Field { silent: Some(silent), ..field }
}

const fn server(path: &'static str) -> Field {
    used(Tenant, path, Any, SERVERS)
}

const fn refuse(path: &'static str, note: &'static str, remedy: &'static str) -> Field {
    refused(Tenant, path, note, remedy)
}

const fn ignore(path: &'static str, shape: Shape, note: &'static str) -> Field {
    ignored(Tenant, path, shape, note)
}

/// Every field that is known; a parent is before its children.
pub const TENANT_FIELDS: &[Field] = &[
    group(Tenant, "metadata"),
    used(Tenant, "metadata.name", Text, "the name of the control plane, unless the command line gives one"),
    used(Tenant, "metadata.namespace", Text, "its namespace, unless the command line gives one"),
    used(Tenant, "metadata.labels", TextMap, "labels of the control plane"),
    ignore("metadata.annotations", TextMap, "annotations steer the operator"),
    ignore("metadata.finalizers", Texts, "finalizers are the operator's"),
    ignore("metadata.ownerReferences", OpenList, "nothing owns a control plane of kamaji"),
    server("metadata.creationTimestamp"),
    server("metadata.generation"),
    server("metadata.managedFields"),
    server("metadata.resourceVersion"),
    server("metadata.selfLink"),
    server("metadata.uid"),
    server("status"),
    group(Tenant, "spec"),
    group(Tenant, "spec.writePermissions"),
    refuse("spec.writePermissions.blockCreation", WRITES, "remove it"),
    refuse("spec.writePermissions.blockUpdate", WRITES, "remove it"),
    refuse("spec.writePermissions.blockDeletion", WRITES, "remove it"),
    used(Tenant, "spec.dataStore", Text, "the name of the datastore, unless `--datastore` is given; default `default`"),
    ignore("spec.dataStoreSchema", Text, "prefix and user in the datastore are the control plane's identity"),
    ignore("spec.dataStoreUsername", Text, "prefix and user in the datastore are the control plane's identity"),
    refuse("spec.dataStoreOverrides", "all of a control plane's data is in one datastore", "remove it"),
    group(Tenant, "spec.controlPlane"),
    group(Tenant, "spec.controlPlane.deployment"),
    group(Tenant, "spec.controlPlane.deployment.registrySettings"),
    used(
        Tenant,
        "spec.controlPlane.deployment.registrySettings.registry",
        Text,
        "where images come from; default `registry.k8s.io`",
    ),
    refuse("spec.controlPlane.deployment.registrySettings.tagSuffix", OWN_IMAGE, MIRROR),
    unless("kube-apiserver", refuse("spec.controlPlane.deployment.registrySettings.apiServerImage", OWN_IMAGE, MIRROR)),
    unless(
        "kube-controller-manager",
        refuse("spec.controlPlane.deployment.registrySettings.controllerManagerImage", OWN_IMAGE, MIRROR),
    ),
    unless("kube-scheduler", refuse("spec.controlPlane.deployment.registrySettings.schedulerImage", OWN_IMAGE, MIRROR)),
    used(
        Tenant,
        "spec.controlPlane.deployment.replicas",
        Int,
        "how many pods, unless `--replicas` is given; default 2",
    ),
    ignore("spec.controlPlane.deployment.nodeSelector", TextMap, PLACED),
    ignore("spec.controlPlane.deployment.runtimeClassName", Text, PLACED),
    ignore("spec.controlPlane.deployment.tolerations", OpenList, PLACED),
    ignore("spec.controlPlane.deployment.affinity", OpenMap, PLACED),
    ignore("spec.controlPlane.deployment.topologySpreadConstraints", OpenList, PLACED),
    ignore("spec.controlPlane.deployment.strategy", OpenMap, SIZED),
    ignore("spec.controlPlane.deployment.resources", OpenMap, SIZED),
    ignore("spec.controlPlane.deployment.probes", OpenMap, SIZED),
    group(Tenant, "spec.controlPlane.deployment.extraArgs"),
    mapped(
        Tenant,
        "spec.controlPlane.deployment.extraArgs.apiServer",
        Texts,
        "`--NAME=VALUE`; those that kamaji sets, and those that name files, are refused",
    ),
    mapped(Tenant, "spec.controlPlane.deployment.extraArgs.controllerManager", Texts, "with the same refusals"),
    mapped(Tenant, "spec.controlPlane.deployment.extraArgs.scheduler", Texts, "with the same refusals"),
    ignore("spec.controlPlane.deployment.extraArgs.kine", Texts, "the datastore has arguments of its own"),
    ignore("spec.controlPlane.deployment.additionalMetadata", OpenMap, "objects carry kamaji's labels and yours"),
    ignore("spec.controlPlane.deployment.podAdditionalMetadata", OpenMap, "pods carry kamaji's labels and yours"),
    refuse("spec.controlPlane.deployment.additionalInitContainers", OWN_PODS, "remove it"),
    refuse("spec.controlPlane.deployment.additionalContainers", OWN_PODS, "remove it"),
    refuse("spec.controlPlane.deployment.additionalVolumes", OWN_PODS, "remove it"),
    refuse("spec.controlPlane.deployment.additionalVolumeMounts", OWN_PODS, "remove it"),
    unless(
        "default",
        ignore("spec.controlPlane.deployment.serviceAccountName", Text, "pods have an account without rights"),
    ),
    ignore("spec.controlPlane.deployment.automountServiceAccountToken", Bool, "the token is not mounted"),
    ignore("spec.controlPlane.deployment.containerSecurityContexts", OpenMap, "pods are always `restricted`"),
    ignore("spec.controlPlane.deployment.podSecurityContext", OpenMap, "pods are always `restricted`"),
    group(Tenant, "spec.controlPlane.service"),
    ignore("spec.controlPlane.service.additionalMetadata", OpenMap, "objects carry kamaji's labels and yours"),
    used(
        Tenant,
        "spec.controlPlane.service.serviceType",
        Text,
        "`LoadBalancer`, `NodePort` or `ClusterIP`, unless `--expose` is given",
    ),
    refuse("spec.controlPlane.service.additionalPorts", "the Service has the API server's port only", "remove it"),
    ignore("spec.controlPlane.service.allocateLoadBalancerNodePorts", Bool, SIZED),
    refuse("spec.controlPlane.ingress", "the API server is exposed by a Service", "remove it and set `serviceType`"),
    refuse("spec.controlPlane.gateway", "the API server is exposed by a Service", "remove it and set `serviceType`"),
    group(Tenant, "spec.kubernetes"),
    used(Tenant, "spec.kubernetes.version", Text, "required, exact, such as `v1.37.2`"),
    group(Tenant, "spec.kubernetes.kubelet"),
    refuse(
        "spec.kubernetes.kubelet.configurationJSONPatches",
        NODE_PATCHES,
        "use a kubeadm file with a KubeletConfiguration",
    ),
    mapped(
        Tenant,
        "spec.kubernetes.kubelet.preferredAddressTypes",
        Texts,
        "`--kubelet-preferred-address-types` of kube-apiserver",
    ),
    ignore("spec.kubernetes.kubelet.cgroupfs", Text, "nodes find their cgroup driver themselves"),
    mapped(Tenant, "spec.kubernetes.admissionControllers", Texts, "`--enable-admission-plugins` of kube-apiserver"),
    group(Tenant, "spec.networkProfile"),
    used(Tenant, "spec.networkProfile.address", Text, "where workers connect to, with `port`; `--endpoint` wins"),
    ignore("spec.networkProfile.advertiseAddress", Text, "it comes from the endpoint"),
    used(Tenant, "spec.networkProfile.port", Int, "the API server's port where the exposure leaves the choice"),
    used(Tenant, "spec.networkProfile.certSANs", Texts, "further names and addresses in the serving certificate"),
    used(Tenant, "spec.networkProfile.clusterDomain", Text, "default `cluster.local`; immutable"),
    ignore("spec.networkProfile.allowAddressAsExternalIP", Bool, SIZED),
    refuse("spec.networkProfile.loadBalancerSourceRanges", "the Service lets everybody in", "remove it"),
    refuse("spec.networkProfile.loadBalancerClass", "the Service has the cluster's load balancer", "remove it"),
    used(Tenant, "spec.networkProfile.serviceCidr", Text, "deprecated; default `10.96.0.0/16`; immutable"),
    used(Tenant, "spec.networkProfile.serviceCidrs", Texts, "one range, or two of different families; immutable"),
    used(Tenant, "spec.networkProfile.podCidr", Text, "deprecated; default `10.244.0.0/16`; immutable"),
    used(Tenant, "spec.networkProfile.podCidrs", Texts, "one range, or two of different families; immutable"),
    used(Tenant, "spec.networkProfile.dnsServiceIPs", Texts, "must be the tenth address of the first service range"),
    group(Tenant, "spec.addons"),
    used(Tenant, "spec.addons.coreDNS", Struct, "install CoreDNS"),
    used(Tenant, "spec.addons.coreDNS.imageRepository", Text, "where the image `coredns` comes from"),
    used(Tenant, "spec.addons.coreDNS.imageTag", Text, "the tag of the image `coredns`; default that of kubeadm"),
    used(Tenant, "spec.addons.kubeProxy", Struct, "install kube-proxy"),
    refuse("spec.addons.kubeProxy.imageRepository", OWN_IMAGE, MIRROR),
    refuse("spec.addons.kubeProxy.imageTag", OWN_IMAGE, MIRROR),
    refuse("spec.addons.konnectivity", TUNNEL, "remove it, and see that the API server reaches the nodes"),
];
