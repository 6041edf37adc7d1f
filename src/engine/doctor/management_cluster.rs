//! Looks at the management cluster.

use std::time::Duration;

use jiff::Timestamp;

use super::{LOOK, Why as _, within};
use crate::cluster::{Connection, Refusal};
use crate::engine::datastore::admin;
use crate::engine::datastore::admin::DATASTORE_NAMESPACE;
use crate::engine::lifecycle::permissions::missing_rights;
use crate::engine::session::Session;
use crate::model::{CLUSTER, CONTROL_PLANES, DATASTORE_USE, Namespace, Right};
use crate::plan::doctor::check_graph::{Fact, Unavailable};
use crate::plan::doctor::facts::{ApiServerProbe, ManagementFacts, MissingRights};
use crate::render::ObjectRef;

/// The first question: when it is not answered, nothing else is asked.
const FIRST: Duration = Duration::from_secs(5);
/// Rights that are missing are asked for one by one.
const RIGHTS: Duration = Duration::from_secs(15);

/// What is known when the kubeconfig cannot even be used.
#[must_use]
pub fn no_kubeconfig(refusal: Refusal, namespace: &Namespace) -> ManagementFacts {
    nothing(namespace, Err(refusal.why()), true, "there is no usable kubeconfig")
}

fn nothing(namespace: &Namespace, kubeconfig: Fact<String>, verified: bool, why: &str) -> ManagementFacts {
    let no_way = || Unavailable::NoWay(why.to_owned());
    ManagementFacts {
        kubeconfig,
        verified,
        greeting: Err(no_way()),
        rights: Err(no_way()),
        storage_classes: Err(no_way()),
        namespace_name: namespace.clone(),
        namespace: Err(no_way()),
        quotas: Err(no_way()),
    }
}

/// A server's answer to the first question, of the management cluster and of tenants.
pub(crate) async fn probe_api_server(connection: &Connection, clock: fn() -> Timestamp) -> Fact<ApiServerProbe> {
    within(FIRST, connection.server(), async {
        let hello = connection.probe_api_server().await?;
        // The server's date is cut to the second, so a difference of one is none.
        let ahead = hello.date.map(|date| clock().as_second() - date.as_second());
        let ahead = ahead.map(|seconds| if seconds == 1 { 0 } else { seconds });
        Ok::<_, Refusal>(ApiServerProbe { version: hello.version, took: hello.took, ahead })
    })
    .await
}

/// Looks at the management cluster as one namespace needs it; at nothing more when it did not answer.
pub(crate) async fn examine_management(
    session: &Session<'_>,
    namespace: &Namespace,
    greeting: Fact<ApiServerProbe>,
) -> ManagementFacts {
    let connection = session.management;
    let server = connection.server().to_owned();
    if greeting.is_err() {
        let why = "the management cluster does not answer";
        return ManagementFacts { greeting, ..nothing(namespace, Ok(server), connection.verified(), why) };
    }
    let object =
        ObjectRef { api_version: "v1".into(), kind: "Namespace".into(), namespace: None, name: namespace.to_string() };
    let (rights, storage_classes, found, quotas) = tokio::join!(
        within(RIGHTS, "the rights", rights(session, namespace)),
        within(LOOK, "the storage classes", connection.list("storage.k8s.io/v1", "StorageClass", None, "")),
        within(LOOK, "the namespace", connection.get(&object)),
        within(LOOK, "the quotas", connection.list("v1", "ResourceQuota", Some(namespace.as_str()), "")),
    );
    ManagementFacts {
        kubeconfig: Ok(server),
        verified: connection.verified(),
        greeting,
        rights,
        storage_classes,
        namespace_name: namespace.clone(),
        namespace: found,
        quotas,
    }
}

/// What is missing anywhere, told together.
async fn rights(session: &Session<'_>, namespace: &Namespace) -> Result<Vec<MissingRights>, Refusal> {
    let datastores = admin::namespace();
    let places: [(String, &Namespace, &[Right]); 3] = [
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
