//! Bootstrap tokens inside a tenant: with one, a worker finds the cluster and gets its certificate.

use std::time::Duration;

use serde_json::Value;

use crate::cluster::{Connection, Created, Removal};
use crate::engine::session::Session;
use crate::error::{Fault, Kind};
use crate::model::TokenId;
use crate::render::{Manifest, ObjectRef};
use crate::tenant::{TokenFacts, read_token};

fn secret(id: &str) -> ObjectRef {
    ObjectRef {
        api_version: "v1".into(),
        kind: "Secret".into(),
        namespace: Some("kube-system".into()),
        name: format!("bootstrap-token-{id}"),
    }
}

/// Makes a token. One with the same id is left as it is, and is an error unless it is the same in everything.
pub async fn create_token(connection: &Connection, desired: &Manifest) -> Result<(), Fault> {
    match connection.create(&desired.object, &desired.body).await? {
        Created::New(_) => Ok(()),
        // The answer to the first attempt was lost.
        Created::Existing(existing) if existing.get("data") == desired.body.get("data") => Ok(()),
        Created::Existing(_) => Err(Fault::new(Kind::Conflict, format!("{} exists already", desired.object))
            .hint("leave the token out to have a new one made, or delete the old one: kamaji token delete")),
    }
}

/// All tokens, without their secrets.
pub async fn list_tokens(connection: &Connection) -> Result<Vec<TokenFacts>, Fault> {
    let secrets = connection.list("v1", "Secret", Some("kube-system"), "").await?;
    let mut tokens: Vec<TokenFacts> = secrets
        .into_iter()
        .filter_map(|secret| serde_json::from_value(secret).ok())
        .filter_map(|secret| read_token(&secret))
        .collect();
    tokens.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(tokens)
}

/// Deletes a token; `false` when there is none with this id.
pub async fn delete_token(connection: &Connection, id: &TokenId) -> Result<bool, Fault> {
    Ok(connection.delete(&secret(id), &Removal::default()).await?)
}

/// Waits until `cluster-info` is signed with the token: only then can a worker trust it.
pub async fn wait_for_signature(session: &Session<'_>, connection: &Connection, id: &TokenId) -> Result<(), Fault> {
    let object = ObjectRef {
        api_version: "v1".into(),
        kind: "ConfigMap".into(),
        namespace: Some("kube-public".into()),
        name: "cluster-info".into(),
    };
    let key = format!("jws-kubeconfig-{id}");
    loop {
        let body = connection.get(&object).await?;
        if body.as_ref().and_then(|body| body.get("data")?.get(&key)).and_then(Value::as_str).is_some() {
            return Ok(());
        }
        let cause = "kube-controller-manager has not signed ConfigMap kube-public/cluster-info with it yet".to_owned();
        session.wait(Duration::from_millis(150), "the token to be usable", &[cause]).await?;
    }
}
