//! Asks a server all the time, and counts what it does not answer: on a new connection each time, on one that is kept
//! (with writes among the reads), and by a watch that must not miss a write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::header;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_rustls::client::TlsStream;

use crate::support::servers::tls_client as tls;
use crate::support::{Identity, wait_until};

/// Requests a second, of each way.
const RATE: u64 = 20;
/// Longer than any server may take.
const LIMIT: Duration = Duration::from_secs(30);

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Body = Full<Bytes>;

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// How many requests were answered with success.
    pub(crate) answered: usize,
    /// What went wrong, with the second it happened.
    pub(crate) failures: Vec<String>,
    /// The longest time from a request's turn to its answer.
    pub(crate) longest: Duration,
    /// How many requests the server refused with `Retry-After`, because it was ending that very moment.
    pub(crate) repeated: usize,
    /// How many changes the watch told.
    pub(crate) watched: u64,
    /// How often the server ended the watch in good order, and it was begun again where it stopped.
    pub(crate) watch_ends: usize,
}

/// A poller at work.
#[derive(Debug)]
pub(crate) struct Poller {
    end: Arc<AtomicBool>,
    /// How many requests were answered so far.
    answers: Arc<AtomicU64>,
    /// The number of the last write that was answered.
    written: Arc<AtomicU64>,
    ways: Vec<JoinHandle<Seen>>,
}

/// One way of being a client.
#[derive(Debug, Clone)]
enum Way {
    /// GET, a new connection each time.
    Fresh(String),
    /// GET, one HTTP/2 connection until the server says that it goes away.
    KubeClient(String),
    /// PATCH of a `ConfigMap` on a kept connection: `data.count` is the number of the last write that was answered.
    Write(String, Arc<AtomicU64>),
    /// A watch of that `ConfigMap`, from where a list of them stands; ends when it has told the last write.
    Watch(String, String, Arc<AtomicU64>),
}

impl Poller {
    /// Asks for `fresh` on a new connection each time, and for `kept` on one that is kept.
    pub(crate) fn start(identity: &Identity, fresh: &str, kept: &str) -> Self {
        Self::of(identity, vec![Way::Fresh(fresh.to_owned()), Way::KubeClient(kept.to_owned())], Arc::default())
    }

    /// The same, and writes a `ConfigMap` of that name in `default`, and watches it.
    pub(crate) fn with_a_watch(identity: &Identity, fresh: &str, config_map: &str) -> Self {
        let list = "/api/v1/namespaces/default/configmaps";
        let object = format!("{list}/{config_map}");
        let watch = format!("{list}?watch=1&fieldSelector=metadata.name%3D{config_map}");
        let written = Arc::new(AtomicU64::new(0));
        let ways = vec![
            Way::Fresh(fresh.to_owned()),
            Way::KubeClient(object.clone()),
            Way::Write(object, Arc::clone(&written)),
            Way::Watch(watch, list.to_owned(), Arc::clone(&written)),
        ];
        Self::of(identity, ways, written)
    }

    fn of(identity: &Identity, ways: Vec<Way>, written: Arc<AtomicU64>) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let answers = Arc::new(AtomicU64::new(0));
        let start = |way: Way| {
            let (identity, end, answers) = (identity.clone(), Arc::clone(&end), Arc::clone(&answers));
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = runtime.expect("a runtime can be made");
                let mut client = Client { identity, kept: None, begun: Instant::now(), answers, seen: Seen::default() };
                runtime.block_on(client.run(&way, &end));
                client.seen
            })
        };
        let ways = ways.into_iter().map(start).collect();
        Self { end, answers, written, ways }
    }

    /// Waits until more requests than these were answered, and so many writes among them.
    #[track_caller]
    pub(crate) fn await_answers(&self, requests: u64, writes: u64) {
        wait_until("enough was asked", Duration::from_secs(180), || {
            let [answered, written] = [&self.answers, &self.written].map(|number| number.load(Ordering::Acquire));
            let enough = answered > requests && written >= writes;
            if enough { Ok(()) } else { Err(format!("{answered} requests were answered, {written} of them writes")) }
        });
    }

    /// Ends it, and says what was seen.
    pub(crate) fn stop(self) -> Seen {
        self.end.store(true, Ordering::Release);
        let mut all = Seen::default();
        for way in self.ways {
            let seen = way.join().expect("a poller does not panic");
            all.answered += seen.answered;
            all.longest = all.longest.max(seen.longest);
            all.failures.extend(seen.failures);
            all.repeated += seen.repeated;
            all.watched += seen.watched;
            all.watch_ends += seen.watch_ends;
        }
        all
    }
}

