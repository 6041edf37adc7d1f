//! The kube-apiserver container: its flags per the CIS benchmark, and the files it reads.
//!
//! Deviations from the benchmark, with reasons: anonymous requests are allowed for health and `cluster-info` only
//! (`kubeadm join` and the kubelet's probes need them); no `--kubelet-certificate-authority`, because kubelets serve
//! self-signed certificates unless `serverTLSBootstrap` is on.

use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, Container, ContainerPort, Lifecycle, LifecycleHandler, SecretVolumeSource, SleepAction,
    Volume,
};

use super::flags::Flags;
use super::pod::{SECRET_MODE, container, container_security, https_probe, mount, projected, projected_secret};
use super::settings::settled;
use super::{Address, DatastoreAccess, KeySecrets, policy};
use crate::model::{ComponentName, ControlPlaneId, ControlPlaneSpec, ObjectNames};

pub(super) const PKI: &str = "/etc/kubernetes/pki";
const POLICIES: &str = "/etc/kubernetes/policies";
const ENCRYPTION: &str = "/etc/kubernetes/encryption";

/// How many seconds a pod that is to end serves on: longer than any kube-proxy takes to notice.
const SERVE_ON: i64 = 10;

/// TLS 1.2 suites with forward secrecy and authenticated encryption, for RSA and ECDSA serving keys (CIS 1.2.29).
pub(super) const CIPHER_SUITES: &str = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,\
TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,\
TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256";

/// Flags of the user with which an authentication configuration file cannot be combined
/// (kube-apiserver refuses to start: they are mutually exclusive).
fn authenticates_by_flags(spec: &ControlPlaneSpec) -> bool {
    spec.api_server.extra_args.iter().any(|arg| arg.name.starts_with("oidc-") || arg.name == "anonymous-auth")
}

fn flags(spec: &ControlPlaneSpec, id: &ControlPlaneId, address: &Address, datastore: &DatastoreAccess) -> Flags {
    let pki = |file: &str| format!("{PKI}/{file}");
    let join = |nets: &[ipnet::IpNet]| nets.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let mut flags = Flags::default();
    if let Some(ip) = address.announced() {
        flags.set("advertise-address", ip.to_string());
    }
    flags
        .set("allow-privileged", "true")
        .set("audit-log-maxage", "30")
        .set("audit-log-maxbackup", "10")
        .set("audit-log-maxsize", "100")
        .set("audit-log-path", "-")
        .set("audit-policy-file", format!("{POLICIES}/audit.yaml"));
    if !authenticates_by_flags(spec) && policy::authentication(spec.version).is_some() {
        flags.set("authentication-config", format!("{POLICIES}/authentication.yaml"));
    }
    // Beside a configuration of authorization the flag is refused, also by kubeadm.
    if !spec.api_server.extra_args.iter().any(|arg| arg.name == "authorization-config") {
        flags.set("authorization-mode", "Node,RBAC");
    }
    flags
        .set("client-ca-file", pki("ca.crt"))
        .set("enable-admission-plugins", "NodeRestriction,DenyServiceExternalIPs")
        .set("enable-bootstrap-token-auth", "true")
        .set("encryption-provider-config", format!("{ENCRYPTION}/encryption.yaml"))
        .set("encryption-provider-config-automatic-reload", "true")
        // kamaji writes `default/kubernetes` itself: the built-in reconciler takes the address out whenever one of
        // several replicas with that same address stops.
        .set("endpoint-reconciler-type", "none")
        .set("etcd-cafile", pki("etcd/ca.crt"))
        .set("etcd-certfile", pki("etcd/server.crt"))
        // Compaction needs rights on the whole store; a shared etcd compacts itself.
        .set("etcd-compaction-interval", "0")
        .set("etcd-keyfile", pki("etcd/server.key"))
        .set("etcd-prefix", format!("/{id}"))
        .set("etcd-servers", datastore.endpoints.iter().map(|e| format!("https://{e}")).collect::<Vec<_>>().join(","))
        // Of every 50 requests on a kept connection one is its last, so that busy clients have left a pod before it ends.
        .set("goaway-chance", "0.02")
        .set("kubelet-client-certificate", pki("apiserver-kubelet-client.crt"))
        .set("kubelet-client-key", pki("apiserver-kubelet-client.key"))
        .set("kubelet-preferred-address-types", "InternalIP,ExternalIP,Hostname")
        .set("profiling", "false")
        .set("proxy-client-cert-file", pki("front-proxy-client.crt"))
        .set("proxy-client-key-file", pki("front-proxy-client.key"))
        .set("requestheader-allowed-names", "front-proxy-client")
        .set("requestheader-client-ca-file", pki("front-proxy-ca.crt"))
        .set("requestheader-extra-headers-prefix", "X-Remote-Extra-")
        .set("requestheader-group-headers", "X-Remote-Group")
        .set("requestheader-username-headers", "X-Remote-User")
        .set("secure-port", address.secure_port.to_string())
        .set("service-account-extend-token-expiration", "false")
        .set("service-account-issuer", format!("https://kubernetes.default.svc.{}", spec.networking.dns_domain))
        .set("service-account-key-file", pki("sa.pub"))
        .set("service-account-signing-key-file", pki("sa.key"))
        .set("service-cluster-ip-range", join(&spec.networking.service_subnets))
        // Watches are ended in good order; without it a stopping server waits a minute for clients that keep one open.
        // Clients that still keep a connection are told to leave (GOAWAY); `shutdown-send-retry-after` would answer them
        // 429 instead.
        .set("shutdown-watch-termination-grace-period", "10s")
        .set("tls-cert-file", pki("apiserver.crt"))
        .set("tls-cipher-suites", CIPHER_SUITES)
        .set("tls-min-version", "VersionTLS12")
        .set("tls-private-key-file", pki("apiserver.key"));
    flags
}

