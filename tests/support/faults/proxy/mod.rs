//! The chaos proxy: stands between a program and an API server, numbers and logs every request, and does harm where
//! asked. It speaks HTTP/1.1 to both sides; an upgrade (port-forward) becomes a tunnel that it does not look into.

mod fault;
mod forward;

pub(crate) use fault::Fault;
pub(in crate::support) use forward::dial;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use crate::support::Identity;
use crate::support::servers::{tls_client as tls, tls_server as server};

/// A request that came through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// Its number, from 1.
    pub(crate) number: usize,
    /// Its method.
    pub(crate) method: String,
    /// Its path with the query.
    pub(crate) path: String,
    /// What the server answered; `None` while it has not, or when the request was not passed on.
    pub(crate) status: Option<u16>,
    /// Whether harm was done to it.
    pub(crate) harmed: bool,
}

impl Request {
    /// Whether it may change anything. A tunnel and a dry run do not.
    pub(crate) fn writes(&self) -> bool {
        let reads = self.method == "GET" || self.method == "HEAD";
        let question = self.path.contains("/selfsubject") && self.path.contains("reviews");
        !reads && !question && !self.path.contains("dryRun=All")
    }
}

impl std::fmt::Display for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let status = self.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        write!(f, "{:4} {:6} {status:3} {}", self.number, self.method, self.path)
    }
}

/// When harm is done to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timing {
    /// The server never sees the request.
    Before,
    /// The server has carried it out; the answer is lost.
    After,
}

/// Harm.
pub(crate) enum Injection {
    /// Calls this at that moment, then drops the connection. Killing the client is done so.
    Call(Timing, Box<dyn FnOnce() + Send>),
    /// Something that can be done as often as one likes.
    Fault(Fault),
}

impl std::fmt::Debug for Injection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Call(moment, _) => write!(f, "Call({moment:?})"),
            Self::Fault(fault) => write!(f, "{fault:?}"),
        }
    }
}

/// Which request is harmed.
type Trigger = Box<dyn Fn(&Request) -> bool + Send>;

/// Harm that is meant for requests of a kind.
struct Rule {
    like: Trigger,
    fault: Injection,
    /// How many requests it is meant for; a call is for one.
    left: usize,
}

#[derive(Default)]
struct State {
    requests: Vec<Request>,
    rules: Vec<Rule>,
    /// Requests that are never answered.
    silence: Vec<Trigger>,
}

/// Harm that a request meets.
enum Strike {
    Call(Timing, Box<dyn FnOnce() + Send>),
    Fault(Fault),
}

impl State {
    /// Whether a request is to be left without an answer.
    fn is_silenced(&self, number: usize) -> bool {
        self.requests.get(number - 1).is_some_and(|request| self.silence.iter().any(|like| like(request)))
    }

    /// Counts a request, and gives the harm that is meant for it.
    fn count(&mut self, method: String, path: String) -> (usize, Option<Strike>) {
        let number = self.requests.len() + 1;
        let mut request = Request { number, method, path, status: None, harmed: false };
        let struck = self.rules.iter().position(|rule| (rule.like)(&request));
        request.harmed = struck.is_some();
        self.requests.push(request);
        let strike = struck.map(|index| {
            self.rules[index].left -= 1;
            match &self.rules[index].fault {
                Injection::Fault(fault) if self.rules[index].left > 0 => Strike::Fault(*fault),
                Injection::Fault(_) | Injection::Call(..) => match self.rules.remove(index).fault {
                    Injection::Fault(fault) => Strike::Fault(fault),
                    Injection::Call(moment, call) => Strike::Call(moment, call),
                },
            }
        });
        (number, strike)
    }
}

/// What the connections share.
#[derive(Default)]
struct Shared(Mutex<State>);

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.lock().requests).finish()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running proxy; dropped, it ends, with all its connections.
#[derive(Debug)]
pub(crate) struct Proxy {
    shared: Arc<Shared>,
    files: tempfile::TempDir,
    /// Ends the connections when dropped.
    _runtime: Runtime,
}

impl Proxy {
    /// Starts a proxy in front of the server of a kubeconfig.
    pub(crate) fn start(upstream: &Identity) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime can be made");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a local port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let (config, authority) = server::server();
        let shared = Arc::new(Shared::default());
        let upstream = Arc::new(forward::Upstream { server: upstream.server.clone(), tls: tls::client(upstream) });
        runtime.spawn(accept(listener, TlsAcceptor::from(config), Arc::clone(&shared), upstream));
        let files = tempfile::tempdir().expect("a temporary folder can be made");
        std::fs::write(files.path().join("ca.crt"), authority).expect("a temporary folder takes files");
        let kubeconfig = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: chaos\n\
             clusters: [{{name: chaos, cluster: {{server: 'https://{address}', certificate-authority: '{}'}}}}]\n\
             users: [{{name: chaos, user: {{}}}}]\n\
             contexts: [{{name: chaos, context: {{cluster: chaos, user: chaos}}}}]\n",
            files.path().join("ca.crt").display()
        );
        std::fs::write(files.path().join("kubeconfig"), kubeconfig).expect("a temporary folder takes files");
        Self { shared, files, _runtime: runtime }
    }

    /// A kubeconfig that leads through the proxy.
    pub(crate) fn kubeconfig(&self) -> std::path::PathBuf {
        let folder: &Path = self.files.path();
        folder.join("kubeconfig")
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }

    /// Does harm to request `number`.
    pub(crate) fn fault(&self, number: usize, fault: Injection) {
        self.harm_where(move |request| request.number == number, fault);
    }

    /// Does harm to the next request that is like this.
    pub(crate) fn harm_where(&self, like: impl Fn(&Request) -> bool + Send + 'static, fault: Injection) {
        self.harm_often(1, like, fault);
    }

    /// Does harm to the next so many requests that are like this.
    pub(crate) fn harm_often(&self, times: usize, like: impl Fn(&Request) -> bool + Send + 'static, fault: Injection) {
        self.shared.lock().rules.push(Rule { like: Box::new(like), fault, left: times });
    }

    /// Never answers requests that are like this, until the next reset.
    pub(crate) fn silence(&self, like: impl Fn(&Request) -> bool + Send + 'static) {
        self.shared.lock().silence.push(Box::new(like));
    }

    /// Whether every harm that was asked for has been done.
    pub(crate) fn is_spent(&self) -> bool {
        self.shared.lock().rules.is_empty()
    }

    /// Forgets requests and harm: the next request is number 1.
    pub(crate) fn reset(&self) {
        *self.shared.lock() = State::default();
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, shared: Arc<Shared>, upstream: Arc<forward::Upstream>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, shared, upstream) = (tls.clone(), Arc::clone(&shared), Arc::clone(&upstream));
        tokio::spawn(async move {
            // A client that was killed breaks off anywhere.
            let Ok(stream) = tls.accept(stream).await else { return };
            let link = forward::Link::default();
            let service = hyper::service::service_fn(|request| forward::pass(request, &shared, &upstream, &link));
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            drop(connection.with_upgrades().await);
        });
    }
}
