//! The fields of the Kamaji operator's `TenantControlPlane`, `kamaji.clastix.io/v1alpha1` as of v1.0: what becomes of
//! each. The validator and the reference read it; a field that is not here is unknown.
//!
//! Names and types are those of the operator's `tenantcontrolplane_types.go`.

use crate::config::schema::fields::ConfigKind::Tenant;
use crate::config::schema::fields::Shape::{self, Any, Bool, Int, OpenList, OpenMap, Struct, Text, TextMap, Texts};
use crate::config::schema::fields::{Field, group, ignored, mapped, refused, used};

pub(crate) const KIND: &str = "TenantControlPlane";

const SERVERS: &str = "the server's; nothing is made of it";
const SIZED: &str = "kamaji sets it itself";
const WRITES: &str = "writes to a tenant cannot be blocked";
const OWN_PODS: &str =
    "pods have the three containers of a control plane; another belongs into a Deployment of its own";
const OWN_VOLUMES: &str = "volumes of the kinds `configMap`, `secret`, `emptyDir` and `projected`, of objects in the namespace; others are refused";
const OWN_MOUNTS: &str = "`name`, `mountPath`, `subPath` and `readOnly`; not where kamaji mounts its own files";
const TUNNEL: &str = "there is no tunnel to nodes; the API server connects to them directly";
const SIZE: &str = "`requests` and `limits`; what is not said comes from `--size`";
const MORE: &str = "beside kamaji's; kamaji's own keys are left out with a warning";

const fn server(path: &'static str) -> Field {
    used(Tenant, path, Any, SERVERS)
}

