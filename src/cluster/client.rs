//! A connection to one API server: read, apply, create, replace, delete; bounded in time, patient with a server that
//! is away for a moment.
#![expect(clippy::disallowed_types, reason = "edge: the one place that holds a client")]

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;
use http::header::USER_AGENT;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::Refusal;
use super::resources::{resource, resource_of};
use crate::model::MANAGER;
use crate::render::{Manifest, ObjectRef, Write};

/// How servers know us, in their audit logs for example.
const PROGRAM: &str = concat!("kamaji/", env!("CARGO_PKG_VERSION"));

/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(20);

/// Which management cluster.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// A kubeconfig file; without it `KUBECONFIG`, then `~/.kube/config`, then the pod's own account.
    pub kubeconfig: Option<PathBuf>,
    /// A context in it; without it the current one.
    pub context: Option<String>,
}

/// Whether a POST made the object or found it.
#[derive(Debug)]
pub enum Created {
    /// It was made.
    New(Value),
    /// It exists; this is it.
    Existing(Value),
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

/// A connection to an API server.
#[derive(Clone)]
pub struct Connection {
    client: kube::Client,
    server: String,
    namespace: String,
    patience: Duration,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects to the management cluster. Nothing is sent yet but what the credentials need.
    pub async fn open(target: &Target) -> Result<Self, Refusal> {
        let options = KubeConfigOptions { context: target.context.clone(), ..Default::default() };
        let unusable =
            |error: &dyn std::error::Error| Refusal::Kubeconfig(chain("the kubeconfig cannot be used", error));
        let (config, context) = match &target.kubeconfig {
            Some(path) => {
                let file = Kubeconfig::read_from(path).map_err(|e| unusable(&e))?;
                let context = target.context.clone().or_else(|| file.current_context.clone());
                (kube::Config::from_custom_kubeconfig(file, &options).await.map_err(|e| unusable(&e))?, context)
            }
            None => match Kubeconfig::read() {
                Ok(file) => {
                    let context = target.context.clone().or_else(|| file.current_context.clone());
                    (kube::Config::from_custom_kubeconfig(file, &options).await.map_err(|e| unusable(&e))?, context)
                }
                Err(error) if target.context.is_none() => {
                    (kube::Config::incluster().map_err(|_| unusable(&error))?, None)
                }
                Err(error) => return Err(unusable(&error)),
            },
        };
        let server = match context {
            Some(context) => format!("the management cluster {} (context `{context}`)", bare(&config.cluster_url)),
            None => format!("the management cluster {}", bare(&config.cluster_url)),
        };
        Self::from_config(config, server)
    }

    /// Connects to a tenant with the text of a kubeconfig. With `via`, the connection goes to that local port and the
    /// server's certificate is still verified, by the name `kubernetes` that every API server of ours carries.
    pub async fn to_tenant(kubeconfig: &str, via: Option<std::net::SocketAddr>, name: &str) -> Result<Self, Refusal> {
        let unusable = |error: &dyn std::error::Error| {
            Refusal::Kubeconfig(chain("the control plane's kubeconfig cannot be used", error))
        };
        let file = Kubeconfig::from_yaml(kubeconfig).map_err(|e| unusable(&e))?;
        let mut config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
            .await
            .map_err(|e| unusable(&e))?;
        let mut server = format!("the API server of control plane `{name}` at {}", bare(&config.cluster_url));
        if let Some(local) = via {
            config.cluster_url = format!("https://{local}").parse().map_err(|e: http::uri::InvalidUri| unusable(&e))?;
            config.tls_server_name = Some("kubernetes".into());
            config.proxy_url = None;
            server = format!("the API server of control plane `{name}` (through the management cluster)");
        }
        Self::from_config(config, server)
    }

    fn from_config(mut config: kube::Config, server: String) -> Result<Self, Refusal> {
        config.connect_timeout = Some(Duration::from_secs(5));
        config.default_retry = false;
        config.headers.push((USER_AGENT, HeaderValue::from_static(PROGRAM)));
        let namespace = config.default_namespace.clone();
        let client = kube::Client::try_from(config)
            .map_err(|error| Refusal::Kubeconfig(chain("the kubeconfig cannot be used", &error)))?;
        Ok(Self { client, server, namespace, patience: Duration::ZERO })
    }

    /// The same connection, which tries again for so long when the server is away.
    #[must_use]
    pub fn patient(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
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

    pub(super) fn api(&self, object: &ObjectRef) -> Api<DynamicObject> {
        let resource = resource_of(object);
        match &object.namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        }
    }

    pub(super) const fn client(&self) -> &kube::Client {
        &self.client
    }

