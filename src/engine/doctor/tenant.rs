//! Looks inside a tenant, as its super-admin.

use jiff::Timestamp;
use serde_json::Value;

use super::management_cluster::probe_api_server;
use super::{LOOK, within};
use crate::cluster::{Connection, Refusal};
use crate::engine::workers::bootstrap_tokens::list_tokens;
use crate::plan::doctor::check_graph::Fact;
use crate::plan::doctor::facts::Inside;
use crate::plan::rollout::preflight::tenant::strict_webhooks;
use crate::render::ObjectRef;

/// Reads what the links inside are judged from.
pub(crate) async fn examine_inside(connection: &Connection, clock: fn() -> Timestamp) -> Inside {
    let list = |what: &'static str, api: &'static str, kind: &'static str, place: Option<&'static str>, label| {
        within(LOOK, what, connection.list(api, kind, place, label))
    };
    let system = Some("kube-system");
    let (greeting, nodes, leases, tokens, cluster_info, coredns, kube_proxy, (webhooks, slices), events) = tokio::join!(
        probe_api_server(connection, clock),
        list("the nodes", "v1", "Node", None, ""),
        list("the nodes' leases", "coordination.k8s.io/v1", "Lease", Some("kube-node-lease"), ""),
        within(LOOK, "the bootstrap tokens", list_tokens(connection)),
        within(LOOK, "cluster-info", cluster_info(connection)),
        list("CoreDNS", "apps/v1", "Deployment", system, "k8s-app=kube-dns"),
        list("kube-proxy", "apps/v1", "DaemonSet", system, "k8s-app=kube-proxy"),
        webhooks(connection),
        list("the events", "v1", "Event", None, ""),
    );
    Inside { greeting, nodes, leases, tokens, cluster_info, coredns, kube_proxy, webhooks, slices, events }
}

/// The keys of cluster-info: one for each token that it is signed with.
async fn cluster_info(connection: &Connection) -> Result<Vec<String>, Refusal> {
    let object = ObjectRef {
        api_version: "v1".into(),
        kind: "ConfigMap".into(),
        namespace: Some("kube-public".into()),
        name: "cluster-info".into(),
    };
    let body = connection.get(&object).await?;
    let data = body.as_ref().and_then(|body| body.get("data")?.as_object());
    Ok(data.into_iter().flat_map(|data| data.keys().cloned()).collect())
}

/// The configurations; and who is behind Services, which is many, only where a webhook depends on it.
async fn webhooks(connection: &Connection) -> (Fact<Vec<Value>>, Fact<Vec<Value>>) {
    let api = "admissionregistration.k8s.io/v1";
    let look = within(LOOK, "the webhooks", async {
        let mut all = connection.list(api, "ValidatingWebhookConfiguration", None, "").await?;
        all.extend(connection.list(api, "MutatingWebhookConfiguration", None, "").await?);
        let slices = if strict_webhooks(&all).is_empty() {
            Vec::new()
        } else {
            connection.list("discovery.k8s.io/v1", "EndpointSlice", None, "").await?
        };
        Ok::<_, Refusal>((all, slices))
    });
    match look.await {
        Ok((all, slices)) => (Ok(all), Ok(slices)),
        Err(why) => (Err(why.clone()), Err(why)),
    }
}
