//! Looks at the way from here to a control plane's endpoint: name, connection, certificate.

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

/// For each of the three steps.
const STEP: Duration = Duration::from_secs(3);

/// Goes the way to the endpoint, and asks there as nobody. `authority` is the certificate that the server must prove by.
pub(crate) async fn examine_endpoint(
    name: &ControlPlaneName,
    address: &Address,
    authority: Option<&str>,
) -> EndpointFacts {
    let host = address.endpoint.host.to_string();
    let port = address.endpoint.port;
    let resolved = resolve(&host, port).await;
    let tcp = match &resolved {
        Err(why) => Err(why.clone()),
        Ok(_) => match timeout(STEP, TcpStream::connect((host.as_str(), port))).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {} s", STEP.as_secs())),
        },
    };
    let tls = match (&tcp, authority) {
        (Err(why), _) => Err(why.clone()),
        (Ok(()), None) => Err("the authority to prove it by is not there".to_owned()),
        (Ok(()), Some(authority)) => prove(name, address, authority).await,
    };
    EndpointFacts { resolved, tcp, tls }
}

async fn resolve(host: &str, port: u16) -> Result<Vec<IpAddr>, String> {
    match timeout(STEP, tokio::net::lookup_host((host, port))).await {
        Ok(Ok(found)) => {
            let mut found: Vec<IpAddr> = found.map(|address| address.ip()).collect();
            found.sort_unstable();
            found.dedup();
            if found.is_empty() { Err("it has no address".to_owned()) } else { Ok(found) }
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", STEP.as_secs())),
    }
}

/// Any answer, also a refusal, comes from behind a certificate that was verified.
async fn prove(name: &ControlPlaneName, address: &Address, authority: &str) -> Result<(), String> {
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "nobody",
        "clusters": [{"name": "nobody", "cluster": {
            "server": address.endpoint.url(), "certificate-authority-data": BASE64_STANDARD.encode(authority)}}],
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [{"name": "nobody", "context": {"cluster": "nobody", "user": "nobody"}}],
    });
    let way = Way::Endpoint(address.endpoint.clone());
    let ask = async {
        let connection = Connection::to_tenant(&kubeconfig.to_string(), &way, name.as_str()).await?;
        connection.text("/readyz").await
    };
    match timeout(STEP, ask).await {
        Ok(Err(Refusal::Unreachable { why, .. } | Refusal::Kubeconfig(why))) => Err(why),
        Ok(Ok(_) | Err(_)) => Ok(()),
        Err(_) => Err(format!("no answer within {} s", STEP.as_secs())),
    }
}
