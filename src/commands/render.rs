//! `kamaji render`: prints the objects of a control plane as YAML. If the management cluster is reachable, uses the IDs
//! and keys of the live objects. Writes nothing.

use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::shared::context::Context;
use super::shared::spec_source;
use crate::cli::RenderArgs;
use crate::engine::datastore::admin;
use crate::engine::lifecycle::preview::CreateRequest;
use crate::engine::state::observe;
use crate::error::{Fault, Kind};
use crate::model::{CertificatePolicy, ControlPlaneId, ControlPlaneSpec, Exposure, Family, ObjectNames, Policies};
use crate::plan::access::exposure::decide_exposure;
use crate::plan::apply::live_objects::Live;
use crate::plan::certificates::renewal::RenewalRequest;
use crate::plan::datastore::authority::DatastoreAuthority;
use crate::plan::lifecycle::desired::{Inputs, build_desired};
use crate::plan::state::record::Record;
use crate::render::{Address, CHECKSUM, Manifest};
use crate::ui::Format;
use crate::{pki, yaml};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The observed state; empty if the management cluster is unreachable.
#[derive(Default)]
struct ClusterState {
    record: Option<Record>,
    live: Live,
    datastore: Option<DatastoreAuthority>,
}

pub(super) async fn run(args: &RenderArgs, context: &mut Context) -> Result<(), Fault> {
    let early = context.namespace_or("default")?;
    let loaded = spec_source::load(&args.spec, &early, context).await?;
    let (request, observed_state) = match context.management().await {
        Ok(management) => {
            let request = loaded.in_namespace(context, &management.namespace);
            let quiet = |_| {};
            let session = management.session(&quiet, REQUEST_TIMEOUT);
            let observed = observe::observe(&session, &request.spec).await?;
            let datastore = admin::datastore_authority(&session, &request.spec.datastore).await?;
            let record = observed.recorded.map(|recorded| recorded.record);
            (request, ClusterState { record, live: observed.live, datastore })
        }
        Err(fault)
            if fault.kind() == Kind::Unavailable || (fault.kind() == Kind::Usage && !context.names_a_cluster()) =>
        {
            context.ui.say("note: the management cluster is unreachable: rendered from the file alone");
            (loaded.in_namespace(context, &early), ClusterState::default())
        }
        Err(fault) => return Err(fault),
    };
    if request.spec.isolation.policies != Policies::Off && observed_state.live.management_network.cidrs.is_empty() {
        context.ui.say(
            "note: the NetworkPolicy does not deny access to the management cluster, whose networks are unknown: add \
             them with --deny-egress; `kamaji create` detects them",
        );
    }
    let objects = render(&request, observed_state, args.show_secrets, context)?;
    let text = match context.ui.format {
        Format::Json => {
            let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
            format!("{list:#}\n")
        }
        Format::Name => objects.iter().map(|object| format!("{}\n", name_of(object))).collect(),
        Format::Table | Format::Wide | Format::Yaml => yaml::write_documents(&objects),
    };
    context.ui.result(&text);
    Ok(())
}

