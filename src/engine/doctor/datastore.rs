//! Collects facts about datastores: health, one control plane's user and data, and orphans.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::management_cluster::{collect_management_facts, probe_api_server};
use super::{QUERY_TIMEOUT, within};
use crate::datastore::{prefix, vulnerable};
use crate::engine::datastore::admin::{Admin, DATASTORE_NAMESPACE, find, open};
use crate::engine::session::{Session, at_once};
use crate::error::Fault;
use crate::model::{ANNOTATION_ID, ControlPlaneId, DatastoreName, LABEL_COMPONENT, Namespace};
use crate::plan::datastore::authority::DatastoreError;
use crate::plan::doctor::check_graph::{Fact, Unavailable};
use crate::plan::doctor::facts::{DatastoreHealth, ManagementFacts, Member, Orphans, SharedFacts, TenancyFacts};
use crate::plan::lifecycle::pod_status::pod_summary;
use crate::plan::state::record::Record;
use crate::render::etcd::LABEL_DATASTORE;

/// The timeout of all queries to one datastore.
const DATASTORE_TIMEOUT: Duration = Duration::from_secs(10);
/// The timeout of connecting.
const OPEN_TIMEOUT: Duration = Duration::from_secs(6);
/// The timeout of counting bytes.
const COUNT_TIMEOUT: Duration = Duration::from_secs(2);
/// The number of datastores queried concurrently.
const CONCURRENCY: usize = 4;
/// The number of orphans whose keys are counted.
const MAX_COUNTED: usize = 20;

/// Collects facts about one datastore and what it holds for one control plane.
pub(super) async fn collect_datastore_facts(
    session: &Session<'_>,
    name: &DatastoreName,
    id: &ControlPlaneId,
) -> (Fact<DatastoreHealth>, Fact<TenancyFacts>) {
    let what = format!("datastore `{name}`");
    let query = within(DATASTORE_TIMEOUT, &what, async {
        let mut admin = opened(session, name).await?;
        let health = health(session, name, &mut admin).await?;
        let tenancy = tenancy(&mut admin, id).await;
        Ok::<_, Fault>((health, tenancy))
    });
    match query.await {
        Ok((health, tenancy)) => (Ok(health), tenancy.map_err(super::IntoUnavailable::into_unavailable)),
        Err(why) => (Err(why), Err(Unavailable::Skipped("the datastore is not reachable".to_owned()))),
    }
}

async fn opened(session: &Session<'_>, name: &DatastoreName) -> Result<Admin, Fault> {
    let datastore = find(session, name).await?.ok_or_else(|| DatastoreError::Missing { name: name.to_string() })?;
    let session = Session { deadline: Instant::now() + OPEN_TIMEOUT, ..*session };
    open(&session, &datastore).await
}

async fn health(session: &Session<'_>, name: &DatastoreName, admin: &mut Admin) -> Result<DatastoreHealth, Fault> {
    let health = admin.etcd.health().await?;
    let selector = format!("{LABEL_DATASTORE}={name}");
    let pods = session.management.list("v1", "Pod", Some(DATASTORE_NAMESPACE), &selector).await?;
    let pod =
        |member: &str| pods.iter().find(|pod| pod.pointer("/metadata/name").and_then(Value::as_str) == Some(member));
    // A member without a pod is down, unless no member runs as a pod in this cluster.
    let ready = |member: &str| (!pods.is_empty()).then(|| pod(member).is_some_and(|pod| pod_summary(pod).1));
    Ok(DatastoreHealth {
        name: name.to_string(),
        vulnerability: vulnerable(&health.version).map(str::to_owned),
        version: health.version,
        members: health.members.into_iter().map(|name| Member { ready: ready(&name), name }).collect(),
        alarms: health.alarms,
        errors: health.errors,
        size: health.size,
        in_use: health.in_use,
        quota: health.quota,
    })
}

async fn tenancy(admin: &mut Admin, id: &ControlPlaneId) -> Result<TenancyFacts, Fault> {
    let state = admin.etcd.tenant(id).await?;
    let parts = [
        (state.user, "user"),
        (state.role, "role"),
        (state.permission, "permission on its prefix"),
        (state.grant, "grant of its role"),
    ];
    Ok(TenancyFacts {
        prefix: prefix(id),
        missing: parts.iter().filter(|(there, _)| !there).map(|(_, what)| *what).collect(),
        keys: state.keys,
        bytes: admin.etcd.tenant_bytes(id, COUNT_TIMEOUT).await.ok(),
    })
}

/// All visible control planes: id, name, datastore.
struct Known {
    control_planes: Vec<(ControlPlaneId, String, DatastoreName)>,
    /// Ids from Deployments, whose record may be lost.
    deployed: BTreeSet<String>,
}

