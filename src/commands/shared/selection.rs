//! Which control planes a command line means: by name, by label, of the namespace or of all.

use super::context::Management;
use crate::cli::ControlPlaneSelection;
use crate::engine::session::Session;
use crate::engine::state::record_store;
use crate::engine::state::record_store::StoredRecord;
use crate::error::{Fault, Kind};

/// One that is meant, as `NAMESPACE/NAME`, with its record or the reason why that cannot be read.
pub(crate) type Member = (String, Result<StoredRecord, Fault>);

/// Those that are meant, at least one. A name that nobody has is an error when it is the only one, else a member that failed.
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
        return Err(Fault::new(Kind::NotFound, format!("no control plane in {place} is meant"))
            .hint("see which there are: kamaji list -A"));
    }
    Ok(members)
}

/// The failure of a run about several, of which some failed: that of all if all failed alike.
pub(crate) fn partial(failed: &[Kind], total: usize, what: &str) -> Fault {
    let kind = match failed {
        [first, rest @ ..] if failed.len() == total && rest.iter().all(|kind| kind == first) => *first,
        _ => Kind::Partial,
    };
    Fault::new(kind, format!("{} of {total} control planes {what}", failed.len()))
}
