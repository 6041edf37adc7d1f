//! Gathers what a support bundle holds, each part for itself: what cannot be had is told, and keeps nothing else out. Only
//! reads.

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

/// One part.
const PART: Duration = Duration::from_secs(10);
/// How many logs are read at a time.
const AT_ONCE: usize = 4;

/// Gathers everything of one control plane; `lines` of each log.
pub async fn gather_bundle(
    session: &Session<'_>,
    namespace: &Namespace,
    name: &ControlPlaneName,
    lines: u32,
) -> BundleInputs {
    let mut gathered = BundleInputs::default();
    objects(session, namespace, name, &mut gathered).await;
    logs(session, namespace, name, lines, &mut gathered).await;
    events(session, namespace, name, &mut gathered).await;
    datastore(session, namespace, name, &mut gathered).await;
    inside(session, namespace, name, &mut gathered).await;
    gathered
}

/// One part, or why it could not be had.
async fn part<T>(what: &str, gathered: &mut BundleInputs, look: impl Future<Output = Result<T, Refusal>>) -> Option<T> {
    let why = match timeout(PART, look).await {
        Ok(Ok(found)) => return Some(found),
        Ok(Err(refusal)) => refusal.to_string(),
        Err(_) => format!("no answer within {} s", PART.as_secs()),
    };
    gathered.missing.push((what.to_owned(), why));
    None
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

async fn objects(session: &Session<'_>, namespace: &Namespace, name: &ControlPlaneName, gathered: &mut BundleInputs) {
    let selector = format!("{LABEL_NAME}={name}");
    for (api_version, kind) in KINDS {
        let look = session.management.list(api_version, kind, Some(namespace.as_str()), &selector);
        let Some(found) = part(&format!("objects of kind {kind}"), gathered, look).await else { continue };
        if kind == "Secret" {
            gathered.secrets.extend(found.clone());
        }
        for object in found {
            let path = format!("objects/{kind}-{}.yaml", text(&object, "/metadata/name"));
            gathered.files.push((path, Content::Objects(vec![object])));
        }
    }
}

/// The containers of a pod that have begun once.
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
    gathered: &mut BundleInputs,
) {
    let selector = format!("{LABEL_NAME}={name}");
    let look = session.management.list("v1", "Pod", Some(namespace.as_str()), &selector);
    let Some(pods) = part("the pods, for their logs", gathered, look).await else { return };
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
    let read = at_once(wanted, AT_ONCE, |(pod, container, previous)| async move {
        let look = session.management.log(namespace.as_str(), &pod, &container, previous, lines);
        let outcome = timeout(PART, look).await;
        let path = format!("logs/{pod}/{container}{}.log", if previous { ".previous" } else { "" });
        match outcome {
            Ok(Ok(log)) => Ok((path, Content::Text(log))),
            Ok(Err(refusal)) => Err((path, refusal.to_string())),
            Err(_) => Err((path, format!("no answer within {} s", PART.as_secs()))),
        }
    });
    for log in read.await {
        match log {
            Ok(file) => gathered.files.push(file),
            Err(missing) => gathered.missing.push(missing),
        }
    }
}

/// Those of the control plane's own objects: the namespace has other control planes too.
async fn events(session: &Session<'_>, namespace: &Namespace, name: &ControlPlaneName, gathered: &mut BundleInputs) {
    let look = session.management.list("v1", "Event", Some(namespace.as_str()), "");
    let Some(events) = part("the events", gathered, look).await else { return };
    let own = |event: &Value| {
        let object = text(event, "/involvedObject/name");
        object == name.as_str() || object.starts_with(&format!("{name}-"))
    };
    let events = events.into_iter().filter(own).collect();
    gathered.files.push(("events.yaml".to_owned(), Content::Objects(events)));
}

async fn datastore(session: &Session<'_>, namespace: &Namespace, name: &ControlPlaneName, gathered: &mut BundleInputs) {
    let Ok(Some(recorded)) = read_record(session.management, namespace, name).await else { return };
    let datastore = &recorded.record.spec.datastore;
    let selector = format!("{LABEL_DATASTORE}={datastore}");
    let look = session.management.list("v1", "Pod", Some(DATASTORE_NAMESPACE), &selector);
    if let Some(pods) = part(&format!("the pods of datastore {datastore}"), gathered, look).await {
        gathered.files.push(("datastore/pods.yaml".to_owned(), Content::Objects(pods)));
    }
}

/// What is in the control plane's own cluster, if there is a way in.
async fn inside(session: &Session<'_>, namespace: &Namespace, name: &ControlPlaneName, gathered: &mut BundleInputs) {
    const WHAT: &str = "everything in the cluster itself";
    let way = async {
        let recorded = read_record(session.management, namespace, name).await.map_err(|fault| fault.to_string())?;
        let address = recorded.and_then(|recorded| recorded.record.address).ok_or("there is no address yet")?;
        let file = kubeconfig(session.management, namespace, name, "super-admin.conf").await;
        let file = file.map_err(|fault| fault.to_string())?.ok_or("there is no super-admin.conf")?;
        let reached = reach(session, namespace, name, &address, file.expose_secret()).await;
        reached.map_err(|fault| fault.to_string())?.map_err(|causes| causes.join("; "))
    };
    let reached = match timeout(PART, way).await {
        Ok(Ok(reached)) => reached,
        Ok(Err(why)) => return gathered.missing.push((WHAT.to_owned(), why)),
        Err(_) => return gathered.missing.push((WHAT.to_owned(), format!("no answer within {} s", PART.as_secs()))),
    };
    read_inside(&reached.connection, gathered).await;
}

async fn read_inside(connection: &Connection, gathered: &mut BundleInputs) {
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
        let what = format!("in the cluster: {file}");
        if let Some(found) = part(&what, gathered, connection.list(api_version, kind, place, "")).await {
            let objects = Content::Objects(found);
            gathered.files.push((format!("cluster/{file}.yaml"), objects));
        }
    }
    // Bootstrap tokens are only read to keep them out of everything else.
    if let Some(secrets) = part("in the cluster: tokens", gathered, connection.list("v1", "Secret", system, "")).await {
        gathered.secrets.extend(secrets);
    }
}
