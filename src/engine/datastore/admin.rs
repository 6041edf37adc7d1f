//! The datastore of control planes: made on first use, reached through the management cluster, given users and prefixes.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::cluster::{Created, Tunnel};
use crate::datastore::{Change, EtcdAdmin, TlsIdentity};
use crate::engine::lifecycle::permissions::if_allowed;
use crate::engine::session::Session;
use crate::error::{Fault, Kind};
use crate::event::Event;
use crate::model::{CertificatePolicy, ControlPlaneId, DatastoreName, Namespace};
use crate::pki::{self, KeyAndCertificate, Leaf, Usage};
use crate::plan::datastore::authority::{DatastoreAuthority, DatastoreError};
use crate::plan::doctor::management_cluster::is_default_class;
use crate::plan::lifecycle::pod_status::causes_of_pods;
use crate::render::etcd::{self, EtcdNames, EtcdPlan, TlsUse};
use crate::render::{Manifest, ObjectRef};

/// Where datastores live. Its Secrets open everything, so it is a namespace of its own.
pub const DATASTORE_NAMESPACE: &str = "kamaji-system";

/// The datastore that is made when there is none.
const DEFAULT: &str = "default";

/// The etcd of the default datastore: kubeadm's own choice for 1.37 (3.7.0) lacks the fix for a watch that reads
/// other tenants' keys, so a later patch is used.
const ETCD_TAG: &str = "3.7.3-0";

/// The volume of each member: the quota of 8 GiB, and room for the write-ahead log.
const VOLUME: &str = "10Gi";

/// A datastore with what opening it as administrator needs.
pub(crate) struct Datastore {
    name: DatastoreName,
    pub(crate) authority: DatastoreAuthority,
    root: TlsIdentity,
}

/// A connection to a datastore; the tunnel closes with it.
pub(crate) struct Admin {
    pub(crate) etcd: EtcdAdmin,
    _tunnel: Option<Tunnel>,
}

pub(crate) fn namespace() -> Namespace {
    Namespace::parse(DATASTORE_NAMESPACE).expect("a constant, valid name")
}

fn object(api_version: &str, kind: &str, name: String) -> ObjectRef {
    ObjectRef { api_version: api_version.into(), kind: kind.into(), namespace: Some(DATASTORE_NAMESPACE.into()), name }
}

/// Reads the Secret that describes a datastore that must exist.
pub(crate) async fn require(session: &Session<'_>, name: &DatastoreName) -> Result<Datastore, Fault> {
    let missing = || Fault::new(Kind::NotFound, format!("datastore `{name}` does not exist"));
    find(session, name).await?.ok_or_else(missing)
}

/// Reads the Secret that describes a datastore.
pub(crate) async fn find(session: &Session<'_>, name: &DatastoreName) -> Result<Option<Datastore>, Fault> {
    let secret = object("v1", "Secret", EtcdNames(name).datastore());
    let Some(body) = session.management.get(&secret).await? else { return Ok(None) };
    let value = |key: &str| -> Result<SecretString, DatastoreError> {
        secret_value(&body, key).ok_or_else(|| DatastoreError::Incomplete {
            name: name.to_string(),
            secret: format!("{DATASTORE_NAMESPACE}/{}", secret.name),
            key: key.to_owned(),
        })
    };
    let text = |key: &str| value(key).map(|value| value.expose_secret().to_owned());
    let ca = KeyAndCertificate { certificate: text(etcd::DATASTORE_CA)?, key: value(etcd::DATASTORE_CA_KEY)? };
    Ok(Some(Datastore {
        name: name.clone(),
        root: TlsIdentity {
            ca: ca.certificate.clone(),
            certificate: text(etcd::DATASTORE_CERTIFICATE)?,
            key: value(etcd::DATASTORE_KEY)?,
        },
        authority: DatastoreAuthority {
            endpoints: text(etcd::DATASTORE_ENDPOINTS)?.split(',').map(|e| e.trim().to_owned()).collect(),
            ca,
        },
    }))
}

