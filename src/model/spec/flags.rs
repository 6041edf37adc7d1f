//! The flags of control plane components and the feature gates of each Kubernetes minor. `tests/minors/facts` generates
//! the lists from the real binaries and their packages.

const LISTS: [(&str, &str); 3] = [
    ("kube-apiserver", include_str!("flags/kube-apiserver.flags")),
    ("kube-controller-manager", include_str!("flags/kube-controller-manager.flags")),
    ("kube-scheduler", include_str!("flags/kube-scheduler.flags")),
];

/// The feature gates of all components. A locked gate has a second line, `NAME=VALUE`.
const GATES: &str = include_str!("flags/feature.gates");

/// The status of a feature gate in another minor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateStatus {
    /// It can be set to this value.
    Settable,
    /// It was removed.
    Removed,
    /// It is locked to this value.
    Locked(bool),
}

/// The status in minor `to` of a gate set to `value` in minor `from`. Unlisted gates count as settable.
#[must_use]
pub fn gate_status(gate: &str, value: &str, from: u64, to: u64) -> GateStatus {
    if !has(GATES, gate, from) {
        return GateStatus::Settable;
    }
    if !has(GATES, gate, to) {
        return GateStatus::Removed;
    }
    // As Go parses it; every version refuses other values.
    let value = match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
        "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
        _ => return GateStatus::Settable,
    };
    if has(GATES, &format!("{gate}={}", !value), to) { GateStatus::Locked(!value) } else { GateStatus::Settable }
}

/// Whether a flag of minor `from`, for example 36, no longer exists in minor `to`, for example 37.
#[must_use]
pub fn is_flag_removed(program: &str, flag: &str, from: u64, to: u64) -> bool {
    knows(program, flag, from) && !knows(program, flag, to)
}

/// The listed flags of a component in a minor; empty for a minor without a list. Hidden flags may exist.
pub fn listed_flags(program: &str, minor: u64) -> impl Iterator<Item = &'static str> {
    list(program).filter(move |(minors, _)| contains(minors, minor)).map(|(_, name)| name)
}

fn list(program: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    rows(LISTS.iter().find(|(name, _)| *name == program).map_or("", |(_, list)| *list))
}

/// The minors and the name on each line.
fn rows(list: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    list.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' '))
}

fn knows(program: &str, flag: &str, minor: u64) -> bool {
    list(program).any(|(minors, found)| found == flag && contains(minors, minor))
}

fn has(list: &'static str, name: &str, minor: u64) -> bool {
    rows(list).any(|(minors, found)| found == name && contains(minors, minor))
}

/// Whether a set such as `30-36`, `37` or `30-32,35` contains the minor.
fn contains(minors: &str, minor: u64) -> bool {
    let number = |text: &str| text.parse::<u64>().ok();
    minors.split(',').any(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        number(first).zip(number(last)).is_some_and(|(first, last)| (first..=last).contains(&minor))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_can_be_removed_or_locked_in_the_next_minor() {
        assert_eq!(gate_status("APIServerTracing", "true", 36, 37), GateStatus::Removed);
        assert_eq!(gate_status("APIServerTracing", "true", 35, 36), GateStatus::Settable);
        assert_eq!(gate_status("HPAConfigurableTolerance", "false", 36, 37), GateStatus::Locked(true));
        assert_eq!(gate_status("HPAConfigurableTolerance", "True", 36, 37), GateStatus::Settable);
        assert_eq!(gate_status("HPAConfigurableTolerance", "false", 35, 36), GateStatus::Settable);
        assert_eq!(gate_status("UnknownGate", "true", 36, 37), GateStatus::Settable);
        assert_eq!(gate_status("AllAlpha", "true", 36, 37), GateStatus::Settable);
    }

    #[test]
    fn every_supported_minor_has_gates_and_flags() {
        for release in crate::model::RELEASES {
            assert!(has(GATES, "AllBeta", release.minor), "gates of 1.{}", release.minor);
            for (program, _) in LISTS {
                let listed = listed_flags(program, release.minor).any(|flag| flag == "profiling");
                assert!(listed, "flags of {program} 1.{}", release.minor);
            }
        }
    }

    #[test]
    fn minor_sets_are_numbers_and_ranges() {
        let table = [
            ("30-36", 36, true),
            ("30-36", 37, false),
            ("37", 37, true),
            ("30-32,35", 35, true),
            ("30-32,35", 34, false),
            ("#", 30, false),
        ];
        for (minors, minor, is) in table {
            assert_eq!(contains(minors, minor), is, "{minors} {minor}");
        }
    }

    #[test]
    fn a_flag_missing_in_the_next_minor_is_removed() {
        let program = "kube-controller-manager";
        assert!(is_flag_removed(program, "concurrent-service-syncs", 36, 37));
        assert!(!is_flag_removed(program, "concurrent-service-syncs", 35, 36));
        assert!(!is_flag_removed(program, "profiling", 36, 37));
        assert!(!is_flag_removed(program, "unknown-flag", 36, 37));
    }
}
