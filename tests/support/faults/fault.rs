//! What can happen to a run of kamaji at one of its requests, and what must then be seen of it.

use std::time::Duration;

use crate::support::command::Run;
use crate::support::faults::proxy::{Harm, Moment, Request};

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// kamaji is killed.
    Kill(Moment),
    /// kamaji is killed, and the next run too, at the request that comes as far after the middle as this before.
    KillTwice,
    /// This happens to one request.
    Once(Harm),
    /// This happens to it and to every one that comes after.
    On(Harm),
}

/// Every kind of trouble, by the name that it has in tables and variables.
pub(crate) const TROUBLES: [(&str, Trouble); 32] = [
    ("kill-before", Trouble::Kill(Moment::Before)),
    ("kill-after", Trouble::Kill(Moment::After)),
    ("kill-twice", Trouble::KillTwice),
    ("unheard-504", Trouble::Once(Harm::Unheard)),
    ("once-401", Trouble::Once(Harm::Status(401))),
    ("once-403", Trouble::Once(Harm::Status(403))),
    ("once-409", Trouble::Once(Harm::Status(409))),
    ("once-410", Trouble::Once(Harm::Status(410))),
    ("once-422", Trouble::Once(Harm::Status(422))),
    ("once-429", Trouble::Once(Harm::Blocker(429, 1))),
    ("once-429-for-9999", Trouble::Once(Harm::Blocker(429, 9999))),
    ("once-500", Trouble::Once(Harm::Status(500))),
    ("once-502", Trouble::Once(Harm::Status(502))),
    ("once-503", Trouble::Once(Harm::Status(503))),
    ("once-504", Trouble::Once(Harm::Status(504))),
    ("reset-before", Trouble::Once(Harm::Reset(Moment::Before))),
    ("reset-after", Trouble::Once(Harm::Reset(Moment::After))),
    ("broken", Trouble::Once(Harm::Broken)),
    ("half", Trouble::Once(Harm::Half)),
    ("page", Trouble::Once(Harm::Page)),
    ("wrapped", Trouble::Once(Harm::Wrapped)),
    ("nonsense", Trouble::Once(Harm::Nonsense)),
    ("late", Trouble::Once(Harm::Late(3000))),
    ("stall", Trouble::Once(Harm::Stall)),
    ("on-401", Trouble::On(Harm::Status(401))),
    ("on-403", Trouble::On(Harm::Status(403))),
    ("on-429-for-9999", Trouble::On(Harm::Blocker(429, 9999))),
    ("on-500", Trouble::On(Harm::Status(500))),
    ("on-503", Trouble::On(Harm::Status(503))),
    ("on-page", Trouble::On(Harm::Page)),
    ("on-nonsense", Trouble::On(Harm::Nonsense)),
    ("on-stall", Trouble::On(Harm::Stall)),
];

impl Trouble {
    /// Whether it can happen to a request. Nobody answers a question with a conflict.
    pub(crate) fn fits(self, request: &Request) -> bool {
        match self {
            Self::Once(Harm::Status(409 | 422)) => request.method != "GET",
            Self::Once(Harm::Status(410)) => request.method == "GET",
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
            Self::Once(Harm::Status(403 | 422) | Harm::Blocker(_, 9999))
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
