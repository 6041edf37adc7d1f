//! Waiting for something to become true, and saying what was seen when it does not.

use std::fmt::Debug;
use std::thread;
use std::time::{Duration, Instant};

/// The time from one look to the next, at least and at most.
const PAUSE: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];

/// Waits until `look` gives a value; `Err` says what was seen instead. Where a look takes long because the machine is busy,
/// so does the pause after it.
#[track_caller]
pub(crate) fn wait_until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let begun = Instant::now();
    loop {
        let looked = Instant::now();
        match look() {
            Ok(value) => return value,
            Err(seen) if begun.elapsed() > limit => {
                panic!("{what}: not within {} s; last seen: {seen}", limit.as_secs())
            }
            Err(_) => thread::sleep(looked.elapsed().clamp(PAUSE[0], PAUSE[1])),
        }
    }
}

/// What is read when it stays as it is: two looks three seconds apart agree.
#[track_caller]
pub(crate) fn read_settled<T: PartialEq + Debug>(what: &str, mut read: impl FnMut() -> T) -> T {
    let mut before = read();
    wait_until(&format!("{what} stays as it is"), Duration::from_secs(120), || {
        thread::sleep(Duration::from_secs(3));
        let now = read();
        if now == before {
            return Ok(now);
        }
        let seen = format!("{before:?}, then {now:?}");
        before = now;
        Err(seen)
    })
}

/// Waits a minute for a condition that says nothing but yes or no.
#[track_caller]
pub(crate) fn eventually(what: &str, mut look: impl FnMut() -> bool) {
    wait_until(what, Duration::from_secs(60), || if look() { Ok(()) } else { Err("no".to_owned()) });
}
