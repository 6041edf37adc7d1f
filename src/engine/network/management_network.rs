//! Reading what the management cluster tells of its own network. What is made of it is `plan`.

use serde_json::Value;

use crate::cluster::Refusal;
use crate::engine::lifecycle::permissions::if_allowed;
use crate::engine::session::Session;
use crate::error::Fault;
use crate::model::{ControlPlaneSpec, Policies};
use crate::plan::network::cni::{DAEMON_SETS, enforcer};
use crate::plan::network::management_network::{ManagementNetwork, NetworkSource, NetworkSources};
use crate::render::ObjectRef;

/// Reads the management cluster's network; nothing where no policy is wished for.
pub(crate) async fn management_network(
    session: &Session<'_>,
    spec: &ControlPlaneSpec,
) -> Result<ManagementNetwork, Fault> {
    if spec.isolation.policies == Policies::Off {
        return Ok(ManagementNetwork::default());
    }
    let (api_servers, api_service, nodes, service_cidrs, kubeadm_config, ip_pools) = tokio::try_join!(
        one(session, "discovery.k8s.io/v1", "EndpointSlice", "default", "kubernetes"),
        one(session, "v1", "Service", "default", "kubernetes"),
        all(session, "v1", "Node"),
        all(session, "networking.k8s.io/v1", "ServiceCIDR"),
        one(session, "v1", "ConfigMap", "kube-system", "kubeadm-config"),
        all(session, "crd.projectcalico.org/v1", "IPPool"),
    )?;
    Ok(ManagementNetwork::of(&NetworkSources {
        api_servers,
        api_service,
        nodes,
        service_cidrs,
        kubeadm_config,
        ip_pools,
    }))
}

fn object(api_version: &str, kind: &str, namespace: &str, name: &str) -> ObjectRef {
    ObjectRef {
        api_version: api_version.into(),
        kind: kind.into(),
        namespace: Some(namespace.into()),
        name: name.into(),
    }
}

async fn one(
    session: &Session<'_>,
    api_version: &str,
    kind: &str,
    namespace: &str,
    name: &str,
) -> Result<NetworkSource, Fault> {
    let object = object(api_version, kind, namespace, name);
    place(async || session.management.get(&object).await.map(|body| body.into_iter().collect())).await
}

async fn all(session: &Session<'_>, api_version: &str, kind: &str) -> Result<NetworkSource, Fault> {
    place(async || session.management.list(api_version, kind, None, "").await).await
}

async fn place(ask: impl AsyncFn() -> Result<Vec<Value>, Refusal>) -> Result<NetworkSource, Fault> {
    match if_allowed(ask).await {
        Ok(objects) => Ok(objects.ok_or(())),
        Err(Refusal::NotFound { .. }) => Ok(Ok(Vec::new())),
        Err(refusal) => Err(refusal.into()),
    }
}

/// What enforces policies in the management cluster, if that can be known.
pub async fn enforced_by(session: &Session<'_>) -> Result<Option<&'static str>, Fault> {
    let groups = session.management.api_groups().await?;
    let mut there = Vec::new();
    for (name, _) in DAEMON_SETS {
        if one(session, "apps/v1", "DaemonSet", "kube-system", name).await?.is_ok_and(|found| !found.is_empty()) {
            there.push(*name);
        }
    }
    Ok(enforcer(&groups, &there))
}
