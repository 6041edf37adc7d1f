//! Settings that Kubernetes has many rules about, such as affinity, are judged by the API server before anything is
//! written: as a dry run.

use crate::engine::session::Session;
use crate::error::Fault;
use crate::model::{ControlPlaneId, ControlPlaneSpec, Endpoint, Exposure, ObjectNames, PodSettings, ServiceSettings};
use crate::render::{self, Address, DatastoreAccess, KeySecrets};

/// Lets the API server judge the Deployment and the Service of a control plane that does not exist. Address and identity
/// are not known yet; the rules do not ask for them.
pub(crate) async fn judge_new(session: &Session<'_>, spec: &ControlPlaneSpec) -> Result<(), Fault> {
    if spec.pods == PodSettings::default() && spec.service == ServiceSettings::default() {
        return Ok(());
    }
    let id = ControlPlaneId::parse(&"0".repeat(32))?;
    let endpoint = Endpoint::parse("192.0.2.1", spec.bind_port)?;
    let address = Address { endpoint, advertise: Vec::new(), secure_port: spec.bind_port, also: Vec::new() };
    let datastore = DatastoreAccess { endpoints: Vec::new() };
    let keys = KeySecrets::settled(ObjectNames(&spec.name));
    let ports = (spec.expose.unwrap_or(Exposure::LoadBalancer), spec.bind_port, None);
    for manifest in [render::service(spec, ports, None), render::deployment(spec, &id, &address, &datastore, &keys, "")]
    {
        session.management.preview(&manifest).await?;
    }
    Ok(())
}
