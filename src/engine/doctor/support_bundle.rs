//! Collects the contents of a support bundle. A part that fails is listed as missing and does not affect the others.
//! Read-only.

use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde_json::Value;
use tokio::time::timeout;

use crate::cluster::{Connection, Refusal};
use crate::engine::access::tenant_connection::{kubeconfig, reach};
use crate::engine::datastore::admin::DATASTORE_NAMESPACE;
use crate::engine::lifecycle::delete::KINDS;
use crate::engine::session::{Session, at_once};
use crate::engine::state::record_store::read_record;
use crate::model::{ControlPlaneName, LABEL_NAME, Namespace};
use crate::plan::doctor::support_bundle::{BundleInputs, Content};
use crate::render::etcd::LABEL_DATASTORE;

/// The timeout of one part.
const PART_TIMEOUT: Duration = Duration::from_secs(10);
/// The number of logs read concurrently.
const CONCURRENCY: usize = 4;

/// Collects everything about one control plane, with the last `lines` lines of each log.
pub async fn collect_bundle(
    session: &Session<'_>,
    namespace: &Namespace,
    name: &ControlPlaneName,
    lines: u32,
) -> BundleInputs {
    let mut inputs = BundleInputs::default();
    objects(session, namespace, name, &mut inputs).await;
    logs(session, namespace, name, lines, &mut inputs).await;
    events(session, namespace, name, &mut inputs).await;
    datastore(session, namespace, name, &mut inputs).await;
    tenant(session, namespace, name, &mut inputs).await;
    inputs
}

