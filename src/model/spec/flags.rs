//! Which minors know which flag of a control plane's programs, and which feature gate. The lists are what the real programs
//! and their packages say, written by `tests/minors/facts`.

const LISTS: [(&str, &str); 3] = [
    ("kube-apiserver", include_str!("flags/kube-apiserver.flags")),
    ("kube-controller-manager", include_str!("flags/kube-controller-manager.flags")),
    ("kube-scheduler", include_str!("flags/kube-scheduler.flags")),
];

/// The gates that any of the programs knows; one that is locked is there once more, as `NAME=VALUE`.
const GATES: &str = include_str!("flags/feature.gates");

/// What becomes of a feature gate in another minor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// It can be set so.
    Fine,
    /// It is not known any more.
    Gone,
    /// It cannot be changed from this value any more.
    Locked(bool),
}

/// Whether a gate that is set to `value` and that `from` knows can be set so in `to`. What the list does not tell is fine.
#[must_use]
pub fn gate_in(gate: &str, value: &str, from: u64, to: u64) -> Gate {
    if !has(GATES, gate, from) {
        return Gate::Fine;
    }
    if !has(GATES, gate, to) {
        return Gate::Gone;
    }
    // As Go reads it; what is no truth value is refused by every version.
    let value = match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
        "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
        _ => return Gate::Fine,
    };
    if has(GATES, &format!("{gate}={}", !value), to) { Gate::Locked(!value) } else { Gate::Fine }
}

/// Whether a flag that `from` knows is gone in `to`; both are minors, for example 36 and 37. What neither list tells is no.
#[must_use]
pub fn flag_goes_away(program: &str, flag: &str, from: u64, to: u64) -> bool {
    knows(program, flag, from) && !knows(program, flag, to)
}

/// The flags that the program of a minor lists; none for a minor that nobody looked at. It may take others too.
pub fn listed_flags(program: &str, minor: u64) -> impl Iterator<Item = &'static str> {
    list(program).filter(move |(minors, _)| holds(minors, minor)).map(|(_, name)| name)
}

fn list(program: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    rows(LISTS.iter().find(|(name, _)| *name == program).map_or("", |(_, list)| *list))
}

/// The minors and the name of each line.
fn rows(list: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    list.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' '))
}

fn knows(program: &str, flag: &str, minor: u64) -> bool {
    list(program).any(|(minors, found)| found == flag && holds(minors, minor))
}

fn has(list: &'static str, name: &str, minor: u64) -> bool {
    rows(list).any(|(minors, found)| found == name && holds(minors, minor))
}

/// Whether `30-36`, `37` or `30-32,35` holds the minor.
fn holds(minors: &str, minor: u64) -> bool {
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
    fn a_gate_can_be_gone_or_locked_in_the_next_minor() {
        assert_eq!(gate_in("APIServerTracing", "true", 36, 37), Gate::Gone);
        assert_eq!(gate_in("APIServerTracing", "true", 35, 36), Gate::Fine);
        assert_eq!(gate_in("HPAConfigurableTolerance", "false", 36, 37), Gate::Locked(true));
        assert_eq!(gate_in("HPAConfigurableTolerance", "True", 36, 37), Gate::Fine);
        assert_eq!(gate_in("HPAConfigurableTolerance", "false", 35, 36), Gate::Fine);
        assert_eq!(gate_in("NobodyKnowsIt", "true", 36, 37), Gate::Fine);
        assert_eq!(gate_in("AllAlpha", "true", 36, 37), Gate::Fine);
    }

    #[test]
    fn every_known_minor_has_gates_and_flags() {
        for release in crate::model::RELEASES {
            assert!(has(GATES, "AllBeta", release.minor), "gates of 1.{}", release.minor);
            for (program, _) in LISTS {
                let listed = listed_flags(program, release.minor).any(|flag| flag == "profiling");
                assert!(listed, "flags of {program} 1.{}", release.minor);
            }
        }
    }

    #[test]
    fn minors_are_numbers_and_ranges() {
        let table = [
            ("30-36", 36, true),
            ("30-36", 37, false),
            ("37", 37, true),
            ("30-32,35", 35, true),
            ("30-32,35", 34, false),
            ("#", 30, false),
        ];
        for (minors, minor, is) in table {
            assert_eq!(holds(minors, minor), is, "{minors} {minor}");
        }
    }

    #[test]
    fn a_flag_that_the_next_minor_dropped_goes_away() {
        let program = "kube-controller-manager";
        assert!(flag_goes_away(program, "concurrent-service-syncs", 36, 37));
        assert!(!flag_goes_away(program, "concurrent-service-syncs", 35, 36));
        assert!(!flag_goes_away(program, "profiling", 36, 37));
        assert!(!flag_goes_away(program, "nobody-knows-it", 36, 37));
    }
}
