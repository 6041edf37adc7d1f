//! `kamaji render`: the objects of a control plane as YAML. Uses what lives where a cluster answers, so that ids and
//! keys are those in use; writes nothing anywhere.

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
use crate::plan::lifecycle::desired::{Inputs, desire};
use crate::plan::state::record::Record;
use crate::render::{Address, CHECKSUM, Manifest};
use crate::ui::Format;
use crate::{pki, yaml};

const SHORT: Duration = Duration::from_secs(30);

/// What a cluster tells, if one answers.
#[derive(Default)]
struct Known {
    record: Option<Record>,
    live: Live,
    datastore: Option<DatastoreAuthority>,
}

pub(super) async fn run(args: &RenderArgs, context: &mut Context) -> Result<(), Fault> {
    let early = context.namespace_or("default")?;
    let loaded = spec_source::load(&args.spec, &early, context).await?;
    let (request, known) = match context.management().await {
        Ok(management) => {
            let request = loaded.in_namespace(context, &management.namespace);
            let quiet = |_| {};
            let session = management.session(&quiet, SHORT);
            let observed = observe::observe(&session, &request.spec).await?;
            let datastore = admin::datastore_authority(&session, &request.spec.datastore).await?;
            let record = observed.recorded.map(|recorded| recorded.record);
            (request, Known { record, live: observed.live, datastore })
        }
        Err(fault)
            if fault.kind() == Kind::Unavailable || (fault.kind() == Kind::Usage && !context.names_a_cluster()) =>
        {
            context.ui.say("note: no management cluster answers: rendered from the file alone");
            (loaded.in_namespace(context, &early), Known::default())
        }
        Err(fault) => return Err(fault),
    };
    if request.spec.isolation.policies != Policies::Off && known.live.management_network.closed.is_empty() {
        context.ui.say(
            "note: the NetworkPolicy closes nothing of the management cluster, which was not asked: --deny-egress names \
             its ranges, or `kamaji create` closes them",
        );
    }
    let objects = render(&request, known, args.show_secrets, context)?;
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
    known: Known,
    show_secrets: bool,
    context: &mut Context,
) -> Result<Vec<Value>, Fault> {
    let spec = &request.spec;
    let id = match &known.record {
        Some(record) => record.id.clone(),
        None => derived_id(spec)?,
    };
    let recorded = known.record.as_ref();
    let exposure = spec.expose.or(recorded.and_then(|record| record.exposure)).unwrap_or(Exposure::LoadBalancer);
    let service = known.live.named("Service", &ObjectNames(&spec.name).service());
    let ports = decide_exposure(spec, Some(exposure), service, recorded.and_then(|record| record.address.as_ref()));
    let address = match recorded.and_then(|record| record.address.clone()) {
        Some(address) => address,
        None => offline_address(spec, ports)?,
    };
    let has_datastore = known.datastore.is_some();
    let datastore = match known.datastore {
        Some(authority) => authority,
        None => stand_in(context)?,
    };
    let desired = desire(
        &Inputs {
            reissue: &RenewalRequest::default(),
            rotation: recorded.and_then(|record| record.rotation.as_ref()),
            spec,
            id: &id,
            live: &known.live,
            given: &request.given,
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
            "note: left out: Secrets {}; `kamaji create` makes what is missing{}",
            names.join(", "),
            if show_secrets { "" } else { "; --show-secrets prints them" }
        ));
    }
    objects.extend(printed.iter().map(|manifest| manifest.body.clone()));
    for manifest in rest {
        let mut body = manifest.body;
        if !show_secrets && known.live.iter().next().is_none() {
            // Over keys that are not printed, and made anew at each run.
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

/// The identity of a control plane that does not exist: the same at each run. `create` adopts it from the Deployment.
fn derived_id(spec: &ControlPlaneSpec) -> Result<ControlPlaneId, Fault> {
    Ok(ControlPlaneId::parse(&hex(format!("{}/{}", spec.namespace, spec.name).as_bytes()))?)
}

fn hex(text: &[u8]) -> String {
    Sha256::digest(text).iter().take(16).fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// As kubectl names an object with `-o name`.
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
            "where the control plane will be reached is not known yet, and certificates name it",
        )
        .hint("say it: --endpoint HOST:PORT, or controlPlaneEndpoint in the file"));
    };
    if exposure == Exposure::NodePort && node_port.is_none() {
        return Err(Fault::new(Kind::Usage, "the node port is not known yet, and the API server listens on it")
            .hint("choose one that is free: --endpoint HOST:PORT with a port from 30000 to 32767"));
    }
    let mut endpoint = endpoint.clone();
    if endpoint.port == 0 {
        endpoint.port = port;
    }
    let family = spec.networking.primary_family();
    let advertise = endpoint.host.ip().filter(|ip| Family::of(*ip) == family).into_iter().collect();
    Ok(Address { endpoint, advertise, secure_port: port, also: Vec::new() })
}

/// Signs the datastore certificate that is not printed, where there is no datastore yet.
fn stand_in(context: &Context) -> Result<DatastoreAuthority, Fault> {
    let ca = pki::issue_ca("stand-in", &CertificatePolicy::default(), context.ambient.now())?;
    Ok(DatastoreAuthority { endpoints: admin::default_datastore_endpoints(), ca })
}
