//! Asks a server all the time, and counts what it does not answer: on a connection kept alive, and on a new one each time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper::header;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::proxy::dial;
use super::{Identity, tls};

/// Requests a second, of each of the two ways.
const RATE: u64 = 20;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// How many requests were answered with 200.
    pub(crate) answered: usize,
    /// What went wrong, with the second it happened.
    pub(crate) failures: Vec<String>,
    /// The longest time a request took.
    pub(crate) longest: Duration,
}

/// A poller at work.
#[derive(Debug)]
pub(crate) struct Poller {
    end: Arc<AtomicBool>,
    ways: Vec<JoinHandle<Seen>>,
}

impl Poller {
    /// Asks for `fresh` on a new connection each time, and for `kept` on one that is kept.
    pub(crate) fn start(identity: &Identity, fresh: &'static str, kept: &'static str) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let ways = [(fresh, false), (kept, true)];
        let ways = ways.map(|(path, keep)| {
            let (identity, end) = (identity.clone(), Arc::clone(&end));
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.expect("a runtime can be made").block_on(poll(&identity, path, keep, &end))
            })
        });
        Self { end, ways: ways.into() }
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
        }
        all
    }
}

async fn poll(identity: &Identity, path: &str, keep: bool, end: &AtomicBool) -> Seen {
    let tls = tls::client(identity);
    let mut seen = Seen::default();
    let mut kept: Option<SendRequest<Empty<Bytes>>> = None;
    let begun = Instant::now();
    let mut ticks = interval(Duration::from_millis(1000 / RATE));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !end.load(Ordering::Acquire) {
        ticks.tick().await;
        let asked = Instant::now();
        let ask = async {
            let mut sender = if let Some(sender) = kept.take().filter(|sender| keep && !sender.is_closed()) {
                sender
            } else {
                let stream = dial(&identity.server, &tls).await?;
                let (sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
                tokio::spawn(connection);
                sender
            };
            let request =
                hyper::Request::get(path).header(header::HOST, &identity.server).body(Empty::<Bytes>::new())?;
            let answer = sender.send_request(request).await?;
            let status = answer.status();
            let body = answer.into_body().collect().await?.to_bytes();
            if !status.is_success() {
                return Err(Failure::from(format!(
                    "{status}: {}",
                    String::from_utf8_lossy(&body).chars().take(300).collect::<String>()
                )));
            }
            Ok(sender)
        };
        let answer = timeout(Duration::from_secs(5), ask).await;
        match answer.unwrap_or_else(|_| Err("no answer in 5 s".into())) {
            Ok(sender) => {
                seen.answered += 1;
                kept = Some(sender);
            }
            Err(error) => {
                let after = begun.elapsed().as_secs_f32();
                seen.failures.push(format!("GET {path} after {after:.1} s: {error}"));
            }
        }
        seen.longest = seen.longest.max(asked.elapsed());
    }
    seen
}
