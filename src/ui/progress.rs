//! What the engine says while it works: one living line on a terminal, plain lines elsewhere.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::{safe, write_stderr};
use crate::event::{Event, Observer};

/// How often an unchanged wait is said again where lines cannot be drawn over.
const REMIND: Duration = Duration::from_secs(15);
/// How long to be silent about causes that changed.
const BREATH: Duration = Duration::from_secs(4);
/// Waits shorter than this are not worth a line of their own.
const SHORT: Duration = Duration::from_secs(2);

/// A listener for events.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    waiting: Mutex<Option<Wait>>,
}

#[derive(Debug)]
struct Wait {
    goal: String,
    since: Instant,
    /// When it was said last, and which causes were ever told with it.
    said: Option<(Instant, BTreeSet<String>)>,
}

impl Wait {
    /// Whether it is time to say it (again).
    fn is_due(&self, causes: &[String], live: bool) -> bool {
        match &self.said {
            None => self.since.elapsed() >= SHORT,
            // Causes may come and go by turns, as those of an image that cannot be pulled.
            Some((at, _)) if causes.iter().any(|cause| !self.has_said(cause)) => at.elapsed() >= BREATH,
            Some((at, _)) => !live && at.elapsed() >= REMIND,
        }
    }

    fn has_said(&self, cause: &str) -> bool {
        self.said.as_ref().is_some_and(|(_, said)| said.contains(cause))
    }

    fn was_said(&mut self, causes: Vec<String>) {
        let mut said = self.said.take().map(|(_, said)| said).unwrap_or_default();
        said.extend(causes);
        self.said = Some((Instant::now(), said));
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
            said: None,
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
                // The living line shows the first line of the first cause; what has more is told whole, once.
                for cause in causes.iter().filter(|cause| cause.contains('\n') && !wait.has_said(cause)) {
                    self.line(&format!("  - {cause}"));
                }
            }
            wait.was_said(causes);
        }
        *waiting = Some(wait);
    }
}

/// Says something beside the living line, wherever it is drawn at the moment.
#[derive(Debug, Clone, Default)]
pub struct Announcer(Arc<Mutex<Option<ProgressBar>>>);

impl Announcer {
    /// Says it.
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
    fn a_wait_is_said_again_for_causes_that_are_new_not_for_those_that_come_back() {
        let ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
        let mut wait = Wait { goal: "pods".into(), since: ago(3), said: None };
        let (pull, back_off) = (causes(&["ErrImagePull"]), causes(&["ImagePullBackOff"]));
        assert!(wait.is_due(&pull, false), "it lasts");
        wait.was_said(pull.clone());
        assert!(!wait.is_due(&back_off, false), "it was said a moment ago");
        let said_before = |wait: &mut Wait, seconds| wait.said.as_mut().unwrap().0 = ago(seconds);
        said_before(&mut wait, 5);
        assert!(wait.is_due(&back_off, false), "it is new");
        wait.was_said(back_off);
        said_before(&mut wait, 5);
        assert!(!wait.is_due(&pull, false), "it was told before");
        said_before(&mut wait, 16);
        assert!(wait.is_due(&pull, false), "it is a while ago");
        assert!(!wait.is_due(&pull, true), "a living line is seen all the time");
    }
}
