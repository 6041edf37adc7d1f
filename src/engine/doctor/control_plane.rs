//! Collects facts about one control plane: record, lock, objects, pods, endpoint and tenant.

use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::time::timeout;

use super::access::collect_endpoint_facts;
use super::datastore::collect_datastore_facts;
use super::management_cluster::{collect_management_facts, probe_api_server};
use super::tenant::collect_tenant_facts;
use super::{IntoUnavailable as _, QUERY_TIMEOUT, within};
use crate::ambient::Ambient;
use crate::cluster::{Lock, Refusal};
use crate::engine::access::tenant_connection::{TenantConnection, pods, reach};
use crate::engine::rollout::preflight::preview_wish;
use crate::engine::session::Session;
use crate::engine::state::observe::live;
use crate::engine::state::record_store::{StoredRecord, read_record, require_record};
use crate::error::Fault;
use crate::model::{ControlPlaneName, LABEL_NAME, Namespace, ObjectNames};
use crate::plan::apply::live_objects::Live;
use crate::plan::apply::plan::Change;
use crate::plan::certificates::rotation_keys::trusted_cas;
use crate::plan::doctor::check_graph::{Fact, Unavailable};
use crate::plan::doctor::facts::{
    ControlPlaneFacts, DatastoreHealth, EndpointFacts, LockHolder, ManagementFacts, TenancyFacts, TenantClusterFacts,
};
use crate::plan::state::record::Record;

/// The timeout of the dry run that finds drift.
const DRIFT_TIMEOUT: Duration = Duration::from_secs(12);
/// The timeout of connecting to the tenant.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(6);

/// Collects facts about the management cluster and, if its API server answers, about one control plane. `recreate`
/// returns the command that recreates it. Fails only if no control plane of this name exists.
pub async fn collect_control_plane_facts(
    session: &Session<'_>,
    namespace: &Namespace,
    name: &ControlPlaneName,
    recreate: impl Fn(Option<&StoredRecord>) -> String,
    ambient: &mut Ambient,
) -> Result<(ManagementFacts, Option<ControlPlaneFacts>), Fault> {
    let api_server = probe_api_server(session.management, session.clock).await;
    let answers = api_server.is_ok();
    let (management, control_plane) = tokio::join!(collect_management_facts(session, namespace, api_server), async {
        if answers { control_plane(session, namespace, name, recreate, ambient).await.map(Some) } else { Ok(None) }
    });
    Ok((management, control_plane?))
}

async fn control_plane(
    session: &Session<'_>,
    namespace: &Namespace,
    name: &ControlPlaneName,
    recreate: impl Fn(Option<&StoredRecord>) -> String,
    ambient: &mut Ambient,
) -> Result<ControlPlaneFacts, Fault> {
    let connection = session.management;
    let (recorded, lock, pods, events) = tokio::join!(
        within(QUERY_TIMEOUT, "the record", read_record(connection, namespace, name)),
        within(QUERY_TIMEOUT, "the lock", Lock::look(connection, namespace, name, (session.clock)())),
        within(QUERY_TIMEOUT, "the pods", pods(session, namespace, name)),
        within(QUERY_TIMEOUT, "the events", connection.list("v1", "Event", Some(namespace.as_str()), "")),
    );
    let recorded = match recorded {
        Ok(Some(recorded)) => Ok(recorded),
        Ok(None) if !leftovers(session, namespace, name).await => {
            // The same error as in other commands.
            return Err(require_record(connection, namespace, name)
                .await
                .err()
                .unwrap_or_else(|| created_meanwhile(name)));
        }
        Ok(None) => {
            let what = "the record is missing, but objects of the control plane exist";
            Err(Unavailable::Failed(what.to_owned(), vec![recreate(None)]))
        }
        Err(why) => Err(why),
    };
    let (kept, changes, tenant_changes, (datastore, tenancy)) = match &recorded {
        Ok(recorded) => {
            let (kept, (changes, tenant_changes), datastore) = tokio::join!(
                collect_live_facts(session, &recorded.record),
                compare(session, recorded, ambient),
                datastore(session, &recorded.record),
            );
            (kept, changes, tenant_changes, datastore)
        }
        Err(_) => (LiveFacts::unknown(), Err(unknown()), Err(unknown()), (Err(unknown()), Err(unknown()))),
    };
    Ok(ControlPlaneFacts {
        name: name.clone(),
        namespace: namespace.clone(),
        recreate: recreate(recorded.as_ref().ok()),
        record: recorded.map(|recorded| recorded.record),
        lock: lock.map(|held| held.map(|held| LockHolder { name: held.holder, since: held.since, alive: held.alive })),
        live: kept.live,
        changes,
        tenant_changes,
        datastore,
        tenancy,
        pods,
        events,
        endpoint: kept.endpoint,
        reached: kept.reached,
        admin: kept.admin,
        tenant: kept.tenant,
        now: (session.clock)(),
    })
}

fn unknown() -> Unavailable {
    Unavailable::Skipped("not checked: the record is missing".to_owned())
}

fn created_meanwhile(name: &ControlPlaneName) -> Fault {
    Fault::new(crate::error::Kind::Conflict, format!("control plane `{name}` was just created"))
        .hint("run the command again")
}

/// Whether a control plane without a record has objects; false if we cannot list them.
async fn leftovers(session: &Session<'_>, namespace: &Namespace, name: &ControlPlaneName) -> bool {
    let selector = format!("{LABEL_NAME}={name}");
    let query = session.management.list("v1", "Secret", Some(namespace.as_str()), &selector);
    within(QUERY_TIMEOUT, "", query).await.is_ok_and(|found| !found.is_empty())
}

