//! A connection to one API server, and what it shares with its clones. Requests are in `client.rs`, retries in
//! `retry.rs`.
#![expect(clippy::disallowed_types, reason = "edge: holds the client")]

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::Refusal;

/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(20);

/// How long one request may take after the deadline of the run, for cleanup.
const LAST: Duration = Duration::from_secs(5);

/// Clocks that differ by less are not known to differ.
const ALIKE: Duration = Duration::from_secs(5);

/// A connection to an API server.
#[derive(Clone)]
pub struct Connection {
    pub(super) client: kube::Client,
    pub(super) server: String,
    pub(super) namespace: String,
    pub(super) patience: Duration,
    pub(super) shared: Arc<Shared>,
    pub(super) verified: bool,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Who is told that a server is away.
pub type Listener = Box<dyn Fn(String) + Send + Sync>;

/// What a connection and its clones have in common.
#[derive(Default)]
pub(crate) struct Shared(Mutex<State>);

impl Shared {
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How long the next request may take.
    pub(super) fn limit(&self) -> Duration {
        let left = |end: Instant| end.saturating_duration_since(Instant::now()).max(LAST);
        self.with(|state| state.end.map_or(REQUEST, |end| left(end).min(REQUEST)))
    }

    pub(super) fn is_past(&self, moment: Instant) -> bool {
        self.with(|state| state.end.is_some_and(|end| moment > end))
    }

    /// Learns the server's time from one of its answers, which are dated by the second.
    pub(super) fn learn_time(&self, shown: Timestamp) {
        self.with(|state| {
            let differs = |(then, at)| shown.duration_since(later(then, at)).unsigned_abs() > ALIKE;
            if state.clock.is_none_or(differs) {
                state.clock = Some((shown, Instant::now()));
            }
        });
    }

    pub(super) fn tell(&self, refusal: &Refusal) {
        self.with(|state| {
            if let Some(listener) = state.listener.as_ref().filter(|_| !state.told) {
                listener(format!("{refusal}; trying again"));
                state.told = true;
            }
        });
    }
}

#[derive(Default)]
pub(super) struct State {
    /// When the run is to end.
    pub(super) end: Option<Instant>,
    pub(super) listener: Option<Listener>,
    /// Whether the present outage was told.
    pub(super) told: bool,
    /// What the server's clock showed, and when.
    pub(super) clock: Option<(Timestamp, Instant)>,
}

pub(super) fn later(then: Timestamp, at: Instant) -> Timestamp {
    then.checked_add(at.elapsed()).unwrap_or(then)
}
