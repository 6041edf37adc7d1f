//! The command that makes a control plane again as it was asked for, out of its record: to paste, where something of it is
//! missing or was changed by others.

use crate::config::{self, Settings, Source};
use crate::engine::state::record_store::StoredRecord;
use crate::model::{ControlPlaneName, ControlPlaneSpec, Exposure, Namespace};
use crate::plan::state::record::LifecyclePhase;

/// The command: `update`, which reads the record; before the first creation is finished `create`, with places to fill in
/// where the record does not tell all that was on the command line.
pub(crate) fn recreate(namespace: &Namespace, name: &ControlPlaneName, recorded: Option<&StoredRecord>) -> String {
    if recorded.is_some_and(|recorded| recorded.record.step == LifecyclePhase::Ready) {
        return format!("kamaji update {name} -n {namespace} --yes");
    }
    recorded.and_then(from_record).unwrap_or_else(|| {
        format!("the create command again, with its file and flags: kamaji create {name} -n {namespace} --kubeadm-config FILE")
    })
}

fn from_record(recorded: &StoredRecord) -> Option<String> {
    let spec = &recorded.record.spec;
    let (name, namespace) = (&spec.name, &spec.namespace);
    let settings = Settings {
        replicas: spec.replicas,
        expose: spec.expose,
        endpoint: None,
        ..Settings::new(name.clone(), namespace.clone(), spec.datastore.clone())
    };
    // The address may be from the file or from the command line.
    let with_endpoint = Settings { endpoint: spec.endpoint.clone(), ..settings.clone() };
    let gives = |settings: Settings| {
        let source = Source { name: "kubeadm.yaml", text: &recorded.documents };
        let mut loaded = config::load(&source, settings).ok()?.spec;
        loaded.labels.extend(spec.labels.clone());
        loaded.bootstrap_tokens.clear();
        same(&loaded, spec).then_some(())
    };
    let endpoint = match (gives(settings), gives(with_endpoint), &spec.endpoint) {
        (Some(()), _, _) => String::new(),
        (None, Some(()), Some(endpoint)) => format!(" --endpoint {endpoint}"),
        _ => return None,
    };
    let expose = match spec.expose {
        None => "",
        Some(Exposure::LoadBalancer) => " --expose load-balancer",
        Some(Exposure::NodePort) => " --expose node-port",
        Some(Exposure::ClusterIp) => " --expose cluster-ip",
    };
    let datastore = match spec.datastore.as_str() {
        "default" => String::new(),
        datastore => format!(" --datastore {datastore}"),
    };
    let labels: String = spec.labels.iter().map(|(key, value)| format!(" --label {key}={value}")).collect();
    Some(format!(
        "kubectl get configmap {name}-record -n {namespace} -o jsonpath='{{.data.kubeadm\\.yaml}}' | \
         kamaji create {name} -n {namespace} --kubeadm-config -{expose}{endpoint}{datastore}{labels} --yes"
    ))
}

fn same(one: &ControlPlaneSpec, other: &ControlPlaneSpec) -> bool {
    let json = |spec: &ControlPlaneSpec| serde_json::to_value(spec).ok();
    json(one).is_some() && json(one) == json(other)
}
