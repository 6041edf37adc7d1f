//! Lengths of time as kubectl writes them: `5m`, `3h20m`, `12d`.

use jiff::Timestamp;

/// How long ago `then` was.
pub(crate) fn age(now: Timestamp, then: Timestamp) -> String {
    human(now.as_second() - then.as_second())
}

/// How long it is until `end`.
pub(crate) fn left(now: Timestamp, end: Timestamp) -> String {
    let seconds = end.as_second() - now.as_second();
    if seconds <= 0 { "ended".to_owned() } else { human(seconds) }
}

/// Whole days until `end`; negative when it is past.
pub(crate) fn days(now: Timestamp, end: Timestamp) -> i64 {
    (end.as_second() - now.as_second()).div_euclid(86400)
}

fn human(seconds: i64) -> String {
    let seconds = seconds.max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => match seconds % 60 {
            0 => format!("{}m", seconds / 60),
            rest => format!("{}m{rest}s", seconds / 60),
        },
        600..10800 => format!("{}m", seconds / 60),
        10800..28800 => match seconds % 3600 / 60 {
            0 => format!("{}h", seconds / 3600),
            rest => format!("{}h{rest}m", seconds / 3600),
        },
        28800..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_written_as_kubectl_writes_them() {
        for (seconds, text) in [
            (5, "5s"),
            (119, "119s"),
            (120, "2m"),
            (150, "2m30s"),
            (900, "15m"),
            (10800, "3h"),
            (11_000, "3h3m"),
            (90000, "25h"),
            (200_000, "2d"),
        ] {
            assert_eq!(human(seconds), text);
        }
    }
}
