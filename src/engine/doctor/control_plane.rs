//! Looks at one control plane: what is kept about it, its pods, the way to it, and inside.

use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::time::timeout;

use super::access::examine_endpoint;
use super::datastore::examine_datastore;
use super::management_cluster::{examine_management, probe_api_server};
use super::tenant::examine_inside;
use super::{LOOK, Why as _, within};
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
use crate::plan::certificates::rotation_keys::trusted_authorities;
use crate::plan::doctor::check_graph::{Fact, Unavailable};
use crate::plan::doctor::facts::{
    ControlPlaneFacts, DatastoreHealth, EndpointFacts, Inside, LockHolder, ManagementFacts, TenancyFacts,
};
use crate::plan::state::record::Record;

/// Asking the server what everything would become.
const COMPARING: Duration = Duration::from_secs(12);
/// Getting into the tenant.
const REACHING: Duration = Duration::from_secs(6);

/// Looks at the management cluster and at one control plane; at that not when the cluster does not answer. `recreate` knows
/// the command that makes it anew. Fails only when there is nothing of this name.
pub async fn collect_control_plane_facts(
    session: &Session<'_>,
    namespace: &Namespace,
    name: &ControlPlaneName,
    recreate: impl Fn(Option<&StoredRecord>) -> String,
    ambient: &mut Ambient,
) -> Result<(ManagementFacts, Option<ControlPlaneFacts>), Fault> {
    let greeting = probe_api_server(session.management, session.clock).await;
    let answers = greeting.is_ok();
    let (management, control_plane) = tokio::join!(examine_management(session, namespace, greeting), async {
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
        within(LOOK, "the record", read_record(connection, namespace, name)),
        within(LOOK, "the lock", Lock::look(connection, namespace, name, (session.clock)())),
        within(LOOK, "the pods", pods(session, namespace, name)),
        within(LOOK, "the events", connection.list("v1", "Event", Some(namespace.as_str()), "")),
    );
    let recorded = match recorded {
        Ok(Some(recorded)) => Ok(recorded),
        Ok(None) if !leftovers(session, namespace, name).await => {
            // The same words as everywhere.
            return Err(require_record(connection, namespace, name).await.err().unwrap_or_else(|| gone(name)));
        }
        Ok(None) => {
            let what = "the record does not exist, although objects of the control plane do";
            Err(Unavailable::Failed(what.to_owned(), vec![recreate(None)]))
        }
        Err(why) => Err(why),
    };
    let (kept, changes, changes_inside, (datastore, tenancy)) = match &recorded {
        Ok(recorded) => {
            let (kept, (changes, changes_inside), datastore) = tokio::join!(
                kept(session, &recorded.record),
                compare(session, recorded, ambient),
                datastore(session, &recorded.record),
            );
            (kept, changes, changes_inside, datastore)
        }
        Err(_) => (Kept::unknown(), Err(unknown()), Err(unknown()), (Err(unknown()), Err(unknown()))),
    };
    Ok(ControlPlaneFacts {
        name: name.clone(),
        namespace: namespace.clone(),
        recreate: recreate(recorded.as_ref().ok()),
        record: recorded.map(|recorded| recorded.record),
        lock: lock.map(|held| held.map(|held| LockHolder { name: held.holder, since: held.since, alive: held.alive })),
        live: kept.live,
        changes,
        changes_inside,
        datastore,
        tenancy,
        pods,
        events,
        endpoint: kept.endpoint,
        reached: kept.reached,
        admin: kept.admin,
        inside: kept.inside,
        now: (session.clock)(),
    })
}

fn unknown() -> Unavailable {
    Unavailable::NoWay("it is not known without the record".to_owned())
}

fn gone(name: &ControlPlaneName) -> Fault {
    Fault::new(crate::error::Kind::Conflict, format!("control plane `{name}` was made this moment"))
        .hint("run the command again")
}

/// Whether there are objects of a control plane that has no record. Where that cannot be seen, there are none.
async fn leftovers(session: &Session<'_>, namespace: &Namespace, name: &ControlPlaneName) -> bool {
    let selector = format!("{LABEL_NAME}={name}");
    let look = session.management.list("v1", "Secret", Some(namespace.as_str()), &selector);
    within(LOOK, "", look).await.is_ok_and(|found| !found.is_empty())
}

async fn datastore(session: &Session<'_>, record: &Record) -> (Fact<DatastoreHealth>, Fact<TenancyFacts>) {
    examine_datastore(session, &record.spec.datastore, &record.id).await
}

/// What differs from what was asked for: here, and inside the tenant. Being slow is no difference.
async fn compare(
    session: &Session<'_>,
    recorded: &StoredRecord,
    ambient: &mut Ambient,
) -> (Fact<Vec<Change>>, Fact<Vec<Change>>) {
    let look = preview_wish(session, recorded, recorded.record.spec.version, ambient);
    let plan = match timeout(COMPARING, look).await {
        Ok(Ok(plan)) => plan,
        Ok(Err(fault)) => return (Err(fault.why()), Err(Unavailable::NoWay("it could not be compared".to_owned()))),
        Err(_) => {
            let late = || Unavailable::NoWay(format!("comparing took longer than {} s", COMPARING.as_secs()));
            return (Err(late()), Err(late()));
        }
    };
    let (inside, outside) = plan.changes.into_iter().partition(|change| change.what.starts_with("in the cluster: "));
    let inside = if plan.unknown.is_empty() && recorded.record.spec.replicas > 0 {
        Ok(inside)
    } else {
        Err(Unavailable::NoWay("there is no way into the cluster".to_owned()))
    };
    (Ok(outside), inside)
}

/// What is kept of a control plane, and where that leads.
struct Kept {
    live: Fact<Live>,
    endpoint: Fact<EndpointFacts>,
    reached: Fact<bool>,
    admin: Fact<()>,
    inside: Fact<Inside>,
}

impl Kept {
    fn unknown() -> Self {
        Self {
            live: Err(unknown()),
            endpoint: Err(unknown()),
            reached: Err(unknown()),
            admin: Err(unknown()),
            inside: Err(unknown()),
        }
    }
}

async fn kept(session: &Session<'_>, record: &Record) -> Kept {
    let live = within(LOOK, "the objects", live(session, &record.spec)).await;
    let no_way = |why: &str| Unavailable::NoWay(why.to_owned());
    let mut kept = Kept { live, ..Kept::unknown() };
    let (Ok(live), Some(address)) = (&kept.live, &record.address) else {
        let why = if record.address.is_none() { "there is no address yet" } else { "the objects were not seen" };
        kept.endpoint = Err(no_way(why));
        kept.reached = Err(no_way(why));
        kept.admin = Err(no_way(why));
        kept.inside = Err(no_way(why));
        return kept;
    };
    let authority = live.secret_value(&trusted_authorities(&record.spec, record.rotation.as_ref()).name, "ca.crt");
    let authority = authority.as_ref().map(ExposeSecret::expose_secret);
    let (endpoint, (reached, admin, inside)) =
        tokio::join!(examine_endpoint(&record.spec.name, address, authority), go_in(session, record, live),);
    Kept { endpoint: Ok(endpoint), reached, admin, inside, ..kept }
}

/// Goes in as super-admin, whose rights need no object of the tenant; then asks as admin.
async fn go_in(session: &Session<'_>, record: &Record, live: &Live) -> (Fact<bool>, Fact<()>, Fact<Inside>) {
    let (spec, secret) = (&record.spec, ObjectNames(&record.spec.name).admin_kubeconfig());
    let no_way = |why: &str| Unavailable::NoWay(why.to_owned());
    if spec.replicas == 0 {
        return (Err(no_way("it sleeps")), Err(no_way("it sleeps")), Err(no_way("it sleeps")));
    }
    let super_admin = live.secret_value(&secret, "super-admin.conf");
    let (Some(super_admin), Some(address)) = (super_admin, &record.address) else {
        let why = format!("Secret {}/{secret} has no super-admin.conf to go in with", spec.namespace);
        return (Err(no_way(&why)), Err(no_way(&why)), Err(no_way(&why)));
    };
    let reached = within(REACHING, "the API server", async {
        let reached = reach(session, &spec.namespace, &spec.name, address, super_admin.expose_secret()).await;
        match reached.map_err(super::Why::why)? {
            Ok(reached) => Ok::<_, Unavailable>(reached),
            Err(causes) => {
                let why = if causes.is_empty() { "no pod runs".to_owned() } else { causes.join("; ") };
                Err(Unavailable::Failed(format!("the API server does not answer: {why}"), Vec::new()))
            }
        }
    })
    .await;
    let reached = match reached {
        Ok(reached) => reached,
        Err(why) => {
            let unseen = || no_way("there is no way into the cluster");
            return (Err(why), Err(unseen()), Err(unseen()));
        }
    };
    let admin = live.secret_value(&secret, "admin.conf");
    let (admin, inside) = tokio::join!(
        async {
            let Some(admin) = admin else { return Err(no_way("there is no admin.conf")) };
            within(LOOK, "a request with admin.conf", ask_as(&reached, admin.expose_secret(), &spec.name)).await
        },
        examine_inside(&reached.connection, session.clock),
    );
    (Ok(reached.is_direct()), admin, Ok(inside))
}

/// A request that needs a right.
async fn ask_as(reached: &TenantConnection, kubeconfig: &str, name: &ControlPlaneName) -> Result<(), Refusal> {
    let connection = reached.with(kubeconfig, name).await?;
    connection.list("v1", "Namespace", None, "").await.map(drop)
}
