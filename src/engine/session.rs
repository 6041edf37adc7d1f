//! What every step of the engine needs: the management cluster, an ear, a deadline.

use std::time::Duration;

use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use tokio::time::Instant;

use super::lifecycle::permissions::require_rights;
use crate::cluster::{Connection, Lock};
use crate::error::{Fault, Kind};
use crate::event::{Event, Observer};
use crate::model::{ControlPlaneName, Namespace};

/// How far this machine's clock may be ahead: certificates are dated back by five minutes.
const CLOCK_AHEAD: Duration = Duration::from_secs(4 * 60);
/// How far it may be behind: certificates live for a year.
const CLOCK_BEHIND: Duration = Duration::from_secs(24 * 60 * 60);

/// One run of a command against one management cluster.
#[derive(Clone, Copy)]
pub struct Session<'a> {
    /// The management cluster.
    pub management: &'a Connection,
    /// Who hears what happens.
    pub observer: &'a dyn Observer,
    /// When waiting ends.
    pub deadline: Instant,
    /// The clock.
    pub clock: fn() -> Timestamp,
}

impl<'a> Session<'a> {
    /// A session that nobody listens to.
    #[must_use]
    pub fn quiet(management: &'a Connection, patience: Duration, clock: fn() -> Timestamp) -> Self {
        fn nobody(_: Event) {}
        Session { management, observer: &nobody, deadline: Instant::now() + patience, clock }
    }
}

impl Session<'_> {
    /// Says something.
    pub fn say(&self, event: Event) {
        self.observer.on(event);
    }

    /// Refuses to change anything by a clock that is wrong: certificates are dated by it.
    pub fn refuse_wrong_clock(&self) -> Result<(), Fault> {
        let Some(there) = self.management.server_time() else { return Ok(()) };
        let ahead = (self.clock)().duration_since(there);
        let (text, limit) = if ahead.is_negative() { ("behind", CLOCK_BEHIND) } else { ("ahead of", CLOCK_AHEAD) };
        if ahead.unsigned_abs() <= limit {
            return Ok(());
        }
        let (seconds, server) = (ahead.unsigned_abs().as_secs(), self.management.server());
        Err(Fault::new(
            Kind::Failed,
            format!("the clock of this machine is {seconds} s {text} that of {server}: certificates made now would not be valid there"),
        )
        .hint("set the clock of this machine right, then run the command again"))
    }

    /// Does something under the lock of a control plane, and gives the lock back however it ended. A right that is missing is
    /// told before: the lock is the first thing that is written.
    pub(super) async fn locked<T>(
        &self,
        namespace: &Namespace,
        name: &ControlPlaneName,
        work: impl AsyncFnOnce(&Lock) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.refuse_wrong_clock()?;
        require_rights(self.management, namespace).await?;
        let waiting = |cause: String| {
            self.say(Event::Waiting { goal: format!("the lock of `{name}`"), causes: vec![cause] });
        };
        let lock = Lock::acquire(self.management, namespace, name, self.clock, waiting).await?;
        let outcome = lock.during(work(&lock)).await;
        if let Err(refusal) = lock.release().await {
            // What was to be done is done, or told below. A lock that nobody renews is free again by itself.
            self.say(Event::Note(format!("the lock of `{name}` was not given back and runs out in 20 s: {refusal}")));
        }
        outcome
    }

    /// Sleeps a little; at the deadline it is an error that tells what was waited for and why it is not there.
    pub(super) async fn wait(&self, pause: Duration, goal: &str, causes: &[String]) -> Result<(), Fault> {
        self.say(Event::Waiting { goal: goal.to_owned(), causes: causes.to_vec() });
        if Instant::now() + pause > self.deadline {
            let mut text = format!("timed out waiting for {goal}");
            for cause in causes {
                text.push_str("\n  - ");
                text.push_str(cause);
            }
            return Err(Fault::new(Kind::TimedOut, text)
                .hint("run the same command again: it goes on where this one stopped; --timeout gives it longer"));
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

/// Does the same with many things, so many at a time; the results are in the order of the things.
pub async fn at_once<I, T, F>(things: impl IntoIterator<Item = I>, so_many: usize, work: impl Fn(I) -> F) -> Vec<T>
where
    F: Future<Output = T>,
{
    stream::iter(things).map(work).buffered(so_many.max(1)).collect().await
}