fn secret_value(secret: &Value, key: &str) -> Option<SecretString> {
    let text = secret.get("data")?.get(key)?.as_str()?;
    String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok().map(Into::into)
}

/// What would be made for a datastore that does not exist; fails when it cannot be made.
pub(crate) async fn preview(session: &Session<'_>, name: &DatastoreName) -> Result<Option<String>, Fault> {
    if find(session, name).await?.is_some() {
        return Ok(None);
    }
    if name.as_str() != DEFAULT {
        return Err(DatastoreError::Missing { name: name.to_string() }.into());
    }
    let members = members(session, name).await?;
    let classes = session.management.list("storage.k8s.io/v1", "StorageClass", None, "").await?;
    let Some(class) = classes.iter().find(|class| is_default_class(class)) else {
        return Err(DatastoreError::NoDefaultStorageClass { name: name.to_string() }.into());
    };
    let class = class.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let count = if members == 1 { "one member".to_owned() } else { format!("{members} members") };
    Ok(Some(format!(
        "etcd {} with {count}, a volume of {VOLUME} each on StorageClass `{class}`",
        ETCD_TAG.trim_end_matches("-0")
    )))
}

/// As many as a `StatefulSet` that exists has; else three where three nodes can carry them.
async fn members(session: &Session<'_>, name: &DatastoreName) -> Result<u32, Fault> {
    if let Some(set) = session.management.get(&object("apps/v1", "StatefulSet", EtcdNames(name).stateful_set())).await?
    {
        let replicas = set.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
        return Ok(u32::try_from(replicas).unwrap_or(1));
    }
    let nodes = if_allowed(async || session.management.list("v1", "Node", None, "").await).await?.unwrap_or_default();
    let schedulable =
        nodes.iter().filter(|node| node.pointer("/spec/unschedulable") != Some(&Value::Bool(true))).count();
    Ok(if schedulable >= 3 { 3 } else { 1 })
}

/// Makes the datastore if it does not exist, and waits until it takes administrators.
pub(crate) async fn ensure(
    session: &Session<'_>,
    name: &DatastoreName,
    image_repository: &str,
    image_pull_secrets: &[String],
) -> Result<(Datastore, Admin), Fault> {
    let datastore = match find(session, name).await? {
        Some(datastore) => datastore,
        None if name.as_str() == DEFAULT => make(session, name, image_repository, image_pull_secrets).await?,
        None => return Err(DatastoreError::Missing { name: name.to_string() }.into()),
    };
    let mut admin = open(session, &datastore).await?;
    admin.etcd.check_version().await?;
    if admin.etcd.ensure_auth().await? == Change::Changed {
        session.say(Event::Done(format!("datastore {name}: access control switched on")));
    }
    Ok((datastore, admin))
}

async fn make(
    session: &Session<'_>,
    name: &DatastoreName,
    image_repository: &str,
    image_pull_secrets: &[String],
) -> Result<Datastore, Fault> {
    session.say(Event::Step(format!("datastore `{name}`: an etcd in namespace {DATASTORE_NAMESPACE}")));
    let namespace = namespace();
    let image = format!("{image_repository}/etcd:{ETCD_TAG}");
    let plan = EtcdPlan {
        name,
        namespace: &namespace,
        members: members(session, name).await?,
        image: &image,
        image_pull_secrets,
        storage_class: None,
        volume_size: VOLUME,
    };
    plan.check()?;
    let restricted = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": DATASTORE_NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    });
    let object = ObjectRef {
        api_version: "v1".into(),
        kind: "Namespace".into(),
        namespace: None,
        name: DATASTORE_NAMESPACE.into(),
    };
    if session.management.get(&object).await?.is_none() {
        session.management.create(&object, &restricted).await?;
    }
    let ca = authority(session, &plan).await?;
    let names = EtcdNames(name);
    let member = Leaf {
        common_name: names.member_common_name(),
        organizations: Vec::new(),
        usage: Usage::Both,
        sans: etcd::server_sans(&plan),
    };
    let root = Leaf { common_name: "root".into(), organizations: Vec::new(), usage: Usage::Client, sans: Vec::new() };
    let member = certificate(session, &names.member_certificate(), &member, &ca).await?;
    let root = certificate(session, &names.root_certificate(), &root, &ca).await?;
    let mut wishes = vec![
        etcd::tls_secret(&plan, TlsUse::Member, &ca.certificate, &member.certificate, &member.key),
        etcd::tls_secret(&plan, TlsUse::Root, &ca.certificate, &root.certificate, &root.key),
    ];
    wishes.extend(etcd::objects(&plan));
    for desired in &wishes {
        write(session, desired).await?;
    }
    await_members(session, &plan).await?;
    // Last: what is described is complete.
    write(session, &etcd::datastore_secret(&plan, (&ca.certificate, &ca.key), (&root.certificate, &root.key))).await?;
    find(session, name).await?.ok_or_else(|| DatastoreError::Missing { name: name.to_string() }.into())
}

