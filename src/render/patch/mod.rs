//! kubeadm's patches on the objects that are made. A static pod's patch is applied to a pod that looks like kubeadm's: one
//! container, of the component; what becomes of it goes back into the Deployment.

mod restricted;
mod strategic;

use std::net::{IpAddr, Ipv4Addr};

use k8s_openapi::api::core::v1::PodSpec;
use serde_json::{Map, Value, json};

use super::{Address, DatastoreAccess, KeySecrets, Manifest, deployment};
use crate::model::{
    ControlPlaneId, ControlPlaneSpec, Endpoint, Host, ObjectNames, Patch, PatchTarget, PatchType, is_owned_argument,
};

/// A patch that cannot be applied, or that would make what must not be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the patch {file} {why}")]
pub struct PatchError {
    /// The file.
    pub file: String,
    /// Why.
    pub why: String,
}

/// Applies one patch.
fn apply(patch: &Patch, mut value: Value) -> Result<Value, String> {
    match patch.kind {
        PatchType::Json => {
            let operations: json_patch::Patch =
                serde_json::from_value(patch.body.clone()).map_err(|error| format!("is no JSON patch: {error}"))?;
            json_patch::patch(&mut value, &operations).map_err(|error| format!("cannot be applied: {error}"))?;
            Ok(value)
        }
        PatchType::Merge => {
            json_patch::merge(&mut value, &patch.body);
            Ok(value)
        }
        PatchType::Strategic => {
            let keyed = patch.target != PatchTarget::KubeletConfiguration;
            strategic::merge(value, &patch.body, keyed).map_err(|why| format!("cannot be applied: {why}"))
        }
    }
}

/// Applies the patches of a target to an object that stays what it is: name, namespace and kind.
pub fn patch_object(spec: &ControlPlaneSpec, target: PatchTarget, object: Value) -> Result<Value, PatchError> {
    spec.extras.patches_of(target).try_fold(object, |before, patch| {
        let failed = |why: String| PatchError { file: patch.file.clone(), why };
        let after = without_nulls(apply(patch, before.clone()).map_err(failed)?);
        for field in ["/apiVersion", "/kind", "/metadata/name", "/metadata/namespace"] {
            if before.pointer(field) != after.pointer(field) {
                return Err(failed(format!("would change `{}`", field[1..].replace('/', "."))));
            }
        }
        Ok(after)
    })
}

/// Applies the patches of the three components to the Deployment.
pub fn patch_pods(spec: &ControlPlaneSpec, mut deployment: Manifest) -> Result<Manifest, PatchError> {
    let components = [PatchTarget::KubeApiserver, PatchTarget::KubeControllerManager, PatchTarget::KubeScheduler];
    for target in components {
        for patch in spec.extras.patches_of(target) {
            let template = deployment.body["spec"]["template"].take();
            let patched = patch_template(patch, &template);
            deployment.body["spec"]["template"] =
                patched.map_err(|why| PatchError { file: patch.file.clone(), why })?;
        }
    }
    Ok(deployment)
}

/// Whether the patches of the components can be applied, told before an address and a datastore are known.
pub fn check_pod_patches(spec: &ControlPlaneSpec) -> Result<(), PatchError> {
    if spec.extras.patches.is_none() {
        return Ok(());
    }
    let ip = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let endpoint = Endpoint { host: Host::Ip(ip), port: spec.bind_port };
    let address = Address { endpoint, advertise: vec![ip], secure_port: spec.bind_port, also: Vec::new() };
    let datastore = DatastoreAccess { endpoints: vec!["etcd:2379".into()] };
    let id = ControlPlaneId::parse(&"0".repeat(32)).expect("it is an id");
    let keys = KeySecrets::settled(ObjectNames(&spec.name));
    patch_pods(spec, deployment(spec, &id, &address, &datastore, &keys, "")).map(|_| ())
}

