//! What the world gives and pure code must not fetch itself: the time and randomness.

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Clock and randomness for one run of a command.
#[derive(Debug)]
pub struct Ambient {
    now: Timestamp,
    rng: StdRng,
}

impl Ambient {
    /// The real clock, read once, and randomness seeded by the operating system.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "edge: the one place that reads the clock")]
    pub fn real() -> Self {
        Self { now: Timestamp::now(), rng: StdRng::from_rng(&mut rand::rng()) }
    }

    /// A fixed time and repeatable values, for tests. Never for keys that are used.
    #[must_use]
    pub fn fixed(now: Timestamp, seed: u64) -> Self {
        Self { now, rng: StdRng::seed_from_u64(seed) }
    }

    /// The time this run counts with.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// `N` random bytes from a cryptographic generator.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill(&mut bytes[..]);
        bytes
    }

    /// `length` random characters out of `a-z0-9`.
    pub fn word(&mut self, length: usize) -> String {
        const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        (0..length).map(|_| char::from(ALPHABET[self.rng.random_range(0..ALPHABET.len())])).collect()
    }

    /// 32 random lower-case hex digits.
    pub fn hex_id(&mut self) -> String {
        use std::fmt::Write as _;
        self.bytes::<16>().iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("writing to a String cannot fail");
            hex
        })
    }
}

/// The real clock, read anew, for work that goes on while time passes.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "edge: the one place that reads the clock")]
pub fn clock() -> Timestamp {
    Timestamp::now()
}
