//! Selects control planes by name, label or namespace.

use super::context::Management;
use crate::cli::ControlPlaneSelection;
use crate::engine::session::Session;
use crate::engine::state::record_store;
use crate::engine::state::record_store::StoredRecord;
use crate::error::{Fault, Kind};

/// A selected control plane as `NAMESPACE/NAME`, with its record or the error from reading it.
pub(crate) type Member = (String, Result<StoredRecord, Fault>);

/// The selected control planes, at least one. A missing control plane is an error if it is the only name, and a failed
/// member otherwise.
pub(crate) async fn choose(
    control_planes: &ControlPlaneSelection,
    session: &Session<'_>,
    management: &Management,
) -> Result<Vec<Member>, Fault> {
    let namespace = &management.namespace;
    if let [name] = control_planes.names.as_slice() {
        let recorded = record_store::require_record(session.management, namespace, name).await?;
        return Ok(vec![(format!("{namespace}/{name}"), Ok(recorded))]);
    }
    if !control_planes.names.is_empty() {
        let mut members: Vec<Member> = Vec::new();
        for name in &control_planes.names {
            let place = format!("{namespace}/{name}");
            if !members.iter().any(|(there, _)| *there == place) {
                members.push((place, record_store::require_record(session.management, namespace, name).await));
            }
        }
        return Ok(members);
    }
    let within = (!control_planes.all_namespaces).then_some(namespace);
    let selector = control_planes.selector.as_deref().unwrap_or_default();
    let members = record_store::list_records(session.management, within, selector).await?;
    if members.is_empty() {
        let place = within.map_or_else(|| "any namespace".to_owned(), |name| format!("namespace `{name}`"));
        return Err(Fault::new(Kind::NotFound, format!("no control plane in {place} matches"))
            .hint("list control planes: kamaji list -A"));
    }
    Ok(members)
}

/// The error if some of several control planes failed; keeps the kind of failure if all failed with the same kind.
pub(crate) fn partial(failed: &[Kind], total: usize, what: &str) -> Fault {
    let kind = match failed {
        [first, rest @ ..] if failed.len() == total && rest.iter().all(|kind| kind == first) => *first,
        _ => Kind::Partial,
    };
    Fault::new(kind, format!("{} of {total} control planes {what}", failed.len()))
}