const fn take(path: &'static str, shape: Shape, note: &'static str) -> Field {
    used(Tenant, path, shape, note)
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
    take("spec.controlPlane.deployment.registrySettings.tagSuffix", Text, "what follows the version in the tag"),
    take("spec.controlPlane.deployment.registrySettings.apiServerImage", Text, "the name of the image in the registry"),
    take("spec.controlPlane.deployment.registrySettings.controllerManagerImage", Text, "the same"),
    take("spec.controlPlane.deployment.registrySettings.schedulerImage", Text, "the same"),
    used(
        Tenant,
        "spec.controlPlane.deployment.replicas",
        Int,
        "how many pods, unless `--replicas` is given; default 2",
    ),
    take("spec.controlPlane.deployment.nodeSelector", TextMap, "labels that nodes must have"),
    take("spec.controlPlane.deployment.runtimeClassName", Text, "it must exist"),
    take("spec.controlPlane.deployment.tolerations", OpenList, "as in a pod"),
    take("spec.controlPlane.deployment.affinity", OpenMap, "as in a pod, instead of kamaji's"),
    take(
        "spec.controlPlane.deployment.topologySpreadConstraints",
        OpenList,
        "as in a pod, instead of kamaji's; without a `labelSelector`, that of the control plane's pods",
    ),
    take("spec.controlPlane.deployment.strategy", OpenMap, "as in a Deployment; default 100 % more, none less"),
    group(Tenant, "spec.controlPlane.deployment.resources"),
    take("spec.controlPlane.deployment.resources.apiServer", OpenMap, SIZE),
    take("spec.controlPlane.deployment.resources.controllerManager", OpenMap, SIZE),
    take("spec.controlPlane.deployment.resources.scheduler", OpenMap, SIZE),
    ignore("spec.controlPlane.deployment.resources.kine", OpenMap, "the datastore is of its own"),
    take(
        "spec.controlPlane.deployment.probes",
        OpenMap,
        "numbers of `liveness`, `readiness` and `startup`, also below `apiServer`, `controllerManager` and `scheduler`",
    ),
    group(Tenant, "spec.controlPlane.deployment.extraArgs"),
    mapped(
        Tenant,
        "spec.controlPlane.deployment.extraArgs.apiServer",
        Texts,
        "`--NAME=VALUE`; those that kamaji sets are refused, and those that name files need them with `--file` or a volume",
    ),
    mapped(Tenant, "spec.controlPlane.deployment.extraArgs.controllerManager", Texts, "with the same refusals"),
    mapped(Tenant, "spec.controlPlane.deployment.extraArgs.scheduler", Texts, "with the same refusals"),
    ignore("spec.controlPlane.deployment.extraArgs.kine", Texts, "the datastore has arguments of its own"),
    group(Tenant, "spec.controlPlane.deployment.additionalMetadata"),
    take("spec.controlPlane.deployment.additionalMetadata.labels", TextMap, MORE),
    take("spec.controlPlane.deployment.additionalMetadata.annotations", TextMap, MORE),
    group(Tenant, "spec.controlPlane.deployment.podAdditionalMetadata"),
    take("spec.controlPlane.deployment.podAdditionalMetadata.labels", TextMap, MORE),
    take("spec.controlPlane.deployment.podAdditionalMetadata.annotations", TextMap, MORE),
    refuse("spec.controlPlane.deployment.additionalInitContainers", OWN_PODS, "remove it"),
    refuse("spec.controlPlane.deployment.additionalContainers", OWN_PODS, "remove it"),
    mapped(Tenant, "spec.controlPlane.deployment.additionalVolumes", OpenList, OWN_VOLUMES),
    group(Tenant, "spec.controlPlane.deployment.additionalVolumeMounts"),
    mapped(Tenant, "spec.controlPlane.deployment.additionalVolumeMounts.apiServer", OpenList, OWN_MOUNTS),
    mapped(Tenant, "spec.controlPlane.deployment.additionalVolumeMounts.controllerManager", OpenList, OWN_MOUNTS),
    mapped(Tenant, "spec.controlPlane.deployment.additionalVolumeMounts.scheduler", OpenList, OWN_MOUNTS),
    take(
        "spec.controlPlane.deployment.serviceAccountName",
        Text,
        "it must exist; its token is not mounted; `default` and nothing are an account without rights",
    ),
    ignore("spec.controlPlane.deployment.automountServiceAccountToken", Bool, "the token is not mounted"),
    ignore("spec.controlPlane.deployment.containerSecurityContexts", OpenMap, "pods are always `restricted`"),
    ignore("spec.controlPlane.deployment.podSecurityContext", OpenMap, "pods are always `restricted`"),
    group(Tenant, "spec.controlPlane.service"),
    group(Tenant, "spec.controlPlane.service.additionalMetadata"),
    take("spec.controlPlane.service.additionalMetadata.labels", TextMap, MORE),
    take("spec.controlPlane.service.additionalMetadata.annotations", TextMap, MORE),
    used(
        Tenant,
        "spec.controlPlane.service.serviceType",
        Text,
        "`LoadBalancer`, `NodePort` or `ClusterIP`, unless `--expose` is given",
    ),
    take("spec.controlPlane.service.additionalPorts", OpenList, "further ports of the same pods"),
    take("spec.controlPlane.service.allocateLoadBalancerNodePorts", Bool, "for a load balancer"),
    refuse("spec.controlPlane.ingress", "the API server is exposed by a Service", "remove it and set `serviceType`"),
    refuse("spec.controlPlane.gateway", "the API server is exposed by a Service", "remove it and set `serviceType`"),
    group(Tenant, "spec.kubernetes"),
    used(Tenant, "spec.kubernetes.version", Text, "required, exact, such as `v1.37.2`"),
    group(Tenant, "spec.kubernetes.kubelet"),
    take(
        "spec.kubernetes.kubelet.configurationJSONPatches",
        OpenList,
        "RFC 6902 patches of the KubeletConfiguration that joining nodes get",
    ),
    mapped(
        Tenant,
        "spec.kubernetes.kubelet.preferredAddressTypes",
        Texts,
        "`--kubelet-preferred-address-types` of kube-apiserver",
    ),
    mapped(Tenant, "spec.kubernetes.kubelet.cgroupfs", Text, "`cgroupDriver` of the KubeletConfiguration"),
    mapped(Tenant, "spec.kubernetes.admissionControllers", Texts, "`--enable-admission-plugins` of kube-apiserver"),
    group(Tenant, "spec.networkProfile"),
    used(Tenant, "spec.networkProfile.address", Text, "where workers connect to, with `port`; `--endpoint` wins"),
    ignore("spec.networkProfile.advertiseAddress", Text, "it comes from the endpoint"),
    used(Tenant, "spec.networkProfile.port", Int, "the API server's port where the exposure leaves the choice"),
    used(Tenant, "spec.networkProfile.certSANs", Texts, "further names and addresses in the serving certificate"),
    used(Tenant, "spec.networkProfile.clusterDomain", Text, "default `cluster.local`; immutable"),
    ignore("spec.networkProfile.allowAddressAsExternalIP", Bool, SIZED),
    take(
        "spec.networkProfile.loadBalancerSourceRanges",
        Texts,
        "at most 16; with them nothing but a load balancer is used",
    ),
    take("spec.networkProfile.loadBalancerClass", Text, "immutable; with it nothing but a load balancer is used"),
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
    take("spec.addons.kubeProxy.imageRepository", Text, "where the image `kube-proxy` comes from"),
    take("spec.addons.kubeProxy.imageTag", Text, "the tag of the image `kube-proxy`; default the version"),
    refuse("spec.addons.konnectivity", TUNNEL, "remove it, and see that the API server reaches the nodes"),
];