fn patch_template(patch: &Patch, template: &Value) -> Result<Value, String> {
    let name = patch.target.as_str();
    let is_own = |container: &Value| container["name"] == name;
    let containers = template["spec"]["containers"].as_array().cloned().unwrap_or_default();
    let (own, others): (Vec<Value>, Vec<Value>) = containers.iter().cloned().partition(is_own);
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": template["metadata"],
        "spec": template["spec"],
    });
    pod["metadata"]["name"] = json!(name);
    pod["metadata"]["namespace"] = json!("kube-system");
    pod["spec"]["containers"] = Value::Array(own);
    let mut after = without_nulls(apply(patch, pod.clone())?);
    refuse_loss(&pod, &after, name)?;
    restricted::refuse_pod(&after["spec"]).map_err(|why| format!("is refused: {why}"))?;
    serde_json::from_value::<PodSpec>(after["spec"].clone()).map_err(|error| format!("makes no pod: {error}"))?;
    let patched = after["spec"]["containers"].as_array().cloned().unwrap_or_default();
    if let Some(twice) = patched.iter().find(|one| others.iter().any(|other| other["name"] == one["name"])) {
        return Err(format!("adds a container `{}`, which there is", twice["name"].as_str().unwrap_or_default()));
    }
    // The components keep their order; what the patch adds is behind.
    let (own, added): (Vec<Value>, Vec<Value>) = patched.into_iter().partition(is_own);
    let in_place = containers.iter().flat_map(|one| if is_own(one) { own.clone() } else { vec![one.clone()] });
    after["spec"]["containers"] = in_place.chain(added).collect();
    let mut metadata = after["metadata"].take();
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.remove("name");
        metadata.remove("namespace");
    }
    Ok(json!({ "metadata": metadata, "spec": after["spec"] }))
}

/// What kamaji gives a pod has to stay.
fn refuse_loss(before: &Value, after: &Value, name: &str) -> Result<(), String> {
    for (what, fields) in [("label", "/metadata/labels"), ("annotation", "/metadata/annotations")] {
        let after = after.pointer(fields);
        let kept = |(key, value): &(&String, &Value)| after.and_then(|all| all.get(key.as_str())) == Some(*value);
        if let Some((key, _)) =
            before.pointer(fields).and_then(Value::as_object).into_iter().flatten().find(|one| !kept(one))
        {
            return Err(format!("would change the {what} `{key}`, which is kamaji's"));
        }
    }
    for field in ["serviceAccountName", "automountServiceAccountToken"] {
        if before["spec"][field] != after["spec"][field] {
            return Err(format!("would change `{field}`, which is kamaji's"));
        }
    }
    keeps(&before["spec"]["volumes"], &after["spec"]["volumes"], "volume")?;
    let container = |pod: &Value| {
        let mut all = pod["spec"]["containers"].as_array().into_iter().flatten();
        all.find(|container| container["name"] == name).cloned()
    };
    let Some((before, after)) = container(before).zip(container(after)) else {
        return Err(format!("would remove or rename the container `{name}`"));
    };
    keeps(&before["volumeMounts"], &after["volumeMounts"], "mount of")?;
    keeps(&before["ports"], &after["ports"], "port")?;
    let (owned, now) = (owned_arguments(&before), owned_arguments(&after));
    let differs =
        owned.iter().find(|line| !now.contains(line)).or_else(|| now.iter().find(|line| !owned.contains(line)));
    if let Some(line) = differs {
        let argument = line.trim_start_matches('-').split('=').next().unwrap_or_default();
        return Err(format!("would change the argument `{argument}`, which is kamaji's"));
    }
    if arguments(&after).any(|line| line.starts_with("--authorization-mode=") && line.contains("AlwaysAllow")) {
        return Err("would let everybody do everything: `AlwaysAllow`".into());
    }
    Ok(())
}

fn keeps(before: &Value, after: &Value, what: &str) -> Result<(), String> {
    let after: Vec<&Value> = after.as_array().into_iter().flatten().collect();
    match before.as_array().into_iter().flatten().find(|item| !after.contains(item)) {
        None => Ok(()),
        Some(lost) => {
            let name = lost["name"].as_str().unwrap_or_default();
            Err(format!("would change the {what} `{name}`, which is kamaji's"))
        }
    }
}

fn arguments(container: &Value) -> impl Iterator<Item = &str> {
    ["command", "args"]
        .into_iter()
        .flat_map(|field| container[field].as_array().into_iter().flatten())
        .filter_map(Value::as_str)
}

fn owned_arguments(container: &Value) -> Vec<&str> {
    let name = |line: &str| line.trim_start_matches('-').split('=').next().unwrap_or_default().to_owned();
    arguments(container).filter(|line| line.starts_with('-') && is_owned_argument(&name(line))).collect()
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key, without_nulls(value))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => other,
    }
}
