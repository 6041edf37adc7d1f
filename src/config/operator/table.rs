//! Lists the fields of the Kamaji operator's `TenantControlPlane`, `kamaji.clastix.io/v1alpha1` as of v1.0. Validation
//! and the reference page use this table; fields that are not in it are unknown.
//!
//! Names and types are those in the operator's `tenantcontrolplane_types.go`.

use crate::config::schema::fields::ConfigKind::Tenant;
use crate::config::schema::fields::Shape::{self, Any, Bool, Int, OpenList, OpenMap, Struct, Text, TextMap, Texts};
use crate::config::schema::fields::{Field, group, ignored, mapped, refused, used};

pub(crate) const KIND: &str = "TenantControlPlane";

const SET_BY_API_SERVER: &str = "set by the API server; has no effect";
const SET_BY_KAMAJI: &str = "set by kamaji";
const NO_WRITE_BLOCK: &str = "writes to a tenant cannot be blocked";
const FIXED_CONTAINERS: &str =
    "control plane pods run only their three containers; run others in a Deployment of their own";
const VOLUMES: &str = "volumes of type `configMap`, `secret`, `emptyDir` and `projected`, of objects in the namespace; other types are refused";
const MOUNTS: &str = "`name`, `mountPath`, `subPath` and `readOnly`; not at paths where kamaji mounts its own files";
const NO_KONNECTIVITY: &str = "konnectivity is not supported; the API server connects to nodes directly";
const RESOURCES: &str = "`requests` and `limits`; defaults come from `--size`";
const METADATA: &str = "added to kamaji's; keys that kamaji sets are ignored with a warning";