/// Collects one part, or records why it is missing.
async fn part<T>(what: &str, inputs: &mut BundleInputs, query: impl Future<Output = Result<T, Refusal>>) -> Option<T> {
    let why = match timeout(PART_TIMEOUT, query).await {
        Ok(Ok(found)) => return Some(found),
        Ok(Err(refusal)) => refusal.to_string(),
        Err(_) => format!("no answer within {} s", PART_TIMEOUT.as_secs()),
    };
    inputs.missing.push((what.to_owned(), why));
    None
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

async fn objects(session: &Session<'_>, namespace: &Namespace, name: &ControlPlaneName, inputs: &mut BundleInputs) {
    let selector = format!("{LABEL_NAME}={name}");
    for (api_version, kind) in KINDS {
        let query = session.management.list(api_version, kind, Some(namespace.as_str()), &selector);
        let Some(found) = part(&format!("objects of kind {kind}"), inputs, query).await else { continue };
        if kind == "Secret" {
            inputs.secrets.extend(found.clone());
        }
        for object in found {
            let path = format!("objects/{kind}-{}.yaml", text(&object, "/metadata/name"));
            inputs.files.push((path, Content::Objects(vec![object])));
        }
    }
}

/// The pod's started containers, and whether each has restarted.
fn containers(pod: &Value) -> Vec<(String, bool)> {
    let parts = ["/status/initContainerStatuses", "/status/containerStatuses"];
    let statuses = parts.iter().filter_map(|part| pod.pointer(part)?.as_array()).flatten();
    statuses
        .map(|status| (text(status, "/name").to_owned(), status["restartCount"].as_u64().unwrap_or(0) > 0))
        .collect()
}

async fn logs(
    session: &Session<'_>,
    namespace: &Namespace,
    name: &ControlPlaneName,
    lines: u32,
    inputs: &mut BundleInputs,
) {
    let selector = format!("{LABEL_NAME}={name}");
    let query = session.management.list("v1", "Pod", Some(namespace.as_str()), &selector);
    let Some(pods) = part("pods and their logs", inputs, query).await else { return };
    let mut wanted = Vec::new();
    for pod in &pods {
        for (container, again) in containers(pod) {
            let pod = text(pod, "/metadata/name").to_owned();
            wanted.push((pod.clone(), container.clone(), false));
            if again {
                wanted.push((pod, container, true));
            }
        }
    }
    let read = at_once(wanted, CONCURRENCY, |(pod, container, previous)| async move {
        let query = session.management.log(namespace.as_str(), &pod, &container, previous, lines);
        let outcome = timeout(PART_TIMEOUT, query).await;
        let path = format!("logs/{pod}/{container}{}.log", if previous { ".previous" } else { "" });
        match outcome {
            Ok(Ok(log)) => Ok((path, Content::Text(log))),
            Ok(Err(refusal)) => Err((path, refusal.to_string())),
            Err(_) => Err((path, format!("no answer within {} s", PART_TIMEOUT.as_secs()))),
        }
    });
    for log in read.await {
        match log {
            Ok(file) => inputs.files.push(file),
            Err(missing) => inputs.missing.push(missing),
        }
    }
}

/// Collects events of this control plane's objects; the namespace may hold other control planes.
async fn events(session: &Session<'_>, namespace: &Namespace, name: &ControlPlaneName, inputs: &mut BundleInputs) {
    let query = session.management.list("v1", "Event", Some(namespace.as_str()), "");
    let Some(events) = part("the events", inputs, query).await else { return };
    let own = |event: &Value| {
        let object = text(event, "/involvedObject/name");
        object == name.as_str() || object.starts_with(&format!("{name}-"))
    };
    let events = events.into_iter().filter(own).collect();
    inputs.files.push(("events.yaml".to_owned(), Content::Objects(events)));
}

async fn datastore(session: &Session<'_>, namespace: &Namespace, name: &ControlPlaneName, inputs: &mut BundleInputs) {
    let Ok(Some(recorded)) = read_record(session.management, namespace, name).await else { return };
    let datastore = &recorded.record.spec.datastore;
    let selector = format!("{LABEL_DATASTORE}={datastore}");
    let query = session.management.list("v1", "Pod", Some(DATASTORE_NAMESPACE), &selector);
    if let Some(pods) = part(&format!("the pods of datastore {datastore}"), inputs, query).await {
        inputs.files.push(("datastore/pods.yaml".to_owned(), Content::Objects(pods)));
    }
}

/// What is in the control plane's own cluster, if there is a way in.
async fn tenant(session: &Session<'_>, namespace: &Namespace, name: &ControlPlaneName, inputs: &mut BundleInputs) {
    const WHAT: &str = "everything in the tenant cluster";
    let way = async {
        let recorded = read_record(session.management, namespace, name).await.map_err(|fault| fault.to_string())?;
        let address = recorded.and_then(|recorded| recorded.record.address).ok_or("there is no address yet")?;
        let file = kubeconfig(session.management, namespace, name, "super-admin.conf").await;
        let file = file.map_err(|fault| fault.to_string())?.ok_or("there is no super-admin.conf")?;
        let reached = reach(session, namespace, name, &address, file.expose_secret()).await;
        reached.map_err(|fault| fault.to_string())?.map_err(|causes| causes.join("; "))
    };
    let reached = match timeout(PART_TIMEOUT, way).await {
        Ok(Ok(reached)) => reached,
        Ok(Err(why)) => return inputs.missing.push((WHAT.to_owned(), why)),
        Err(_) => {
            return inputs.missing.push((WHAT.to_owned(), format!("no answer within {} s", PART_TIMEOUT.as_secs())));
        }
    };
    read_inside(&reached.connection, inputs).await;
}

async fn read_inside(connection: &Connection, inputs: &mut BundleInputs) {
    let system = Some("kube-system");
    let parts = [
        ("nodes", "v1", "Node", None),
        ("events", "v1", "Event", None),
        ("pods", "v1", "Pod", system),
        ("deployments", "apps/v1", "Deployment", system),
        ("daemonsets", "apps/v1", "DaemonSet", system),
        ("configmaps", "v1", "ConfigMap", system),
        ("leases", "coordination.k8s.io/v1", "Lease", system),
        ("node-leases", "coordination.k8s.io/v1", "Lease", Some("kube-node-lease")),
    ];
    for (file, api_version, kind, place) in parts {
        let what = format!("tenant cluster: {file}");
        if let Some(found) = part(&what, inputs, connection.list(api_version, kind, place, "")).await {
            let objects = Content::Objects(found);
            inputs.files.push((format!("cluster/{file}.yaml"), objects));
        }
    }
    // Secrets are read only to redact bootstrap tokens in the other files.
    if let Some(secrets) = part("tenant cluster: secrets", inputs, connection.list("v1", "Secret", system, "")).await {
        inputs.secrets.extend(secrets);
    }
}