/// The flags for asking which there are, before it is known where anything is.
pub(super) fn names(spec: &ControlPlaneSpec) -> Flags {
    let ip = std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
    let endpoint = crate::model::Endpoint { host: crate::model::Host::Ip(ip), port: spec.bind_port };
    let address = Address { endpoint, advertise: vec![ip], secure_port: spec.bind_port, also: Vec::new() };
    let id = ControlPlaneId::parse(&"0".repeat(32)).expect("it is an id");
    flags(spec, &id, &address, &DatastoreAccess { endpoints: Vec::new() })
}

/// The container.
pub(super) fn api_server(
    spec: &ControlPlaneSpec,
    id: &ControlPlaneId,
    address: &Address,
    datastore: &DatastoreAccess,
) -> Container {
    let command = flags(spec, id, address, datastore).command("kube-apiserver", &spec.api_server.extra_args);
    let component = ComponentName::KubeApiserver;
    let image = spec.pods.image(component, &spec.image_repository, &spec.version.to_string());
    let port = address.secure_port;
    let container = Container {
        ports: Some(vec![ContainerPort {
            name: Some("https".into()),
            container_port: i32::from(port),
            protocol: Some("TCP".into()),
            ..Default::default()
        }]),
        // The image's binary carries the file capability `cap_net_bind_service`; with all capabilities dropped it
        // could not even be executed. `restricted` allows this one.
        security_context: Some(container_security(&["NET_BIND_SERVICE"])),
        // The server serves on, ready in every respect, until each kube-proxy sends new connections to other pods.
        // `shutdown-delay-duration` would do so too, but with a failing /readyz.
        lifecycle: Some(Lifecycle {
            pre_stop: Some(LifecycleHandler { sleep: Some(SleepAction { seconds: SERVE_ON }), ..Default::default() }),
            ..Default::default()
        }),
        startup_probe: Some(https_probe("/livez", port, 1, 15, 240)),
        readiness_probe: Some(https_probe("/readyz", port, 2, 15, 3)),
        liveness_probe: Some(https_probe("/livez", port, 10, 15, 8)),
        volume_mounts: Some(vec![
            mount("api-server-pki", PKI),
            mount("api-server-policies", POLICIES),
            mount("encryption-config", ENCRYPTION),
        ]),
        ..container("kube-apiserver", image, command, &spec.api_server.extra_envs)
    };
    settled(spec, component, container)
}

/// The volumes that [`api_server`] mounts. No CA key is among them: the API server signs nothing with it.
pub(super) fn api_server_volumes(names: ObjectNames<'_>, keys: &KeySecrets) -> Vec<Volume> {
    let public = &keys.service_account_public;
    let private = &keys.service_account_private;
    let service_account = if public == private {
        vec![projected_secret(public.clone(), &[("sa.pub", "sa.pub"), ("sa.key", "sa.key")])]
    } else {
        vec![
            projected_secret(public.clone(), &[("sa.pub", "sa.pub")]),
            projected_secret(private.clone(), &[("sa.key", "sa.key")]),
        ]
    };
    let mut pki = vec![
        projected_secret(keys.authority.clone(), &[("ca.crt", "ca.crt")]),
        projected_secret(names.api_server(), &[("apiserver.crt", "apiserver.crt"), ("apiserver.key", "apiserver.key")]),
        projected_secret(
            names.kubelet_client(),
            &[
                ("apiserver-kubelet-client.crt", "apiserver-kubelet-client.crt"),
                ("apiserver-kubelet-client.key", "apiserver-kubelet-client.key"),
            ],
        ),
        projected_secret(names.front_proxy_ca(), &[("front-proxy-ca.crt", "front-proxy-ca.crt")]),
        projected_secret(
            names.front_proxy_client(),
            &[
                ("front-proxy-client.crt", "front-proxy-client.crt"),
                ("front-proxy-client.key", "front-proxy-client.key"),
            ],
        ),
    ];
    pki.extend(service_account);
    pki.push(projected_secret(
        names.datastore_certificate(),
        &[("ca.crt", "etcd/ca.crt"), ("server.crt", "etcd/server.crt"), ("server.key", "etcd/server.key")],
    ));
    vec![
        projected("api-server-pki", pki),
        Volume {
            name: "api-server-policies".into(),
            config_map: Some(ConfigMapVolumeSource { name: names.policies(), ..Default::default() }),
            ..Default::default()
        },
        Volume {
            name: "encryption-config".into(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(keys.encryption.clone()),
                default_mode: Some(SECRET_MODE),
                ..Default::default()
            }),
            ..Default::default()
        },
    ]
}
