//! How often a request is sent: again while the server is away or asks for it, a few times after a hiccup, never past the
//! end of the run, and never as a write once the lock is somebody else's.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout};

use super::connection::later;
use super::http::{Again, Failure};
use super::{Connection, Refusal, lock};
use crate::cluster::connection::Listener;

/// How often a hiccup is believed.
const HICCUPS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// From when on an outage is worth a word.
const WORTH_A_WORD: Duration = Duration::from_secs(2);

impl Connection {
    /// The same connection, which tries again for so long when the server is away.
    #[must_use]
    pub fn patient(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sets the time after which nothing is waited for any more, for this connection and its clones. A later one counts.
    pub fn ends_by(&self, end: Instant) {
        self.shared.with(|state| state.end = state.end.max(Some(end)));
    }

    /// Makes this connection end with another.
    pub fn ends_with(&self, other: &Self) {
        if let Some(end) = other.shared.with(|state| state.end) {
            self.ends_by(end);
        }
    }

    /// What the server's clock shows now; `None` while it has not told.
    #[must_use]
    pub fn server_time(&self) -> Option<Timestamp> {
        self.shared.with(|state| state.clock.map(|(then, at)| later(then, at)))
    }

    /// Tells of servers that are away, once each time.
    pub fn tell_outages(&self, listener: Listener) {
        self.shared.with(|state| state.listener = Some(listener));
    }

    /// Sends what changes nothing.
    pub(crate) async fn reading<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, Refusal>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        self.repeat(false, attempt).await
    }

    /// Sends what changes something, while the lock that the work is done under is held.
    pub(crate) async fn writing<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, Refusal>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        self.repeat(true, attempt).await
    }

    async fn repeat<T, F>(&self, writes: bool, attempt: impl Fn() -> F) -> Result<T, Refusal>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let begun = Instant::now();
        let mut hiccups = if self.patience.is_zero() { 0 } else { HICCUPS };
        let (mut pause, mut first) = (FIRST_PAUSE, true);
        loop {
            let limit = self.shared.limit();
            let held = if writes { lock::still_held().await.map_err(Failure::before) } else { Ok(()) };
            let answer = match held {
                Ok(()) => {
                    timeout(limit, attempt()).await.unwrap_or_else(|_| Err(Failure::silence(self.server(), limit)))
                }
                Err(failure) => Err(failure),
            };
            let failure = match answer {
                Ok(value) => {
                    self.shared.with(|state| state.told = false);
                    return Ok(value);
                }
                Err(failure) => failure,
            };
            let wait = match failure.again {
                Again::Never => return Err(failure.refusal),
                Again::Soon if hiccups == 0 => return Err(failure.refusal),
                Again::Soon => {
                    hiccups -= 1;
                    jittered(pause)
                }
                Again::Later(asked) => jittered(pause).max(asked.unwrap_or_default()),
            };
            let next = Instant::now() + wait;
            // A first attempt may have taken all of the patience: it gets a second one in any case.
            let patient = next <= begun + self.patience || (first && wait < LONGEST_PAUSE && !self.patience.is_zero());
            first = false;
            if !patient || self.shared.is_past(next) {
                return Err(failure.refusal);
            }
            if next > begun + WORTH_A_WORD {
                self.shared.tell(&failure.refusal);
            }
            tracing::debug!(refusal = %failure.refusal, "trying again");
            sleep(wait).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Somewhat shorter or longer, so that many do not come back at once.
fn jittered(pause: Duration) -> Duration {
    let percent = 75 + u32::try_from(RandomState::new().hash_one(()) % 51).expect("at most 50");
    pause * percent / 100
}
