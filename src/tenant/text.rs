//! Texts inside objects: YAML documents in `ConfigMaps`, and durations as Go writes them.

use std::time::Duration;

use serde_json::Value;

/// The value as a YAML document.
pub(super) fn yaml(value: &Value) -> String {
    crate::yaml::write(value)
}

/// A duration as `metav1.Duration` prints it, for example `8760h0m0s`.
pub(super) fn go_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_writes_them() {
        let written = |seconds| go_duration(Duration::from_secs(seconds));
        assert_eq!(written(8760 * 3600), "8760h0m0s");
        assert_eq!(written(90), "1m30s");
        assert_eq!(written(7), "7s");
    }

    #[test]
    fn yaml_reads_back_as_what_was_written() {
        let value = serde_json::json!({
            "texts": ["yes", "1_000", "", "0x10", "null", "a: b", "#c", "x\ny\n", "1e3", "~", "12:30:00"],
            "numbers": [0, -1, 1.5],
            "empty": {},
            "none": [],
        });
        let read: Value = serde_saphyr::from_str(&yaml(&value)).unwrap();
        assert_eq!(read, value);
    }
}
