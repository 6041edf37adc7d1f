//! Shows progress events: a status line on a terminal, plain lines otherwise.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::{safe, write_stderr};
use crate::event::{Event, Observer};

/// Without a terminal, how often to repeat an unchanged wait.
const REMINDER_INTERVAL: Duration = Duration::from_secs(15);
/// Minimum interval between reports of changed causes.
const MIN_REPORT_INTERVAL: Duration = Duration::from_secs(4);
/// Waits shorter than this are not reported.
const MIN_WAIT: Duration = Duration::from_secs(2);

/// An observer that shows events.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    waiting: Mutex<Option<Wait>>,
}

#[derive(Debug)]
struct Wait {
    goal: String,
    since: Instant,
    /// When the wait was last reported, and all causes reported so far.
    reported: Option<(Instant, BTreeSet<String>)>,
}

impl Wait {
    /// Whether the wait should be reported now.
    fn is_due(&self, causes: &[String], live: bool) -> bool {
        match &self.reported {
            None => self.since.elapsed() >= MIN_WAIT,
            // Causes may alternate, such as ErrImagePull and ImagePullBackOff.
            Some((at, _)) if causes.iter().any(|cause| !self.has_reported(cause)) => {
                at.elapsed() >= MIN_REPORT_INTERVAL
            }
            Some((at, _)) => !live && at.elapsed() >= REMINDER_INTERVAL,
        }
    }

    fn has_reported(&self, cause: &str) -> bool {
        self.reported.as_ref().is_some_and(|(_, reported)| reported.contains(cause))
    }

    fn mark_reported(&mut self, causes: Vec<String>) {
        let mut reported = self.reported.take().map(|(_, reported)| reported).unwrap_or_default();
        reported.extend(causes);
        self.reported = Some((Instant::now(), reported));
    }
}

impl Progress {
    pub(super) fn new(live: bool, announcer: &Announcer) -> Self {
        let bar = live.then(|| {
            let style = ProgressStyle::with_template("{spinner} {msg}").expect("a constant, valid template");
            let bar = ProgressBar::new_spinner().with_style(style);
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        announcer.0.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&bar);
        Self { bar, waiting: Mutex::new(None) }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(safe(text)),
            None => write_stderr(&format!("{}\n", safe(text))),
        }
    }

    fn wait(&self, goal: String, causes: Vec<String>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wait = waiting.take().filter(|wait| wait.goal == goal).unwrap_or_else(|| Wait {
            goal,
            since: Instant::now(),
            reported: None,
        });
        let seconds = wait.since.elapsed().as_secs();
        if let Some(bar) = &self.bar {
            let first = causes.first().and_then(|cause| cause.lines().next()).unwrap_or_default();
            let message = format!("waiting for {} ({seconds} s)  {first}", wait.goal);
            let width = usize::from(console::Term::stderr().size().1).saturating_sub(4).max(20);
            bar.set_message(safe(&message).chars().take(width).collect::<String>());
        }
        if wait.is_due(&causes, self.bar.is_some()) {
            if self.bar.is_none() {
                write_stderr(&format!("waiting for {} ({seconds} s)\n", safe(&wait.goal)));
                for cause in &causes {
                    write_stderr(&format!("  - {}\n", safe(cause)));
                }
            } else {
                // The status line shows only the first line of the first cause; print multi-line causes in full, once.
                for cause in causes.iter().filter(|cause| cause.contains('\n') && !wait.has_reported(cause)) {
                    self.line(&format!("  - {cause}"));
                }
            }
            wait.mark_reported(causes);
        }
        *waiting = Some(wait);
    }
}

/// Prints lines without disturbing the status line.
#[derive(Debug, Clone, Default)]
pub struct Announcer(Arc<Mutex<Option<ProgressBar>>>);

impl Announcer {
    /// Prints a line to stderr.
    pub fn say(&self, text: &str) {
        let line = format!("{}\n", safe(text));
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(bar) if !bar.is_finished() => bar.suspend(|| write_stderr(&line)),
            Some(_) | None => write_stderr(&line),
        }
    }
}

impl Observer for Progress {
    fn on(&self, event: Event) {
        match event {
            Event::Step(step) => self.line(&format!("{step} ...")),
            Event::Done(done) => self.line(&format!("  {done}")),
            Event::Waiting { goal, causes } => self.wait(goal, causes),
            Event::Note(note) => self.line(&format!("note: {note}")),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn causes(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_wait_is_reported_again_for_new_causes_but_not_for_recurring_ones() {
        let ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
        let mut wait = Wait { goal: "pods".into(), since: ago(3), reported: None };
        let (pull, back_off) = (causes(&["ErrImagePull"]), causes(&["ImagePullBackOff"]));
        assert!(wait.is_due(&pull, false), "the wait exceeds the minimum duration");
        wait.mark_reported(pull.clone());
        assert!(!wait.is_due(&back_off, false), "reported a moment ago");
        let set_last_report = |wait: &mut Wait, seconds| wait.reported.as_mut().unwrap().0 = ago(seconds);
        set_last_report(&mut wait, 5);
        assert!(wait.is_due(&back_off, false), "the cause is new");
        wait.mark_reported(back_off);
        set_last_report(&mut wait, 5);
        assert!(!wait.is_due(&pull, false), "the cause was reported before");
        set_last_report(&mut wait, 16);
        assert!(wait.is_due(&pull, false), "the reminder is due");
        assert!(!wait.is_due(&pull, true), "the status line is always visible");
    }
}