fn render(
    request: &CreateRequest,
    observed_state: ClusterState,
    show_secrets: bool,
    context: &mut Context,
) -> Result<Vec<Value>, Fault> {
    let spec = &request.spec;
    let id = match &observed_state.record {
        Some(record) => record.id.clone(),
        None => derived_id(spec)?,
    };
    let recorded = observed_state.record.as_ref();
    let exposure = spec.expose.or(recorded.and_then(|record| record.exposure)).unwrap_or(Exposure::LoadBalancer);
    let service = observed_state.live.named("Service", &ObjectNames(&spec.name).service());
    let ports = decide_exposure(spec, Some(exposure), service, recorded.and_then(|record| record.address.as_ref()));
    let address = match recorded.and_then(|record| record.address.clone()) {
        Some(address) => address,
        None => offline_address(spec, ports)?,
    };
    let has_datastore = observed_state.datastore.is_some();
    let datastore = match observed_state.datastore {
        Some(authority) => authority,
        None => placeholder_ca(context)?,
    };
    let desired = build_desired(
        &Inputs {
            reissue: &RenewalRequest::default(),
            rotation: recorded.and_then(|record| record.rotation.as_ref()),
            spec,
            id: &id,
            live: &observed_state.live,
            supplied: &request.given,
            recorded_ca: recorded.and_then(|record| record.ca.as_deref()),
            exposure: ports,
            address: Some(&address),
            datastore: Some(&datastore),
        },
        &mut context.ambient,
    )?;
    let mut objects = Vec::new();
    let (secrets, rest): (Vec<Manifest>, Vec<Manifest>) = desired.write.into_iter().partition(Manifest::is_secret);
    let withheld = |manifest: &&Manifest| {
        !show_secrets || (!has_datastore && manifest.object.name == ObjectNames(&spec.name).datastore_certificate())
    };
    let (left_out, printed): (Vec<&Manifest>, Vec<&Manifest>) = secrets.iter().partition(withheld);
    if !left_out.is_empty() {
        let names: Vec<&str> = left_out.iter().map(|manifest| manifest.object.name.as_str()).collect();
        context.ui.say(&format!(
            "note: omitted Secrets {}; `kamaji create` creates missing ones{}",
            names.join(", "),
            if show_secrets { "" } else { "; --show-secrets prints them" }
        ));
    }
    objects.extend(printed.iter().map(|manifest| manifest.body.clone()));
    for manifest in rest {
        let mut body = manifest.body;
        if !show_secrets && observed_state.live.iter().next().is_none() {
            // A checksum of keys that are not printed and differ on each run.
            if let Some(annotations) =
                body.pointer_mut("/spec/template/metadata/annotations").and_then(Value::as_object_mut)
            {
                annotations.remove(CHECKSUM);
            }
        }
        objects.push(body);
    }
    Ok(objects)
}

/// A stable ID for a control plane that does not exist yet. `create` adopts it from the Deployment.
fn derived_id(spec: &ControlPlaneSpec) -> Result<ControlPlaneId, Fault> {
    Ok(ControlPlaneId::parse(&hex(format!("{}/{}", spec.namespace, spec.name).as_bytes()))?)
}

fn hex(text: &[u8]) -> String {
    Sha256::digest(text).iter().take(16).fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// The name of an object as printed by `kubectl -o name`.
fn name_of(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let group = text("/apiVersion").split_once('/').map(|(group, _)| format!(".{group}")).unwrap_or_default();
    format!("{}{group}/{}", text("/kind").to_lowercase(), text("/metadata/name"))
}

fn offline_address(
    spec: &ControlPlaneSpec,
    (exposure, port, node_port): (Exposure, u16, Option<u16>),
) -> Result<Address, Fault> {
    let Some(endpoint) = &spec.endpoint else {
        return Err(Fault::new(
            Kind::Usage,
            "the endpoint of the control plane is unknown, and certificates must contain it",
        )
        .hint("set --endpoint HOST:PORT, or controlPlaneEndpoint in the file"));
    };
    if exposure == Exposure::NodePort && node_port.is_none() {
        return Err(Fault::new(Kind::Usage, "the node port is unknown, and the API server must listen on it")
            .hint("choose a free one: --endpoint HOST:PORT with a port from 30000 to 32767"));
    }
    let mut endpoint = endpoint.clone();
    if endpoint.port == 0 {
        endpoint.port = port;
    }
    let family = spec.networking.primary_family();
    let advertise = endpoint.host.ip().filter(|ip| Family::of(*ip) == family).into_iter().collect();
    Ok(Address { endpoint, advertise, secure_port: port, extra_ips: Vec::new() })
}

/// A placeholder CA for the datastore certificate, which is not printed, if the datastore does not exist yet.
fn placeholder_ca(context: &Context) -> Result<DatastoreAuthority, Fault> {
    let ca = pki::issue_ca("placeholder", &CertificatePolicy::default(), context.ambient.now())?;
    Ok(DatastoreAuthority { endpoints: admin::default_datastore_endpoints(), ca })
}
