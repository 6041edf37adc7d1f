//! What a phase of a change of keys, or of the authority, would change, and what would stop working then. Writes nothing;
//! bringing it about is `rotate.rs`.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::rotate_ca::{Effects, authority_changes, effects, refuse_authority};
use crate::cluster::Connection;
use crate::engine::access::tenant_connection::ask;
use crate::engine::lifecycle::objects::deployment_ref;
use crate::engine::lifecycle::permissions::require_rights;
use crate::engine::session::Session;
use crate::engine::state::ensure_changeable::{
    ensure_not_paused, ensure_not_updating, ensure_not_upgrading, ensure_ready,
};
use crate::engine::state::record_store::StoredRecord;
use crate::error::{Fault, Kind};
use crate::pki::PartialUserPki;
use crate::plan::apply::plan::{Action, Change, Plan};
use crate::plan::certificates::rotation_keys::{replaced, rotation_refs};
use crate::plan::certificates::rotation_phases::{
    Rotation, RotationPhase, RotationRequest, RotationTarget, next_rotation,
};
use crate::plan::state::record::Record;

/// How long a token that was given to a pod is valid, with a margin: kubelets ask for an hour, and API servers extend none.
const TOKENS: Duration = Duration::from_secs(65 * 60);

/// What would be done.
#[derive(Debug)]
pub struct RotationPlan {
    /// The changes; empty when what is asked for is so already.
    pub plan: Plan,
    /// What would stop working, and is refused unless it is agreed to on purpose.
    pub hazards: Vec<String>,
}

/// What going to a phase would change. Writes nothing.
pub async fn plan_rotation(
    session: &Session<'_>,
    recorded: &StoredRecord,
    of: RotationTarget,
    asked: RotationRequest,
    given: &PartialUserPki,
    looked_at: &[String],
) -> Result<RotationPlan, Fault> {
    let record = &recorded.record;
    let spec = &record.spec;
    let mut plan = Plan { control_plane: format!("{}/{}", spec.namespace, spec.name), ..Plan::default() };
    let now = (session.clock)();
    let Some(next) = begin(record, of, asked, now)? else { return Ok(RotationPlan { plan, hazards: Vec::new() }) };
    require_rights(session.management, &spec.namespace).await?;
    if of != RotationTarget::ServiceAccountKey && spec.replicas == 0 {
        return Err(Fault::new(
            Kind::Conflict,
            format!("control plane `{}` sleeps, so nothing inside it can follow", spec.name),
        )
        .hint(format!("wake it: kamaji scale {} --replicas 1", spec.namespaced_name().argument())));
    }
    plan.changes = changes(record, &next);
    let Effects { hazards, notes } = match of {
        RotationTarget::ServiceAccountKey => {
            Effects { hazards: hazards(session, record, &next).await?, ..Effects::default() }
        }
        RotationTarget::EncryptionKey => Effects::default(),
        RotationTarget::CertificateAuthority => {
            refuse_authority(record, &next, given.ca.as_ref())?;
            effects(session, record, &next, looked_at).await?
        }
    };
    plan.notes.extend(notes);
    Ok(RotationPlan { plan, hazards })
}

/// The phase to be brought about, of a control plane that may be changed now.
pub(crate) fn begin(
    record: &Record,
    of: RotationTarget,
    asked: RotationRequest,
    now: Timestamp,
) -> Result<Option<Rotation>, Fault> {
    ensure_ready(record)?;
    ensure_not_paused(record)?;
    ensure_not_upgrading(record)?;
    ensure_not_updating(record)?;
    Ok(next_rotation(record.rotation.as_ref(), &record.spec.namespaced_name(), (of, asked), now)?)
}

/// The plan of one phase, for people.
fn changes(record: &Record, next: &Rotation) -> Vec<Change> {
    let spec = &record.spec;
    let [key, bundle] = rotation_refs(spec);
    let main = replaced(spec, next.of);
    let deployment = |what: &str| {
        Change::of(deployment_ref(spec), Action::Update, &format!("replaces its pods, new ones first: {what}"))
    };
    let encrypt = |which: &str| {
        Change::of(format!("in the cluster: every Secret is encrypted with the {which} key"), Action::Update, "")
    };
    let encrypts = next.of == RotationTarget::EncryptionKey;
    if next.of == RotationTarget::CertificateAuthority {
        return authority_changes(spec, next, (&key, &bundle, &main), deployment);
    }
    let mut changes = vec![Change::of(Record::object_ref(spec), Action::Update, &next.to_string())];
    match next.phase {
        RotationPhase::Trust => {
            if next.key.is_none() {
                changes.push(Change::of(&key, Action::Create, "the new key"));
            }
            changes.push(Change::of(&bundle, Action::Create, "both keys"));
            changes.push(deployment("they take both keys and use the old one"));
        }
        RotationPhase::Use => {
            changes.push(deployment("they use the new key and take both"));
            changes.extend(encrypts.then(|| encrypt("new")));
        }
        RotationPhase::Drop => {
            changes.push(Change::of(&main, Action::Update, "the new key in place of the old one; cannot be undone"));
            changes.push(deployment("they take the new key only"));
            changes.extend([&key, &bundle].map(|object| Change::of(object, Action::Delete, "")));
        }
        RotationPhase::Back => {
            changes.extend(encrypts.then(|| encrypt("old")));
            changes.push(deployment("they take the old key only"));
            changes.extend([&key, &bundle].map(|object| Change::of(object, Action::Delete, "")));
        }
    }
    changes
}

/// Tokens that would stop being valid, when tokens of one of the keys are taken no longer.
async fn hazards(session: &Session<'_>, record: &Record, next: &Rotation) -> Result<Vec<String>, Fault> {
    let Some(now) = &record.rotation else { return Ok(Vec::new()) };
    let going = match next.phase {
        RotationPhase::Trust | RotationPhase::Use => return Ok(Vec::new()),
        RotationPhase::Back if !now.used => return Ok(Vec::new()),
        RotationPhase::Drop | RotationPhase::Back => next.phase,
    };
    let mut hazards = Vec::new();
    let until = now.since.checked_add(TOKENS).unwrap_or(now.since);
    if (session.clock)() < until {
        hazards.push(format!("pods may have tokens of the key that goes until {until}, which would be refused"));
    }
    let spec = &record.spec;
    let super_admin = crate::engine::access::tenant_connection::kubeconfig(
        session.management,
        &spec.namespace,
        &spec.name,
        "super-admin.conf",
    )
    .await?;
    let look = async {
        let address = record.address.as_ref()?;
        let kubeconfig = super_admin?;
        let text = secrecy::ExposeSecret::expose_secret(&kubeconfig);
        let list = async |connection: &Connection| {
            Ok(connection.list_by_field("v1", "Secret", "type=kubernetes.io/service-account-token").await?)
        };
        ask(session, spec, address, text, list).await.ok()?.ok()
    };
    let Some(tokens) = look.await else {
        hazards.push("whether there are token Secrets of the key that goes cannot be looked up: nobody answers".into());
        return Ok(hazards);
    };
    for token in tokens {
        let text = |pointer: &str| token.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let made: Option<Timestamp> = text("/metadata/creationTimestamp").parse().ok();
        let of_the_one_that_goes = made.is_none_or(|made| match going {
            RotationPhase::Back => made >= now.began,
            RotationPhase::Trust | RotationPhase::Use | RotationPhase::Drop => made <= now.since,
        });
        if of_the_one_that_goes {
            let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
            hazards.push(format!("the token in Secret {namespace}/{name} would be refused; make it anew"));
        }
    }
    Ok(hazards)
}
