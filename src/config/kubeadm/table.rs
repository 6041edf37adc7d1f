//! The one table of fields: kubeadm.k8s.io/v1beta3, v1beta4 and v1, kubelet.config.k8s.io/v1beta1 and
//! kubeproxy.config.k8s.io/v1alpha1 as of Kubernetes 1.37. The validator and the reference read it; a field that is not
//! here is unknown.
//!
//! Names and types are those of kubeadm's, kubelet's and kube-proxy's `types.go`. A field whose type changed between
//! APIs has a row for each type.

use super::api::KubeadmApi;
use crate::config::schema::fields::Action;
use crate::config::schema::fields::Action::{Map, Refuse, Use, Warn};
use crate::config::schema::fields::ConfigKind;
use crate::config::schema::fields::ConfigKind::{Cluster, Init, KubeProxy, Kubelet};
use crate::config::schema::fields::Field;
use crate::config::schema::fields::Shape;
use crate::config::schema::fields::Shape::{
    Any, Bool, BoolMap, Duration, Int, Ints, Number, OpenList, OpenMap, Struct, Structs, Text, TextMap, Texts, TextsMap,
};

pub(crate) const fn row(
    kind: ConfigKind,
    path: &'static str,
    shape: Shape,
    action: Action,
    note: &'static str,
) -> Field {
    Field {
        kind,
        path,
        shape,
        action,
        note,
        remedy: "",
        since: KubeadmApi::OLDEST,
        until: KubeadmApi::NEWEST,
        silent: None,
    }
}

pub(crate) const fn used(kind: ConfigKind, path: &'static str, shape: Shape, note: &'static str) -> Field {
    row(kind, path, shape, Use, note)
}

pub(crate) const fn mapped(kind: ConfigKind, path: &'static str, shape: Shape, note: &'static str) -> Field {
    row(kind, path, shape, Map, note)
}

pub(crate) const fn pass(kind: ConfigKind, path: &'static str, shape: Shape) -> Field {
    row(kind, path, shape, Map, "")
}

pub(crate) const fn group(kind: ConfigKind, path: &'static str) -> Field {
    row(kind, path, Struct, Use, "")
}

pub(crate) const fn ignored(kind: ConfigKind, path: &'static str, shape: Shape, note: &'static str) -> Field {
    row(kind, path, shape, Warn, note)
}

const fn ignored_unless(kind: ConfigKind, path: &'static str, silent: &'static str, note: &'static str) -> Field {
    Field { silent: Some(silent), ..row(kind, path, Text, Warn, note) }
}

const fn timeout(path: &'static str, silent: &'static str) -> Field {
    v1beta4(Field { silent: Some(silent), ..row(Init, path, Duration, Warn, NO_PHASE) })
}

pub(crate) const fn refused(kind: ConfigKind, path: &'static str, note: &'static str, remedy: &'static str) -> Field {
    Field { remedy, ..row(kind, path, Any, Refuse, note) }
}

/// A field that v1beta4 and newer have.
const fn v1beta4(field: Field) -> Field {
    Field { since: KubeadmApi::V1beta4, ..field }
}

/// A field that only v1beta3 has in this form.
const fn v1beta3(field: Field) -> Field {
    Field { until: KubeadmApi::V1beta3, ..field }
}

/// `mergeMethod` of an argument, which only v1 has.
const fn merge_method(path: &'static str) -> Field {
    Field { since: KubeadmApi::V1, ..mapped(Cluster, path, Text, MERGE) }
}

const MERGE: &str = "`append` or `prepend` the value to kamaji's; without it, replace it";
const NO_NODE: &str = "there is no control-plane node";
const NO_PHASE: &str = "kamaji has no such phase";
const NO_LOCAL_ETCD: &str = "a hosted control plane has no etcd of its own on a node";
const VOLUMES: &str = "mounted if `hostPath` is given with `--file` or `--empty-dir`; refused otherwise";
const HOST_PATH: &str = "the path of `--file` or `--empty-dir`; no path of a management node";
const READ_ONLY: &str = "given files are always read-only, empty folders never";
const PATH_TYPE: &str = "`File` and `Directory` must be what is given; sockets and devices are refused";
const NAME_A_DATASTORE: &str = "remove it and name a datastore with --datastore";
const ENV_FROM: &str = "it refers to objects that the control plane does not have";

