//! Objects of others that the pods of a control plane need: looked for before anything is written.

use futures::future::try_join_all;
use serde_json::Value;

use crate::cluster::Refusal;
use crate::engine::datastore::admin::DATASTORE_NAMESPACE;
use crate::engine::session::Session;
use crate::error::{Fault, Kind};
use crate::model::ControlPlaneSpec;
use crate::render::ObjectRef;

/// One object, and what to do where it is missing.
struct Need {
    object: ObjectRef,
    remedy: String,
}

fn need(api_version: &str, kind: &str, namespace: Option<&str>, name: &str, remedy: String) -> Need {
    let namespace = namespace.map(str::to_owned);
    let object = ObjectRef { api_version: api_version.into(), kind: kind.into(), namespace, name: name.to_owned() };
    Need { object, remedy }
}

fn pull_secret(name: &str, namespace: &str, why: &str) -> Need {
    let remedy = format!(
        "make it{why}: kubectl create secret docker-registry {name} -n {namespace} --docker-server=HOST \
         --docker-username=USER --docker-password=PASSWORD"
    );
    need("v1", "Secret", Some(namespace), name, remedy)
}

fn needs(spec: &ControlPlaneSpec, new_datastore: bool) -> Vec<Need> {
    let (pods, namespace) = (&spec.pods, spec.namespace.as_str());
    let mut needs: Vec<Need> = pods.image_pull_secrets.iter().map(|name| pull_secret(name, namespace, "")).collect();
    if new_datastore {
        let why = ", because the pods of the new datastore pull with it too";
        needs.extend(pods.image_pull_secrets.iter().map(|name| pull_secret(name, DATASTORE_NAMESPACE, why)));
    }
    if let Some(name) = &pods.priority_class {
        let remedy = format!(
            "make it: kubectl create priorityclass {name} --value=1000000; or choose one: kubectl get priorityclasses"
        );
        needs.push(need("scheduling.k8s.io/v1", "PriorityClass", None, name, remedy));
    }
    if let Some(name) = &pods.runtime_class {
        needs.push(need("node.k8s.io/v1", "RuntimeClass", None, name, "choose one: kubectl get runtimeclasses".into()));
    }
    if let Some(name) = &pods.service_account {
        let remedy = format!("make it: kubectl create serviceaccount {name} -n {namespace}");
        needs.push(need("v1", "ServiceAccount", Some(namespace), name, remedy));
    }
    needs
}

/// Refuses a control plane whose pods could not run for want of an object. What may not be looked for is let pass.
pub(crate) async fn ensure_references_exist(
    session: &Session<'_>,
    spec: &ControlPlaneSpec,
    new_datastore: bool,
) -> Result<(), Fault> {
    let looks =
        needs(spec, new_datastore).into_iter().map(|need| async move {
            match session.management.get(&need.object).await {
                Ok(Some(found)) => Ok(unusable(&found)
                    .map(|why| Fault::new(Kind::Usage, format!("{} {why}", need.object)).hint(need.remedy))),
                Ok(None) => {
                    Ok(Some(Fault::new(Kind::NotFound, format!("{} does not exist", need.object)).hint(need.remedy)))
                }
                Err(Refusal::Forbidden { .. }) => Ok(None),
                Err(refusal) => Err(refusal),
            }
        });
    try_join_all(looks).await?.into_iter().flatten().next().map_or(Ok(()), Err)
}

/// Kubelets pass over a Secret of another type without a word.
fn unusable(object: &Value) -> Option<String> {
    let is_secret = object.get("kind").and_then(Value::as_str) == Some("Secret");
    let kind = object.get("type").and_then(Value::as_str).unwrap_or("Opaque");
    let pulls = matches!(kind, "kubernetes.io/dockerconfigjson" | "kubernetes.io/dockercfg");
    (is_secret && !pulls).then(|| format!("is of type {kind}, with which no image is pulled"))
}
