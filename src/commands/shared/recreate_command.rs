//! Builds the command that recreates a control plane from its record, for hints about missing or changed objects.

use crate::config::{self, Settings, Source};
use crate::engine::state::record_store::StoredRecord;
use crate::model::{ControlPlaneName, ControlPlaneSpec, Exposure, Namespace};
use crate::plan::state::record::LifecyclePhase;

/// `update` for a created control plane; `create` if the creation is incomplete, with placeholders if the record does
/// not contain all flags.
pub(crate) fn recreate(namespace: &Namespace, name: &ControlPlaneName, recorded: Option<&StoredRecord>) -> String {
    if recorded.is_some_and(|recorded| recorded.record.step == LifecyclePhase::Ready) {
        return format!("kamaji update {name} -n {namespace} --yes");
    }
    recorded.and_then(from_record).unwrap_or_else(|| {
        format!(
            "run the create command again with its file and flags: kamaji create {name} -n {namespace} \
                 --kubeadm-config FILE"
        )
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
    // The endpoint may come from the file or from the command line.
    let with_endpoint = Settings { endpoint: spec.endpoint.clone(), ..settings.clone() };
    let reproduces_spec = |settings: Settings| {
        let source = Source { name: "kubeadm.yaml", text: &recorded.documents };
        let mut loaded = config::load(&source, settings).ok()?.spec;
        loaded.labels.extend(spec.labels.clone());
        loaded.bootstrap_tokens.clear();
        is_same(&loaded, spec).then_some(())
    };
    let endpoint = match (reproduces_spec(settings), reproduces_spec(with_endpoint), &spec.endpoint) {
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

fn is_same(one: &ControlPlaneSpec, other: &ControlPlaneSpec) -> bool {
    let json = |spec: &ControlPlaneSpec| serde_json::to_value(spec).ok();
    json(one).is_some() && json(one) == json(other)
}
