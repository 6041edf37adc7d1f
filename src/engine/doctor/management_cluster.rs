//! Collects facts about the management cluster.

use std::time::Duration;

use jiff::Timestamp;

use super::{IntoUnavailable as _, QUERY_TIMEOUT, within};
use crate::cluster::{Connection, Refusal};
use crate::engine::datastore::admin;
use crate::engine::datastore::admin::DATASTORE_NAMESPACE;
use crate::engine::lifecycle::permissions::missing_rights;
use crate::engine::session::Session;
use crate::model::{CLUSTER, CONTROL_PLANES, DATASTORE_USE, Namespace, Permission};
use crate::plan::doctor::check_graph::{Fact, Unavailable};
use crate::plan::doctor::facts::{ApiServerProbe, ManagementFacts, MissingRights};
use crate::render::ObjectRef;

/// The timeout of the first request; if it fails, no other is sent.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// The timeout of the permission checks, which are sent one by one.
const PERMISSIONS_TIMEOUT: Duration = Duration::from_secs(15);

/// The facts when no usable kubeconfig exists.
#[must_use]
pub fn no_kubeconfig(refusal: Refusal, namespace: &Namespace) -> ManagementFacts {
    no_facts(namespace, Err(refusal.into_unavailable()), true, "there is no usable kubeconfig")
}

fn no_facts(namespace: &Namespace, kubeconfig: Fact<String>, verified: bool, why: &str) -> ManagementFacts {
    let skipped = || Unavailable::Skipped(why.to_owned());
    ManagementFacts {
        kubeconfig,
        verified,
        api_server: Err(skipped()),
        rights: Err(skipped()),
        storage_classes: Err(skipped()),
        namespace_name: namespace.clone(),
        namespace: Err(skipped()),
        quotas: Err(skipped()),
    }
}

/// Requests an API server's version and clock, of the management cluster or a tenant.
pub(crate) async fn probe_api_server(connection: &Connection, clock: fn() -> Timestamp) -> Fact<ApiServerProbe> {
    within(PROBE_TIMEOUT, connection.server(), async {
        let hello = connection.probe_api_server().await?;
        // The server's date is truncated to seconds, so ignore a difference of one.
        let ahead = hello.date.map(|date| clock().as_second() - date.as_second());
        let ahead = ahead.map(|seconds| if seconds == 1 { 0 } else { seconds });
        Ok::<_, Refusal>(ApiServerProbe { version: hello.version, took: hello.took, ahead })
    })
    .await
}

/// Collects facts about the management cluster and one namespace; none if the API server did not answer.
pub(crate) async fn collect_management_facts(
    session: &Session<'_>,
    namespace: &Namespace,
    api_server: Fact<ApiServerProbe>,
) -> ManagementFacts {
    let connection = session.management;
    let server = connection.server().to_owned();
    if api_server.is_err() {
        let why = "the management cluster does not answer";
        return ManagementFacts { api_server, ..no_facts(namespace, Ok(server), connection.verified(), why) };
    }
    let object =
        ObjectRef { api_version: "v1".into(), kind: "Namespace".into(), namespace: None, name: namespace.to_string() };
    let (rights, storage_classes, found, quotas) = tokio::join!(
        within(PERMISSIONS_TIMEOUT, "the permissions", rights(session, namespace)),
        within(QUERY_TIMEOUT, "the storage classes", connection.list("storage.k8s.io/v1", "StorageClass", None, "")),
        within(QUERY_TIMEOUT, "the namespace", connection.get(&object)),
        within(QUERY_TIMEOUT, "the quotas", connection.list("v1", "ResourceQuota", Some(namespace.as_str()), "")),
    );
    ManagementFacts {
        kubeconfig: Ok(server),
        verified: connection.verified(),
        api_server,
        rights,
        storage_classes,
        namespace_name: namespace.clone(),
        namespace: found,
        quotas,
    }
}

/// Missing permissions in all scopes.
async fn rights(session: &Session<'_>, namespace: &Namespace) -> Result<Vec<MissingRights>, Refusal> {
    let datastores = admin::namespace();
    let places: [(String, &Namespace, &[Permission]); 3] = [
        (format!("namespace {namespace}"), namespace, CONTROL_PLANES),
        (format!("namespace {DATASTORE_NAMESPACE}"), &datastores, DATASTORE_USE),
        ("the cluster".to_owned(), namespace, CLUSTER),
    ];
    let mut all = Vec::new();
    for (place, namespace, rights) in places {
        let missing = missing_rights(session.management, namespace, rights).await?;
        if !missing.is_empty() {
            all.push(MissingRights { place, rights: missing });
        }
    }
    Ok(all)
}
