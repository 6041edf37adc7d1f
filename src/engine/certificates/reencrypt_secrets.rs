//! Secrets of a control plane's cluster are written anew, so that the datastore holds them encrypted with the key in use; the
//! datastore itself is asked whether that is so.

use std::time::Duration;

use futures::{StreamExt as _, stream};
use serde_json::Value;

use crate::cluster::{Connection, Refusal};
use crate::engine::datastore::admin;
use crate::engine::session::Session;
use crate::error::Fault;
use crate::event::Event;
use crate::plan::state::record::Record;
use crate::render::{ObjectRef, policy};

/// Comes back when the datastore holds every Secret encrypted with the key of that name.
pub(crate) async fn encrypt_anew(
    session: &Session<'_>,
    record: &Record,
    tenant: &Connection,
    key: &str,
) -> Result<(), Fault> {
    let datastore = admin::require(session, &record.spec.datastore).await?;
    let mut admin = admin::open(session, &datastore).await?;
    let beginning = policy::encrypted_by(key);
    let goal = format!("every Secret to be encrypted with {key}");
    let mut total = 0;
    loop {
        let left = admin.etcd.values_unlike(&record.id, "secrets/", beginning.as_bytes()).await?;
        if left.is_empty() {
            session.say(Event::Done(format!("{total} Secrets encrypted with {key}; the datastore holds no other")));
            return Ok(());
        }
        session.wait(Duration::from_millis(100), &goal, &[format!("{} are not", left.len())]).await?;
        let writes = stream::iter(left.iter().filter_map(|path| path.split_once('/')))
            .map(|(namespace, name)| write_again(tenant, namespace, name));
        let writes: Vec<Result<(), Refusal>> = writes.buffered(8).collect().await;
        total += writes.len();
        writes.into_iter().collect::<Result<Vec<()>, Refusal>>()?;
    }
}

/// Writes a Secret as it is. One that somebody else writes or deletes this moment is looked at again afterwards.
async fn write_again(tenant: &Connection, namespace: &str, name: &str) -> Result<(), Refusal> {
    let object = ObjectRef {
        api_version: "v1".into(),
        kind: "Secret".into(),
        namespace: Some(namespace.to_owned()),
        name: name.to_owned(),
    };
    let Some(secret): Option<Value> = tenant.get(&object).await? else { return Ok(()) };
    match tenant.replace(&object, &secret).await {
        Ok(_) | Err(Refusal::Conflict { .. } | Refusal::NotFound { .. }) => Ok(()),
        Err(refusal) => Err(refusal),
    }
}
