//! The address of a control plane: its Service is written as decided and asked until the address is known.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::engine::lifecycle::preview::exposure;
use crate::engine::session::Session;
use crate::engine::state::observe::cluster_facts;
use crate::engine::state::record_store::RecordStore;
use crate::error::{Fault, Kind};
use crate::event::Event;
use crate::model::{ControlPlaneSpec, Exposure, ObjectNames};
use crate::plan::access::endpoint::{AddressState, decide_address};
use crate::plan::access::exposure::{api_server_port, decide_exposure};
use crate::render::{Address, ObjectRef};

/// How long a load balancer may take to be heard of where the user left the exposure to us. Who provides one says so in
/// an event about the Service, and is then waited for.
const LOAD_BALANCER_GRACE: Duration = Duration::from_secs(5);

/// Waits for the Service's address, gives up on a load balancer that nobody asked for, keeps port and node port equal.
pub(crate) async fn await_address(
    session: &Session<'_>,
    spec: &ControlPlaneSpec,
    store: &mut RecordStore<'_>,
) -> Result<Address, Fault> {
    let service_ref = ObjectRef {
        api_version: "v1".into(),
        kind: "Service".into(),
        namespace: Some(spec.namespace.to_string()),
        name: ObjectNames(&spec.name).service(),
    };
    let begun = Instant::now();
    loop {
        let chosen = exposure(store.record(), spec);
        let service = session.management.get(&service_ref).await?;
        let (_, port, node_port) =
            decide_exposure(spec, Some(chosen), service.as_ref(), store.record().address.as_ref());
        if !exposes(service.as_ref(), chosen, port, node_port) {
            session
                .management
                .apply(&crate::render::service(spec, (chosen, port, node_port), service.as_ref()))
                .await?;
            continue;
        }
        let facts = cluster_facts(session, spec, chosen, service.as_ref()).await;
        let cause = match decide_address(spec, chosen, service.as_ref(), &facts, store.record().address.as_ref()) {
            AddressState::Known(address) => {
                let known = address.clone();
                store
                    .update(None, |record| {
                        record.exposure = Some(chosen);
                        record.address = Some(known);
                    })
                    .await?;
                return Ok(address);
            }
            AddressState::Impossible { cause, remedy } => return Err(Fault::new(Kind::Failed, cause).hint(remedy)),
            AddressState::Waiting { cause } => cause,
        };
        if spec.expose.is_none()
            && chosen == Exposure::LoadBalancer
            && begun.elapsed() > LOAD_BALANCER_GRACE
            && !somebody_balances(session, &service_ref).await?
        {
            session.say(Event::Note(format!(
                "nothing in this cluster gave a load balancer within {} s: using a node port",
                LOAD_BALANCER_GRACE.as_secs()
            )));
            store.update(None, |record| record.exposure = Some(Exposure::NodePort)).await?;
            continue;
        }
        session.wait(Duration::from_millis(200), &format!("an address for `{}`", spec.name), &[cause]).await?;
    }
}

/// Whether a controller is at work on the Service's load balancer: it tells so in an event.
async fn somebody_balances(session: &Session<'_>, service: &ObjectRef) -> Result<bool, Fault> {
    let events = session.management.list("v1", "Event", service.namespace.as_deref(), "").await?;
    Ok(events.iter().any(|event| {
        event.pointer("/involvedObject/kind").and_then(Value::as_str) == Some(service.kind.as_str())
            && event.pointer("/involvedObject/name").and_then(Value::as_str) == Some(service.name.as_str())
    }))
}

/// Whether the Service is as decided.
fn exposes(service: Option<&Value>, exposure: Exposure, port: u16, node_port: Option<u16>) -> bool {
    let Some(service) = service else { return false };
    let number = |key: &str| api_server_port(service)?.get(key)?.as_u64();
    service.pointer("/spec/type").and_then(Value::as_str) == Some(exposure.service_type())
        && number("port") == Some(u64::from(port))
        && number("targetPort") == Some(u64::from(port))
        && (node_port.is_none() || number("nodePort") == node_port.map(u64::from))
}
