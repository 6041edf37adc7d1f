//! Whether a pod is one that Pod Security `restricted` admits, field by field of
//! <https://kubernetes.io/docs/concepts/security/pod-security-standards/>. The API server judges in the end; here it is
//! told before anything is written, and in namespaces that do not enforce it.

use serde_json::Value;

/// Kinds of volumes that are not of the node.
const VOLUMES: [&str; 8] =
    ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"];
const SELINUX_TYPES: [&str; 5] = ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];
const SYSCTLS: [&str; 10] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_syncookies",
];

/// Why a volume is not allowed: the first field of it that is none of the kinds.
fn refuse_volume(volume: &Value) -> Result<(), String> {
    let kind = volume.as_object().into_iter().flatten().find(|(key, value)| *key != "name" && !value.is_null());
    match kind {
        Some((kind, _)) if !VOLUMES.contains(&kind.as_str()) => {
            let name = volume["name"].as_str().unwrap_or_default();
            Err(format!("volume `{name}` is of the kind `{kind}`, which Pod Security `restricted` does not allow"))
        }
        Some(_) | None => Ok(()),
    }
}

/// Why a pod is not allowed.
pub(super) fn refuse_pod(spec: &Value) -> Result<(), String> {
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        if spec[field] == true {
            return Err(format!("`{field}` gives the pod a part of the node"));
        }
    }
    items(&spec["volumes"]).try_for_each(refuse_volume)?;
    let pod = &spec["securityContext"];
    refuse_context(pod, "the pod")?;
    let sysctls = items(&pod["sysctls"]).filter_map(|sysctl| sysctl["name"].as_str());
    if let Some(name) = sysctls.into_iter().find(|name| !SYSCTLS.contains(name)) {
        return Err(format!("the sysctl `{name}` is not allowed"));
    }
    if !spec["ephemeralContainers"].is_null() {
        return Err("`ephemeralContainers` are not part of a Deployment".into());
    }
    let containers = items(&spec["containers"]).chain(items(&spec["initContainers"]));
    containers.into_iter().try_for_each(|container| refuse_container(container, pod))
}

fn refuse_container(container: &Value, pod: &Value) -> Result<(), String> {
    let name = format!("container `{}`", container["name"].as_str().unwrap_or_default());
    let own = &container["securityContext"];
    refuse_context(own, &name)?;
    if own["privileged"] == true {
        return Err(format!("{name} would be privileged"));
    }
    if own["allowPrivilegeEscalation"] != false {
        return Err(format!("{name} needs `allowPrivilegeEscalation: false`"));
    }
    let stated = |field: &str| if own[field].is_null() { pod[field].clone() } else { own[field].clone() };
    if stated("runAsNonRoot") != true {
        return Err(format!("{name} needs `runAsNonRoot: true`"));
    }
    if stated("seccompProfile").is_null() {
        return Err(format!("{name} needs a `seccompProfile`"));
    }
    if !items(&own["capabilities"]["drop"]).any(|capability| capability == "ALL") {
        return Err(format!("{name} must drop all capabilities"));
    }
    if items(&own["capabilities"]["add"]).any(|capability| capability != "NET_BIND_SERVICE") {
        return Err(format!("{name} may add no capability but NET_BIND_SERVICE"));
    }
    if !matches!(own["procMount"].as_str(), None | Some("Default")) {
        return Err(format!("{name} must leave `procMount` as it is"));
    }
    if items(&container["ports"]).any(|port| port["hostPort"].as_u64().unwrap_or(0) != 0) {
        return Err(format!("{name} would take a port of the node"));
    }
    let probes = ["livenessProbe", "readinessProbe", "startupProbe"].map(|probe| &container[probe]);
    let hooks = ["postStart", "preStop"].map(|hook| &container["lifecycle"][hook]);
    for action in probes.into_iter().chain(hooks) {
        let hosts = ["httpGet", "tcpSocket"].map(|how| action[how]["host"].as_str().unwrap_or_default());
        if hosts.iter().any(|host| !host.is_empty()) {
            return Err(format!("{name} would have another host probed"));
        }
    }
    Ok(())
}

/// What pods and containers have alike.
fn refuse_context(context: &Value, of: &str) -> Result<(), String> {
    if context["runAsNonRoot"] == false || context["runAsUser"] == 0 {
        return Err(format!("{of} would run as root"));
    }
    if !matches!(context["seccompProfile"]["type"].as_str(), None | Some("RuntimeDefault" | "Localhost")) {
        return Err(format!("{of} would be without a seccomp profile"));
    }
    if context["appArmorProfile"]["type"] == "Unconfined" {
        return Err(format!("{of} would be without an AppArmor profile"));
    }
    let selinux = &context["seLinuxOptions"];
    let text = |field: &str| selinux[field].as_str().unwrap_or_default().to_owned();
    if !SELINUX_TYPES.contains(&text("type").as_str()) || !text("user").is_empty() || !text("role").is_empty() {
        return Err(format!("{of} would have another SELinux type, user or role"));
    }
    if context["windowsOptions"]["hostProcess"] == true {
        return Err(format!("{of} would be a process of the node"));
    }
    Ok(())
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod() -> Value {
        json!({
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "a", "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}],
            "volumes": [{"name": "v", "emptyDir": {}}],
        })
    }

    #[test]
    fn what_restricted_forbids_is_refused() {
        assert_eq!(refuse_pod(&pod()), Ok(()));
        let cases = [
            ("/hostNetwork", json!(true)),
            ("/hostPID", json!(true)),
            ("/hostIPC", json!(true)),
            ("/volumes/0", json!({"name": "v", "hostPath": {"path": "/"}})),
            ("/volumes/0", json!({"name": "v", "nfs": {}})),
            ("/securityContext/runAsNonRoot", json!(false)),
            ("/securityContext/runAsUser", json!(0)),
            ("/securityContext/seccompProfile", json!({"type": "Unconfined"})),
            ("/securityContext/sysctls", json!([{"name": "kernel.msgmax"}])),
            ("/securityContext/appArmorProfile", json!({"type": "Unconfined"})),
            ("/containers/0/securityContext/privileged", json!(true)),
            ("/containers/0/securityContext/allowPrivilegeEscalation", json!(true)),
            ("/containers/0/securityContext/capabilities/drop", json!([])),
            ("/containers/0/securityContext/capabilities/add", json!(["SYS_ADMIN"])),
            ("/containers/0/securityContext/runAsUser", json!(0)),
            ("/containers/0/securityContext/procMount", json!("Unmasked")),
            ("/containers/0/securityContext/seLinuxOptions", json!({"type": "spc_t"})),
            ("/containers/0/securityContext", Value::Null),
            ("/containers/0/ports", json!([{"containerPort": 1, "hostPort": 1}])),
            ("/containers/0/livenessProbe", json!({"httpGet": {"host": "192.0.2.1"}})),
            ("/initContainers", json!([{"name": "i"}])),
            ("/ephemeralContainers", json!([])),
        ];
        for (path, value) in cases {
            let mut pod = pod();
            let (parent, key) = path.rsplit_once('/').unwrap();
            let within = pod.pointer_mut(parent).unwrap();
            if let Value::Array(items) = within {
                items[key.parse::<usize>().unwrap()] = value;
            } else {
                within[key] = value;
            }
            assert!(refuse_pod(&pod).is_err(), "{path}");
        }
    }
}
