//! An amount of CPU or memory in Kubernetes' notation
//! (<https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>): kept as it was written, and
//! known as a number.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::Error;

/// The largest amount that Kubernetes keeps.
const MOST: u128 = i64::MAX as u128;
/// More digits than any amount below [`MOST`] has.
const DIGITS: usize = 30;
const MI: u128 = 1024 * 1024;

/// An amount that is not negative.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Quantity {
    text: String,
    /// Thousandths, rounded up as Kubernetes does.
    milli: u128,
}

impl Quantity {
    /// Reads an amount such as `500m`, `1.5`, `256Mi` or `1e9`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let milli = thousandths(text).map_err(|rule| Error::invalid("quantity", text, rule))?;
        Ok(Self { text: text.to_owned(), milli })
    }

    /// So many thousandths of a processor.
    #[must_use]
    pub fn millis(milli: u32) -> Self {
        Self { text: format!("{milli}m"), milli: u128::from(milli) }
    }

    /// So many bytes, written in Gi or Mi where that is exact.
    #[must_use]
    pub fn bytes(bytes: u128) -> Self {
        let text = match bytes {
            1.. if bytes.is_multiple_of(MI * 1024) => format!("{}Gi", bytes / MI / 1024),
            1.. if bytes.is_multiple_of(MI) => format!("{}Mi", bytes / MI),
            _ => bytes.to_string(),
        };
        Self { text, milli: bytes.saturating_mul(1000) }
    }

    /// So many MiB.
    #[must_use]
    pub fn mebibytes(count: u32) -> Self {
        Self::bytes(u128::from(count) * MI)
    }

    /// The amount in thousandths.
    #[must_use]
    pub const fn milli(&self) -> u128 {
        self.milli
    }

    /// The amount in whole units, such as bytes.
    #[must_use]
    pub const fn whole(&self) -> u128 {
        self.milli.div_ceil(1000)
    }

    /// Whether it is nothing: kubectl's way to take a request or a limit away.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.milli == 0
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn thousandths(text: &str) -> Result<u128, &'static str> {
    const FORM: &str = "write a number with a suffix of Kubernetes, such as 500m, 2, 256Mi or 1.5Gi";
    if text.starts_with('-') {
        return Err("it is negative");
    }
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || digits.contains('.') {
        return Err(FORM);
    }
    let fraction = u32::try_from(fraction.len()).map_err(|_| FORM)?;
    let significant = digits.trim_start_matches('0');
    if significant.len() > DIGITS || fraction > 30 {
        return Err("it has too many digits");
    }
    let mantissa: u128 = if significant.is_empty() { 0 } else { significant.parse().map_err(|_| FORM)? };
    let (times, per) = scale(suffix).ok_or(FORM)?;
    let too_much = "it is more than Kubernetes can count";
    let per = 10_u128.checked_pow(fraction).and_then(|parts| parts.checked_mul(per)).ok_or(too_much)?;
    let milli = mantissa.checked_mul(times).and_then(|amount| amount.checked_mul(1000)).ok_or(too_much)?.div_ceil(per);
    if milli / 1000 > MOST { Err(too_much) } else { Ok(milli) }
}

/// What a suffix stands for: times this, divided by that.
fn scale(suffix: &str) -> Option<(u128, u128)> {
    let ten = |exponent: u32| 10_u128.checked_pow(exponent);
    let by = |exponent: i32| match exponent {
        0.. => Some((ten(exponent.unsigned_abs())?, 1)),
        _ => Some((1, ten(exponent.unsigned_abs())?)),
    };
    let two = |exponent: u32| Some((1_u128 << exponent, 1));
    match suffix {
        "n" => by(-9),
        "u" => by(-6),
        "m" => by(-3),
        "" => by(0),
        "k" => by(3),
        "M" => by(6),
        "G" => by(9),
        "T" => by(12),
        "P" => by(15),
        "E" => by(18),
        "Ki" => two(10),
        "Mi" => two(20),
        "Gi" => two(30),
        "Ti" => two(40),
        "Pi" => two(50),
        "Ei" => two(60),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            exponent.parse::<i32>().ok().filter(|exponent| (-18..=18).contains(exponent)).and_then(by)
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Quantity {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<Quantity> for String {
    fn from(quantity: Quantity) -> Self {
        quantity.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_reads_them() {
        for (text, milli) in [
            ("0", 0),
            ("500m", 500),
            ("2", 2000),
            ("+1.5", 1500),
            (".5", 500),
            ("5.", 5000),
            ("0.1m", 1),
            ("100u", 1),
            ("1n", 1),
            ("256Mi", 268_435_456_000),
            ("1.5Gi", 1_610_612_736_000),
            ("1k", 1_000_000),
            ("1e3", 1_000_000),
            ("1E3", 1_000_000),
            ("12e-1", 1200),
            ("1E", 1_000_000_000_000_000_000_000),
        ] {
            assert_eq!(Quantity::parse(text).unwrap().milli(), milli, "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for bad in [
            "",
            "m",
            "-1",
            "1K",
            "1ki",
            "1 Gi",
            "1Gb",
            "GB",
            "1..2",
            "1.2.3",
            ".",
            "1e",
            "1e99",
            "0x10",
            "1Mi2",
            "ä",
            "9Ei",
            "99999999999999999999999999999999999999999999",
            "1m5",
        ] {
            assert!(Quantity::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn amounts_of_ours_are_written_as_people_write_them() {
        assert_eq!(Quantity::mebibytes(1024).as_str(), "1Gi");
        assert_eq!(Quantity::mebibytes(1536).as_str(), "1536Mi");
        assert_eq!(Quantity::millis(50).as_str(), "50m");
        assert_eq!(Quantity::bytes(1000).as_str(), "1000");
        assert_eq!(Quantity::parse(Quantity::mebibytes(3).as_str()).unwrap(), Quantity::mebibytes(3));
    }
}
