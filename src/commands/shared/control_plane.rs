//! An existing control plane: its record, its address, a way into it.

use secrecy::ExposeSecret as _;

use super::context::Management;
use crate::cluster::Connection;
use crate::engine::access::tenant_connection;
use crate::engine::access::tenant_connection::TenantConnection;
use crate::engine::session::Session;
use crate::engine::state::record_store;
use crate::error::{Fault, Kind};
use crate::model::{ControlPlaneName, ObjectNames};
use crate::plan::state::record::{LifecyclePhase, Record};
use crate::render::Address;

/// Reads the record, or says that there is no such control plane.
pub(crate) async fn record(
    session: &Session<'_>,
    management: &Management,
    name: &ControlPlaneName,
) -> Result<Record, Fault> {
    Ok(record_store::require_record(session.management, &management.namespace, name).await?.record)
}

/// The address, or what to do while there is none.
pub(crate) fn address(record: &Record) -> Result<&Address, Fault> {
    let name = &record.spec.name;
    match (&record.address, record.step) {
        (_, LifecyclePhase::Deleting) => {
            Err(Fault::new(Kind::Conflict, format!("control plane `{name}` is being deleted"))
                .hint(format!("finish that: kamaji delete {}", record.spec.namespaced_name().argument())))
        }
        (Some(address), LifecyclePhase::Creating | LifecyclePhase::Ready) => Ok(address),
        (None, LifecyclePhase::Creating | LifecyclePhase::Ready) => Err(Fault::new(
            Kind::Unavailable,
            format!("control plane `{name}` has no address yet: its creation is not finished"),
        )
        .hint("run the create command again: it goes on where it stopped")),
    }
}

/// One file of the Secret with the administrators' kubeconfigs.
pub(crate) async fn kubeconfig(
    connection: &Connection,
    record: &Record,
    file: &str,
) -> Result<secrecy::SecretString, Fault> {
    let spec = &record.spec;
    tenant_connection::kubeconfig(connection, &spec.namespace, &spec.name, file).await?.ok_or_else(|| {
        let secret = format!("Secret {}/{}", spec.namespace, ObjectNames(&spec.name).admin_kubeconfig());
        Fault::new(
            Kind::Unavailable,
            format!("{secret} has no key `{file}`: the creation of the control plane is not finished"),
        )
        .hint("run the create command again: it goes on where it stopped")
    })
}

/// A connection as super-admin, waiting for nothing.
pub(crate) async fn reach(session: &Session<'_>, record: &Record) -> Result<TenantConnection, Fault> {
    let kubeconfig = kubeconfig(session.management, record, "super-admin.conf").await?;
    let (spec, address) = (&record.spec, address(record)?);
    tenant_connection::reach(session, &spec.namespace, &spec.name, address, kubeconfig.expose_secret()).await?.map_err(
        |causes| {
            let why = causes.first().and_then(|cause| cause.lines().next()).unwrap_or("no pod runs");
            Fault::new(Kind::Unavailable, format!("the API server of `{}` does not answer: {why}", spec.name))
                .hint(format!("see what is wrong: kamaji status {}", spec.namespaced_name().argument()))
        },
    )
}
