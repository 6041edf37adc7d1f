//! A connection to one API server: read, apply, create, replace, delete. One request and its answer
//! are in `http.rs`, retries in `retry.rs`.
#![expect(clippy::disallowed_types, reason = "edge: the one place that holds a client")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderValue;
use http::header::USER_AGENT;
use kube::api::{Api, DeleteParams, GetParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::Request;
use serde_json::Value;

use super::http::{Again, Failure};
use super::refusal::{causes, of_client};
use super::resources::{resource, resource_of, url};
use super::{Refusal, kubeconfig};
use crate::cluster::connection::Connection;
use crate::model::{Endpoint, MANAGER};
use crate::render::{Manifest, ObjectRef, Write};

/// How servers know us, in their audit logs for example.
const PROGRAM: &str = concat!("kamaji/", env!("CARGO_PKG_VERSION"));

/// How often a conflict is met that may be over at once: a write at the same moment, an object that has just gone.
const COLLISIONS: u32 = 4;

/// Which management cluster.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// A kubeconfig file; without it `KUBECONFIG`, then `~/.kube/config`, then the pod's own account.
    pub kubeconfig: Option<PathBuf>,
    /// A context in it; without it the current one.
    pub context: Option<String>,
}

/// Where a tenant's API server is reached.
#[derive(Debug, Clone)]
pub enum Way {
    /// Straight at its endpoint.
    Endpoint(Endpoint),
    /// At the near end of a tunnel through the management cluster. The certificate is verified all the same, by the name
    /// `kubernetes`, which that of every API server of ours carries.
    Tunnel(SocketAddr),
}

/// Whether a POST made the object or found it.
#[derive(Debug)]
pub enum Created {
    /// It was made.
    New(Value),
    /// It exists; this is it.
    Existing(Value),
}

/// What a server says of itself.
#[derive(Debug, Clone)]
pub struct ServerInfo {
    /// For example `v1.37.2`.
    pub version: String,
    /// How long the answer took.
    pub took: Duration,
    /// The server's time, to the second.
    pub date: Option<jiff::Timestamp>,
}

/// How an object is deleted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Removal<'a> {
    /// For pods: how many seconds they get to end; `None` is what they ask for themselves.
    pub grace: Option<u32>,
    /// Only if it is still the one that was read.
    pub resource_version: Option<&'a str>,
    /// Leave what it owns.
    pub orphan: bool,
}

impl Connection {
    /// Connects to the management cluster. Nothing is sent yet but what the credentials need.
    pub async fn open(target: &Target) -> Result<Self, Refusal> {
        let unusable = |why: String| Refusal::Kubeconfig(format!("the kubeconfig cannot be used: {why}"));
        let chosen = match kubeconfig::choose(target.kubeconfig.as_deref(), target.context.as_deref()) {
            Ok(chosen) => chosen,
            Err(why) if target.kubeconfig.is_none() && target.context.is_none() => {
                let config = kube::Config::incluster().map_err(|_| unusable(why))?;
                let server = format!("the management cluster {}", bare(&config.cluster_url));
                return Self::from_config(config, server);
            }
            Err(why) => return Err(unusable(why)),
        };
        let options = KubeConfigOptions { context: Some(chosen.context.clone()), ..Default::default() };
        let config = kube::Config::from_custom_kubeconfig(chosen.config, &options)
            .await
            .map_err(|error| unusable(causes(&error)))?;
        let server = format!("the management cluster {} (context `{}`)", bare(&config.cluster_url), chosen.context);
        Self::from_config(config, server)
    }