struct Client {
    identity: Identity,
    kept: Option<http2::SendRequest<Body>>,
    begun: Instant,
    answers: Arc<AtomicU64>,
    seen: Seen,
}

impl Client {
    async fn run(&mut self, way: &Way, end: &AtomicBool) {
        if let Way::Watch(path, all, written) = way {
            return self.watch(path, all, written, end).await;
        }
        let mut ticks = interval(Duration::from_millis(1000 / RATE));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !end.load(Ordering::Acquire) {
            ticks.tick().await;
            let asked = Instant::now();
            let (what, answer) = match way {
                Way::Fresh(path) => (format!("GET {path}, new connection"), timeout(LIMIT, self.fresh(path)).await),
                Way::KubeClient(path) => {
                    (format!("GET {path}, kept connection"), timeout(LIMIT, self.kept(get(path))).await)
                }
                Way::Write(path, written) => {
                    let next = written.load(Ordering::Acquire) + 1;
                    let answer = timeout(LIMIT, self.kept(patch(path, next))).await;
                    if matches!(answer, Ok(Ok(()))) {
                        written.store(next, Ordering::Release);
                    }
                    (format!("PATCH {path}"), answer)
                }
                Way::Watch(..) => unreachable!("a watch has no turns"),
            };
            match answer.unwrap_or_else(|_| Err(format!("no answer in {} s", LIMIT.as_secs()).into())) {
                Ok(()) => {
                    self.seen.answered += 1;
                    self.answers.fetch_add(1, Ordering::AcqRel);
                }
                Err(error) => {
                    self.kept = None;
                    self.fail(&what, &error);
                }
            }
            self.seen.longest = self.seen.longest.max(asked.elapsed());
        }
    }

    fn fail(&mut self, what: &str, error: &Failure) {
        let after = self.begun.elapsed().as_secs_f32();
        let mut cause = error.source();
        let mut error = error.to_string();
        while let Some(source) = cause {
            error = format!("{error}: {source}");
            cause = source.source();
        }
        self.seen.failures.push(format!("{what} after {after:.1} s: {error}"));
    }

    async fn fresh(&self, path: &str) -> Result<(), Failure> {
        let stream = self.dial(b"http/1.1").await?;
        let (mut sender, connection) = http1::handshake(stream).await?;
        tokio::spawn(connection);
        let request = hyper::Request::get(path).header(header::HOST, &self.identity.server);
        success(sender.send_request(request.body(Body::default())?).await?).await.map(drop)
    }

    async fn kept(&mut self, request: Request) -> Result<(), Failure> {
        success(self.send(request).await?).await.map(drop)
    }

    /// Sends a request as Kubernetes' own clients do: one that is answered with `Retry-After`, and so was not carried out,
    /// is sent again on a new connection.
    async fn send(&mut self, request: Request) -> Result<hyper::Response<Incoming>, Failure> {
        let answer = self.send_once(&request).await?;
        if answer.headers().contains_key(header::RETRY_AFTER) {
            self.seen.repeated += 1;
            self.kept = None;
            return self.send_once(&request).await;
        }
        Ok(answer)
    }

    /// Sends a request on the kept connection. One that was never sent, or that the server says it never looked at, because
    /// the connection's end was announced at that very moment, goes on a new one, as in any HTTP/2 client (RFC 9113, 8.7).
    async fn send_once(&mut self, request: &Request) -> Result<hyper::Response<Incoming>, Failure> {
        let mut sender = self.sender().await?;
        let answer = match sender.send_request(request.of(&self.identity.server)?).await {
            Err(error) if error.is_canceled() || is_unprocessed(&error) => {
                sender = self.sender().await?;
                sender.send_request(request.of(&self.identity.server)?).await?
            }
            answer => answer?,
        };
        self.kept = Some(sender);
        Ok(answer)
    }