const fn set_by_server(path: &'static str) -> Field {
    used(Tenant, path, Any, SET_BY_API_SERVER)
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

/// All known fields in the order of the reference page; parents come before their children.
pub const TENANT_FIELDS: &[Field] = &[
    group(Tenant, "metadata"),
    used(Tenant, "metadata.name", Text, "the name of the control plane; overridden on the command line"),
    used(Tenant, "metadata.namespace", Text, "its namespace; overridden on the command line"),
    used(Tenant, "metadata.labels", TextMap, "labels of the control plane"),
    ignore("metadata.annotations", TextMap, "annotations configure the operator"),
    ignore("metadata.finalizers", Texts, "finalizers belong to the operator"),
    ignore("metadata.ownerReferences", OpenList, "control planes have no owner"),
    set_by_server("metadata.creationTimestamp"),
    set_by_server("metadata.generation"),
    set_by_server("metadata.managedFields"),
    set_by_server("metadata.resourceVersion"),
    set_by_server("metadata.selfLink"),
    set_by_server("metadata.uid"),
    set_by_server("status"),
    group(Tenant, "spec"),
    group(Tenant, "spec.writePermissions"),
    refuse("spec.writePermissions.blockCreation", NO_WRITE_BLOCK, "remove it"),
    refuse("spec.writePermissions.blockUpdate", NO_WRITE_BLOCK, "remove it"),
    refuse("spec.writePermissions.blockDeletion", NO_WRITE_BLOCK, "remove it"),
    used(Tenant, "spec.dataStore", Text, "the name of the datastore; overridden by `--datastore`; default `default`"),
    ignore(
        "spec.dataStoreSchema",
        Text,
        "the prefix and the user in the datastore are derived from the control plane's ID",
    ),
    ignore(
        "spec.dataStoreUsername",
        Text,
        "the prefix and the user in the datastore are derived from the control plane's ID",
    ),
    refuse("spec.dataStoreOverrides", "all of a control plane's data is in one datastore", "remove it"),
    group(Tenant, "spec.controlPlane"),
    group(Tenant, "spec.controlPlane.deployment"),
    group(Tenant, "spec.controlPlane.deployment.registrySettings"),
    used(
        Tenant,
        "spec.controlPlane.deployment.registrySettings.registry",
        Text,
        "the image repository; default `registry.k8s.io`",
    ),
    take("spec.controlPlane.deployment.registrySettings.tagSuffix", Text, "the suffix after the version in image tags"),
    take("spec.controlPlane.deployment.registrySettings.apiServerImage", Text, "the image name in the registry"),
    take("spec.controlPlane.deployment.registrySettings.controllerManagerImage", Text, "the same"),
    take("spec.controlPlane.deployment.registrySettings.schedulerImage", Text, "the same"),
    used(
        Tenant,
        "spec.controlPlane.deployment.replicas",
        Int,
        "the number of pods; overridden by `--replicas`; default 2",
    ),
    take("spec.controlPlane.deployment.nodeSelector", TextMap, "labels that nodes must have"),
    take("spec.controlPlane.deployment.runtimeClassName", Text, "must exist"),
    take("spec.controlPlane.deployment.tolerations", OpenList, "as in a pod"),
    take("spec.controlPlane.deployment.affinity", OpenMap, "as in a pod; replaces kamaji's"),
    take(
        "spec.controlPlane.deployment.topologySpreadConstraints",
        OpenList,
        "as in a pod; replaces kamaji's; `labelSelector` defaults to the control plane's pods",
    ),
    take(
        "spec.controlPlane.deployment.strategy",
        OpenMap,
        "as in a Deployment; default `maxSurge: 1` and `maxUnavailable: 0`",
    ),
    group(Tenant, "spec.controlPlane.deployment.resources"),
    take("spec.controlPlane.deployment.resources.apiServer", OpenMap, RESOURCES),
    take("spec.controlPlane.deployment.resources.controllerManager", OpenMap, RESOURCES),
    take("spec.controlPlane.deployment.resources.scheduler", OpenMap, RESOURCES),
    ignore("spec.controlPlane.deployment.resources.kine", OpenMap, "the datastore is separate from the control plane"),
    take(
        "spec.controlPlane.deployment.probes",
        OpenMap,
        "settings of `liveness`, `readiness` and `startup`, also per component below `apiServer`, `controllerManager` and `scheduler`",
    ),
    group(Tenant, "spec.controlPlane.deployment.extraArgs"),
    mapped(
        Tenant,
        "spec.controlPlane.deployment.extraArgs.apiServer",
        Texts,
        "`--NAME=VALUE`; arguments that kamaji sets are refused; files that arguments name must be supplied with `--file` or a volume",
    ),
    mapped(Tenant, "spec.controlPlane.deployment.extraArgs.controllerManager", Texts, "with the same restrictions"),
    mapped(Tenant, "spec.controlPlane.deployment.extraArgs.scheduler", Texts, "with the same restrictions"),
    ignore("spec.controlPlane.deployment.extraArgs.kine", Texts, "the datastore is separate from the control plane"),
    group(Tenant, "spec.controlPlane.deployment.additionalMetadata"),
    take("spec.controlPlane.deployment.additionalMetadata.labels", TextMap, METADATA),
    take("spec.controlPlane.deployment.additionalMetadata.annotations", TextMap, METADATA),
    group(Tenant, "spec.controlPlane.deployment.podAdditionalMetadata"),
    take("spec.controlPlane.deployment.podAdditionalMetadata.labels", TextMap, METADATA),
    take("spec.controlPlane.deployment.podAdditionalMetadata.annotations", TextMap, METADATA),
    refuse("spec.controlPlane.deployment.additionalInitContainers", FIXED_CONTAINERS, "remove it"),
    refuse("spec.controlPlane.deployment.additionalContainers", FIXED_CONTAINERS, "remove it"),
    mapped(Tenant, "spec.controlPlane.deployment.additionalVolumes", OpenList, VOLUMES),
    group(Tenant, "spec.controlPlane.deployment.additionalVolumeMounts"),
    mapped(Tenant, "spec.controlPlane.deployment.additionalVolumeMounts.apiServer", OpenList, MOUNTS),
    mapped(Tenant, "spec.controlPlane.deployment.additionalVolumeMounts.controllerManager", OpenList, MOUNTS),
    mapped(Tenant, "spec.controlPlane.deployment.additionalVolumeMounts.scheduler", OpenList, MOUNTS),
    take(
        "spec.controlPlane.deployment.serviceAccountName",
        Text,
        "must exist; its token is not mounted; `default` is replaced by kamaji's own account without permissions",
    ),
    ignore("spec.controlPlane.deployment.automountServiceAccountToken", Bool, "the token is never mounted"),
    ignore(
        "spec.controlPlane.deployment.containerSecurityContexts",
        OpenMap,
        "pods always meet the Pod Security Standard `restricted`",
    ),
    ignore(
        "spec.controlPlane.deployment.podSecurityContext",
        OpenMap,
        "pods always meet the Pod Security Standard `restricted`",
    ),
    group(Tenant, "spec.controlPlane.service"),
    group(Tenant, "spec.controlPlane.service.additionalMetadata"),
    take("spec.controlPlane.service.additionalMetadata.labels", TextMap, METADATA),
    take("spec.controlPlane.service.additionalMetadata.annotations", TextMap, METADATA),
    used(
        Tenant,
        "spec.controlPlane.service.serviceType",
        Text,
        "`LoadBalancer`, `NodePort` or `ClusterIP`; overridden by `--expose`",
    ),
    take("spec.controlPlane.service.additionalPorts", OpenList, "additional ports of the same pods"),
    take("spec.controlPlane.service.allocateLoadBalancerNodePorts", Bool, "applies to load balancers"),
    refuse("spec.controlPlane.ingress", "the API server is exposed by a Service", "remove it and set `serviceType`"),
    refuse("spec.controlPlane.gateway", "the API server is exposed by a Service", "remove it and set `serviceType`"),
    group(Tenant, "spec.kubernetes"),
    used(Tenant, "spec.kubernetes.version", Text, "required; an exact version such as `v1.37.2`"),
    group(Tenant, "spec.kubernetes.kubelet"),
    take(
        "spec.kubernetes.kubelet.configurationJSONPatches",
        OpenList,
        "RFC 6902 patches of the KubeletConfiguration of joining nodes",
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
    used(
        Tenant,
        "spec.networkProfile.address",
        Text,
        "the address that workers connect to, with `port`; overridden by `--endpoint`",
    ),
    ignore("spec.networkProfile.advertiseAddress", Text, "it is derived from the endpoint"),
    used(Tenant, "spec.networkProfile.port", Int, "the API server's port, unless the exposure requires another"),
    used(Tenant, "spec.networkProfile.certSANs", Texts, "additional names and addresses in the serving certificate"),
    used(Tenant, "spec.networkProfile.clusterDomain", Text, "default `cluster.local`; immutable"),
    ignore("spec.networkProfile.allowAddressAsExternalIP", Bool, SET_BY_KAMAJI),
    take("spec.networkProfile.loadBalancerSourceRanges", Texts, "at most 16; requires a load balancer"),
    take("spec.networkProfile.loadBalancerClass", Text, "immutable; requires a load balancer"),
    used(Tenant, "spec.networkProfile.serviceCidr", Text, "deprecated; default `10.96.0.0/16`; immutable"),
    used(Tenant, "spec.networkProfile.serviceCidrs", Texts, "one CIDR, or two of different IP families; immutable"),
    used(Tenant, "spec.networkProfile.podCidr", Text, "deprecated; default `10.244.0.0/16`; immutable"),
    used(Tenant, "spec.networkProfile.podCidrs", Texts, "one CIDR, or two of different IP families; immutable"),
    used(Tenant, "spec.networkProfile.dnsServiceIPs", Texts, "must be the tenth address of the first service CIDR"),
    group(Tenant, "spec.addons"),
    used(Tenant, "spec.addons.coreDNS", Struct, "install CoreDNS"),
    used(Tenant, "spec.addons.coreDNS.imageRepository", Text, "the repository of the `coredns` image"),
    used(Tenant, "spec.addons.coreDNS.imageTag", Text, "the tag of the `coredns` image; default as in kubeadm"),
    used(Tenant, "spec.addons.kubeProxy", Struct, "install kube-proxy"),
    take("spec.addons.kubeProxy.imageRepository", Text, "the repository of the `kube-proxy` image"),
    take("spec.addons.kubeProxy.imageTag", Text, "the tag of the `kube-proxy` image; default the Kubernetes version"),
    refuse(
        "spec.addons.konnectivity",
        NO_KONNECTIVITY,
        "remove it, and make sure that the API server can reach the nodes",
    ),
];