async fn datastore(session: &Session<'_>, record: &Record) -> (Fact<DatastoreHealth>, Fact<TenancyFacts>) {
    collect_datastore_facts(session, &record.spec.datastore, &record.id).await
}

/// Drift in the management cluster and in the tenant. A timeout is not reported as drift.
async fn compare(
    session: &Session<'_>,
    recorded: &StoredRecord,
    ambient: &mut Ambient,
) -> (Fact<Vec<Change>>, Fact<Vec<Change>>) {
    let query = preview_wish(session, recorded, recorded.record.spec.version, ambient);
    let plan = match timeout(DRIFT_TIMEOUT, query).await {
        Ok(Ok(plan)) => plan,
        Ok(Err(fault)) => {
            return (
                Err(fault.into_unavailable()),
                Err(Unavailable::Skipped("drift could not be determined".to_owned())),
            );
        }
        Err(_) => {
            let timed_out =
                || Unavailable::Skipped(format!("finding drift took longer than {} s", DRIFT_TIMEOUT.as_secs()));
            return (Err(timed_out()), Err(timed_out()));
        }
    };
    let (tenant, outside) = plan.changes.into_iter().partition(|change| change.target.starts_with("in the cluster: "));
    let tenant = if plan.unknown.is_empty() && recorded.record.spec.replicas > 0 {
        Ok(tenant)
    } else {
        Err(Unavailable::Skipped("the tenant is not reachable".to_owned()))
    };
    (Ok(outside), tenant)
}

/// Facts that need the live objects.
struct LiveFacts {
    live: Fact<Live>,
    endpoint: Fact<EndpointFacts>,
    reached: Fact<bool>,
    admin: Fact<()>,
    tenant: Fact<TenantClusterFacts>,
}

impl LiveFacts {
    fn unknown() -> Self {
        Self {
            live: Err(unknown()),
            endpoint: Err(unknown()),
            reached: Err(unknown()),
            admin: Err(unknown()),
            tenant: Err(unknown()),
        }
    }
}

async fn collect_live_facts(session: &Session<'_>, record: &Record) -> LiveFacts {
    let live = within(QUERY_TIMEOUT, "the objects", live(session, &record.spec)).await;
    let skipped = |why: &str| Unavailable::Skipped(why.to_owned());
    let mut kept = LiveFacts { live, ..LiveFacts::unknown() };
    let (Ok(live), Some(address)) = (&kept.live, &record.address) else {
        let why = if record.address.is_none() { "no address is assigned yet" } else { "the objects could not be read" };
        kept.endpoint = Err(skipped(why));
        kept.reached = Err(skipped(why));
        kept.admin = Err(skipped(why));
        kept.tenant = Err(skipped(why));
        return kept;
    };
    let authority = live.secret_value(&trusted_cas(&record.spec, record.rotation.as_ref()).name, "ca.crt");
    let authority = authority.as_ref().map(ExposeSecret::expose_secret);
    let (endpoint, (reached, admin, tenant)) = tokio::join!(
        collect_endpoint_facts(&record.spec.name, address, authority),
        connect_to_tenant(session, record, live),
    );
    LiveFacts { endpoint: Ok(endpoint), reached, admin, tenant, ..kept }
}

/// Connects as super-admin, which needs no RBAC objects in the tenant; then sends a request as admin.
async fn connect_to_tenant(
    session: &Session<'_>,
    record: &Record,
    live: &Live,
) -> (Fact<bool>, Fact<()>, Fact<TenantClusterFacts>) {
    let (spec, secret) = (&record.spec, ObjectNames(&record.spec.name).admin_kubeconfig());
    let skipped = |why: &str| Unavailable::Skipped(why.to_owned());
    if spec.replicas == 0 {
        return (Err(skipped("scaled to zero")), Err(skipped("scaled to zero")), Err(skipped("scaled to zero")));
    }
    let super_admin = live.secret_value(&secret, "super-admin.conf");
    let (Some(super_admin), Some(address)) = (super_admin, &record.address) else {
        let why = format!("Secret {}/{secret} has no super-admin.conf", spec.namespace);
        return (Err(skipped(&why)), Err(skipped(&why)), Err(skipped(&why)));
    };
    let reached = within(CONNECT_TIMEOUT, "the API server", async {
        let reached = reach(session, &spec.namespace, &spec.name, address, super_admin.expose_secret()).await;
        match reached.map_err(super::IntoUnavailable::into_unavailable)? {
            Ok(reached) => Ok::<_, Unavailable>(reached),
            Err(causes) => {
                let why = if causes.is_empty() { "no pod is running".to_owned() } else { causes.join("; ") };
                Err(Unavailable::Failed(format!("the API server does not answer: {why}"), Vec::new()))
            }
        }
    })
    .await;
    let reached = match reached {
        Ok(reached) => reached,
        Err(why) => {
            let unreachable = || skipped("the tenant is not reachable");
            return (Err(why), Err(unreachable()), Err(unreachable()));
        }
    };
    let admin = live.secret_value(&secret, "admin.conf");
    let (admin, tenant) = tokio::join!(
        async {
            let Some(admin) = admin else { return Err(skipped("admin.conf is missing")) };
            within(
                QUERY_TIMEOUT,
                "a request with admin.conf",
                list_namespaces_as(&reached, admin.expose_secret(), &spec.name),
            )
            .await
        },
        collect_tenant_facts(&reached.connection, session.clock),
    );
    (Ok(reached.is_direct()), admin, Ok(tenant))
}

/// Sends a request that needs a permission.
async fn list_namespaces_as(
    reached: &TenantConnection,
    kubeconfig: &str,
    name: &ControlPlaneName,
) -> Result<(), Refusal> {
    let connection = reached.with(kubeconfig, name).await?;
    connection.list("v1", "Namespace", None, "").await.map(drop)
}
