//! Looks at datastores: how they are, what of a control plane is in them, and what of none.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::management_cluster::{examine_management, probe_api_server};
use super::{LOOK, within};
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

/// A datastore: opening it and asking it.
const DATASTORE: Duration = Duration::from_secs(10);
/// How long it is tried to open.
const OPENING: Duration = Duration::from_secs(6);
/// How long bytes are counted.
const COUNTING: Duration = Duration::from_secs(2);
/// How many datastores are asked at a time.
const AT_ONCE: usize = 4;
/// How many orphans' keys are counted.
const COUNTED: usize = 20;

/// One datastore, and what it holds of one control plane.
pub(super) async fn examine_datastore(
    session: &Session<'_>,
    name: &DatastoreName,
    id: &ControlPlaneId,
) -> (Fact<DatastoreHealth>, Fact<TenancyFacts>) {
    let what = format!("datastore `{name}`");
    let look = within(DATASTORE, &what, async {
        let mut admin = opened(session, name).await?;
        let health = health(session, name, &mut admin).await?;
        let tenancy = tenancy(&mut admin, id).await;
        Ok::<_, Fault>((health, tenancy))
    });
    match look.await {
        Ok((health, tenancy)) => (Ok(health), tenancy.map_err(super::Why::why)),
        Err(why) => (Err(why), Err(Unavailable::NoWay("the datastore does not answer".to_owned()))),
    }
}

async fn opened(session: &Session<'_>, name: &DatastoreName) -> Result<Admin, Fault> {
    let datastore = find(session, name).await?.ok_or_else(|| DatastoreError::Missing { name: name.to_string() })?;
    let session = Session { deadline: Instant::now() + OPENING, ..*session };
    open(&session, &datastore).await
}

async fn health(session: &Session<'_>, name: &DatastoreName, admin: &mut Admin) -> Result<DatastoreHealth, Fault> {
    let health = admin.etcd.health().await?;
    let selector = format!("{LABEL_DATASTORE}={name}");
    let pods = session.management.list("v1", "Pod", Some(DATASTORE_NAMESPACE), &selector).await?;
    let pod =
        |member: &str| pods.iter().find(|pod| pod.pointer("/metadata/name").and_then(Value::as_str) == Some(member));
    // A member without its pod is away, unless none of them is a pod here.
    let ready = |member: &str| (!pods.is_empty()).then(|| pod(member).is_some_and(|pod| pod_summary(pod).1));
    Ok(DatastoreHealth {
        name: name.to_string(),
        hole: vulnerable(&health.version).map(str::to_owned),
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
        (state.permission, "permission of its prefix"),
        (state.grant, "grant of its role"),
    ];
    Ok(TenancyFacts {
        prefix: prefix(id),
        missing: parts.iter().filter(|(there, _)| !there).map(|(_, what)| *what).collect(),
        keys: state.keys,
        bytes: admin.etcd.tenant_bytes(id, COUNTING).await.ok(),
    })
}

/// All control planes that can be seen: id, name, datastore.
struct Known {
    control_planes: Vec<(ControlPlaneId, String, DatastoreName)>,
    /// Ids of Deployments whose record may be lost.
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

/// Looks at the management cluster, and at what all control planes share when it answers.
pub async fn collect_shared_facts(
    session: &Session<'_>,
    namespace: &Namespace,
) -> (ManagementFacts, Option<SharedFacts>) {
    let greeting = probe_api_server(session.management, session.clock).await;
    let answers = greeting.is_ok();
    tokio::join!(examine_management(session, namespace, greeting), async {
        if answers { Some(shared(session, namespace).await) } else { None }
    })
}

async fn shared(session: &Session<'_>, namespace: &Namespace) -> SharedFacts {
    let events = within(LOOK, "events", session.management.list("v1", "Event", Some(DATASTORE_NAMESPACE), ""));
    let (all, own, events) = tokio::join!(
        within(LOOK, "the control planes of all namespaces", known(session, None)),
        within(LOOK, "the control planes", known(session, Some(namespace))),
        events,
    );
    let default = DatastoreName::parse("default").expect("it is a name");
    let mut names: BTreeSet<DatastoreName> = BTreeSet::new();
    for known in [&all, &own].into_iter().flatten() {
        names.extend(known.control_planes.iter().map(|(_, _, datastore)| datastore.clone()));
    }
    if !names.contains(&default) && matches!(within(LOOK, "", find(session, &default)).await, Ok(Some(_))) {
        names.insert(default);
    }
    let looks = at_once(&names, AT_ONCE, |name| examine_one(session, name, &all)).await;
    let (datastores, orphans) = looks.into_iter().unzip();
    SharedFacts { datastores, orphans, events }
}

async fn examine_one(
    session: &Session<'_>,
    name: &DatastoreName,
    all: &Fact<Known>,
) -> (Fact<DatastoreHealth>, Fact<Orphans>) {
    let what = format!("datastore `{name}`");
    let look = within(DATASTORE, &what, async {
        let mut admin = opened(session, name).await?;
        let health = health(session, name, &mut admin).await?;
        let orphans = match all {
            Ok(known) => orphans(session, name, &mut admin, known).await.map_err(super::Why::why),
            Err(why) => Err(why.clone()),
        };
        Ok::<_, Fault>((health, orphans))
    });
    match look.await {
        Ok((health, orphans)) => (Ok(health), orphans),
        Err(why) => (Err(why), Err(Unavailable::NoWay("the datastore does not answer".to_owned()))),
    }
}

/// What is seen twice, with a look at the control planes between, is no control plane that comes or goes this moment.
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
    let mut without_plane = BTreeMap::new();
    for id in tenants.intersection(&still).filter(|id| !is_known(id)) {
        let keys = match ControlPlaneId::parse(id) {
            Ok(id) if without_plane.len() < COUNTED => admin.etcd.tenant(&id).await?.keys,
            Ok(_) | Err(_) => 0,
        };
        without_plane.insert(id.clone(), keys);
    }
    let lost = |known: &Known| -> BTreeSet<String> {
        let here = known.control_planes.iter().filter(|(_, _, datastore)| datastore == name);
        here.filter(|(id, _, _)| !tenants.contains(id.as_str()) && !still.contains(id.as_str()))
            .map(|(_, control_plane, _)| control_plane.clone())
            .collect()
    };
    Ok(Orphans {
        datastore: name.to_string(),
        tenants: still.len() - without_plane.len().min(still.len()),
        without_plane,
        without_tenancy: lost(before).intersection(&lost(&after)).cloned().collect(),
    })
}
