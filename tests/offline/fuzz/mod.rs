//! Everything that reads text from outside, given text that nobody would write: files of the corpus damaged at random, and
//! values made up. Nothing panics or takes long, and what is read is written and read again as the same.
//!
//! Each test takes two seconds; `KAMAJI_FUZZ_SECONDS` gives it longer, and `KAMAJI_FUZZ_SEED` another beginning. A failure
//! tells seed and text.

mod documents;
mod keys;
mod mutate;
mod values;

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use mutate::Random;

/// Longer than anything takes, also on a busy machine and without optimization.
const SLOW: Duration = Duration::from_secs(10);

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().map_or(otherwise, |text| text.parse().unwrap())
}

/// Makes texts and hands them to `check` until time is over. A second run begins with the same ones.
fn for_a_while(make: impl Fn(&mut Random) -> Vec<u8>, check: impl Fn(&[u8])) {
    let seed = number("KAMAJI_FUZZ_SEED", 1);
    let end = Instant::now() + Duration::from_secs(number("KAMAJI_FUZZ_SECONDS", 2));
    let mut round = 0;
    while Instant::now() < end {
        let text = make(&mut Random::of(seed, round));
        let begun = Instant::now();
        let checked = std::panic::catch_unwind(AssertUnwindSafe(|| check(&text)));
        let took = begun.elapsed();
        let fine = checked.is_ok() && took < SLOW;
        assert!(fine, "seed {seed}, round {round}, {took:?}:\n{}", String::from_utf8_lossy(&text));
        round += 1;
    }
    assert!(round > 10, "only {round} texts in the time given");
}
