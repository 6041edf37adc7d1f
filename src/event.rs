//! Progress events of the engine. `ui` shows them, tests collect them. Depends on no other module.

/// A progress event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A step started, for example `certificates`.
    Step(String),
    /// A change was made, for example `Secret prod/prod-ca created`.
    Done(String),
    /// The engine is waiting; sent again when the causes change.
    Waiting {
        /// What it waits for, for example `the API server to answer`.
        goal: String,
        /// Why it has not happened yet, most important first; empty while unknown.
        causes: Vec<String>,
    },
    /// Information that needs no action.
    Note(String),
}

/// Receives events. Must not block.
pub trait Observer: Send + Sync {
    /// Handles one event.
    fn on(&self, event: Event);
}

impl<F: Fn(Event) + Send + Sync> Observer for F {
    fn on(&self, event: Event) {
        self(event);
    }
}
