//! A way to a port of a pod through the management cluster's API, for machines that reach nothing else.
//!
//! The tunnel is a listener on 127.0.0.1; each connection to it becomes one port-forward. Whoever uses it still
//! verifies the server behind it by TLS.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::copy_bidirectional;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{Connection, Refusal};

/// An open tunnel; it closes when dropped.
#[derive(Debug)]
pub struct Tunnel {
    local: SocketAddr,
    task: JoinHandle<()>,
}

impl Tunnel {
    /// Opens a tunnel to `port` of a pod.
    pub async fn open(connection: &Connection, namespace: &str, pod: &str, port: u16) -> Result<Self, Refusal> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(|error| Refusal::Unreachable { server: "a local port".into(), why: error.to_string() })?;
        let local = listener
            .local_addr()
            .map_err(|error| Refusal::Unreachable { server: "a local port".into(), why: error.to_string() })?;
        let pods = connection.pods(namespace);
        let pod = pod.to_owned();
        let task = tokio::spawn(async move {
            while let Ok((mut inbound, _)) = listener.accept().await {
                let (pods, pod) = (pods.clone(), pod.clone());
                tokio::spawn(async move {
                    match pods.portforward(&pod, &[port]).await {
                        Ok(mut forward) => {
                            if let Some(mut outbound) = forward.take_stream(port) {
                                // Either side may close at any time; the client above sees it as a lost connection.
                                if let Err(error) = copy_bidirectional(&mut inbound, &mut outbound).await {
                                    tracing::debug!(%error, "tunnel closed");
                                }
                            }
                            forward.abort();
                        }
                        Err(error) => tracing::debug!(%error, "port-forward refused"),
                    }
                });
            }
        });
        Ok(Self { local, task })
    }

    /// The local address of the tunnel.
    #[must_use]
    pub const fn local(&self) -> SocketAddr {
        self.local
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.task.abort();
    }
}