async fn known(session: &Session<'_>, namespace: Option<&Namespace>) -> Result<Known, crate::cluster::Refusal> {
    let place = namespace.map(Namespace::as_str);
    let [record, deployment] = ["record", "deployment"].map(|component| format!("{LABEL_COMPONENT}={component}"));
    let (records, deployments) = tokio::try_join!(
        session.management.list("v1", "ConfigMap", place, &record),
        session.management.list("apps/v1", "Deployment", place, &deployment),
    )?;
    let records = records.iter().filter_map(|object| Record::from_object(object).ok());
    let control_planes = records
        .map(|record| {
            let name = format!("{}/{}", record.spec.namespace, record.spec.name);
            (record.id, name, record.spec.datastore)
        })
        .collect();
    let id = |object: &Value| object.pointer("/metadata/annotations")?.get(ANNOTATION_ID)?.as_str().map(str::to_owned);
    Ok(Known { control_planes, deployed: deployments.iter().filter_map(id).collect() })
}

/// Collects facts about the management cluster and, if its API server answers, about what all control planes share.
pub async fn collect_shared_facts(
    session: &Session<'_>,
    namespace: &Namespace,
) -> (ManagementFacts, Option<SharedFacts>) {
    let api_server = probe_api_server(session.management, session.clock).await;
    let answers = api_server.is_ok();
    tokio::join!(collect_management_facts(session, namespace, api_server), async {
        if answers { Some(shared(session, namespace).await) } else { None }
    })
}

async fn shared(session: &Session<'_>, namespace: &Namespace) -> SharedFacts {
    let events = within(QUERY_TIMEOUT, "events", session.management.list("v1", "Event", Some(DATASTORE_NAMESPACE), ""));
    let (all, own, events) = tokio::join!(
        within(QUERY_TIMEOUT, "the control planes of all namespaces", known(session, None)),
        within(QUERY_TIMEOUT, "the control planes", known(session, Some(namespace))),
        events,
    );
    let default = DatastoreName::parse("default").expect("it is a name");
    let mut names: BTreeSet<DatastoreName> = BTreeSet::new();
    for known in [&all, &own].into_iter().flatten() {
        names.extend(known.control_planes.iter().map(|(_, _, datastore)| datastore.clone()));
    }
    if !names.contains(&default) && matches!(within(QUERY_TIMEOUT, "", find(session, &default)).await, Ok(Some(_))) {
        names.insert(default);
    }
    let results = at_once(&names, CONCURRENCY, |name| collect_shared_datastore_facts(session, name, &all)).await;
    let (datastores, orphans) = results.into_iter().unzip();
    SharedFacts { datastores, orphans, events }
}

async fn collect_shared_datastore_facts(
    session: &Session<'_>,
    name: &DatastoreName,
    all: &Fact<Known>,
) -> (Fact<DatastoreHealth>, Fact<Orphans>) {
    let what = format!("datastore `{name}`");
    let query = within(DATASTORE_TIMEOUT, &what, async {
        let mut admin = opened(session, name).await?;
        let health = health(session, name, &mut admin).await?;
        let orphans = match all {
            Ok(known) => {
                orphans(session, name, &mut admin, known).await.map_err(super::IntoUnavailable::into_unavailable)
            }
            Err(why) => Err(why.clone()),
        };
        Ok::<_, Fault>((health, orphans))
    });
    match query.await {
        Ok((health, orphans)) => (Ok(health), orphans),
        Err(why) => (Err(why), Err(Unavailable::Skipped("the datastore is not reachable".to_owned()))),
    }
}

/// Lists users twice, and control planes in between, to exclude control planes that are just being created or deleted.
async fn orphans(
    session: &Session<'_>,
    name: &DatastoreName,
    admin: &mut Admin,
    before: &Known,
) -> Result<Orphans, Fault> {
    let tenants: BTreeSet<String> = admin.etcd.tenants().await?.into_iter().collect();
    let after = known(session, None).await?;
    let still: BTreeSet<String> = admin.etcd.tenants().await?.into_iter().collect();
    let is_known = |id: &str| {
        [before, &after].iter().any(|known| {
            known.deployed.contains(id) || known.control_planes.iter().any(|(known, _, _)| known.as_str() == id)
        })
    };
    let mut orphan_ids = BTreeMap::new();
    for id in tenants.intersection(&still).filter(|id| !is_known(id)) {
        let keys = match ControlPlaneId::parse(id) {
            Ok(id) if orphan_ids.len() < MAX_COUNTED => admin.etcd.tenant(&id).await?.keys,
            Ok(_) | Err(_) => 0,
        };
        orphan_ids.insert(id.clone(), keys);
    }
    let lost = |known: &Known| -> BTreeSet<String> {
        let here = known.control_planes.iter().filter(|(_, _, datastore)| datastore == name);
        here.filter(|(id, _, _)| !tenants.contains(id.as_str()) && !still.contains(id.as_str()))
            .map(|(_, control_plane, _)| control_plane.clone())
            .collect()
    };
    Ok(Orphans {
        datastore: name.to_string(),
        tenants: still.len() - orphan_ids.len().min(still.len()),
        orphan_ids,
        missing_tenants: lost(before).intersection(&lost(&after)).cloned().collect(),
    })
}
