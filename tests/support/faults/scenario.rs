//! What can happen to a run of kamaji at one of its requests, and what must then be seen of it.

use std::time::Duration;

use crate::support::command::Run;
use crate::support::faults::proxy::{Fault, Request, Timing};

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// kamaji is killed.
    Kill(Timing),
    /// kamaji is killed, and the next run too, at the request that comes as far after the middle as this before.
    KillTwice,
    /// This happens to one request.
    Once(Fault),
    /// This happens to it and to every one that comes after.
    On(Fault),
}

/// Every kind of trouble, by the name that it has in tables and variables.
pub(crate) const SCENARIOS: [(&str, Scenario); 32] = [
    ("kill-before", Scenario::Kill(Timing::Before)),
    ("kill-after", Scenario::Kill(Timing::After)),
    ("kill-twice", Scenario::KillTwice),
    ("unheard-504", Scenario::Once(Fault::Unheard)),
    ("once-401", Scenario::Once(Fault::Status(401))),
    ("once-403", Scenario::Once(Fault::Status(403))),
    ("once-409", Scenario::Once(Fault::Status(409))),
    ("once-410", Scenario::Once(Fault::Status(410))),
    ("once-422", Scenario::Once(Fault::Status(422))),
    ("once-429", Scenario::Once(Fault::Blocker(429, 1))),
    ("once-429-for-9999", Scenario::Once(Fault::Blocker(429, 9999))),
    ("once-500", Scenario::Once(Fault::Status(500))),
    ("once-502", Scenario::Once(Fault::Status(502))),
    ("once-503", Scenario::Once(Fault::Status(503))),
    ("once-504", Scenario::Once(Fault::Status(504))),
    ("reset-before", Scenario::Once(Fault::Reset(Timing::Before))),
    ("reset-after", Scenario::Once(Fault::Reset(Timing::After))),
    ("broken", Scenario::Once(Fault::Broken)),
    ("half", Scenario::Once(Fault::Half)),
    ("page", Scenario::Once(Fault::Page)),
    ("wrapped", Scenario::Once(Fault::Wrapped)),
    ("nonsense", Scenario::Once(Fault::Nonsense)),
    ("late", Scenario::Once(Fault::Late(3000))),
    ("stall", Scenario::Once(Fault::Stall)),
    ("on-401", Scenario::On(Fault::Status(401))),
    ("on-403", Scenario::On(Fault::Status(403))),
    ("on-429-for-9999", Scenario::On(Fault::Blocker(429, 9999))),
    ("on-500", Scenario::On(Fault::Status(500))),
    ("on-503", Scenario::On(Fault::Status(503))),
    ("on-page", Scenario::On(Fault::Page)),
    ("on-nonsense", Scenario::On(Fault::Nonsense)),
    ("on-stall", Scenario::On(Fault::Stall)),
];

impl Scenario {
    /// Whether it can happen to a request. Nobody answers a question with a conflict.
    pub(crate) fn fits(self, request: &Request) -> bool {
        match self {
            Self::Once(Fault::Status(409 | 422)) => request.method != "GET",
            Self::Once(Fault::Status(410)) => request.method == "GET",
            Self::Once(_) | Self::On(_) | Self::Kill(_) | Self::KillTwice => true,
        }
    }

    /// The time that the run is given. What lasts is given little, to see that it is kept.
    pub(crate) fn timeout(self) -> &'static str {
        match self {
            Self::On(_) => "6s",
            Self::Once(_) | Self::Kill(_) | Self::KillTwice => "120s",
        }
    }

    /// Whether kamaji must go on as if nothing had been.
    pub(crate) fn passes(self) -> bool {
        match self {
            Self::Once(Fault::Status(403 | 422) | Fault::Blocker(_, 9999))
            | Self::On(_)
            | Self::Kill(_)
            | Self::KillTwice => false,
            Self::Once(_) => true,
        }
    }

    /// What is wrong with how a run ended that met it. `late` is how much longer than its time it may take.
    pub(crate) fn judge(self, run: &Run, limit: Duration, harmed: &[Request]) -> Vec<String> {
        let mut wrong = Vec::new();
        if run.stderr.contains("panicked") || run.stderr.contains("RUST_BACKTRACE") {
            wrong.push("it panicked".to_owned());
        }
        let Some(code) = run.code else {
            if matches!(self, Self::Once(_) | Self::On(_)) {
                wrong.push("a signal ended it".to_owned());
            }
            return wrong;
        };
        if run.took > limit {
            wrong.push(format!("it took {:.1} s", run.took.as_secs_f32()));
        }
        if code == 0 {
            // Giving the lock back is no part of the work.
            let lock = |request: &Request| request.path.contains("/leases/");
            let waived = |request: &Request| request.path.contains("/events");
            if matches!(self, Self::On(_)) && !harmed.iter().all(|request| lock(request) || waived(request)) {
                wrong.push("it succeeded although nobody answered any more".to_owned());
            }
            return wrong;
        }
        if self.passes() && !harmed.is_empty() {
            wrong.push(format!("it did not ride it out (exit code {code})"));
        }
        if !(1..=8).contains(&code) {
            wrong.push(format!("exit code {code} is not documented"));
        }
        if run.stderr.lines().filter(|line| line.starts_with("error:")).count() != 1 {
            wrong.push("it does not tell one error".to_owned());
        }
        if !run.stderr.lines().any(|line| line.trim_start().starts_with("hint:")) {
            wrong.push("it does not tell what to do next".to_owned());
        }
        wrong
    }
}
