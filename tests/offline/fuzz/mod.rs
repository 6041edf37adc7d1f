//! Fuzzes all parsers of external input with randomly damaged corpus files and random values. Parsing must not panic or
//! be slow, and parsed values must survive a round trip.
//!
//! Each test runs for two seconds; set `KAMAJI_FUZZ_SECONDS` for longer runs and `KAMAJI_FUZZ_SEED` for another seed. A
//! failure prints the seed and the input.

mod documents;
mod keys;
mod mutate;
mod values;

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use mutate::Random;

/// An input that takes this long fails the test. Generous enough for a busy machine and an unoptimized build.
const SLOW: Duration = Duration::from_secs(10);

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().map_or(default, |text| text.parse().unwrap())
}

/// Generates inputs and passes them to `check` until the time is up. Every run with the same seed starts with the same
/// inputs.
fn for_a_while(make: impl Fn(&mut Random) -> Vec<u8>, check: impl Fn(&[u8])) {
    let seed = number("KAMAJI_FUZZ_SEED", 1);
    let end = Instant::now() + Duration::from_secs(number("KAMAJI_FUZZ_SECONDS", 2));
    let mut round = 0;
    while Instant::now() < end {
        let text = make(&mut Random::of(seed, round));
        let start = Instant::now();
        let checked = std::panic::catch_unwind(AssertUnwindSafe(|| check(&text)));
        let took = start.elapsed();
        let fine = checked.is_ok() && took < SLOW;
        assert!(fine, "seed {seed}, round {round}, {took:?}:\n{}", String::from_utf8_lossy(&text));
        round += 1;
    }
    assert!(round > 10, "only {round} inputs in the available time");
}
