//! Collects facts about a control plane's endpoint as seen from this machine: DNS, TCP, TLS.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::cluster::{Connection, Refusal, Way};
use crate::model::ControlPlaneName;
use crate::plan::doctor::facts::EndpointFacts;
use crate::render::Address;

/// The timeout of each of the three steps.
const STEP_TIMEOUT: Duration = Duration::from_secs(3);

/// Connects to the endpoint without credentials. `authority` is the CA certificate that must have signed the server's.
pub(crate) async fn collect_endpoint_facts(
    name: &ControlPlaneName,
    address: &Address,
    authority: Option<&str>,
) -> EndpointFacts {
    let host = address.endpoint.host.to_string();
    let port = address.endpoint.port;
    let resolved = resolve(&host, port).await;
    let tcp = match &resolved {
        Err(why) => Err(why.clone()),
        Ok(_) => match timeout(STEP_TIMEOUT, TcpStream::connect((host.as_str(), port))).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {} s", STEP_TIMEOUT.as_secs())),
        },
    };
    let tls = match (&tcp, authority) {
        (Err(why), _) => Err(why.clone()),
        (Ok(()), None) => Err("the CA certificate is missing".to_owned()),
        (Ok(()), Some(authority)) => verify_certificate(name, address, authority).await,
    };
    EndpointFacts { resolved, tcp, tls }
}

async fn resolve(host: &str, port: u16) -> Result<Vec<IpAddr>, String> {
    match timeout(STEP_TIMEOUT, tokio::net::lookup_host((host, port))).await {
        Ok(Ok(found)) => {
            let mut found: Vec<IpAddr> = found.map(|address| address.ip()).collect();
            found.sort_unstable();
            found.dedup();
            if found.is_empty() { Err("the name has no address".to_owned()) } else { Ok(found) }
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", STEP_TIMEOUT.as_secs())),
    }
}

/// Verifies the server's certificate. Any HTTP answer, even an error, means that the TLS handshake succeeded.
async fn verify_certificate(name: &ControlPlaneName, address: &Address, authority: &str) -> Result<(), String> {
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "anonymous",
        "clusters": [{"name": "anonymous", "cluster": {
            "server": address.endpoint.url(), "certificate-authority-data": BASE64_STANDARD.encode(authority)}}],
        "users": [{"name": "anonymous", "user": {}}],
        "contexts": [{"name": "anonymous", "context": {"cluster": "anonymous", "user": "anonymous"}}],
    });
    let way = Way::Endpoint(address.endpoint.clone());
    let request = async {
        let connection = Connection::to_tenant(&kubeconfig.to_string(), &way, name.as_str()).await?;
        connection.text("/readyz").await
    };
    match timeout(STEP_TIMEOUT, request).await {
        Ok(Err(Refusal::Unreachable { why, .. } | Refusal::Kubeconfig(why))) => Err(why),
        Ok(Ok(_) | Err(_)) => Ok(()),
        Err(_) => Err(format!("no answer within {} s", STEP_TIMEOUT.as_secs())),
    }
}
