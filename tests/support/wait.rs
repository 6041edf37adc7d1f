//! Waiting for something to become true, and saying what was seen when it does not.

use std::thread;
use std::time::{Duration, Instant};

/// Waits until `look` gives a value; `Err` says what was seen instead.
#[track_caller]
pub(crate) fn wait_until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let begun = Instant::now();
    loop {
        match look() {
            Ok(value) => return value,
            Err(seen) if begun.elapsed() > limit => {
                panic!("{what}: not within {} s; last seen: {seen}", limit.as_secs())
            }
            Err(_) => thread::sleep(Duration::from_millis(200)),
        }
    }
}

/// Waits a minute for a condition that says nothing but yes or no.
#[track_caller]
pub(crate) fn eventually(what: &str, mut look: impl FnMut() -> bool) {
    wait_until(what, Duration::from_secs(60), || if look() { Ok(()) } else { Err("no".to_owned()) });
}