    /// Connects to a tenant with the credentials of a kubeconfig. Where the server is, `way` says: the kubeconfig may still
    /// name an endpoint that led there before.
    pub async fn to_tenant(kubeconfig: &str, way: &Way, name: &str) -> Result<Self, Refusal> {
        let unusable = |error: &dyn std::error::Error| {
            Refusal::Kubeconfig(format!("the control plane's kubeconfig cannot be used: {}", causes(error)))
        };
        let file = Kubeconfig::from_yaml(kubeconfig).map_err(|e| unusable(&e))?;
        let mut config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
            .await
            .map_err(|e| unusable(&e))?;
        let (url, server) = match way {
            Way::Endpoint(endpoint) => {
                let url = endpoint.url();
                let server = format!("the API server of control plane `{name}` at {url}");
                (url, server)
            }
            Way::Tunnel(local) => {
                config.tls_server_name = Some("kubernetes".into());
                config.proxy_url = None;
                let server = format!("the API server of control plane `{name}` (through the management cluster)");
                (format!("https://{local}"), server)
            }
        };
        config.cluster_url = url.parse().map_err(|e: http::uri::InvalidUri| unusable(&e))?;
        Self::from_config(config, server)
    }

    fn from_config(mut config: kube::Config, server: String) -> Result<Self, Refusal> {
        config.connect_timeout = Some(Duration::from_secs(5));
        config.default_retry = false;
        config.headers.push((USER_AGENT, HeaderValue::from_static(PROGRAM)));
        let namespace = config.default_namespace.clone();
        let verified = !config.accept_invalid_certs;
        let client = kube::Client::try_from(config)
            .map_err(|error| Refusal::Kubeconfig(format!("the kubeconfig cannot be used: {}", of_client(&error))))?;
        Ok(Self { client, server, namespace, patience: Duration::ZERO, shared: Arc::default(), verified })
    }

    /// The namespace of the kubeconfig's context.
    #[must_use]
    pub fn default_namespace(&self) -> &str {
        &self.namespace
    }

    /// The server as people know it.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Whether the server's certificate is looked at.
    #[must_use]
    pub const fn verified(&self) -> bool {
        self.verified
    }

    pub(super) const fn client(&self) -> &kube::Client {
        &self.client
    }

    pub(super) fn pods(&self, namespace: &str) -> Api<k8s_openapi::api::core::v1::Pod> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Reads one object; `None` when it does not exist.
    pub async fn get(&self, object: &ObjectRef) -> Result<Option<Value>, Refusal> {
        let (what, requests) = (format!("read {object}"), requests(object));
        let request = || built(requests.get(&object.name, &GetParams::default()));
        let attempt = async || self.exchange_object(&what, request()?, &object.kind).await.map_err(Failure::of_object);
        match self.reading(attempt).await {
            Ok(found) => Ok(Some(found)),
            Err(Refusal::NotFound { .. }) => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }

    /// Lists objects of a kind; `namespace` `None` is everywhere.
    pub async fn list(
        &self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        selector: &str,
    ) -> Result<Vec<Value>, Refusal> {
        self.list_by(api_version, kind, namespace, ListParams::default().labels(selector)).await
    }

    /// Lists objects of a kind everywhere whose fields fit, for example `spec.nodeName=worker-1`.
    pub async fn list_by_field(&self, api_version: &str, kind: &str, selector: &str) -> Result<Vec<Value>, Refusal> {
        self.list_by(api_version, kind, None, ListParams::default().fields(selector)).await
    }

    async fn list_by(
        &self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        params: ListParams,
    ) -> Result<Vec<Value>, Refusal> {
        let resource = resource(api_version, kind);
        let requests = Request::new(url(&resource, namespace));
        let (what, kind_of_list) = (format!("list {}", resource.plural), format!("{kind}List"));
        let first = params.limit(500);
        let (mut items, mut params, mut collisions) = (Vec::new(), first.clone(), COLLISIONS);
        loop {
            let request = || built(requests.list(&params));
            let mut page =
                match self.reading(async || self.exchange_object(&what, request()?, &kind_of_list).await).await {
                    Ok(page) => page,
                    // The rest of a list that was begun too long ago is not to be had any more.
                    Err(Refusal::Refused { code: 410, .. }) if params.continue_token.is_some() && collisions > 0 => {
                        collisions -= 1;
                        (items, params) = (Vec::new(), first.clone());
                        continue;
                    }
                    Err(refusal) => return Err(refusal),
                };
            if let Some(Value::Array(mut found)) = page.get_mut("items").map(Value::take) {
                // The server says what they are of the list only.
                for item in &mut found {
                    item["apiVersion"] = api_version.into();
                    item["kind"] = kind.into();
                }
                items.extend(found);
            }
            match page.pointer("/metadata/continue").and_then(Value::as_str).filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(token),
                None => return Ok(items),
            }
        }
    }