/// Every field that is known, in the order of the reference; a parent is before its children.
pub const FIELDS: &[Field] = &[
    used(
        Cluster,
        "kubernetesVersion",
        Text,
        "required, exact, such as `v1.37.2`; `stable`, `latest` and `ci/…` would give another result tomorrow",
    ),
    used(Cluster, "clusterName", Text, "names in kubeconfigs and `--cluster-name`; default `kubernetes`"),
    used(Cluster, "controlPlaneEndpoint", Text, "`HOST` or `HOST:PORT` that workers use; `--endpoint` wins"),
    group(Cluster, "networking"),
    used(
        Cluster,
        "networking.serviceSubnet",
        Text,
        "one range, or two of different families; default `10.96.0.0/12`; immutable",
    ),
    used(
        Cluster,
        "networking.podSubnet",
        Text,
        "one range, or two in the order of the families of `serviceSubnet`; immutable",
    ),
    used(Cluster, "networking.dnsDomain", Text, "default `cluster.local`; immutable"),
    group(Cluster, "apiServer"),
    v1beta3(Field {
        remedy: "set `timeouts.controlPlaneComponentHealthCheck` in InitConfiguration",
        ..used(Cluster, "apiServer.timeoutForControlPlane", Duration, "how long to wait for the control plane")
    }),
    used(Cluster, "apiServer.certSANs", Texts, "further names and addresses in the serving certificate"),
    v1beta4(mapped(
        Cluster,
        "apiServer.extraArgs",
        Structs,
        "added to kube-apiserver's arguments, in order; those that kamaji sets are refused, and those that name files need them with `--file`",
    )),
    v1beta3(mapped(Cluster, "apiServer.extraArgs", TextMap, "the same as a map; in the order of the names")),
    v1beta4(mapped(Cluster, "apiServer.extraArgs[].name", Text, "without the leading dashes")),
    v1beta4(pass(Cluster, "apiServer.extraArgs[].value", Text)),
    merge_method("apiServer.extraArgs[].mergeMethod"),
    v1beta4(mapped(Cluster, "apiServer.extraEnvs", Structs, "environment variables with a literal value")),
    v1beta4(pass(Cluster, "apiServer.extraEnvs[].name", Text)),
    v1beta4(pass(Cluster, "apiServer.extraEnvs[].value", Text)),
    v1beta4(refused(Cluster, "apiServer.extraEnvs[].valueFrom", ENV_FROM, "write the value in `value`")),
    mapped(Cluster, "apiServer.extraVolumes", Structs, VOLUMES),
    pass(Cluster, "apiServer.extraVolumes[].name", Text),
    mapped(Cluster, "apiServer.extraVolumes[].hostPath", Text, HOST_PATH),
    pass(Cluster, "apiServer.extraVolumes[].mountPath", Text),
    mapped(Cluster, "apiServer.extraVolumes[].readOnly", Bool, READ_ONLY),
    mapped(Cluster, "apiServer.extraVolumes[].pathType", Text, PATH_TYPE),
    group(Cluster, "controllerManager"),
    v1beta4(mapped(
        Cluster,
        "controllerManager.extraArgs",
        Structs,
        "added to kube-controller-manager's arguments, with the same refusals",
    )),
    v1beta3(mapped(Cluster, "controllerManager.extraArgs", TextMap, "the same as a map; in the order of the names")),
    v1beta4(pass(Cluster, "controllerManager.extraArgs[].name", Text)),
    v1beta4(pass(Cluster, "controllerManager.extraArgs[].value", Text)),
    merge_method("controllerManager.extraArgs[].mergeMethod"),
    v1beta4(mapped(Cluster, "controllerManager.extraEnvs", Structs, "environment variables with a literal value")),
    v1beta4(pass(Cluster, "controllerManager.extraEnvs[].name", Text)),
    v1beta4(pass(Cluster, "controllerManager.extraEnvs[].value", Text)),
    v1beta4(refused(Cluster, "controllerManager.extraEnvs[].valueFrom", ENV_FROM, "write the value in `value`")),
    mapped(Cluster, "controllerManager.extraVolumes", Structs, VOLUMES),
    pass(Cluster, "controllerManager.extraVolumes[].name", Text),
    mapped(Cluster, "controllerManager.extraVolumes[].hostPath", Text, HOST_PATH),
    pass(Cluster, "controllerManager.extraVolumes[].mountPath", Text),
    mapped(Cluster, "controllerManager.extraVolumes[].readOnly", Bool, READ_ONLY),
    mapped(Cluster, "controllerManager.extraVolumes[].pathType", Text, PATH_TYPE),
    group(Cluster, "scheduler"),
    v1beta4(mapped(
        Cluster,
        "scheduler.extraArgs",
        Structs,
        "added to kube-scheduler's arguments, with the same refusals",
    )),
    v1beta3(mapped(Cluster, "scheduler.extraArgs", TextMap, "the same as a map; in the order of the names")),
    v1beta4(pass(Cluster, "scheduler.extraArgs[].name", Text)),
    v1beta4(pass(Cluster, "scheduler.extraArgs[].value", Text)),
    merge_method("scheduler.extraArgs[].mergeMethod"),
    v1beta4(mapped(Cluster, "scheduler.extraEnvs", Structs, "environment variables with a literal value")),
    v1beta4(pass(Cluster, "scheduler.extraEnvs[].name", Text)),
    v1beta4(pass(Cluster, "scheduler.extraEnvs[].value", Text)),
    v1beta4(refused(Cluster, "scheduler.extraEnvs[].valueFrom", ENV_FROM, "write the value in `value`")),
    mapped(Cluster, "scheduler.extraVolumes", Structs, VOLUMES),
    pass(Cluster, "scheduler.extraVolumes[].name", Text),
    mapped(Cluster, "scheduler.extraVolumes[].hostPath", Text, HOST_PATH),
    pass(Cluster, "scheduler.extraVolumes[].mountPath", Text),
    mapped(Cluster, "scheduler.extraVolumes[].readOnly", Bool, READ_ONLY),
    mapped(Cluster, "scheduler.extraVolumes[].pathType", Text, PATH_TYPE),
    group(Cluster, "etcd"),
    group(Cluster, "etcd.local"),
    ignored(Cluster, "etcd.local.dataDir", Text, "the data is in the datastore"),
    refused(Cluster, "etcd.local.imageRepository", NO_LOCAL_ETCD, NAME_A_DATASTORE),
    refused(Cluster, "etcd.local.imageTag", NO_LOCAL_ETCD, NAME_A_DATASTORE),
    v1beta4(Field { shape: OpenList, ..refused(Cluster, "etcd.local.extraArgs", NO_LOCAL_ETCD, NAME_A_DATASTORE) }),
    v1beta3(Field { shape: TextMap, ..refused(Cluster, "etcd.local.extraArgs", NO_LOCAL_ETCD, NAME_A_DATASTORE) }),
    v1beta4(refused(Cluster, "etcd.local.extraEnvs", NO_LOCAL_ETCD, NAME_A_DATASTORE)),
    refused(Cluster, "etcd.local.serverCertSANs", NO_LOCAL_ETCD, NAME_A_DATASTORE),
    refused(Cluster, "etcd.local.peerCertSANs", NO_LOCAL_ETCD, NAME_A_DATASTORE),
    refused(
        Cluster,
        "etcd.external",
        "an etcd of yours is a datastore, with its certificates",
        "remove it, add the etcd as a datastore and name it with --datastore",
    ),
    used(Cluster, "imageRepository", Text, "where images come from; default `registry.k8s.io`"),
    v1beta4(used(Cluster, "encryptionAlgorithm", Text, "the algorithm of every key; without it, `ECDSA-P256`")),
    v1beta4(used(Cluster, "certificateValidityPeriod", Duration, "default one year, `8760h0m0s`")),
    v1beta4(used(Cluster, "caCertificateValidityPeriod", Duration, "default ten years, `87600h0m0s`")),
    ignored_unless(
        Cluster,
        "certificatesDir",
        "/etc/kubernetes/pki",
        "certificates are in Secrets; to bring your own keys, give their directory with --pki",
    ),
    mapped(
        Cluster,
        "featureGates",
        BoolMap,
        "kubeadm's own gates: `PublicKeysECDSA` chooses ECDSA keys, the others concern nodes and are ignored with a warning",
    ),
    group(Cluster, "dns"),
    used(Cluster, "dns.imageRepository", Text, "where the image `coredns` comes from"),
    used(Cluster, "dns.imageTag", Text, "the tag of the image `coredns`; default that of kubeadm"),
    v1beta4(used(Cluster, "dns.disabled", Bool, "install no CoreDNS")),
    v1beta4(group(Cluster, "proxy")),
    v1beta4(used(Cluster, "proxy.disabled", Bool, "install no kube-proxy")),
    used(Init, "bootstrapTokens", Structs, "tokens that workers join with; never written to a record"),
    used(Init, "bootstrapTokens[].token", Text, "required, six and sixteen characters with a dot between"),
    used(Init, "bootstrapTokens[].ttl", Duration, "default `24h0m0s`; `0s` never expires"),
    refused(
        Init,
        "bootstrapTokens[].expires",
        "a fixed time means something else each time the file is used",
        "give a duration with `ttl`",
    ),
    used(Init, "bootstrapTokens[].usages", Texts, "default `signing` and `authentication`"),
    used(Init, "bootstrapTokens[].groups", Texts, "default `system:bootstrappers:kubeadm:default-node-token`"),
    used(Init, "bootstrapTokens[].description", Text, "a text for people"),
    group(Init, "localAPIEndpoint"),
    ignored(
        Init,
        "localAPIEndpoint.advertiseAddress",
        Text,
        "it is the address of a machine; the endpoint comes from the exposure",
    ),
    used(
        Init,
        "localAPIEndpoint.bindPort",
        Int,
        "the API server's port where the exposure leaves the choice; default 6443",
    ),
    group(Init, "nodeRegistration"),
    ignored(Init, "nodeRegistration.name", Text, NO_NODE),
    ignored(Init, "nodeRegistration.criSocket", Text, NO_NODE),
    ignored(Init, "nodeRegistration.taints", OpenList, NO_NODE),
    v1beta4(ignored(Init, "nodeRegistration.kubeletExtraArgs", OpenList, NO_NODE)),
    v1beta3(ignored(Init, "nodeRegistration.kubeletExtraArgs", TextMap, NO_NODE)),
    ignored(Init, "nodeRegistration.ignorePreflightErrors", Texts, NO_NODE),
    ignored(Init, "nodeRegistration.imagePullPolicy", Text, NO_NODE),
    v1beta4(ignored(Init, "nodeRegistration.imagePullSerial", Bool, NO_NODE)),
    refused(
        Init,
        "certificateKey",
        "no node joins a hosted control plane as part of it, so there are no keys to hand over",
        "remove it",
    ),
    used(
        Init,
        "skipPhases",
        Texts,
        "`addon`, `addon/coredns` and `addon/kube-proxy` are honoured; others are ignored with a warning",
    ),
    group(Init, "patches"),
    mapped(
        Init,
        "patches.directory",
        Text,
        "patches of the pods, CoreDNS, kube-proxy and kubelets; the folder is given with `--file`",
    ),
    v1beta4(group(Init, "timeouts")),
    v1beta4(used(
        Init,
        "timeouts.controlPlaneComponentHealthCheck",
        Duration,
        "how long to wait for the control plane, unless `--timeout` is given",
    )),
    timeout("timeouts.kubeletHealthCheck", "4m0s"),
    timeout("timeouts.kubernetesAPICall", "1m0s"),
    timeout("timeouts.etcdAPICall", "2m0s"),
    timeout("timeouts.tlsBootstrap", "5m0s"),
    timeout("timeouts.discovery", "5m0s"),
    timeout("timeouts.upgradeManifests", "5m0s"),
    v1beta4(used(Init, "dryRun", Bool, "as `--dry-run`")),
    pass(Kubelet, "enableServer", Bool),
    pass(Kubelet, "staticPodPath", Text),
    pass(Kubelet, "podLogsDir", Text),
    pass(Kubelet, "syncFrequency", Duration),
    pass(Kubelet, "fileCheckFrequency", Duration),
    pass(Kubelet, "httpCheckFrequency", Duration),
    pass(Kubelet, "staticPodURL", Text),
    pass(Kubelet, "staticPodURLHeader", TextsMap),
    pass(Kubelet, "address", Text),
    pass(Kubelet, "port", Int),
    pass(Kubelet, "readOnlyPort", Int),
    pass(Kubelet, "tlsCertFile", Text),
    pass(Kubelet, "tlsPrivateKeyFile", Text),
    pass(Kubelet, "tlsCipherSuites", Texts),
    pass(Kubelet, "tlsCurvePreferences", Ints),
    pass(Kubelet, "tlsMinVersion", Text),
    used(Kubelet, "rotateCertificates", Bool, "always true, as with kubeadm; false gives a warning"),
    used(Kubelet, "serverTLSBootstrap", Bool, "passed on; nobody approves serving certificates by itself: warning"),
    pass(Kubelet, "authentication", Struct),
    pass(Kubelet, "authentication.x509", Struct),
    used(
        Kubelet,
        "authentication.x509.clientCAFile",
        Text,
        "passed on; warning unless it is `/etc/kubernetes/pki/ca.crt`, where kubeadm join writes it",
    ),
    pass(Kubelet, "authentication.webhook", Struct),
    pass(Kubelet, "authentication.webhook.enabled", Bool),
    pass(Kubelet, "authentication.webhook.cacheTTL", Duration),
    pass(Kubelet, "authentication.anonymous", Struct),
    pass(Kubelet, "authentication.anonymous.enabled", Bool),
    pass(Kubelet, "authorization", Struct),
    pass(Kubelet, "authorization.mode", Text),
    pass(Kubelet, "authorization.webhook", Struct),
    pass(Kubelet, "authorization.webhook.cacheAuthorizedTTL", Duration),
    pass(Kubelet, "authorization.webhook.cacheUnauthorizedTTL", Duration),
    pass(Kubelet, "registryPullQPS", Int),
    pass(Kubelet, "registryBurst", Int),
    pass(Kubelet, "imagePullCredentialsVerificationPolicy", Text),
    pass(Kubelet, "preloadedImagesVerificationAllowlist", Texts),
    pass(Kubelet, "eventRecordQPS", Int),
    pass(Kubelet, "eventBurst", Int),
    pass(Kubelet, "enableDebuggingHandlers", Bool),
    pass(Kubelet, "enableContentionProfiling", Bool),
    pass(Kubelet, "healthzPort", Int),
    pass(Kubelet, "healthzBindAddress", Text),
    pass(Kubelet, "oomScoreAdj", Int),
    used(Kubelet, "clusterDomain", Text, "passed on; without it, networking.dnsDomain"),
    used(Kubelet, "clusterDNS", Texts, "passed on; without it, the tenth service address"),
    pass(Kubelet, "streamingConnectionIdleTimeout", Duration),
    pass(Kubelet, "nodeStatusUpdateFrequency", Duration),
    pass(Kubelet, "nodeStatusReportFrequency", Duration),
    pass(Kubelet, "nodeLeaseDurationSeconds", Int),
    pass(Kubelet, "imageMinimumGCAge", Duration),
    pass(Kubelet, "imageMaximumGCAge", Duration),
    pass(Kubelet, "imageGCHighThresholdPercent", Int),
    pass(Kubelet, "imageGCLowThresholdPercent", Int),
    pass(Kubelet, "volumeStatsAggPeriod", Duration),
    pass(Kubelet, "kubeletCgroups", Text),
    pass(Kubelet, "systemCgroups", Text),
    pass(Kubelet, "cgroupRoot", Text),
    pass(Kubelet, "cgroupsPerQOS", Bool),
    pass(Kubelet, "cgroupDriver", Text),
    pass(Kubelet, "cpuManagerPolicy", Text),
    pass(Kubelet, "singleProcessOOMKill", Bool),
    pass(Kubelet, "cpuManagerPolicyOptions", TextMap),
    pass(Kubelet, "cpuManagerReconcilePeriod", Duration),
    pass(Kubelet, "memoryManagerPolicy", Text),
    pass(Kubelet, "topologyManagerPolicy", Text),
    pass(Kubelet, "topologyManagerScope", Text),
    pass(Kubelet, "topologyManagerPolicyOptions", TextMap),
    pass(Kubelet, "qosReserved", TextMap),
    pass(Kubelet, "runtimeRequestTimeout", Duration),
    pass(Kubelet, "hairpinMode", Text),
    pass(Kubelet, "maxPods", Int),
    pass(Kubelet, "podCIDR", Text),
    pass(Kubelet, "podPidsLimit", Int),
    pass(Kubelet, "resolvConf", Text),
    pass(Kubelet, "runOnce", Bool),
    pass(Kubelet, "cpuCFSQuota", Bool),
    pass(Kubelet, "cpuCFSQuotaPeriod", Duration),
    pass(Kubelet, "nodeStatusMaxImages", Int),
    pass(Kubelet, "maxOpenFiles", Int),
    pass(Kubelet, "contentType", Text),
    pass(Kubelet, "kubeAPIQPS", Int),
    pass(Kubelet, "kubeAPIBurst", Int),
    pass(Kubelet, "serializeImagePulls", Bool),
    pass(Kubelet, "maxParallelImagePulls", Int),
    pass(Kubelet, "evictionHard", TextMap),
    pass(Kubelet, "evictionSoft", TextMap),
    pass(Kubelet, "evictionSoftGracePeriod", TextMap),
    pass(Kubelet, "evictionPressureTransitionPeriod", Duration),
    pass(Kubelet, "evictionMaxPodGracePeriod", Int),
    pass(Kubelet, "evictionMinimumReclaim", TextMap),
    pass(Kubelet, "mergeDefaultEvictionSettings", Bool),
    pass(Kubelet, "podsPerCore", Int),
    pass(Kubelet, "enableControllerAttachDetach", Bool),
    pass(Kubelet, "protectKernelDefaults", Bool),
    pass(Kubelet, "makeIPTablesUtilChains", Bool),
    pass(Kubelet, "iptablesMasqueradeBit", Int),
    pass(Kubelet, "iptablesDropBit", Int),
    pass(Kubelet, "featureGates", BoolMap),
    pass(Kubelet, "failSwapOn", Bool),
    pass(Kubelet, "memorySwap", Struct),
    pass(Kubelet, "memorySwap.swapBehavior", Text),
    pass(Kubelet, "containerLogMaxSize", Text),
    pass(Kubelet, "containerLogMaxFiles", Int),
    pass(Kubelet, "containerLogMaxWorkers", Int),
    pass(Kubelet, "containerLogMonitorInterval", Duration),
    pass(Kubelet, "configMapAndSecretChangeDetectionStrategy", Text),
    pass(Kubelet, "systemReserved", TextMap),
    pass(Kubelet, "kubeReserved", TextMap),
    pass(Kubelet, "reservedSystemCPUs", Text),
    pass(Kubelet, "showHiddenMetricsForVersion", Text),
    pass(Kubelet, "systemReservedCgroup", Text),
    pass(Kubelet, "kubeReservedCgroup", Text),
    pass(Kubelet, "enforceNodeAllocatable", Texts),
    pass(Kubelet, "allowedUnsafeSysctls", Texts),
    pass(Kubelet, "defaultPodSysctls", TextMap),
    pass(Kubelet, "volumePluginDir", Text),
    pass(Kubelet, "providerID", Text),
    pass(Kubelet, "kernelMemcgNotification", Bool),
    pass(Kubelet, "logging", OpenMap),
    pass(Kubelet, "enableSystemLogHandler", Bool),
    pass(Kubelet, "enableSystemLogQuery", Bool),
    pass(Kubelet, "shutdownGracePeriod", Duration),
    pass(Kubelet, "shutdownGracePeriodCriticalPods", Duration),
    pass(Kubelet, "shutdownGracePeriodByPodPriority", Structs),
    pass(Kubelet, "shutdownGracePeriodByPodPriority[].priority", Int),
    pass(Kubelet, "shutdownGracePeriodByPodPriority[].shutdownGracePeriodSeconds", Int),
    pass(Kubelet, "crashLoopBackOff", Struct),
    pass(Kubelet, "crashLoopBackOff.maxContainerRestartPeriod", Duration),
    pass(Kubelet, "reservedMemory", OpenList),
    pass(Kubelet, "enableProfilingHandler", Bool),
    pass(Kubelet, "enableDebugFlagsHandler", Bool),
    pass(Kubelet, "seccompDefault", Bool),
    pass(Kubelet, "memoryThrottlingFactor", Number),
    pass(Kubelet, "memoryReservationPolicy", Text),
    pass(Kubelet, "registerWithTaints", OpenList),
    pass(Kubelet, "registerNode", Bool),
    pass(Kubelet, "tracing", OpenMap),
    pass(Kubelet, "localStorageCapacityIsolation", Bool),
    pass(Kubelet, "containerRuntimeEndpoint", Text),
    pass(Kubelet, "imageServiceEndpoint", Text),
    pass(Kubelet, "failCgroupV1", Bool),
    pass(Kubelet, "userNamespaces", Struct),
    pass(Kubelet, "userNamespaces.idsPerPod", Int),
    pass(KubeProxy, "featureGates", BoolMap),
    pass(KubeProxy, "clientConnection", Struct),
    used(
        KubeProxy,
        "clientConnection.kubeconfig",
        Text,
        "must be `/var/lib/kube-proxy/kubeconfig.conf`, which kubeadm's DaemonSet mounts",
    ),
    pass(KubeProxy, "clientConnection.acceptContentTypes", Text),
    pass(KubeProxy, "clientConnection.contentType", Text),
    pass(KubeProxy, "clientConnection.qps", Number),
    pass(KubeProxy, "clientConnection.burst", Int),
    pass(KubeProxy, "logging", OpenMap),
    pass(KubeProxy, "hostnameOverride", Text),
    pass(KubeProxy, "bindAddress", Text),
    pass(KubeProxy, "healthzBindAddress", Text),
    pass(KubeProxy, "metricsBindAddress", Text),
    pass(KubeProxy, "bindAddressHardFail", Bool),
    pass(KubeProxy, "enableProfiling", Bool),
    pass(KubeProxy, "showHiddenMetricsForVersion", Text),
    used(KubeProxy, "mode", Text, "`ipvs` is deprecated: warning"),
    pass(KubeProxy, "iptables", Struct),
    pass(KubeProxy, "iptables.masqueradeBit", Int),
    pass(KubeProxy, "iptables.masqueradeAll", Bool),
    pass(KubeProxy, "iptables.localhostNodePorts", Bool),
    pass(KubeProxy, "iptables.syncPeriod", Duration),
    pass(KubeProxy, "iptables.minSyncPeriod", Duration),
    pass(KubeProxy, "ipvs", Struct),
    pass(KubeProxy, "ipvs.syncPeriod", Duration),
    pass(KubeProxy, "ipvs.minSyncPeriod", Duration),
    pass(KubeProxy, "ipvs.scheduler", Text),
    pass(KubeProxy, "ipvs.excludeCIDRs", Texts),
    pass(KubeProxy, "ipvs.strictARP", Bool),
    pass(KubeProxy, "ipvs.tcpTimeout", Duration),
    pass(KubeProxy, "ipvs.tcpFinTimeout", Duration),
    pass(KubeProxy, "ipvs.udpTimeout", Duration),
    pass(KubeProxy, "nftables", Struct),
    pass(KubeProxy, "nftables.masqueradeBit", Int),
    pass(KubeProxy, "nftables.masqueradeAll", Bool),
    pass(KubeProxy, "nftables.syncPeriod", Duration),
    pass(KubeProxy, "nftables.minSyncPeriod", Duration),
    pass(KubeProxy, "winkernel", Struct),
    pass(KubeProxy, "winkernel.networkName", Text),
    pass(KubeProxy, "winkernel.sourceVip", Text),
    pass(KubeProxy, "winkernel.enableDSR", Bool),
    pass(KubeProxy, "winkernel.rootHnsEndpointName", Text),
    pass(KubeProxy, "winkernel.forwardHealthCheckVip", Bool),
    pass(KubeProxy, "detectLocalMode", Text),
    pass(KubeProxy, "detectLocal", Struct),
    pass(KubeProxy, "detectLocal.bridgeInterface", Text),
    pass(KubeProxy, "detectLocal.interfaceNamePrefix", Text),
    pass(KubeProxy, "clusterCIDR", Text),
    pass(KubeProxy, "nodePortAddresses", Texts),
    pass(KubeProxy, "oomScoreAdj", Int),
    pass(KubeProxy, "conntrack", Struct),
    pass(KubeProxy, "conntrack.maxPerCore", Int),
    pass(KubeProxy, "conntrack.min", Int),
    pass(KubeProxy, "conntrack.tcpEstablishedTimeout", Duration),
    pass(KubeProxy, "conntrack.tcpCloseWaitTimeout", Duration),
    pass(KubeProxy, "conntrack.tcpBeLiberal", Bool),
    pass(KubeProxy, "conntrack.udpTimeout", Duration),
    pass(KubeProxy, "conntrack.udpStreamTimeout", Duration),
    pass(KubeProxy, "configSyncPeriod", Duration),
    pass(KubeProxy, "portRange", Text),
    pass(KubeProxy, "windowsRunAsService", Bool),
];