async fn write(session: &Session<'_>, desired: &Manifest) -> Result<(), Fault> {
    session.management.apply(desired).await?;
    session.say(Event::Done(format!("{} written", desired.object)));
    Ok(())
}

/// The authority that exists, else a new one; two at once end with the same.
async fn authority(session: &Session<'_>, plan: &EtcdPlan<'_>) -> Result<KeyAndCertificate, Fault> {
    let policy = CertificatePolicy::default();
    let fresh = pki::issue_ca(&format!("etcd-{}", plan.name), &policy, (session.clock)())?;
    let desired = etcd::ca_secret(plan, &fresh.certificate, &fresh.key);
    let body = match session.management.get(&desired.object).await? {
        Some(existing) => existing,
        None => match session.management.create(&desired.object, &desired.body).await? {
            Created::New(body) | Created::Existing(body) => body,
        },
    };
    let pair = |key: &str| {
        secret_value(&body, key).ok_or_else(|| DatastoreError::Incomplete {
            name: plan.name.to_string(),
            secret: format!("{DATASTORE_NAMESPACE}/{}", desired.object.name),
            key: key.to_owned(),
        })
    };
    Ok(KeyAndCertificate { certificate: pair("tls.crt")?.expose_secret().to_owned(), key: pair("tls.key")? })
}

/// The certificate that exists if it serves, else a new one.
async fn certificate(
    session: &Session<'_>,
    secret: &str,
    leaf: &Leaf,
    ca: &KeyAndCertificate,
) -> Result<KeyAndCertificate, Fault> {
    let now = (session.clock)();
    if let Some(body) = session.management.get(&object("v1", "Secret", secret.to_owned())).await?
        && let (Some(certificate), Some(key)) = (secret_value(&body, "tls.crt"), secret_value(&body, "tls.key"))
    {
        let existing = KeyAndCertificate { certificate: certificate.expose_secret().to_owned(), key };
        if pki::why_not_usable(leaf, &existing, &ca.certificate, now).is_none() {
            return Ok(existing);
        }
    }
    Ok(pki::issue_leaf(leaf, ca, &CertificatePolicy::default(), now)?)
}

fn selector(name: &DatastoreName) -> String {
    format!("{}={name}", etcd::LABEL_DATASTORE)
}

async fn await_members(session: &Session<'_>, plan: &EtcdPlan<'_>) -> Result<(), Fault> {
    let set = object("apps/v1", "StatefulSet", EtcdNames(plan.name).stateful_set());
    let goal = format!("datastore `{}` to start", plan.name);
    loop {
        let ready = session
            .management
            .get(&set)
            .await?
            .and_then(|set| set.pointer("/status/readyReplicas").and_then(Value::as_u64))
            .unwrap_or(0);
        if ready >= u64::from(plan.members) {
            return Ok(());
        }
        let selector = selector(plan.name);
        let (pods, events, claims) = tokio::try_join!(
            session.management.list("v1", "Pod", Some(DATASTORE_NAMESPACE), &selector),
            session.management.list("v1", "Event", Some(DATASTORE_NAMESPACE), ""),
            session.management.list("v1", "PersistentVolumeClaim", Some(DATASTORE_NAMESPACE), &selector),
        )?;
        let mut causes = causes_of_pods(&pods, &events);
        for claim in
            claims.iter().filter(|claim| claim.pointer("/status/phase").and_then(Value::as_str) != Some("Bound"))
        {
            let name = claim.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            causes.push(format!("volume claim {name} is not bound: no volume of its StorageClass is available yet"));
        }
        session.wait(Duration::from_millis(400), &goal, &causes).await?;
    }
}