    /// What the server says the object would become. Nothing is written.
    pub async fn preview(&self, manifest: &Manifest) -> Result<Value, Refusal> {
        self.patch(manifest, true).await
    }

    /// Writes the object by server-side apply.
    pub async fn apply(&self, manifest: &Manifest) -> Result<Value, Refusal> {
        self.patch(manifest, false).await
    }

    async fn patch(&self, manifest: &Manifest, dry_run: bool) -> Result<Value, Refusal> {
        let object = &manifest.object;
        let (what, requests) = (format!("apply {object}"), requests(object));
        let params = PatchParams {
            dry_run,
            force: manifest.write == Write::Apply,
            field_manager: Some(MANAGER.to_owned()),
            field_validation: None,
        };
        let patch = Patch::Apply(&manifest.body);
        let request = || built(requests.patch(&object.name, &params, &patch));
        let attempt = async || {
            let answer = self.exchange_object(&what, request()?, &object.kind).await;
            // With force nobody's fields are in the way: the object changed while it was being written.
            answer.map_err(|failure| if params.force { failure.passing() } else { failure })
        };
        if dry_run { self.reading(attempt).await } else { self.writing(attempt).await }
    }

    /// Changes some fields of an object, by JSON merge patch; `null` takes a field away.
    pub async fn merge(&self, object: &ObjectRef, fields: &Value) -> Result<Value, Refusal> {
        let (what, requests) = (format!("change {object}"), requests(object));
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..Default::default() };
        let patch = Patch::Merge(fields);
        let request = || built(requests.patch(&object.name, &params, &patch));
        self.writing(async || self.exchange_object(&what, request()?, &object.kind).await.map_err(Failure::passing))
            .await
    }

    /// Makes the object; one that exists is left as it is.
    pub async fn create(&self, object: &ObjectRef, body: &Value) -> Result<Created, Refusal> {
        let mut collisions = COLLISIONS;
        loop {
            let (what, message) = match self.post(object, body).await {
                Ok(made) => return Ok(Created::New(made)),
                Err(Refusal::Conflict { what, message }) => (what, message),
                Err(refusal) => return Err(refusal),
            };
            if let Some(existing) = self.get(object).await? {
                return Ok(Created::Existing(existing));
            }
            // It has gone since.
            if collisions == 0 {
                return Err(Refusal::Conflict { what, message });
            }
            collisions -= 1;
        }
    }

    async fn post(&self, object: &ObjectRef, body: &Value) -> Result<Value, Refusal> {
        let (what, requests) = (format!("create {object}"), requests(object));
        let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..Default::default() };
        let request = || built(requests.create(&params, body.to_string().into_bytes()));
        self.writing(async || self.exchange_object(&what, request()?, &object.kind).await).await
    }

    /// Asks the server a question that is put as an object to be made, such as a review of rights. Nothing is written.
    pub async fn ask(&self, question: &ObjectRef, body: &Value) -> Result<Value, Refusal> {
        let (what, requests) = (format!("ask for a {}", question.kind), requests(question));
        let request = || built(requests.create(&PostParams::default(), body.to_string().into_bytes()));
        let attempt = async || self.exchange_object(&what, request()?, &question.kind).await.map_err(Failure::passing);
        self.reading(attempt).await
    }

    /// Replaces the object as it was read: `body` carries the resourceVersion, and a later change by others wins.
    pub async fn replace(&self, object: &ObjectRef, body: &Value) -> Result<Value, Refusal> {
        let (what, requests) = (format!("replace {object}"), requests(object));
        let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..Default::default() };
        let request = || built(requests.replace(&object.name, &params, body.to_string().into_bytes()));
        self.writing(async || self.exchange_object(&what, request()?, &object.kind).await).await
    }

    /// Deletes the object; `false` when it did not exist.
    pub async fn delete(&self, object: &ObjectRef, how: &Removal<'_>) -> Result<bool, Refusal> {
        let (what, requests) = (format!("delete {object}"), requests(object));
        let base = if how.orphan { DeleteParams::orphan() } else { DeleteParams::background() };
        let params = DeleteParams {
            grace_period_seconds: how.grace,
            preconditions: how
                .resource_version
                .map(|version| Preconditions { resource_version: Some(version.to_owned()), uid: None }),
            ..base
        };
        let request = || built(requests.delete(&object.name, &params));
        let attempt = async || {
            let answer = self.exchange_removal(&what, request()?, &object.kind).await.map_err(Failure::of_object);
            answer.map_err(|failure| if how.resource_version.is_none() { failure.passing() } else { failure })
        };
        match self.writing(attempt).await {
            Ok(()) => Ok(true),
            Err(Refusal::NotFound { .. }) => Ok(false),
            Err(refusal) => Err(refusal),
        }
    }

    /// What the server says of itself, and its time.
    pub async fn probe_api_server(&self) -> Result<ServerInfo, Refusal> {
        let begun = Instant::now();
        let answer = self.text("/version").await?;
        let took = begun.elapsed();
        let version: Value = serde_json::from_str(&answer).unwrap_or_default();
        let version = version["gitVersion"].as_str().unwrap_or_default().to_owned();
        Ok(ServerInfo { version, took, date: self.server_time() })
    }

    /// The names of the API groups that the server serves.
    pub async fn api_groups(&self) -> Result<Vec<String>, Refusal> {
        let request = || http::Request::get("/apis").body(Vec::new()).expect("a constant path makes a request");
        let list =
            self.reading(async || self.exchange_object("list API groups", request(), "APIGroupList").await).await?;
        let groups = list["groups"].as_array().into_iter().flatten();
        Ok(groups.filter_map(|group| group["name"].as_str()).map(str::to_owned).collect())
    }

    /// The last lines of a container's log; `previous` is of the one before it ended.
    pub async fn log(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        previous: bool,
        lines: u32,
    ) -> Result<String, Refusal> {
        self.text(&format!(
            "/api/v1/namespaces/{namespace}/pods/{pod}/log?container={container}&previous={previous}&tailLines={lines}"
        ))
        .await
    }

    /// The text at an address of the server, for example `/readyz`.
    pub async fn text(&self, path: &str) -> Result<String, Refusal> {
        let what = format!("GET {path}");
        let body = self
            .reading(async || {
                let request = http::Request::get(path).body(Vec::new()).expect("a constant path makes a request");
                self.exchange(&what, request).await
            })
            .await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }
}

/// The requests about objects of this kind, in this namespace.
fn requests(object: &ObjectRef) -> Request {
    Request::new(url(&resource_of(object), object.namespace.as_deref()))
}

/// A request for a name that cannot be in an address is never sent.
fn built(
    request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
) -> Result<http::Request<Vec<u8>>, Failure> {
    request.map_err(|error| Failure {
        refusal: Refusal::Refused {
            what: "making the request".into(),
            code: 0,
            reason: "BadRequest".into(),
            message: error.to_string(),
        },
        again: Again::Never,
        status: None,
    })
}

/// The address without anything that could be a credential.
fn bare(url: &http::Uri) -> String {
    let port = url.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme_str().unwrap_or("https"), url.host().unwrap_or("?"))
}
