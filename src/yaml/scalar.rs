//! What a plain scalar is, as kubeadm's reader sees it: `go.yaml.in/yaml/v2`, `resolve.go`, the YAML 1.1 rules
//! without base 60. Quoted scalars never come here.

use serde_json::Number;

use super::Content;

const TRUE: [&str; 11] = ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"];
const FALSE: [&str; 11] = ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"];
const NULL: [&str; 5] = ["", "~", "null", "Null", "NULL"];
const NOT_FINITE: [&str; 12] =
    [".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF"];

/// The value of a plain scalar. The error is a rule that it breaks.
pub(super) fn resolve(text: &str) -> Result<Content, &'static str> {
    if NULL.contains(&text) {
        return Ok(Content::Null);
    }
    if TRUE.contains(&text) {
        return Ok(Content::Bool(true));
    }
    if FALSE.contains(&text) {
        return Ok(Content::Bool(false));
    }
    if NOT_FINITE.contains(&text) {
        return Err("a number must be finite");
    }
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'));
    Ok(numeric.then(|| number(text)).flatten().map_or_else(|| Content::Text(text.to_owned()), Content::Number))
}

/// Whether `content` is what the core tag `!!{tag}` promises.
pub(super) fn fits(content: &Content, tag: &str) -> bool {
    match content {
        Content::Null => tag == "null",
        Content::Bool(_) => tag == "bool",
        Content::Number(number) => tag == "float" || (tag == "int" && !number.is_f64()),
        Content::Text(_) | Content::List(_) | Content::Map(_) => false,
    }
}

fn number(text: &str) -> Option<Number> {
    // Go takes underscores out before it looks; after a leading dot, each must be between two digits.
    let starts_and_ends_with_digits = |run: &str| {
        let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_digit);
        edge(run.as_bytes().first()) && edge(run.as_bytes().last())
    };
    if let Some(fraction) = text.strip_prefix('.')
        && fraction.contains('_')
        && !fraction.split('_').all(starts_and_ends_with_digits)
    {
        return None;
    }
    let plain = text.replace('_', "");
    integer(&plain).or_else(|| float(&plain))
}

fn integer(plain: &str) -> Option<Number> {
    let (negative, digits) = match plain.as_bytes().first()? {
        b'-' => (true, &plain[1..]),
        b'+' => (false, &plain[1..]),
        _ => (false, plain),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = if let Some(hex) = lower.strip_prefix("0x") {
        (16, hex)
    } else if let Some(octal) = lower.strip_prefix("0o") {
        (8, octal)
    } else if let Some(binary) = lower.strip_prefix("0b") {
        (2, binary)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        let value = i64::try_from(-i128::from(magnitude)).ok()?;
        return Some(value.into());
    }
    // A sign makes Go read a signed number only.
    (!plain.starts_with('+') || i64::try_from(magnitude).is_ok()).then(|| magnitude.into())
}

fn float(plain: &str) -> Option<Number> {
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(plain);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|text| {
        let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
        !bare.is_empty() && digits(bare)
    });
    if !(digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty()) && exponent_fits) {
        return None;
    }
    plain.parse::<f64>().ok().and_then(Number::from_f64)
}