    pub(super) fn pods(&self, namespace: &str) -> Api<k8s_openapi::api::core::v1::Pod> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Runs a request, bounded in time and again while the server is away.
    pub(super) async fn request<T, F>(&self, what: &str, attempt: impl Fn() -> F) -> Result<T, Refusal>
    where
        F: Future<Output = Result<T, kube::Error>>,
    {
        let deadline = Instant::now() + self.patience;
        let mut pause = Duration::from_millis(100);
        loop {
            let refusal = match timeout(REQUEST, attempt()).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) => Refusal::of(&error, what, &self.server),
                Err(_) => Refusal::Unreachable {
                    server: self.server.clone(),
                    why: format!("no answer within {} s", REQUEST.as_secs()),
                },
            };
            if !refusal.is_transient() || Instant::now() + pause > deadline {
                return Err(refusal);
            }
            tracing::debug!(%refusal, "trying again");
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// Reads one object; `None` when it does not exist.
    pub async fn get(&self, object: &ObjectRef) -> Result<Option<Value>, Refusal> {
        let api = self.api(object);
        let found = self.request(&format!("read {object}"), || api.get_opt(&object.name)).await?;
        Ok(found.map(|found| to_value(&found)))
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
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        };
        let mut items = Vec::new();
        let mut params = params.limit(500);
        loop {
            let page = self.request(&format!("list {}", resource.plural), || api.list(&params)).await?;
            items.extend(page.items.iter().map(to_value));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(items),
            }
        }
    }

    /// What the server says the object would become. Nothing is written.
    pub async fn preview(&self, wish: &Manifest) -> Result<Value, Refusal> {
        self.patch(wish, true).await
    }

    /// Writes the object by server-side apply.
    pub async fn apply(&self, wish: &Manifest) -> Result<Value, Refusal> {
        self.patch(wish, false).await
    }

    async fn patch(&self, wish: &Manifest, dry_run: bool) -> Result<Value, Refusal> {
        let api = self.api(&wish.object);
        let params = PatchParams {
            dry_run,
            force: wish.write == Write::Apply,
            field_manager: Some(MANAGER.to_owned()),
            field_validation: None,
        };
        let patch = Patch::Apply(&wish.body);
        let object =
            self.request(&format!("apply {}", wish.object), || api.patch(&wish.object.name, &params, &patch)).await?;
        Ok(to_value(&object))
    }

    /// Changes some fields of an object, by JSON merge patch; `null` takes a field away.
    pub async fn merge(&self, object: &ObjectRef, fields: &Value) -> Result<Value, Refusal> {
        let api = self.api(object);
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..Default::default() };
        let patch = Patch::Merge(fields);
        let made = self.request(&format!("change {object}"), || api.patch(&object.name, &params, &patch)).await?;
        Ok(to_value(&made))
    }

    /// Makes the object; one that exists is left as it is.
    pub async fn create(&self, object: &ObjectRef, body: &Value) -> Result<Created, Refusal> {
        let api = self.api(object);
        let data = from_value(body);
        let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..Default::default() };
        let what = format!("create {object}");
        match self.request(&what, || api.create(&params, &data)).await {
            Ok(made) => Ok(Created::New(to_value(&made))),
            Err(Refusal::Conflict { message, .. }) => match self.get(object).await? {
                Some(existing) => Ok(Created::Existing(existing)),
                None => Err(Refusal::Conflict { what, message }),
            },
            Err(refusal) => Err(refusal),
        }
    }

    /// Replaces the object as it was read: `body` carries the resourceVersion, and a later change by others wins.
    pub async fn replace(&self, object: &ObjectRef, body: &Value) -> Result<Value, Refusal> {
        let api = self.api(object);
        let data = from_value(body);
        let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..Default::default() };
        let made = self.request(&format!("replace {object}"), || api.replace(&object.name, &params, &data)).await?;
        Ok(to_value(&made))
    }

    /// Deletes the object; `false` when it did not exist.
    pub async fn delete(&self, object: &ObjectRef, how: &Removal<'_>) -> Result<bool, Refusal> {
        let api = self.api(object);
        let base = if how.orphan { DeleteParams::orphan() } else { DeleteParams::background() };
        let params = DeleteParams {
            grace_period_seconds: how.grace,
            preconditions: how
                .resource_version
                .map(|version| Preconditions { resource_version: Some(version.to_owned()), uid: None }),
            ..base
        };
        match self.request(&format!("delete {object}"), || api.delete(&object.name, &params)).await {
            Ok(_) => Ok(true),
            Err(Refusal::NotFound { .. }) => Ok(false),
            Err(refusal) => Err(refusal),
        }
    }

    /// The text at an address of the server, for example `/readyz`.
    pub async fn text(&self, path: &str) -> Result<String, Refusal> {
        let client = self.client.clone();
        self.request(&format!("GET {path}"), || {
            let request = http::Request::get(path).body(Vec::new()).expect("a constant path makes a request");
            client.request_text(request)
        })
        .await
    }
}

fn to_value(object: &DynamicObject) -> Value {
    serde_json::to_value(object).expect("an object from the server serializes to JSON")
}

fn from_value(body: &Value) -> DynamicObject {
    serde_json::from_value(body.clone()).expect("a rendered object has metadata")
}

/// The address without anything that could be a credential.
fn bare(url: &http::Uri) -> String {
    let port = url.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme_str().unwrap_or("https"), url.host().unwrap_or("?"))
}

fn chain(what: &str, error: &dyn std::error::Error) -> String {
    let mut text = format!("{what}: {error}");
    let mut cause = error.source();
    while let Some(source) = cause {
        let said = source.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = source.source();
    }
    text
}
