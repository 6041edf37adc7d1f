//! Go's durations, `time.ParseDuration`: `8760h0m0s`, `1.5h`, `-3m`. What a negative one means is not decided here.

use std::time::Duration;

const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// A duration with its sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) negative: bool,
    pub(crate) length: Duration,
}

/// Reads a duration; the error is the rule that it breaks.
pub(crate) fn parse(text: &str) -> Result<Signed, &'static str> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(Signed { negative: false, length: Duration::ZERO });
    }
    if rest.is_empty() {
        return Err("it is empty");
    }
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or("a number needs a unit")?;
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let unit = UNITS.iter().find(|(name, _)| *name == unit).ok_or("units are h, m, s, ms, us and ns")?.1;
        nanos = nanos.checked_add(part(number, unit)?).ok_or(TOO_LONG)?;
        rest = tail;
    }
    let nanos = i64::try_from(nanos).map_err(|_| TOO_LONG)?.unsigned_abs();
    Ok(Signed { negative: negative && nanos > 0, length: Duration::from_nanos(nanos) })
}

const TOO_LONG: &str = "it is longer than 292 years";

fn part(number: &str, unit: u128) -> Result<u128, &'static str> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return Err("each part is a number and a unit");
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().map_err(|_| TOO_LONG)? };
    // More than 18 digits of a fraction are below a nanosecond for every unit.
    let digits: String = fraction.chars().take(18).collect();
    let scale = 10_u128.pow(u32::try_from(digits.len()).unwrap_or_default());
    let fraction = if digits.is_empty() { 0 } else { digits.parse::<u128>().unwrap_or_default() };
    Ok(u128::from(whole) * unit + fraction * unit / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let seconds = |text: &str| parse(text).map(|d| d.length.as_secs_f64());
        assert_eq!(seconds("8760h0m0s"), Ok(31_536_000.0));
        assert_eq!(seconds("1.5h"), Ok(5400.0));
        assert_eq!(seconds("1h15m30.5s"), Ok(4530.5));
        assert_eq!(seconds("100ms"), Ok(0.1));
        assert_eq!(seconds("0"), Ok(0.0));
        assert!(parse("-3m").unwrap().negative);
        for bad in
            ["", "-", "1", "1.s.", ".s", "1d", "1h1", "h", "1..5h", " 1h", "3000000h", "99999999999999999999h", "1٣h"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