    /// The kept connection, or a new one where the server has announced its end (GOAWAY), as HTTP/2 has it.
    async fn sender(&mut self) -> Result<http2::SendRequest<Body>, Failure> {
        if let Some(mut sender) = self.kept.take()
            && !sender.is_closed()
            && sender.ready().await.is_ok()
        {
            return Ok(sender);
        }
        let stream = self.dial(b"h2").await?;
        let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

impl Client {
    async fn dial(&self, protocol: &[u8]) -> Result<TokioIo<TlsStream<TcpStream>>, Failure> {
        let mut config = (*tls::client(&self.identity)).clone();
        config.alpn_protocols = vec![protocol.to_vec()];
        Ok(crate::support::faults::proxy::dial(&self.identity.server, &Arc::new(config)).await?)
    }

    /// Watches until the last write was told. A watch that the server ends in good order is begun again where it stopped.
    async fn watch(&mut self, path: &str, all: &str, written: &AtomicU64, end: &AtomicBool) {
        let mut version = match self.version(all).await {
            Ok(version) => version,
            Err(error) => return self.fail("LIST before the watch", &error),
        };
        let mut told = 0;
        let mut ended: Option<Instant> = None;
        loop {
            let done = end.load(Ordering::Acquire);
            if done && told >= written.load(Ordering::Acquire) {
                return;
            }
            if done && ended.get_or_insert_with(Instant::now).elapsed() > LIMIT {
                let last = written.load(Ordering::Acquire);
                return self.fail("watch", &format!("write {last} was never told, the last one was {told}").into());
            }
            match self.watch_once(&format!("{path}&resourceVersion={version}"), &mut version, &mut told, end).await {
                Ok(true) => self.seen.watch_ends += 1,
                Ok(false) => {}
                Err(error) => {
                    self.kept = None;
                    self.fail("watch", &error);
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
    }

    async fn version(&mut self, all: &str) -> Result<String, Failure> {
        let answer = self.send(get(all)).await?;
        let body: serde_json::Value = serde_json::from_slice(&success(answer).await?)?;
        Ok(body["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned())
    }

    /// One watch. `true`: the server ended it; `false`: it is time to look whether all was told.
    async fn watch_once(
        &mut self,
        path: &str,
        version: &mut String,
        told: &mut u64,
        end: &AtomicBool,
    ) -> Result<bool, Failure> {
        let answer = self.send(get(path)).await?;
        if !answer.status().is_success() {
            return success(answer).await.map(|_| true);
        }
        let mut body = answer.into_body();
        let mut text = Vec::new();
        loop {
            let Ok(frame) = timeout(Duration::from_millis(500), body.frame()).await else {
                if end.load(Ordering::Acquire) {
                    return Ok(false);
                }
                continue;
            };
            let Some(frame) = frame else { return Ok(true) };
            text.extend_from_slice(frame?.data_ref().map(AsRef::as_ref).unwrap_or_default());
            while let Some(line) = text.iter().position(|byte| *byte == b'\n') {
                let event: serde_json::Value = serde_json::from_slice(&text.drain(..=line).collect::<Vec<u8>>())?;
                let object = &event["object"];
                if event["type"] == "ERROR" {
                    return Err(format!("the watch ended with {object}").into());
                }
                if let Some(new) = object["metadata"]["resourceVersion"].as_str() {
                    new.clone_into(version);
                }
                if let Some(count) = object["data"]["count"].as_str().and_then(|count| count.parse().ok()) {
                    if count > *told + 1 && *told > 0 {
                        return Err(format!("write {} was not told, but {count}", *told + 1).into());
                    }
                    *told = count;
                    self.seen.watched += 1;
                }
            }
        }
    }
}

/// Whether the server's GOAWAY left the request out. What it had taken on and then broke off is another error.
fn is_unprocessed(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| {
        cause.is_go_away() && cause.is_remote() && cause.reason().is_some_and(|reason| reason == h2::Reason::NO_ERROR)
    })
}

/// A request without its server.
struct Request {
    method: hyper::Method,
    path: String,
    body: String,
}

fn get(path: &str) -> Request {
    Request { method: hyper::Method::GET, path: path.to_owned(), body: String::new() }
}

fn patch(path: &str, count: u64) -> Request {
    let body = format!("{{\"data\":{{\"count\":\"{count}\"}}}}");
    Request { method: hyper::Method::PATCH, path: path.to_owned(), body }
}

impl Request {
    fn of(&self, server: &str) -> Result<hyper::Request<Body>, Failure> {
        let uri = format!("https://{server}{}", self.path);
        let request = hyper::Request::builder().method(self.method.clone()).uri(uri);
        let request = request.header(header::CONTENT_TYPE, "application/merge-patch+json");
        Ok(request.body(Body::from(self.body.clone()))?)
    }
}

async fn success(answer: hyper::Response<Incoming>) -> Result<Bytes, Failure> {
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    if status.is_success() {
        return Ok(body);
    }
    let said: String = String::from_utf8_lossy(&body).chars().take(300).collect();
    Err(format!("{status}: {said}").into())
}
