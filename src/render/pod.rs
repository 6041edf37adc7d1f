//! What all containers of a control plane share: security settings, volumes, probes.
//!
//! Every pod must be admitted under Pod Security `restricted`
//! (<https://kubernetes.io/docs/concepts/security/pod-security-standards/>).

use k8s_openapi::api::core::v1::{
    Capabilities, Container, EnvVar as KubeEnvVar, HTTPGetAction, KeyToPath, PodSecurityContext, Probe,
    ProjectedVolumeSource, SeccompProfile, SecretProjection, SecurityContext, Volume, VolumeMount, VolumeProjection,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::flags::literal;
use crate::model::EnvVar;

/// The user and group all containers run as: `nonroot` of the distroless images that Kubernetes uses.
pub(super) const NON_ROOT: i64 = 65532;

/// Readable by the pod's group only.
pub(super) const SECRET_MODE: i32 = 0o440;

/// The pod's part of Pod Security `restricted`.
pub(super) fn pod_security() -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(NON_ROOT),
        run_as_group: Some(NON_ROOT),
        fs_group: Some(NON_ROOT),
        fs_group_change_policy: Some("OnRootMismatch".into()),
        seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".into(), ..Default::default() }),
        ..Default::default()
    }
}

/// A container's part of Pod Security `restricted`. `add` names capabilities that the image needs to start at all.
pub(super) fn container_security(add: &[&str]) -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        privileged: Some(false),
        read_only_root_filesystem: Some(true),
        run_as_non_root: Some(true),
        capabilities: Some(Capabilities {
            drop: Some(vec!["ALL".into()]),
            add: (!add.is_empty()).then(|| add.iter().map(|name| (*name).to_owned()).collect()),
        }),
        seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".into(), ..Default::default() }),
        ..Default::default()
    }
}

/// One HTTPS endpoint that is probed, `period` seconds apart, until it failed `failures` times in a row.
pub(super) fn https_probe(path: &str, port: u16, period: i32, timeout: i32, failures: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::Int(i32::from(port)),
            scheme: Some("HTTPS".into()),
            ..Default::default()
        }),
        period_seconds: Some(period),
        timeout_seconds: Some(timeout),
        failure_threshold: Some(failures),
        success_threshold: Some(1),
        ..Default::default()
    }
}

/// The fields every container has alike.
pub(super) fn container(name: &str, image: String, command: Vec<String>, env: &[EnvVar]) -> Container {
    Container {
        name: name.to_owned(),
        image: Some(image),
        image_pull_policy: Some("IfNotPresent".into()),
        command: Some(command),
        env: (!env.is_empty()).then(|| {
            env.iter()
                .map(|var| KubeEnvVar { name: var.name.clone(), value: Some(literal(&var.value)), value_from: None })
                .collect()
        }),
        security_context: Some(container_security(&[])),
        termination_message_policy: Some("FallbackToLogsOnError".into()),
        ..Default::default()
    }
}

/// One Secret in a projected volume: some of its keys, each as a file.
pub(super) fn projected_secret(secret: String, files: &[(&str, &str)]) -> VolumeProjection {
    VolumeProjection {
        secret: Some(SecretProjection {
            name: secret,
            items: Some(
                files
                    .iter()
                    .map(|(key, path)| KeyToPath { key: (*key).to_owned(), path: (*path).to_owned(), mode: None })
                    .collect(),
            ),
            optional: None,
        }),
        ..Default::default()
    }
}

/// A volume of Secrets' keys, readable by the pod only.
pub(super) fn projected(name: &str, sources: Vec<VolumeProjection>) -> Volume {
    Volume {
        name: name.to_owned(),
        projected: Some(ProjectedVolumeSource { default_mode: Some(SECRET_MODE), sources: Some(sources) }),
        ..Default::default()
    }
}

/// A read-only mount.
pub(super) fn mount(volume: &str, path: &str) -> VolumeMount {
    VolumeMount { name: volume.to_owned(), mount_path: path.to_owned(), read_only: Some(true), ..Default::default() }
}
