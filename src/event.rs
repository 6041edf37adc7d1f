//! What the engine says while it works. A leaf: `ui` shows it, tests collect it.

/// Something that happened, or that is being waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A step of several began, for example `certificates`.
    Step(String),
    /// Something was done and will not be undone, for example `Secret prod/prod-ca created`.
    Done(String),
    /// Work is waiting, and this is why; said again when the reason changes.
    Waiting {
        /// What is waited for, for example `the API server to answer`.
        goal: String,
        /// Why it is not there yet, most important first; empty while nothing is known.
        causes: Vec<String>,
    },
    /// Worth knowing, nothing is wrong.
    Note(String),
}

/// Takes events. Must not block.
pub trait Observer: Send + Sync {
    /// Takes one event.
    fn on(&self, event: Event);
}

impl<F: Fn(Event) + Send + Sync> Observer for F {
    fn on(&self, event: Event) {
        self(event);
    }
}
