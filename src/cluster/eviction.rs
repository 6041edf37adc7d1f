//! Evicting a pod: deleting it with the consent of the disruption budgets.

use kube::core::Status;
use serde_json::json;

use super::http::Failure;
use super::{Connection, Refusal};
use crate::render::ObjectRef;

/// What the server says to an eviction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Eviction {
    /// The pod is being deleted.
    Agreed,
    /// Not now; the server's words. The same request may succeed later.
    Later(String),
    /// There is no such pod any more.
    Gone,
}

impl Connection {
    /// Asks for the eviction of the pod with this uid. With `dry_run` nothing is done.
    pub async fn evict(
        &self,
        pod: &ObjectRef,
        uid: &str,
        grace: Option<u32>,
        dry_run: bool,
    ) -> Result<Eviction, Refusal> {
        let namespace = pod.namespace.as_deref().unwrap_or_default();
        // Written here and not by the client library, whose request names the options in a way that servers ignore.
        let mut options = json!({"preconditions": {"uid": uid}});
        if let Some(seconds) = grace {
            options["gracePeriodSeconds"] = json!(seconds);
        }
        if dry_run {
            options["dryRun"] = json!(["All"]);
        }
        let body = json!({
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod.name, "namespace": namespace},
            "deleteOptions": options,
        });
        let query = if dry_run { "?dryRun=All" } else { "" };
        let path = format!("/api/v1/namespaces/{namespace}/pods/{}/eviction{query}", pod.name);
        let what = format!("evict {pod}");
        let attempt = async || {
            let request = http::Request::post(&path)
                .header(http::header::CONTENT_TYPE, "application/json")
                .body(body.to_string().into_bytes())
                .expect("names of objects make a valid path");
            let answer = self.exchange_removal(&what, request, "Eviction").await.map_err(Failure::of_object);
            let Err(failure) = answer else { return Ok(Eviction::Agreed) };
            match (&failure.status, &failure.refusal) {
                (Some(status), _) if is_temporary(status) => Ok(Eviction::Later(words(status))),
                (_, Refusal::NotFound { .. } | Refusal::Conflict { .. }) => Ok(Eviction::Gone),
                _ => Err(failure),
            }
        };
        if dry_run { self.reading(attempt).await } else { self.writing(attempt).await }
    }
}

/// A budget allows no disruption, or the namespace is going and takes its pods with it.
fn is_temporary(status: &Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    status.code == 429 || (status.code == 403 && causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating"))
}

fn words(status: &Status) -> String {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let causes: Vec<&str> = causes.map(|cause| cause.message.trim()).filter(|message| !message.is_empty()).collect();
    if causes.is_empty() { status.message.trim().to_owned() } else { causes.join("; ") }
}