/// Opens a datastore as administrator: by a tunnel to one of its pods, or directly where it is not in this cluster.
pub(crate) async fn open(session: &Session<'_>, datastore: &Datastore) -> Result<Admin, Fault> {
    let goal = format!("datastore `{}` to answer", datastore.name);
    loop {
        let pods = session.management.list("v1", "Pod", Some(DATASTORE_NAMESPACE), &selector(&datastore.name)).await?;
        let ready = |pod: &&Value| {
            let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
            conditions.is_some_and(|list| list.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"))
        };
        let mut causes = Vec::new();
        if pods.is_empty() {
            if let Some(endpoint) = datastore.authority.endpoints.first() {
                let host = endpoint.rsplit_once(':').map_or(endpoint.as_str(), |(host, _)| host);
                let host = host.trim_start_matches('[').trim_end_matches(']');
                match EtcdAdmin::connect(endpoint, host, &datastore.root).await {
                    Ok(etcd) => return Ok(Admin { etcd, _tunnel: None }),
                    Err(error) => causes.push(error.to_string()),
                }
            }
        } else if let Some(pod) = pods.iter().find(ready) {
            let name = pod.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            let tunnel = Tunnel::open(session.management, DATASTORE_NAMESPACE, name, 2379).await?;
            let service = format!("{}.{DATASTORE_NAMESPACE}.svc", EtcdNames(&datastore.name).service());
            match EtcdAdmin::connect(&tunnel.local().to_string(), &service, &datastore.root).await {
                Ok(mut etcd) => match etcd.version().await {
                    Ok(_) => return Ok(Admin { etcd, _tunnel: Some(tunnel) }),
                    Err(error) => causes.push(error.to_string()),
                },
                Err(error) => causes.push(error.to_string()),
            }
        } else {
            causes = causes_of_pods(&pods, &[]);
        }
        session.wait(Duration::from_millis(300), &goal, &causes).await?;
    }
}

/// What a datastore holds of a control plane: `None` when it cannot be asked, with the reason said as a warning.
pub async fn datastore_state(
    session: &Session<'_>,
    name: &DatastoreName,
    id: &ControlPlaneId,
) -> Result<(String, u64), Fault> {
    let datastore = find(session, name).await?.ok_or_else(|| DatastoreError::Missing { name: name.to_string() })?;
    let mut admin = open(session, &datastore).await?;
    let version = admin.etcd.version().await?;
    let state = admin.etcd.tenant(id).await?;
    if !state.is_complete() {
        return Err(Fault::new(
            Kind::Failed,
            format!("datastore `{name}` has no complete user and role for this control plane"),
        ));
    }
    Ok((version, state.keys))
}

/// What signing needs of a datastore, if it exists.
pub async fn datastore_authority(
    session: &Session<'_>,
    name: &DatastoreName,
) -> Result<Option<DatastoreAuthority>, Fault> {
    Ok(find(session, name).await?.map(|datastore| datastore.authority))
}

/// Where the default datastore will be, while it does not exist: with one member.
#[must_use]
pub fn default_datastore_endpoints() -> Vec<String> {
    let (name, namespace) = (DatastoreName::parse(DEFAULT).expect("a constant, valid name"), namespace());
    let plan = EtcdPlan {
        name: &name,
        namespace: &namespace,
        members: 1,
        image: "",
        image_pull_secrets: &[],
        storage_class: None,
        volume_size: VOLUME,
    };
    etcd::member_addresses(&plan)
}
