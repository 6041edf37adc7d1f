//! What the engine says while it works: one living line on a terminal, plain lines elsewhere.

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
    /// When it was said last, and with which causes.
    said: Option<(Instant, Vec<String>)>,
}

impl Wait {
    /// Whether it is time to say it (again).
    fn is_due(&self, causes: &[String], live: bool) -> bool {
        match &self.said {
            None => self.since.elapsed() >= SHORT,
            Some((at, said)) if said != causes => at.elapsed() >= BREATH,
            Some((at, _)) => !live && at.elapsed() >= REMIND,
        }
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
                for cause in causes.iter().filter(|cause| cause.contains('\n')) {
                    self.line(&format!("  - {cause}"));
                }
            }
            wait.said = Some((Instant::now(), causes));
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
