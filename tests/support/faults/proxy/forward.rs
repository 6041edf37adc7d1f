//! One request on its way through the proxy: counted, harmed or passed on, its answer counted, harmed or passed back.

use std::io::Error;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Fault, Shared, Strike, Timing};

pub(super) type Answer = Response<BoxBody<Bytes, Error>>;

/// The server behind the proxy.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) server: String,
    pub(super) tls: Arc<ClientConfig>,
}

/// Opens a TLS connection to `HOST:PORT`.
pub(in crate::support) async fn dial(
    server: &str,
    tls: &Arc<ClientConfig>,
) -> Result<TokioIo<TlsStream<TcpStream>>, Error> {
    let host = server.rsplit_once(':').map_or(server, |(host, _)| host).to_owned();
    let stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from(host).map_err(Error::other)?;
    Ok(TokioIo::new(TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?))
}

/// The connection to the server that belongs to one of the client's. Both are used for one request at a time.
#[derive(Debug, Default)]
pub(super) struct Link(tokio::sync::Mutex<Option<SendRequest<Incoming>>>);

impl Link {
    /// The kept connection, or a new one where there is none that can be used.
    async fn sender(&self, upstream: &Upstream) -> Result<SendRequest<Incoming>, Error> {
        if let Some(mut kept) = self.0.lock().await.take()
            && kept.ready().await.is_ok()
        {
            return Ok(kept);
        }
        let stream = dial(&upstream.server, &upstream.tls).await?;
        let (sender, connection) = http1::handshake(stream).await.map_err(Error::other)?;
        tokio::spawn(connection.with_upgrades());
        Ok(sender)
    }
}

/// Passes a request on. An error drops the client's connection without an answer.
pub(super) async fn pass(
    request: hyper::Request<Incoming>,
    shared: &Shared,
    upstream: &Upstream,
    link: &Link,
) -> Result<Answer, Error> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let (number, strike) = shared.lock().count(request.method().to_string(), path);
    if shared.lock().is_silenced(number) {
        // Until the client has had enough.
        std::future::pending::<()>().await;
    }
    let after = match strike {
        Some(Strike::Call(Timing::Before, call)) => {
            call();
            return Err(Error::other("harmed before it was passed on"));
        }
        Some(Strike::Fault(fault)) if !fault.reaches_server() => return fault.instead().await,
        Some(Strike::Fault(Fault::Late(milliseconds))) => {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            None
        }
        strike => strike,
    };
    let answer = exchange(request, upstream, link).await?;
    if let Some(entry) = shared.lock().requests.get_mut(number - 1) {
        entry.status = Some(answer.status().as_u16());
    }
    match after {
        Some(Strike::Call(_, call)) => {
            call();
            Err(Error::other("harmed after it was carried out"))
        }
        Some(Strike::Fault(fault)) => fault.instead_of(answer).await,
        None => Ok(answer),
    }
}

/// Asks the server. An upgrade goes on as a tunnel.
async fn exchange(mut request: hyper::Request<Incoming>, upstream: &Upstream, link: &Link) -> Result<Answer, Error> {
    let client = hyper::upgrade::on(&mut request);
    request.headers_mut().insert(header::HOST, upstream.server.parse().map_err(Error::other)?);
    let mut sender = link.sender(upstream).await?;
    let mut answer = sender.send_request(request).await.map_err(Error::other)?;
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        let server = hyper::upgrade::on(&mut answer);
        tokio::spawn(async move {
            if let (Ok(client), Ok(server)) = (client.await, server.await) {
                // Either side may end it at any time.
                drop(tokio::io::copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(server)).await);
            }
        });
    } else {
        *link.0.lock().await = Some(sender);
    }
    Ok(answer.map(|body| body.map_err(Error::other).boxed()))
}
