//! What kubectl and etcdctl would tell, asked over connections that are kept. The sweep asks tens of thousands of times;
//! to start a program for each question was most of what it cost.
#![expect(clippy::disallowed_types, reason = "what the tests see of an API server does not come by way of kamaji")]

use std::sync::OnceLock;
use std::time::Duration;

use etcd_client::{Certificate, ConnectOptions, GetOptions, Identity, TlsOptions};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use hyper::Request;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::DynamicObject;
use kube::discovery::{ApiResource, Scope, verbs};
use kube::{Client, Config, Discovery, Resource as _};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::support::{Etcd, management};

/// How many lists are asked for at once.
const AT_ONCE: usize = 4;
/// Longer than etcd ever takes.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

/// A connection to the management cluster as its administrator.
pub(crate) struct KubeClient {
    runtime: Runtime,
    client: Client,
    /// What can be listed in a namespace.
    resources: Vec<ApiResource>,
}

impl KubeClient {
    /// The one of this process.
    #[track_caller]
    pub(crate) fn management() -> &'static Self {
        static KEPT: OnceLock<KubeClient> = OnceLock::new();
        KEPT.get_or_init(|| {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
            let runtime = runtime.expect("a runtime can be made");
            let (client, resources) = runtime.block_on(async {
                let file = Kubeconfig::read_from(management().kubeconfig()).expect("admin.conf is a kubeconfig");
                let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
                let client = Client::try_from(config.expect("admin.conf is whole")).expect("admin.conf can be used");
                let known = Discovery::new(client.clone()).run().await.expect("the API server tells its resources");
                let all = known.groups().flat_map(kube::discovery::ApiGroup::resources_by_stability);
                let listed =
                    all.filter(|(_, can)| can.scope == Scope::Namespaced && can.supports_operation(verbs::LIST));
                (client, listed.map(|(resource, _)| resource).collect())
            });
            Self { runtime, client, resources }
        })
    }

    /// The objects of a namespace, whole, but those of resources that are passed over: named as
    /// `kubectl api-resources -o name` names them.
    #[track_caller]
    pub(crate) fn objects(&self, namespace: &str, passed_over: &[&str]) -> Vec<Value> {
        let wanted = self.resources.iter().filter(|resource| !passed_over.contains(&full_name(resource).as_str()));
        let lists = wanted.map(|resource| self.list(resource, DynamicObject::url_path(resource, Some(namespace))));
        let all = self.runtime.block_on(stream::iter(lists).buffered(AT_ONCE).try_concat());
        all.unwrap_or_else(|error| panic!("the objects of {namespace} cannot be listed: {error}"))
    }

    /// The Secrets of all namespaces that have these labels.
    #[track_caller]
    pub(crate) fn secrets(&self, labels: &str) -> Vec<Value> {
        let secret = self.resources.iter().find(|resource| full_name(resource) == "secrets");
        let secret = secret.expect("every API server knows Secrets");
        let path = format!("{}?labelSelector={labels}", DynamicObject::url_path(secret, None));
        self.runtime.block_on(self.list(secret, path)).expect("Secrets can be listed")
    }

    /// Items as kubectl prints them: what a list says once is said in each.
    async fn list(&self, resource: &ApiResource, path: String) -> Result<Vec<Value>, kube::Error> {
        let request = Request::get(path).body(Vec::new()).expect("a path of a resource is valid");
        let mut list: Value = self.client.request(request).await?;
        let mut items = list["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
        for item in &mut items {
            item["apiVersion"] = Value::from(resource.api_version.clone());
            item["kind"] = Value::from(resource.kind.clone());
        }
        Ok(items)
    }
}

fn full_name(resource: &ApiResource) -> String {
    match resource.group.as_str() {
        "" => resource.plural.clone(),
        group => format!("{}.{group}", resource.plural),
    }
}

/// A connection to the shared etcd as root.
pub(crate) struct EtcdClient {
    client: etcd_client::Client,
    /// The way to it.
    _way: Etcd,
}

impl EtcdClient {
    /// Opens it.
    #[track_caller]
    pub(crate) fn root() -> Self {
        let way = Etcd::root();
        let file = |name: &str| std::fs::read(way.folder().join(name)).expect("the certificate's files are there");
        let tls = TlsOptions::new()
            .ca_certificate(Certificate::from_pem(file("ca.crt")))
            .identity(Identity::from_pem(file("tls.crt"), file("tls.key")));
        let options = ConnectOptions::new().with_tls(tls).with_timeout(LIMIT);
        let client = wait(etcd_client::Client::connect([way.address()], Some(options)));
        Self { client: client.expect("etcd is reached"), _way: way }
    }

    /// All users.
    #[track_caller]
    pub(crate) fn users(&self) -> Vec<String> {
        self.ask(async |mut etcd| etcd.user_list().await).users().to_vec()
    }

    /// All roles.
    #[track_caller]
    pub(crate) fn roles(&self) -> Vec<String> {
        self.ask(async |mut etcd| etcd.role_list().await).roles().to_vec()
    }

    /// The revision at which a key was made, if it is there.
    #[track_caller]
    pub(crate) fn made_at(&self, key: &str) -> Option<i64> {
        let found = self.ask(async |mut etcd| etcd.get(key, Some(GetOptions::new().with_keys_only())).await);
        found.kvs().first().map(etcd_client::KeyValue::create_revision)
    }

    /// Asks again while other tests change users: then etcd wants to know anew who asks.
    #[track_caller]
    fn ask<T>(&self, question: impl AsyncFn(etcd_client::Client) -> Result<T, etcd_client::Error>) -> T {
        for _ in 0..20 {
            match wait(question(self.client.clone())) {
                Err(error) if error.to_string().contains("revision of auth store is old") => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                answer => return answer.expect("etcd answers"),
            }
        }
        panic!("users of etcd change all the time");
    }
}

fn wait<T>(answer: impl Future<Output = T>) -> T {
    KubeClient::management().runtime.block_on(answer)
}
