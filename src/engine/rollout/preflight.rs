//! What is known before a control plane changes its version: what changes, and what stands in the way. Only reads.

use serde_json::Value;

use crate::ambient::Ambient;
use crate::cluster::Refusal;
use crate::engine::access::tenant_connection::TenantConnection;
use crate::engine::datastore::admin::datastore_state;
use crate::engine::lifecycle::objects::deployment_ref;
use crate::engine::lifecycle::permissions::require_rights;
use crate::engine::lifecycle::preview::{CreateRequest, preview_existing};
use crate::engine::session::Session;
use crate::engine::state::observe::observe;
use crate::engine::state::record_store::StoredRecord;
use crate::error::Fault;
use crate::model::{ControlPlaneSpec, KubeVersion};
use crate::plan::apply::plan::Plan;
use crate::plan::rollout::preflight::tenant::deprecated_uses;
use crate::plan::rollout::preflight::{Check, PreflightFacts, Worker, checks};
use crate::plan::state::operations::DesiredSpec;
use crate::plan::state::record::Record;

/// What an upgrade would meet.
#[derive(Debug)]
pub struct UpgradePreflight {
    /// What was checked.
    pub checks: Vec<Check>,
    /// The workers, if they could be asked for.
    pub workers: Option<Vec<Worker>>,
}

/// Looks at everything that the checks are made from. `reached` is the way into the tenant, or why there is none.
pub async fn collect_preflight_facts(
    session: &Session<'_>,
    record: &Record,
    to: KubeVersion,
    reached: Result<&TenantConnection, String>,
) -> Result<UpgradePreflight, Fault> {
    let spec = &record.spec;
    let namespace = Some(spec.namespace.as_str());
    let deployment = deployment_ref(spec);
    let (deployment, quotas, limit_ranges, nodes, datastore, inside) = tokio::join!(
        session.management.get(&deployment),
        session.management.list("v1", "ResourceQuota", namespace, ""),
        session.management.list("v1", "LimitRange", namespace, ""),
        session.management.list("v1", "Node", None, ""),
        datastore_state(session, &spec.datastore, &record.id),
        inside(reached),
    );
    let deployment = deployment?;
    let facts = PreflightFacts {
        spec,
        to,
        workers: inside.workers.clone(),
        deprecated: inside.metrics.map(|metrics| deprecated_uses(&metrics)),
        webhooks: inside.webhooks,
        budgets: inside.budgets,
        quotas: quotas.map_err(|refusal| refusal.to_string()),
        limit_ranges: limit_ranges.map_err(|refusal| refusal.to_string()),
        nodes: nodes.map_err(|refusal| refusal.to_string()),
        deployment: deployment.as_ref(),
        datastore: datastore.map(|(version, _)| format!("etcd {version} answers")).map_err(|fault| fault.to_string()),
        certificates_end: record.certificates_end,
        now: (session.clock)(),
    };
    Ok(UpgradePreflight { checks: checks(&facts), workers: inside.workers.ok() })
}

/// What was read inside the tenant.
struct Inside {
    workers: Result<Vec<Worker>, String>,
    metrics: Result<String, String>,
    webhooks: Result<Vec<Value>, String>,
    budgets: Result<Vec<Value>, String>,
}

async fn inside(reached: Result<&TenantConnection, String>) -> Inside {
    let connection = match reached {
        Ok(reached) => &reached.connection,
        Err(why) => {
            return Inside {
                workers: Err(why.clone()),
                metrics: Err(why.clone()),
                webhooks: Err(why.clone()),
                budgets: Err(why),
            };
        }
    };
    let webhooks = async {
        let api = "admissionregistration.k8s.io/v1";
        let mut all = connection.list(api, "ValidatingWebhookConfiguration", None, "").await?;
        all.extend(connection.list(api, "MutatingWebhookConfiguration", None, "").await?);
        Ok::<_, Refusal>(all)
    };
    let (nodes, metrics, webhooks, budgets) = tokio::join!(
        connection.list("v1", "Node", None, ""),
        connection.text("/metrics"),
        webhooks,
        connection.list("policy/v1", "PodDisruptionBudget", None, ""),
    );
    Inside {
        workers: nodes.map(|nodes| nodes.iter().map(worker).collect()).map_err(|refusal| refusal.to_string()),
        metrics: metrics.map_err(|refusal| refusal.to_string()),
        webhooks: webhooks.map_err(|refusal| refusal.to_string()),
        budgets: budgets.map_err(|refusal| refusal.to_string()),
    }
}

fn worker(node: &Value) -> Worker {
    let text = |pointer: &str| node.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    Worker { name: text("/metadata/name"), kubelet: text("/status/nodeInfo/kubeletVersion") }
}

/// What the change of version would write, object by object and field by field.
pub async fn plan_upgrade(
    session: &Session<'_>,
    recorded: &StoredRecord,
    to: KubeVersion,
    ambient: &mut Ambient,
) -> Result<Plan, Fault> {
    require_rights(session.management, &recorded.record.spec.namespace).await?;
    preview_wish(session, recorded, to, ambient).await
}

/// The same, without asking for rights first.
pub(crate) async fn preview_wish(
    session: &Session<'_>,
    recorded: &StoredRecord,
    to: KubeVersion,
    ambient: &mut Ambient,
) -> Result<Plan, Fault> {
    let record = &recorded.record;
    let spec = ControlPlaneSpec { version: to, ..record.spec.clone() };
    let mut plan = Plan { control_plane: format!("{}/{}", spec.namespace, spec.name), ..Default::default() };
    let observed = observe(session, &spec).await?;
    let request = CreateRequest::of(DesiredSpec { spec, documents: recorded.documents.clone() });
    preview_existing(session, &request, recorded, &observed.live, ambient, &mut plan).await?;
    Ok(plan)
}
